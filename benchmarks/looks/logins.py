"""Pages that ask for a password: a bank, a webmail, a sign-in in steps."""

from .page import Page
from .photos import photo_url


def ground(page: Page) -> str:
    """Return what lies behind a brand's form: its colours, a photograph, a pattern, or nothing much."""
    brand, chance = page.brand, page.random("ground")
    return (
        f"linear-gradient({chance.randint(100, 170)}deg,{brand.accent},{brand.other})",
        f"center/cover url({photo_url(chance, 960, 600)})",
        f"repeating-linear-gradient({chance.randint(20, 70)}deg,{brand.accent} 0 {chance.randint(18, 60)}px,hsl({brand.hue} 40% 30%) 0 {chance.randint(70, 120)}px)",
        "var(--bg)",
    )[brand.style]


def bank(page: Page) -> str:
    """A bank: navigation, a picture, the form beside what the bank has to say."""
    say, brand, chance = page.say, page.brand, page.random("bank")
    news = "".join(
        f'<div class="card grow"><h3>{page.words.title(one)}</h3><p class="soft">{page.words.text(one, 2)}</p><a>{say("more")}</a></div>'
        for one in (page.fresh("news"), page.random("news 2"), page.random("news 3"))
    )
    phone = f"0800 {chance.randint(100, 999)} {chance.randint(100, 999)}"
    css = f"""
    .top{{background:var(--card);border-bottom:3px solid var(--a)}}.top .row{{height:72px}}nav a{{margin:0 10px;color:var(--fg)}}
    .hero{{background:{ground(page)};padding:36px 0}}.hero .card{{width:390px;box-shadow:0 4px 24px #0003}}.hero .say{{{"" if brand.style == 3 else "color:#fff;text-shadow:0 1px 4px #0009;"}flex:1;padding:20px}}
    .hero .say h1{{font-size:38px}}.news{{flex-wrap:wrap;align-items:stretch;padding:26px 24px}}.news .card{{min-width:260px}}.foot{{border-top:1px solid var(--line);padding:18px 0}}
    """
    note = f'<p style="background:#fff3cd;color:#664d03;padding:8px 12px">{say("locked")}</p>' if chance.random() < 0.4 else ""
    body = f"""<div class="top"><div class="wide row">{brand.logo(44)}<h2>{brand.name}</h2><nav class="grow"><a>{say("private")}</a><a>{say("business")}</a>
    <a>{say("about")}</a><a>{say("help")}</a></nav><span class="soft">{phone}</span></div></div>
    <div class="hero"><div class="wide row"><div class="card"><h2>{say("online_banking")}</h2>{note}<label>{say("access")}</label><span class="in">&nbsp;</span>
    <label>PIN</label><span class="in">&nbsp;</span><div class="row"><span class="btn grow">{say("sign_in")}</span></div><p><a>{say("forgot")}</a></p></div>
    <div class="say"><h1>{page.words.title(chance, 3, 6)}</h1><p>{page.words.text(chance, 2)}</p></div></div></div>
    <div class="wide row news">{news}</div>
    <div class="foot"><div class="wide row soft"><span>{say("secure")}</span><span class="grow"></span><span>{say("privacy")}</span><span>{say("terms")}</span></div></div>"""
    return page.html(css, body)


def webmail(page: Page) -> str:
    """A webmail: one card in the middle of the brand's colours."""
    say, brand, chance = page.say, page.brand, page.random("webmail")
    css = f"""body{{background:{ground(page)};min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center}}
    .card{{width:400px;padding:34px 36px;box-shadow:0 8px 40px #0004;margin:24px}}.card .btn{{display:block}}.foot{{font-size:13px;background:var(--card);padding:4px 14px;border-radius:9px}}"""
    body = f"""<div class="card"><div style="text-align:center">{brand.logo(72)}<h1>{brand.name}</h1><p class="soft">{say("welcome")}</p></div>
    <label>{say("email")}</label><span class="in">&nbsp;</span><label>{say("password")}</label><span class="in">&nbsp;</span>
    <p><input type="checkbox"> {say("remember")}</p><span class="btn">{say("sign_in")}</span><p class="row"><a>{say("forgot")}</a><span class="grow"></span><a>{say("create")}</a></p>
    <p class="soft">{page.words.sentence(chance)}</p></div>
    <div class="foot soft">© 2026 {brand.name} · {say("privacy")} · {say("terms")} · {say("help")}</div>"""
    return page.html(css, body)


def wizard(page: Page) -> str:
    """A sign-in in steps: a plain box whose words hold the account's name."""
    say, brand, chance = page.say, page.brand, page.random("wizard")
    account = f"{chance.choice(('office', 'a.weber', 'info', 'j.larsen', 'billing', 'm.petrova', 'desk'))}@{brand.domain}"
    css = f"""body{{background:{ground(page)};min-height:100vh;display:flex;align-items:center;justify-content:center}}
    .box{{background:var(--card);width:440px;padding:44px;box-shadow:0 2px 6px #0005}}.box .in{{border-width:0 0 1px;border-color:var(--soft);padding:8px 0;border-radius:0}}
    .end{{position:fixed;bottom:0;right:0;left:0;padding:6px 16px;text-align:right;font-size:12px;background:#0006;color:#fff}}"""
    body = f"""<div class="box"><div class="row">{brand.logo(28)}<h2 style="margin:0">{brand.name}</h2></div><p>← {account}</p><h2>{say("password")}</h2>
    <span class="in soft">{say("password")}</span><p><a>{say("forgot")}</a></p><p><a>{say("create")}</a></p><div style="text-align:right"><span class="btn">{say("sign_in")}</span></div>
    <p class="soft" style="margin:28px -44px -44px;padding:16px 44px;background:var(--bg)">{page.words.text(chance, 2)}</p></div>
    <div class="end">{say("terms")} &nbsp; {say("privacy")} &nbsp; …</div>"""
    return page.html(css, body)
