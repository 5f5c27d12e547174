"""Places that talk in public: a forum's list of threads, a thread, the blog of extortionists."""

from .drawings import avatar
from .page import Page
from .photos import photo
from .words import handle


def _head(page: Page) -> str:
    say, brand, fresh = page.say, page.brand, page.fresh("head")
    links = "".join(f"<a>{say(key)}</a>" for key in ("home", "forum", "search", "users", "help"))
    return f"""<div class="head"><div class="wide row">{brand.logo(54)}<h1 style="margin:0">{brand.name}</h1><span class="grow"></span><span class="soft">{say("online")}: {fresh.randint(40, 2400)}</span>
    <span class="btn">{say("sign_in")}</span><a>{say("register")}</a></div></div><div class="menu"><div class="wide">{links}</div></div>"""


HEAD = """.head{background:var(--card);padding:14px 0}.menu{background:var(--a);padding:8px 0;margin-bottom:14px}.menu a{color:#fff;margin:0 12px}
.bar{background:var(--a);color:#fff;padding:7px 12px;font-weight:600}"""


def threads(page: Page) -> str:
    """A forum's list of threads."""
    say, words = page.say, page.words
    rows = ""
    for n in range(20):
        one = page.random(f"thread {n}") if n else page.fresh("thread")
        seen = page.fresh(f"seen {n}")
        pin = '<span style="background:var(--b);color:#fff;padding:1px 6px;font-size:11px;border-radius:3px">PIN</span> ' if n < 2 else ""
        rows += f"""<tr><td style="width:44px">{avatar(one, 34)}</td><td>{pin}<a><b>{words.title(one, 3, 11)}</b></a><br><small class="soft">{handle(one)} · {one.randint(1, 28)}.{one.randint(1, 12)}.2026</small></td>
        <td>{one.randint(0, 60) + seen.randint(0, 3)}</td><td>{one.randint(80, 9000) + seen.randint(0, 40)}</td><td><small>{handle(one)}<br><span class="soft">{seen.randint(0, 23):02}:{seen.randint(0, 59):02}</span></small></td></tr>"""
    css = HEAD + "td{border-bottom:1px solid var(--line);padding:6px 10px;background:var(--card)}th{text-align:start;padding:6px 10px;color:var(--soft);font-size:13px}"
    body = f"""{_head(page)}<div class="wide"><div class="soft">{say("home")} » {say("forum")} » {words.title(page.random("section"), 1, 3)}</div><br>
    <div class="bar">{words.title(page.random("section"), 1, 3)}</div><table><tr><th></th><th>{say("threads")}</th><th>{say("replies")}</th><th>{say("views")}</th><th>{say("last")}</th></tr>{rows}</table></div>"""
    return page.html(css, body, night=page.brand.style % 2 == 0)


def thread(page: Page) -> str:
    """A thread: who wrote at the side, what was written beside it."""
    say, words, chance = page.say, page.words, page.random("thread")
    posts = ""
    for n in range(5):
        one, user = page.random(f"post {n}"), page.random(f"user {n}")
        nick, rank = handle(user), words.title(user, 1, 1)
        quote = f'<div class="quote"><b>{handle(one)}</b><br>{words.sentence(one)}</div>' if n and one.random() < 0.5 else ""
        code = "".join(f"{one.choice(('user', 'admin', 'info'))}{one.randint(1, 999)}@mail{one.randint(1, 40)}.example:{one.getrandbits(32):08x}<br>" for _ in range(5))
        extra = f'<div class="code mono">{code}</div>' if one.random() < 0.35 else photo(one, 380, 210) if one.random() < 0.25 else ""
        posts += f"""<div class="post"><div class="who">{avatar(user, 84, "4px")}<br><b style="color:var(--a)">{nick}</b><div class="soft">{rank}</div><small>{say("posts")}: {user.randint(3, 4000)}<br>
        {say("joined")} {user.randint(1, 12)}.20{user.randint(15, 25)}</small></div><div class="grow" style="padding:12px 16px"><small class="soft">{one.randint(1, 28)}.{one.randint(1, 12)}.2026 · #{n + 1}</small>{quote}
        <p>{words.text(one, one.randint(2, 6))}</p>{extra}<div style="text-align:end"><a>{say("quote")}</a> · <a>{say("reply")}</a></div></div></div>"""
    seen = page.fresh("seen")
    css = HEAD + """.post{display:flex;background:var(--card);border:1px solid var(--line);margin-bottom:10px}.who{width:170px;flex:none;padding:14px;background:var(--bg);text-align:center}
    .who>*:first-child{margin:auto}.quote{border-inline-start:4px solid var(--b);background:var(--bg);padding:8px 12px;margin:8px 0;font-size:13px}.code{background:#111;color:#8f8;padding:10px;font-size:12px}"""
    body = f"""{_head(page)}<div class="wide"><h2>{words.title(chance, 4, 10)}</h2><p class="soft">{say("views")}: {seen.randint(300, 9000)} · {say("replies")}: {chance.randint(5, 90)}</p>{posts}</div>"""
    return page.html(css, body, night=page.brand.style % 2 == 1)


def leaks(page: Page) -> str:
    """The blog of extortionists: a card for each victim, with a clock."""
    say, words, brand, chance = page.say, page.words, page.brand, page.random("leaks")
    cards = ""
    for n in range(9):
        one, clock = page.random(f"victim {n}") if n else page.fresh("victim"), page.fresh(f"clock {n}")
        done = one.random() < 0.4
        state = (
            f'<b style="color:#3a3">{say("published")}</b>'
            if done
            else f'<b class="mono" style="color:#e33">{one.randint(1, 12)}D {clock.randint(0, 23):02}:{clock.randint(0, 59):02}:{clock.randint(0, 59):02}</b> <small>{say("left")}</small>'
        )
        picture = photo(one, 320, 130, "width:100%") if brand.style >= 2 else ""
        name = words.title(one, 1, 2)
        cards += f"""<div class="card">{picture}<h2>{name}</h2><small class="soft">www.{one.getrandbits(24):06x}-{one.choice(("group", "corp", "clinic", "law", "metal"))}.example · ${one.randint(2, 900)}M · {one.randint(5, 990)} GB</small>
        <p>{words.text(one, 3)}</p>{state}<br><small class="soft">{say("visits")}: {clock.randint(100, 9000)}</small></div>"""
    css = """.head{text-align:center;padding:26px 0 10px}.head h1{font-size:52px;letter-spacing:6px;color:var(--a);margin:0}
    .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:14px}.menu{display:flex;justify-content:center;gap:30px;border:solid var(--line);border-width:1px 0;padding:8px;margin-bottom:16px}"""
    links = "".join(f"<a>{say(key)}</a>" for key in ("home", "about", "contact", "data"))
    body = f"""<div class="head">{brand.logo(90)}<h1>{brand.name.upper()}</h1><p class="soft">{words.sentence(chance)}</p></div><div class="menu">{links}<small class="mono soft">{brand.onion(chance)[:22]}…onion</small></div>
    <div class="wide grid">{cards}</div>"""
    return page.html(css, body, night=True)
