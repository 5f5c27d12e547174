"""Messengers: one look for all who use it, other people and other words in each picture."""

from .drawings import avatar
from .page import Page
from .photos import photo
from .words import handle


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def bubbles(page: Page) -> str:
    """A messenger with bubbles: the list of talks at the side, one talk open."""
    say, words, fresh = page.say, page.words, page.fresh("talks")
    talks = ""
    for n in range(9):
        one = page.random(f"talk {n}")
        unread = f'<span class="n">{fresh.randint(1, 30)}</span>' if fresh.random() < 0.4 else ""
        talks += f"""<div class="row talk" style="{"background:var(--bg)" if n == 1 else ""}">{avatar(one, 50)}<div class="grow" style="min-width:0"><div class="row"><b class="grow">{words.person(one)}</b>
        <small class="soft">{_clock(one.randint(400, 1400))}</small></div><div class="row soft" style="height:22px;overflow:hidden"><span class="grow">{words.title(one, 3, 6)[:30]}</span>{unread}</div></div></div>"""
    minutes, said = page.random("clock").randint(420, 1200), ""
    for n in range(9 + 2 * min(page.visit, 1)):
        one = page.random(f"message {n}")
        mine = one.random() < 0.45
        minutes += one.randint(0, 7)
        content = photo(one, 260, 160) if one.random() < 0.13 else words.text(one, one.randint(1, 3)) if one.random() < 0.6 else words.title(one, 1, 5)
        said += f'<div class="m {"me" if mine else ""}">{content}<small>{_clock(minutes)}{" ✓✓" if mine else ""}</small></div>'
    partner = page.random("talk 1")
    css = """body{height:100vh;overflow:hidden}.app{display:flex;height:100vh}.side{width:340px;flex:none;background:var(--card);border-inline-end:1px solid var(--line)}.talk{padding:10px 14px}
    .n{background:var(--a);color:#fff;border-radius:12px;font-size:12px;padding:1px 7px}.talks{display:flex;flex-direction:column;flex:1;background:linear-gradient(160deg,color-mix(in srgb,var(--a) 22%,var(--bg)),color-mix(in srgb,var(--b) 22%,var(--bg)))}
    .said{flex:1;overflow:hidden;display:flex;flex-direction:column;justify-content:flex-end;gap:8px;padding:16px 8%}.m{background:var(--card);padding:8px 12px;border-radius:12px;max-width:62%;align-self:flex-start;box-shadow:0 1px 1px #0002}
    .m.me{align-self:flex-end;background:color-mix(in srgb,var(--a) 25%,var(--card))}.m small{float:inline-end;color:var(--soft);margin:6px 0 0 10px;font-size:11px}.bar{background:var(--card);padding:10px 18px}"""
    who = avatar(partner, 42)
    body = f"""<div class="app"><div class="side"><div class="row" style="padding:12px 14px">☰ <span class="in" style="margin:0;border-radius:20px">{say("search")}</span></div>{talks}</div>
    <div class="talks"><div class="bar row">{who}<div class="grow"><b>{words.person(partner)}</b><br><small class="soft">{say("online")}</small></div>🔍 ⋮</div><div class="said">{said}</div>
    <div class="bar row">📎 <span class="grow soft">{say("write")}…</span>☺ 🎤</div></div></div>"""
    return page.html(css, body)


def channels(page: Page) -> str:
    """A messenger with rooms: a strip of places, channels, messages one below the other, members."""
    say, words, chance = page.say, page.words, page.random("rooms")
    strip = "".join(avatar(page.random(f"place {n}"), 46, "16px") for n in range(7))
    rooms = "".join(
        f'<div class="room" style="{"background:var(--line)" if n == 2 else ""}"># {words.words(chance, 1)}-{words.words(chance, 1)}</div>' for n in range(11)
    )
    people = [(handle(page.random(f"person {n}")), page.random(f"person {n}")) for n in range(8)]
    members = "".join(f'<div class="row" style="padding:5px 0">{avatar(random, 32)}<span style="color:hsl({random.randrange(360)} 60% 60%)">{nick}</span></div>' for nick, random in people)
    minutes, said = chance.randint(420, 1100), ""
    for n in range(8 + 2 * min(page.visit, 1)):
        one = page.random(f"message {n}")
        who = one.randrange(8)
        minutes += one.randint(0, 9)
        extra = photo(one, 300, 150) if one.random() < 0.15 else f'<div class="code mono">{one.getrandbits(120):030x}<br>{one.getrandbits(120):030x}</div>' if one.random() < 0.15 else ""
        said += f"""<div class="row m">{avatar(page.random(f"person {who}"), 42)}<div><b style="color:hsl({who * 45} 60% 60%)">{people[who][0]}</b> <small class="soft">{say("today")} {_clock(minutes)}</small>
        <div>{words.text(one, one.randint(1, 2))}</div>{extra}</div></div>"""
    css = """body{height:100vh;overflow:hidden}.app{display:flex;height:100vh}.strip{width:68px;flex:none;background:#0d0f12;display:flex;flex-direction:column;align-items:center;gap:10px;padding:12px 0}
    .rooms,.members{width:230px;flex:none;background:color-mix(in srgb,var(--card) 80%,#000 6%);padding:12px}.room{padding:6px 10px;border-radius:5px;color:var(--soft)}.said{flex:1;display:flex;flex-direction:column;justify-content:flex-end;overflow:hidden;padding:10px 18px}
    .m{align-items:flex-start;padding:7px 0}.main{display:flex;flex-direction:column;flex:1;background:var(--card)}.bar{border-bottom:1px solid var(--line);padding:12px 18px}.code{background:#111;color:#ccc;font-size:12px;padding:8px;border-radius:4px}"""
    body = f"""<div class="app"><div class="strip">{page.brand.logo(46)}{strip}</div><div class="rooms"><h3>{words.title(page.random("place"), 1, 2)}</h3>{rooms}</div>
    <div class="main"><div class="bar"><b># {words.words(page.random("room"), 2)}</b></div><div class="said">{said}</div><div style="padding:14px 18px"><span class="in soft" style="margin:0;background:var(--bg)">{say("write")}…</span></div></div>
    <div class="members"><small class="soft">{say("online")} — {page.fresh("online").randint(8, 90)}</small>{members}</div></div>"""
    return page.html(css, body, night=True)
