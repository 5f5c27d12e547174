"""What one person puts before all: a paste of plain text, a profile."""

from .drawings import avatar
from .page import Page
from .photos import photo, photo_url
from .words import handle


def paste(page: Page) -> str:
    """A paste: numbered lines of text that a machine or a boaster wrote."""
    say, words, chance, brand = page.say, page.words, page.random("paste"), page.brand
    kind, lines = chance.randrange(3), ""
    for _line in range(34):
        line = (
            f"{handle(chance)}@mail{chance.randint(1, 60)}.example:{chance.getrandbits(chance.choice((24, 32, 48))):x}",
            f"[{chance.randint(0, 23):02}:{chance.randint(0, 59):02}] {words.sentence(chance, 4, 12)}",
            f"{'&nbsp;' * 4 * chance.randint(0, 3)}{chance.choice(('if', 'for', 'set', 'call', 'return'))} {words.words(chance, 1)}_{chance.randint(1, 99)}(0x{chance.getrandbits(32):08x})",
        )[kind]
        lines += f"<li>{line}</li>"
    css = """.head{background:var(--a);color:#fff;padding:10px 0}ol{background:var(--card);border:1px solid var(--line);margin:0;padding:10px 10px 10px 58px;font:13px/1.55 'DejaVu Sans Mono','Noto Sans Mono CJK SC';direction:ltr}
    li::marker{color:var(--soft)}"""
    seen = page.fresh("seen")
    body = f"""<div class="head"><div class="wide row"><span class="sign">{brand.logo(34)}</span><h2 class="grow" style="margin:0">{brand.name}</h2><span>{say("search")}</span><span>{say("sign_in")}</span></div></div>
    <div class="wide" style="padding-top:14px"><div class="row">{avatar(chance, 46)}<div><h2 style="margin:0">{words.title(chance, 2, 5)}</h2><small class="soft">{handle(chance)} · {chance.randint(1, 28)}.{chance.randint(1, 12)}.2026 · {say("views")}: {seen.randint(20, 9000)} · {chance.randint(1, 90)} kB</small></div></div><br><ol>{lines}</ol></div>"""
    return page.html(css, body, night=brand.style == 0)


def profile(page: Page) -> str:
    """A profile on a social network: a wide picture, a face, what was posted."""
    say, words, chance, brand, fresh = page.say, page.words, page.random("profile"), page.brand, page.fresh("profile")
    posts = ""
    for n in range(3):
        one = page.random(f"post {n}")
        picture = photo(one, 560, 300, "width:100%;height:auto;margin-top:8px") if one.random() < 0.6 else ""
        posts += f"""<div class="card" style="margin-bottom:14px"><small class="soft">{one.randint(1, 28)}.{one.randint(1, 12)}.2026</small><p>{words.text(one, one.randint(1, 3))}</p>{picture}<br>
        <span class="soft">♥ {one.randint(3, 900) + fresh.randint(0, 20)} &nbsp; ↩ {one.randint(0, 90)} &nbsp; ↗</span></div>"""
    friends = "".join(avatar(page.random(f"friend {n}"), 74, "6px") for n in range(9))
    css = f""".top{{background:var(--card);border-bottom:1px solid var(--line);padding:8px 0}}.cover{{height:230px;background:center/cover url({photo_url(page.random("cover"), 1180, 230)})}}
    .me{{margin-top:-60px}}.me>*:first-child{{border:5px solid var(--card)}}.cols{{display:grid;grid-template-columns:300px 1fr;gap:16px;padding-top:14px}}.friends{{display:flex;flex-wrap:wrap;gap:8px}}"""
    body = f"""<div class="top"><div class="wide row">{brand.logo(36)}<b style="color:var(--a);font-size:22px">{brand.name}</b><span class="in grow" style="margin:0 20px">{say("search")}</span><span class="btn">{say("register")}</span></div></div>
    <div class="wide"><div class="cover"></div><div class="row me" style="padding:0 20px;align-items:flex-end">{avatar(chance, 130)}<div class="grow"><h1 style="margin:0">{words.person(chance)}</h1><span class="soft">@{handle(chance)} · {say("joined")} {chance.randint(1, 12)}.20{chance.randint(12, 25)}</span></div><span class="btn">{say("messages")}</span></div>
    <div class="cols"><div><div class="card"><p>{words.text(chance, 2)}</p></div><br><div class="card friends">{friends}</div></div><div>{posts}</div></div></div>"""
    return page.html(css, body, night=brand.style == 3)
