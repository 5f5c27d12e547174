"""Pages of services: a parcel that waits for a fee, a gate with a captcha, the panel behind a kit, an offer to grow rich."""

from .drawings import avatar, captcha, chart
from .page import Page
from .photos import photo


def parcel(page: Page) -> str:
    """A parcel service: where the parcel is, and a form that asks for a fee."""
    say, words, brand, chance = page.say, page.words, page.brand, page.random("parcel")
    at = chance.randint(2, 4)
    steps = "".join(
        f'<div class="grow" style="text-align:center"><div class="dot" style="{"background:var(--a)" if n < at else ""}">{"✓" if n < at else n + 1}</div>{say(f"step{n + 1}")}</div>' for n in range(5)
    )
    log = "".join(
        f'<div class="row" style="padding:7px 0;border-bottom:1px solid var(--line)"><span class="mono soft">{chance.randint(1, 28):02}.{chance.randint(1, 12):02} {chance.randint(0, 23):02}:{chance.randint(0, 59):02}</span><span>{words.sentence(chance, 3, 8)}</span></div>'
        for _ in range(6)
    )
    css = f"""body{{background:{"var(--card)" if brand.style < 2 else "var(--bg)"}}}.top{{background:{("var(--a)", "var(--card)")[brand.style % 2]};border-bottom:4px solid var(--b);{"color:#fff" if brand.style % 2 == 0 else ""}}}
    .dot{{width:38px;height:38px;border-radius:50%;background:var(--line);color:#fff;margin:0 auto 6px;display:flex;align-items:center;justify-content:center}}"""
    band = photo(page.random("band"), 1280, 150, "width:100%;height:130px;object-fit:cover") if brand.style in (1, 2) else ""
    body = f"""<div class="top"><div class="wide row" style="height:70px"><span class="sign">{brand.logo(46)}</span><h1 class="grow" style="margin:0">{brand.name}</h1><span>{say("track")}</span><span>{say("contact")}</span><span>{say("help")}</span></div></div>{band}
    <div class="wide" style="padding-top:20px"><h2>{say("track")}</h2><p>{say("number")}: <b class="mono">{brand.name[:2].upper()}{chance.randint(10**9, 10**10 - 1)}XX</b></p><div class="row">{steps}</div><br>
    <div class="row" style="align-items:flex-start;gap:22px"><div class="card grow">{log}<p class="soft">{words.text(page.fresh("news"), 2)}</p></div><div class="card" style="width:370px"><h3>{say("fee")}: {chance.randint(1, 4)},{chance.randint(10, 99)} €</h3>
    <label>{say("holder")}</label><span class="in">&nbsp;</span><label>{say("card")}</label><span class="in">&nbsp;</span><div class="row"><div class="grow"><label>{say("expiry")}</label><span class="in">&nbsp;</span></div><div class="grow"><label>CVV</label><span class="in">&nbsp;</span></div></div>
    <span class="btn" style="display:block">{say("pay")}</span></div></div></div>"""
    return page.html(css, body)


def gate(page: Page) -> str:
    """A gate before an onion service: a captcha, a line about the queue."""
    say, brand, chance, fresh = page.say, page.brand, page.random("gate"), page.fresh("gate")
    css = f"""body{{min-height:100vh;display:flex;align-items:center;justify-content:center;text-align:center;{"background:radial-gradient(circle,var(--b),#111)" if brand.style == 1 else ""}}}.card{{width:480px;padding:30px}}
    .card svg,.card h1,.card p{{margin-left:auto;margin-right:auto}}"""
    body = f"""<div class="card">{brand.logo(96)}<h1>{brand.name}</h1><p>{say("gate")}</p><div>{captcha(fresh, 300, 100)}</div><span class="in" style="margin-top:14px">{say("captcha")}</span><span class="btn" style="display:block">{say("next")}</span>
    <p class="soft">{say("queue")}: {fresh.randint(2, 900)}</p><small class="mono soft" style="word-break:break-all">{brand.onion(chance)}</small></div>"""
    return page.html(css, body, night=brand.style in (0, 1))


