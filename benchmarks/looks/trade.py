"""Places that sell: an onion market's listing, the page of a vendor, a web shop."""

from random import Random

from .drawings import avatar, goods
from .page import Page
from .photos import photo_url
from .words import handle

PLACES = ("NL", "DE", "UK", "US", "FR", "PL", "ES", "CA", "AU", "RU", "CN", "WW")


def _top(page: Page) -> str:
    say, fresh, brand = page.say, page.fresh("top"), page.brand
    links = "".join(f"<a>{say(key)}</a>" for key in ("home", "orders", "messages", "wallet", "forum"))
    return (
        f'<div class="top row"><span class="sign">{brand.logo(36)}</span><b style="font-size:22px">{brand.name}</b><nav class="grow">{links}</nav>'
        f'<span>BTC {fresh.randint(28, 99)},{fresh.randint(100, 999)} · XMR {fresh.randint(120, 290)}.{fresh.randint(10, 99)}</span></div>'
    )


TOP = ".top{background:var(--a);color:#fff;padding:10px 18px}.top nav a{color:#fff;margin:0 9px;opacity:.9}"


def _stars(random: Random) -> str:
    full = random.randint(2, 5)
    return f'<span style="color:#e0a010">{"★" * full}{"☆" * (5 - full)}</span>'


def market(page: Page) -> str:
    """A market's listing: categories with counts at the side, cards of goods."""
    say, words, chance, fresh = page.say, page.words, page.random("market"), page.fresh("counts")
    categories = "".join(f'<div class="row"><a class="grow">{words.title(chance, 1, 2)}</a><span class="soft">{fresh.randint(3, 4000)}</span></div>' for _ in range(12))
    cards = ""
    for n in range(12):
        one = page.random(f"listing {n}") if n != 4 else page.fresh("listing")
        cards += f"""<div class="card">{goods(one)}<b>{words.title(one, 3, 8)}</b><div class="soft">{say("vendor")}: <a>{handle(one)}</a> ({one.randint(4, 900)})</div>
        <div>{_stars(one)} <span class="soft">{say("ships")} {one.choice(PLACES)}</span></div><div class="row"><b class="grow" style="color:var(--a)">{one.randint(5, 900)}.{one.randint(10, 99)} USD</b>
        <span class="btn" style="padding:4px 10px">{say("buy")}</span></div></div>"""
    css = TOP + """.all{display:flex;gap:16px;padding:16px}.side{width:230px;flex:none}.side .row{padding:3px 0;border-bottom:1px dotted var(--line)}
    .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:12px;flex:1}.grid .card{padding:10px;font-size:13px}"""
    notice = f'<div class="card" style="margin:12px 16px 0;padding:8px 14px"><b>!</b> {words.text(page.fresh("notice"), 2)}</div>'
    body = f"""{_top(page)}{notice}<div class="all"><div class="side"><div class="card"><h3>{say("categories")}</h3>{categories}</div><br>
    <div class="card"><h3>{say("search")}</h3><span class="in">&nbsp;</span><span class="btn">{say("search")}</span></div></div><div class="grid">{cards}</div></div>"""
    return page.html(css, body, night=page.brand.style == 1)


def vendor(page: Page) -> str:
    """A vendor on a market: face, figures, PGP key, what buyers wrote."""
    say, words, chance, fresh = page.say, page.words, page.random("vendor"), page.fresh("vendor")
    key = "\n".join("".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=64)) for _ in range(11))
    rows = "".join(
        f"<tr><td>{_stars(one)}</td><td>{words.sentence(one, 3, 12)}</td><td>{one.choice('abcdehkmnrst')}***{one.choice('abcdehkmnrst')}</td>"
        f"<td>{one.randint(10, 700)} USD</td><td>{one.randint(1, 28)}.{one.randint(1, 12)}.2026</td></tr>"
        for one in (page.random(f"feedback {n}") for n in range(10))
    )
    figures = "".join(
        f'<div class="card grow" style="text-align:center"><h2>{value}</h2><span class="soft">{say(name)}</span></div>'
        for name, value in (("sales", fresh.randint(50, 9000)), ("feedback", f"{fresh.uniform(88, 100):.1f} %"), ("orders", fresh.randint(0, 60)), ("joined", f"20{chance.randint(17, 25)}"))
    )
    nick = handle(chance)
    css = TOP + "td{border-bottom:1px solid var(--line);padding:7px}pre{font:11px/1.3 'DejaVu Sans Mono';overflow:hidden;background:var(--bg);padding:10px}"
    body = f"""{_top(page)}<div class="wide" style="padding-top:18px"><div class="row">{avatar(chance, 110, "8px")}<div class="grow"><h1>{nick}</h1>
    <div class="soft">{say("ships")} {chance.choice(PLACES)} · {say("online")}: {say("today")} {fresh.randint(0, 23):02}:{fresh.randint(0, 59):02}</div><p>{words.text(chance, 4)}</p></div></div>
    <div class="row">{figures}</div><br><div class="row" style="align-items:flex-start"><div class="card grow"><h3>{say("feedback")}</h3><table>{rows}</table></div>
    <div class="card"><h3>PGP</h3><pre>-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{key}\n-----END PGP PUBLIC KEY BLOCK-----</pre></div></div></div>"""
    return page.html(css, body, night=page.brand.style == 2)


def shop(page: Page) -> str:
    """A web shop: a wide offer, goods with old and new prices."""
    say, words, chance, brand = page.say, page.words, page.random("shop"), page.brand
    cards = "".join(
        f"""<div class="card">{goods(one, 240, 190)}<div style="padding:10px"><b>{words.title(one, 2, 4)}</b><div>{_stars(one)} ({one.randint(3, 900)})</div>
        <div><s class="soft">{one.randint(90, 400)}.99</s> <b style="color:#c0262d;font-size:19px">€{one.randint(9, 89)}.99</b></div><span class="btn" style="padding:6px 12px">{say("buy")}</span></div></div>"""
        for one in (page.random(f"goods {n}") for n in range(8))
    )
    css = f"""body{{background:var(--card)}}.bar{{background:var(--a);color:#fff;text-align:center;padding:6px}}.head{{height:84px}}
    .hero{{background:center/cover url({photo_url(page.random("hero"), 1200, 400)});padding:64px 0;color:#fff;text-shadow:0 2px 8px #000b}}.hero h1{{font-size:46px}}
    .grid{{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:18px;padding:24px 0}}.grid .card{{padding:0;overflow:hidden}}"""
    hours = page.fresh("timer")
    links = "".join(f"<a style='color:var(--fg)'>{words.title(chance, 1, 1)}</a>" for _ in range(6))
    body = f"""<div class="bar">{say("free")} · {say("sale")} · {hours.randint(0, 23):02}:{hours.randint(0, 59):02}:{hours.randint(0, 59):02}</div>
    <div class="wide row head">{brand.logo(46)}<h1 style="margin:0">{brand.name}</h1><div class="grow row" style="justify-content:center;gap:26px">{links}</div><span>{say("search")} 🔍</span></div>
    <div class="hero"><div class="wide"><h1>{say("sale")}</h1><p>{words.title(chance, 4, 8)}</p><span class="btn">{say("more")}</span></div></div><div class="wide grid">{cards}</div>"""
    return page.html(css, body)
