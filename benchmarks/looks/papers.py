"""Papers about money: a till's receipt, an invoice, a page that waits for coins."""

from .drawings import barcode, qr
from .page import Page


def receipt(page: Page) -> str:
    """A till's receipt on a strip of paper."""
    say, words, brand, chance = page.say, page.words, page.brand, page.random("receipt")
    total, rows = 0, ""
    for _ in range(chance.randint(5, 12)):
        price = chance.randint(49, 9900)
        total += price
        rows += f'<div class="row"><span class="grow">{words.title(chance, 1, 3)}</span><span>{price / 100:.2f}</span></div>'
    tax = chance.choice((7, 10, 19, 20))
    # People photograph receipts on whatever lies below.
    css = f"""body{{background:hsl({chance.randrange(360)} {chance.randint(5, 35)}% {chance.randint(25, 80)}%);display:flex;justify-content:center;padding:24px}}
    .paper{{background:#fdfdf8;color:#222;width:400px;padding:26px 28px;font:15px/1.5 'DejaVu Sans Mono','Noto Sans Arabic','Noto Sans Mono CJK SC';box-shadow:0 6px 26px #0006}}.mid{{text-align:center}}hr{{border:0;border-top:2px dashed #777}}"""
    body = f"""<div class="paper"><div class="mid">{brand.logo(58)}<h2>{brand.name.upper()}</h2>{words.title(chance, 2, 3)} {chance.randint(1, 180)}<br>{chance.randint(10000, 99999)} {words.title(chance, 1, 1)}<br>+00 {chance.randint(100, 999)} {chance.randint(100000, 999999)}</div><hr>
    <div>{chance.randint(1, 28):02}.{chance.randint(1, 12):02}.2026 {chance.randint(7, 21):02}:{chance.randint(0, 59):02} &nbsp; #{chance.randint(1000, 99999)}</div><hr>{rows}<hr>
    <div class="row" style="font-size:21px"><b class="grow">{say("total")} EUR</b><b>{total / 100:.2f}</b></div><div class="row"><span class="grow">{say("vat")} {tax} %</span><span>{total * tax / (100 + tax) / 100:.2f}</span></div><hr>
    <div class="mid">{say("thanks")}<br><br>{barcode(chance)}<br>{chance.randint(10**11, 10**12 - 1)}</div></div>"""
    return page.html(css, body)


def invoice(page: Page) -> str:
    """An invoice as a printed page."""
    say, words, brand, chance = page.say, page.words, page.brand, page.random("invoice")
    total, rows = 0, ""
    for n in range(chance.randint(4, 8)):
        count, price = chance.randint(1, 12), chance.randint(500, 90000)
        total += count * price
        rows += f"<tr><td>{n + 1}</td><td>{words.title(chance, 2, 6)}</td><td>{count}</td><td>{price / 100:,.2f}</td><td>{count * price / 100:,.2f}</td></tr>"
    css = """body{background:#8a8f96;padding:26px}.paper{background:#fff;color:#222;max-width:860px;margin:0 auto;padding:54px 60px;min-height:1150px;border-top:10px solid var(--a)}
    td,th{padding:9px 8px;border-bottom:1px solid #ddd;text-align:start}th{background:var(--a);color:#fff}"""
    body = f"""<div class="paper"><div class="row">{brand.logo(66)}<h1 class="grow">{brand.name}</h1><div style="text-align:end;font-size:13px;color:#555">{brand.domain}<br>{words.title(chance, 1, 2)} {chance.randint(1, 99)}<br>{chance.randint(10000, 99999)}</div></div><br><br>
    <div class="row" style="align-items:flex-start"><div class="grow"><b>{say("bill_to")}</b><br>{words.person(chance)}<br>{words.title(chance, 1, 2)} {chance.randint(1, 200)}</div><div><h1 style="color:var(--a)">{say("invoice")}</h1>
    No. {chance.randint(20000, 99999)}<br>{say("due")}: {chance.randint(1, 28)}.{chance.randint(1, 12)}.2026</div></div><br><table><tr><th>#</th><th>{say("item")}</th><th>{say("quantity")}</th><th>{say("price")}</th><th>{say("amount")}</th></tr>{rows}</table><br>
    <div style="text-align:end">{say("vat")} 19 %: {total * 0.19 / 100:,.2f}<h2>{say("total")}: {total * 1.19 / 100:,.2f} EUR</h2></div><p>{words.text(chance, 3)}</p>
    <p class="mono">IBAN XX{chance.randint(10, 99)} {chance.randint(1000, 9999)} {chance.randint(1000, 9999)} {chance.randint(1000, 9999)} {chance.randint(1000, 9999)} · BIC {brand.name[:4].upper()}XXXX</p></div>"""
    return page.html(css, body)


def coins(page: Page) -> str:
    """A page that waits for coins: QR code, address, amount, a clock."""
    say, brand, chance, fresh = page.say, page.brand, page.random("coins"), page.fresh("coins")
    coin = chance.choice(("BTC", "XMR", "ETH", "LTC", "USDT"))
    wallet = "".join(chance.choices("abcdefghjkmnpqrstuvwxyz0123456789", k=42))
    css = """body{min-height:100vh;display:flex;align-items:center;justify-content:center}.card{width:780px;padding:0;overflow:hidden;box-shadow:0 6px 30px #0002}.bar{background:var(--a);color:#fff;padding:12px 22px}"""
    body = f"""<div class="card"><div class="bar row"><span class="sign">{brand.logo(34)}</span><b class="grow" style="font-size:19px">{brand.name}</b><span>{say("time_left")} {fresh.randint(0, 59):02}:{fresh.randint(0, 59):02}</span></div>
    <div class="row" style="padding:28px;gap:32px"><div style="background:#fff;padding:10px">{qr(chance, 230)}</div><div class="grow"><h3>{say("amount")}</h3><h1 style="margin:0">{chance.uniform(0.001, 3):.6f} {coin}</h1><p class="soft">≈ {chance.randint(50, 4000)}.{chance.randint(10, 99)} USD</p>
    <b>{say("address")}</b><div class="mono in" style="font-size:13px;word-break:break-all">{wallet}</div><p class="soft">⟳ {say("waiting")}…</p></div></div>
    <div style="padding:14px 28px;border-top:1px solid var(--line)" class="soft row"><span class="grow">#{chance.randint(100000, 999999)} · {page.words.title(chance, 2, 4)}</span><span>{say("help")}</span></div></div>"""
    return page.html(css, body, night=brand.style == 3)
