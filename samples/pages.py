"""Pages that nobody runs: three login pages of invented brands, a market, a news page, a weather page."""

import math

import numpy as np
from canvas import Canvas, hills
from PIL import Image, ImageFilter

WIDTH, HEIGHT = 1280, 800
GREY, INK, LINE = "#667085", "#1d2433", "#d0d5dd"


def field(page: Canvas, x: float, y: float, width: float, label: str, hint: str) -> None:
    page.text(x, y - 8, label, 14, "#344054")
    page.box((x, y, x + width, y + 44), "#fcfcfd", 8, LINE)
    page.text(x + 14, y + 28, hint, 15, "#98a2b3")


def button(page: Canvas, x: float, y: float, width: float, text: str, fill: str) -> None:
    page.box((x, y, x + width, y + 48), fill, 8)
    page.text(x + width / 2, y + 30, text, 17, "white", "ms", 0.3)


def cookie_banner(page: Canvas, fill: str) -> None:
    page.card((40, 690, 1240, 780), 10)
    page.text(70, 728, "We use cookies to keep you signed in and to understand how this site is used.", 16)
    page.text(70, 754, "You can change your choice at any time in the privacy centre.", 14, GREY)
    button(page, 1040, 711, 170, "Accept all", fill)


def bridge(page: Canvas, x: float, y: float, scale: float, colour: str) -> None:
    """The mark of Marrowbridge: an arch with hangers over two waves."""
    arch = [(x + scale * t, y - scale * 0.55 * math.sin(math.pi * t)) for t in np.linspace(0, 1, 40)]
    page.stroke(arch, colour, scale * 0.07)
    page.stroke([(x - 0.08 * scale, y), (x + 1.08 * scale, y)], colour, scale * 0.07)
    for t in (0.2, 0.35, 0.5, 0.65, 0.8):
        page.stroke([(x + scale * t, y), (x + scale * t, y - scale * 0.55 * math.sin(math.pi * t))], colour, scale * 0.04)
    for n in range(2):
        wave = [(x + scale * t, y + scale * (0.16 + 0.13 * n) + scale * 0.04 * math.sin(12 * t + n)) for t in np.linspace(0, 1, 40)]
        page.stroke(wave, colour, scale * 0.05)


def marrowbridge(
    title: str = "Welcome back",
    hints: tuple[str, str] = ("Customer number", "Password"),
    action: str = "Log in",
    extra: tuple[str, ...] = ("Forgot your password?", "Open an account in ten minutes"),
    cookies: bool = False,
) -> Image.Image:
    page = Canvas(WIDTH, HEIGHT, "#f5f7fb")
    page.shade((0, 0, 700, HEIGHT), "#0b2a5b", "#2f74b5")
    page.disc(540, 170, 62, "#ffe9b0")
    page.disc(540, 170, 80, None, "#5f8fc4", 2)
    for n, (height, colour) in enumerate(((430, "#1e4f8c"), (480, "#17407a"))):
        skyline = [(min(x, 700.0), y) for x, y in hills(700, height, 26, 3 + n)]
        page.shape([*skyline, (700, HEIGHT), (0, HEIGHT)], colour)
    for n, (x, width, top) in enumerate(((40, 70, 400), (120, 50, 350), (180, 84, 430), (560, 60, 380), (630, 52, 420))):
        page.box((x, top, x + width, 600), "#123463" if n % 2 else "#0f2c55")
        for row in range(int(top) + 14, 590, 24):
            for column in range(x + 10, x + width - 12, 18):
                page.box((column, row, column + 8, row + 12), "#ffd77a" if (row * 7 + column * 3) % 5 < 3 else "#1c4478")
    page.shade((0, 590, 700, HEIGHT), "#164a86", "#0a2146")
    for n in range(11):
        page.stroke([(20 + (n * 97) % 600, 626 + n * 15), (80 + (n * 97) % 600, 626 + n * 15)], "#3f7fc0", 2)
    for x in (150, 550):
        page.box((x - 9, 300, x + 9, 640), "#d8e3f2", 3)
    page.stroke([(x, 300 + 230 * ((x - 350) / 200) ** 2) for x in range(150, 551, 10)], "#d8e3f2", 4)
    page.stroke([(0, 400), (150, 302)], "#d8e3f2", 4)
    page.stroke([(700, 375), (550, 302)], "#d8e3f2", 4)
    page.box((0, 556, 700, 570), "#e8eef7")
    for x in range(165, 550, 26):
        page.stroke([(x, 556), (x, 300 + 230 * ((x - 350) / 200) ** 2)], "#b9cbe3", 1.5)
    page.text(48, 76, "Banking that holds", 34, "white", bold=0.5)
    page.text(48, 112, "since the first stone was laid", 18, "#c9dcf2")
    bridge(page, 790, 130, 62, "#0b2a5b")
    page.text(876, 134, "Marrowbridge", 36, "#0b2a5b", bold=0.8)
    page.text(790, 246, title, 30, INK, bold=0.4)
    field(page, 790, 300, 400, hints[0], "e.g. 4081 2290")
    field(page, 790, 392, 400, hints[1], "your secret")
    page.box((790, 456, 808, 474), "white", 4, LINE)
    page.text(818, 471, "Stay signed in on this device", 14, GREY)
    button(page, 790, 496, 400, action, "#0b57a4")
    for n, text in enumerate(extra):
        page.text(790, 584 + 28 * n, text, 15, "#0b57a4")
    page.text(790, 760, "(c) Marrowbridge Bank    Security    Imprint    English", 13, "#98a2b3")
    if cookies:
        cookie_banner(page, "#0b57a4")
    return page.done()