def panel(page: Page) -> str:
    """The panel behind a phishing kit: figures, a curve, the last visitors."""
    say, brand, chance, fresh = page.say, page.brand, page.random("panel"), page.fresh("panel")
    boxes = "".join(
        f'<div class="card grow"><div class="soft">{say(key)}</div><h1 style="margin:0">{fresh.randint(3, 9000)}</h1></div>' for key in ("visits", "victims", "data", "orders")
    )
    rows = ""
    for n in range(12):
        one = page.random(f"row {n}")
        rows += f"""<tr><td>{one.randint(1, 223)}.{one.randint(0, 255)}.{one.randint(0, 255)}.{one.randint(1, 254)}</td><td>{one.choice(("DE", "US", "FR", "RU", "CN", "EG", "PL"))}</td><td>{page.words.person(one)}</td><td class="mono">{one.choice(("****", "hidden", "······"))}{one.randint(10, 99)}</td>
        <td>{one.choice(("Chrome", "Safari", "Firefox", "Edge"))} {one.randint(80, 140)}</td><td><span style="background:{one.choice(("#2a9d4a", "#d98a00", "#c0392b"))};color:#fff;padding:1px 8px;border-radius:9px;font-size:12px">{page.words.title(one, 1, 1)}</span></td></tr>"""
    menu = "".join(f'<div class="item">{say(key)}</div>' for key in ("panel", "visits", "victims", "data", "users", "settings", "logout"))
    css = """.app{display:flex;min-height:100vh}.side{width:220px;background:color-mix(in srgb,var(--a) 35%,#15181d);color:#dde;padding:18px 0;flex:none}.item{padding:11px 22px}.item:nth-child(3){background:#fff2;border-inline-start:4px solid var(--b)}
    td,th{padding:8px;border-bottom:1px solid var(--line);text-align:start;font-size:13px}"""
    body = f"""<div class="app"><div class="side"><div style="padding:0 20px 16px" class="row">{brand.logo(34)}<b>{brand.name}</b></div>{menu}</div><div class="grow" style="padding:18px 24px"><div class="row"><h2 class="grow">{say("panel")}</h2>{avatar(chance, 38)}<span>admin</span></div>
    <div class="row">{boxes}</div><br><div class="card">{chart(page.random("curve"), 900, 190, brand.accent)}</div><br><div class="card"><table><tr><th>IP</th><th>{say("country")}</th><th>{say("user")}</th><th>{say("password")}</th><th>Browser</th><th>{say("status")}</th></tr>{rows}</table></div></div></div>"""
    return page.html(css, body, night=brand.style >= 2)


def invest(page: Page) -> str:
    """An offer to grow rich: a curve, plans, people who are content."""
    say, words, brand, chance, fresh = page.say, page.words, page.brand, page.random("invest"), page.fresh("invest")
    plans = "".join(
        f'<div class="card grow" style="text-align:center"><h3>{words.title(chance, 1, 2)}</h3><h1 style="color:var(--a)">{chance.randint(2, 48)}.{chance.randint(0, 9)} %</h1><p class="soft">{say("profit")}</p><p>{chance.randint(50, 900)} – {chance.randint(1000, 90000)} USD</p><span class="btn">{say("deposit")}</span></div>'
        for _ in range(4)
    )
    people = "".join(f'<div class="row grow">{avatar(one, 60)}<div><b>{words.person(one)}</b><br><small class="soft">{words.sentence(one, 5, 10)}</small></div></div>' for one in (page.random(f"person {n}") for n in range(3)))
    css = """.hero{background:linear-gradient(120deg,color-mix(in srgb,var(--a) 60%,#05070c),#05070c);color:#fff;padding:20px 0 40px}.hero h1{font-size:44px}.plans{flex-wrap:wrap;padding-top:24px;align-items:stretch}.plans .card{min-width:220px}"""
    ticker = " ".join(f"<span>{coin} <b>{fresh.randint(1, 90000):,}.{fresh.randint(10, 99)}</b></span>" for coin in ("BTC", "ETH", "LTC", "XMR", "SOL"))
    body = f"""<div class="hero"><div class="wide"><div class="row">{brand.logo(48)}<h2 style="margin:0">{brand.name}</h2><div class="grow row" style="justify-content:center;font-size:13px">{ticker}</div><span class="btn" style="background:var(--b)">{say("register")}</span></div><br><div class="row" style="gap:50px">
    <div class="grow"><h1>{say("invest")}</h1><p>{words.text(chance, 3)}</p><span class="btn">{say("create")}</span></div><div style="width:480px">{chart(page.random("curve"), 480, 260, brand.other)}</div></div></div></div>
    <div class="wide row plans">{plans}</div><br><div class="wide row">{people}</div>"""
    return page.html(css, body)