def lark(page: Canvas, x: float, y: float, scale: float, colour: str) -> None:
    """The mark of Tinlark: an envelope with wings."""
    page.box((x - scale * 0.5, y - scale * 0.34, x + scale * 0.5, y + scale * 0.34), colour, scale * 0.08)
    page.stroke([(x - scale * 0.44, y - scale * 0.26), (x, y + scale * 0.08), (x + scale * 0.44, y - scale * 0.26)], "white", scale * 0.06)
    for side in (-1, 1):
        for n in range(3):
            tip = (x + side * scale * (0.95 - 0.12 * n), y - scale * (0.42 - 0.2 * n))
            page.stroke([(x + side * scale * 0.56, y + scale * (0.1 * n - 0.1)), tip], colour, scale * 0.08)


def tinlark(
    title: str = "Sign in to your mail", action: str = "Sign in", note: str = "New here? Create an address", warning: str = ""
) -> Image.Image:
    page = Canvas(WIDTH, HEIGHT, "#ffd9b8", "#8fd0c8")
    page.disc(1010, 210, 70, "#fff1cf")
    for n, colour in enumerate(("#7fbab0", "#58a196", "#39877c", "#1f6a60", "#0f4d46")):
        skyline = hills(WIDTH, 330 + 90 * n, 62 - 7 * n, 20 + n)
        page.shape([*skyline, (WIDTH, HEIGHT), (0, HEIGHT)], colour)
    rng = np.random.default_rng(5)
    for _ in range(110):
        x, y = rng.uniform(0, WIDTH), rng.uniform(640, 800)
        tall = rng.uniform(26, 62) * (y - 500) / 220
        colour = "#0a3a35" if rng.random() < 0.6 else "#12564d"
        for n in range(3):
            top = y - tall + n * tall * 0.24
            page.shape(
                [(x, top), (x - tall * (0.14 + 0.08 * n), top + tall * 0.4), (x + tall * (0.14 + 0.08 * n), top + tall * 0.4)], colour
            )
    for x, y in ((180, 150), (240, 120), (300, 168), (930, 110), (1120, 320)):
        page.stroke([(x - 16, y - 8), (x, y), (x + 16, y - 8)], "#3b6f6a", 2.5)
    page.card((420, 120, 860, 680), 22)
    lark(page, 640, 196, 74, "#e4572e")
    page.text(640, 272, "tinlark", 40, "#c8451f", "ms", 0.8)
    page.text(640, 318, title, 20, INK, "ms")
    if warning:
        page.box((460, 336, 820, 364), "#fdecea", 6)
        page.text(640, 356, warning, 15, "#b42318", "ms")
    field(page, 470, 396, 340, "Address", "name@tinlark.example")
    field(page, 470, 484, 340, "Password", "at least twelve letters")
    button(page, 470, 558, 340, action, "#e4572e")
    page.text(640, 646, note, 15, "#0f6a60", "ms")
    return page.done()


def ovalquay(
    title: str = "One place for all your files", labels: tuple[str, str] = ("Work e-mail", "Passphrase"), action: str = "Continue"
) -> Image.Image:
    page = Canvas(WIDTH, HEIGHT, "#fbfaff", "#efeafc")
    page.box((0, 0, WIDTH, 72), "#2b1a5a")
    page.disc(62, 36, 20, None, "#b79bff", 7)
    page.disc(74, 36, 9, "#ffb84d")
    page.text(98, 46, "Ovalquay", 28, "white", bold=0.5)
    for n, text in enumerate(("Products", "Pricing", "Security", "Help")):
        page.text(760 + 120 * n, 44, text, 16, "#d9ceff")
    page.text(90, 190, title, 36, "#2b1a5a", bold=0.6)
    page.text(90, 228, "Share, sign and send without leaving your desk.", 18, GREY)
    field(page, 90, 300, 380, labels[0], "you@company.example")
    field(page, 90, 392, 380, labels[1], "four words you remember")
    button(page, 90, 470, 380, action, "#5b34d6")
    page.stroke([(90, 560), (250, 560)], LINE, 1)
    page.text(280, 565, "or", 15, GREY, "ms")
    page.stroke([(310, 560), (470, 560)], LINE, 1)
    for n, text in enumerate(("Company login", "Security key")):
        page.box((90 + 196 * n, 590, 274 + 196 * n, 636), "white", 8, LINE)
        page.text(182 + 196 * n, 619, text, 15, INK, "ms")
    page.text(90, 752, "Ovalquay Ltd    Terms    Privacy    Status: all systems work", 13, "#98a2b3")
    page.disc(900, 430, 270, "#e3d9fb")
    for n, (x, y, colour) in enumerate(((700, 250, "#c7b3f5"), (760, 290, "#a98bee"), (820, 330, "white"))):
        page.card((x, y, x + 280, y + 350), 16)
        page.box((x, y, x + 280, y + 350), colour, 16)
        if n == 2:
            page.box((x + 26, y + 28, x + 150, y + 44), "#5b34d6", 8)
            for row, length in enumerate((220, 190, 228, 170)):
                page.box((x + 26, y + 64 + 20 * row, x + 26 + length, y + 72 + 20 * row), "#dcd4f3", 4)
            for bar, tall in enumerate((60, 96, 42, 118, 84, 132)):
                page.box((x + 30 + 38 * bar, y + 318 - tall, x + 54 + 38 * bar, y + 318), ("#5b34d6", "#ffb84d", "#2ba6a0")[bar % 3], 5)
    for angle in range(0, 360, 24):
        x, y = 900 + 300 * math.cos(math.radians(angle)), 430 + 300 * math.sin(math.radians(angle))
        page.disc(x, y, 5 + angle % 5 * 2, ("#ffb84d", "#5b34d6", "#2ba6a0", "#f06292")[angle // 24 % 4])
    page.shape([(1120, 210), (1190, 180), (1165, 250), (1150, 225)], "#f06292")
    page.stroke([(1150, 225), (1190, 180)], "#ad1457", 2)
    return page.done()


def product(seed: int, width: int = 270, height: int = 190) -> Image.Image:
    """A photo of goods on a table: grain, light from one side, shadows, noise."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:height, 0:width]
    grain = sum(np.sin(xx / rng.uniform(6, 40) + 3 * np.sin(yy / rng.uniform(20, 60)) + rng.uniform(0, 6)) for _ in range(6))
    table = np.array(((120, 84, 56), (70, 74, 82), (146, 138, 120), (54, 66, 58))[seed % 4])
    wood = table + 5.0 * np.asarray(grain)[..., None]
    light = 1.25 - 0.9 * np.hypot((xx - width * 0.3) / width, (yy - height * 0.25) / height)
    ground = Image.fromarray(np.clip(wood * light[..., None], 0, 255).astype(np.uint8))
    things = Canvas(width, height, "#000000")
    mask = Canvas(width, height, "#000000")
    for _ in range(9):
        x, y, turn, size = rng.uniform(40, width - 40), rng.uniform(36, height - 36), rng.uniform(0, math.pi), rng.uniform(22, 40)
        colour = "#" + "".join(f"{int(v):02x}" for v in rng.uniform(60, 250, 3))
        corners = [
            (x + size * a * math.cos(turn + t), y + size * a * math.sin(turn + t)) for t, a in ((0.5, 1), (2.64, 1), (3.64, 1), (5.78, 1))
        ]
        if seed % 2:
            things.disc(x, y, size * 0.55, colour, "#222222", 1)
            things.disc(x - size * 0.12, y - size * 0.12, size * 0.28, None, "#f4f4f4", 2)
            mask.disc(x, y, size * 0.55, "white")
        else:
            things.shape(corners, colour)
            things.stroke([corners[0], corners[2]], "#1c1c1c", 1.5)
            things.disc((corners[0][0] + x) / 2, (corners[0][1] + y) / 2, size * 0.16, "#e8c860", "#5a4a10", 1)
            mask.shape(corners, "white")
    stencil = mask.done().convert("L")
    shadow = stencil.filter(ImageFilter.GaussianBlur(5)).point(lambda v: v * 0.6)
    ground.paste(Image.new("RGB", ground.size, "black"), (5, 7), shadow)
    ground.paste(things.done(), mask=stencil)
    noisy = np.asarray(ground).astype(float) + rng.normal(0, 5, (height, width, 1))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def market() -> Image.Image:
    page = Canvas(WIDTH, HEIGHT, "#16181d")
    page.box((0, 0, WIDTH, 64), "#23262e")
    page.shape([(40, 48), (58, 14), (76, 48)], "#d64545")
    page.text(92, 44, "GALLOWS ROW", 28, "#f0e6d2", bold=0.5)
    page.text(470, 41, "listings     vendors     disputes     forum", 17, "#9aa1ad")
    page.text(1240, 41, "wallet 0.0413 XMR", 16, "#8fd18f", "rs")
    page.box((24, 88, 236, 776), "#1e2128", 6)
    for n, text in enumerate(("Documents", "Cards", "Devices", "Accounts", "Data sets", "Hosting", "Tutorials", "Other")):
        page.text(44, 128 + 38 * n, text, 17, "#c5cad3")
        page.text(216, 128 + 38 * n, str(17 * (n + 3) % 211), 15, "#6d7480", "rs")
    page.text(44, 480, "trusted vendors", 15, "#d64545")
    for n, text in enumerate(("nightferry  98 %", "old_tobias  97 %", "kestrel77   95 %")):
        page.text(44, 512 + 28 * n, text, 15, "#9aa1ad")
    goods = (
        "Sheet of seals, 9 pcs",
        "Old coins, lot of 9",
        "Blank chip cards",
        "Tokens, tested",
        "Key cards, unsorted",
        "Badges, mixed lot",
    )
    for n, name in enumerate(goods):
        x, y = 262 + 332 * (n % 3), 88 + 350 * (n // 3)
        page.box((x, y, x + 312, y + 336), "#1e2128", 6)
        page.put(product(n + 1), x + 21, y + 18)
        page.text(x + 21, y + 240, name, 18, "#f0e6d2")
        page.text(x + 21, y + 268, ("nightferry", "old_tobias", "kestrel77")[n % 3] + "  ships worldwide", 14, "#7d8592")
        page.text(x + 21, y + 310, f"{(n * 37 % 90 + 12) / 1000:.3f} XMR", 19, "#8fd18f")
        page.box((x + 206, y + 284, x + 292, y + 318), "#d64545", 5)
        page.text(x + 249, y + 307, "order", 16, "white", "ms")
    return page.done()


def octopus() -> Image.Image:
    """A drawing: an octopus reading a map, as a manual or a forum avatar might show it."""
    page = Canvas(1000, 760, "#f7efe0", "#ecdcc0")
    page.box((30, 30, 970, 730), "#fbf6ea", 4, "#8a6d4b", 3)
    rng = np.random.default_rng(12)
    for _ in range(46):
        x, y = rng.uniform(60, 940), rng.uniform(60, 700)
        page.disc(x, y, rng.uniform(3, 12), None, "#bcd3d6", 2)
    for arm in range(8):
        side, reach = (-1 if arm < 4 else 1), arm % 4
        points = []
        for t in np.linspace(0, 1, 60):
            x = 500 + side * (70 + 330 * t * (1 - 0.12 * reach))
            y = 400 + 85 * reach * t + 60 * math.sin(5.2 * t + reach * 1.3) * t + 40 * reach * t * t
            points.append((float(x), float(y)))
        for n in range(len(points) - 1):
            page.stroke(points[n : n + 2], "#7a2f4b", 36 - 30 * n / 60)
            page.stroke(points[n : n + 2], "#c4587f", 30 - 27 * n / 60)
        for n in range(6, 56, 6):
            page.disc(points[n][0], points[n][1] + 6, 6 - n / 12, "#f3c9d6", "#7a2f4b", 1)
    dome = [(500 + 150 * math.cos(a), 320 + 190 * math.sin(a)) for a in np.linspace(math.pi, 2 * math.pi, 50)]
    page.shape([*dome, (640, 430), (500, 470), (360, 430)], "#7a2f4b")
    page.shape([*[(500 + (x - 500) * 0.95, 326 + (y - 320) * 0.95) for x, y in dome], (632, 424), (500, 460), (368, 424)], "#c4587f")
    for x, y, r in ((430, 230, 16), (470, 190, 10), (560, 205, 13), (590, 260, 8), (520, 160, 7)):
        page.disc(x, y, r, "#a9406a")
    for x in (440, 560):
        page.disc(x, 340, 40, "#fffdf5", "#3a1726", 4)
        page.disc(x + 6, 352, 17, "#20303c")
        page.disc(x + 12, 345, 6, "white")
        page.stroke([(x - 40, 322), (x - 62, 310)], "#3a1726", 4)
    page.stroke([(470, 412), (486, 424), (514, 424), (530, 412)], "#3a1726", 4)
    page.shape([(330, 520), (500, 490), (670, 520), (690, 680), (500, 650), (310, 680)], "#e5d19a")
    page.stroke([(330, 520), (500, 490), (670, 520), (690, 680), (500, 650), (310, 680), (330, 520)], "#6b5428", 3)
    page.stroke([(500, 490), (500, 650)], "#b89b58", 2)
    coast = [(350 + 16 * n, 590 + 26 * math.sin(n * 0.9) + 12 * math.sin(n * 2.3)) for n in range(20)]
    page.stroke(coast, "#3d7a80", 4)
    for n in range(0, 18, 2):
        page.stroke([coast[n], (coast[n][0] + 8, coast[n][1] + 22)], "#8fb7b5", 2)
    page.stroke([(600, 540), (624, 564)], "#b3261e", 6)
    page.stroke([(624, 540), (600, 564)], "#b3261e", 6)
    return page.done()


def news() -> Image.Image:
    page = Canvas(WIDTH, HEIGHT, "#ffffff")
    page.box((0, 0, WIDTH, 6), "#b3261e")
    page.text(640, 72, "The Lower Valley Courier", 46, INK, "ms", 0.6)
    page.stroke([(60, 96), (1220, 96)], INK, 1)
    page.text(60, 122, "Town     Farms     River     Sport     Letters", 16, GREY)
    page.stroke([(60, 138), (1220, 138)], LINE, 1)
    photo = Canvas(700, 390, "#b9d6ee", "#f6efe2")
    for n, colour in enumerate(("#9cb58a", "#7a9a63", "#55773f")):
        photo.shape([*hills(700, 230 + 52 * n, 24, 60 + n), (700, 390), (0, 390)], colour)
    photo.box((420, 190, 540, 290), "#b5533c")
    photo.shape([(405, 192), (480, 130), (555, 192)], "#5b3a2e")
    for x in (438, 498):
        photo.box((x, 214, x + 26, 244), "#f6e7b0", 2, "#40281f", 2)
    photo.disc(130, 90, 38, "#fff6d5")
    page.put(photo.done(), 60, 164)
    page.text(60, 598, "Mill reopens after eleven years of patience", 30, INK, bold=0.4)
    lines = (
        "The wheel turned at noon, slower than the band had rehearsed for, and the whole",
        "square counted along. Flour will be sold on Saturdays, says the new miller, who",
        "learned the trade from a book and from her neighbour, in this order.",
        "Next in line is the old ferry; its rope has been paid for.",
    )
    for n, text in enumerate(lines):
        page.text(60, 640 + 28 * n, text, 17, "#344054")
    for n, text in enumerate(
        ("Ferry rope is here", "Goat wins second prize", "Choir looks for a bass", "Bridge closed on Monday", "Reader finds 1911 map")
    ):
        page.box((810, 164 + 116 * n, 1220, 264 + 116 * n), "#f4f1ea", 6)
        page.text(830, 204 + 116 * n, text, 21, INK, bold=0.3)
        page.text(830, 236 + 116 * n, "page " + str(2 + n * 3), 15, GREY)
    return page.done()


def weather() -> Image.Image:
    page = Canvas(WIDTH, HEIGHT, "#dff1ff", "#ffffff")
    page.text(80, 120, "Skerry Weather", 40, "#0c4a6e", bold=0.6)
    page.text(80, 160, "Northern islands, five days", 20, GREY)
    for n, (day, high) in enumerate((("Mon", 14), ("Tue", 11), ("Wed", 9), ("Thu", 13), ("Fri", 16))):
        x = 80 + 230 * n
        page.card((x, 210, x + 200, 500), 18)
        page.text(x + 100, 256, day, 24, INK, "ms")
        if n % 2 == 0:
            page.disc(x + 100, 340, 40, "#fbbf24")
            for angle in range(0, 360, 45):
                c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
                page.stroke([(x + 100 + 50 * c, 340 + 50 * s), (x + 100 + 64 * c, 340 + 64 * s)], "#fbbf24", 5)
        else:
            for dx, dy, r in ((-34, 8, 26), (0, -8, 36), (36, 8, 26)):
                page.disc(x + 100 + dx, 336 + dy, r, "#94a3b8")
            for dx in (-30, 0, 30):
                page.stroke([(x + 100 + dx, 380), (x + 92 + dx, 402)], "#38bdf8", 5)
        page.text(x + 100, 460, f"{high} C", 30, INK, "ms")
    curve = [(80 + 10 * n, 650 - 50 * math.sin(n / 9) - 18 * math.sin(n / 4)) for n in range(113)]
    page.stroke([(80, 740), (1200, 740)], LINE, 2)
    page.stroke(curve, "#0284c7", 4)
    page.text(80, 575, "Pressure", 18, GREY)
    return page.done()


def lookalike() -> Image.Image:
    """A login page of the same build as Tinlark's, of quite another brand."""
    page = Canvas(WIDTH, HEIGHT, "#e8ecf8", "#c3cbe8")
    for n in range(9):
        page.disc(100 + 160 * n, 90 + (n * 173) % 620, 30 + (n * 37) % 70, "#d5dcf2")
    page.card((420, 120, 860, 680), 22)
    page.box((602, 160, 678, 236), "#334155", 16)
    page.shape([(622, 218), (640, 178), (658, 218)], "#facc15")
    page.text(640, 290, "Peakform Gym", 32, "#334155", "ms", 0.5)
    page.text(640, 330, "Members' entrance", 19, GREY, "ms")
    field(page, 470, 396, 340, "Member", "your card's number")
    field(page, 470, 484, 340, "PIN", "six digits")
    button(page, 470, 558, 340, "Enter", "#334155")
    page.text(640, 646, "Lost your card?", 15, GREY, "ms")
    return page.done()
