"""Pictures for the pages, all drawn: goods, faces, QR codes, bar codes, captchas, charts."""

from random import Random

import numpy as np

from .photos import photo


def avatar(random: Random, size: int = 48, radius: str = "50%") -> str:
    """Return a user's picture: a photograph, an identicon, or a letter."""
    css = f"border-radius:{radius};flex:none"
    kind, hue = random.random(), random.randrange(360)
    if kind < 0.35:
        return photo(random, size, size, css)
    if kind < 0.7:
        cells = [(x, y) for x in range(3) for y in range(5) if random.random() < 0.5]
        squares = "".join(f'<rect x="{c}" y="{y}" width="1" height="1"/>' for x, y in cells for c in {x, 4 - x})
        body = f'<rect x="-1" y="-1" width="7" height="7" fill="#ddd"/><g fill="hsl({hue} 60% 45%)">{squares}</g>'
        return f'<svg style="{css}" width="{size}" height="{size}" viewBox="-1 -1 7 7">{body}</svg>'
    letter = chr(65 + random.randrange(26))
    return (
        f'<span style="{css};display:inline-flex;align-items:center;justify-content:center;width:{size}px;height:{size}px;color:#fff;'
        f'background:linear-gradient(135deg,hsl({hue} 70% 55%),hsl({hue + 50} 70% 35%));font-size:{size // 2}px">{letter}</span>'
    )


def goods(random: Random, width: int = 180, height: int = 140) -> str:
    """Return the picture of something sold: a drawing (bottle, box, bag, phone, card, pills) or a photograph."""
    if random.random() < 0.4:
        return photo(random, width, height, "width:100%;height:auto")
    hue, tint = random.randrange(360), random.randrange(360)
    main, side = f"hsl({hue} {random.randint(30, 85)}% {random.randint(30, 60)}%)", f"hsl({tint} 60% {random.randint(35, 70)}%)"
    x, y = random.randint(-14, 14), random.randint(-8, 8)
    shapes = (
        f'<rect x="72" y="40" width="36" height="80" rx="9" fill="{main}"/><rect x="80" y="20" width="20" height="24" fill="{side}"/><rect x="72" y="66" width="36" height="26" fill="#fff8"/>',
        f'<path d="M40 60 90 40 140 60 90 82Z" fill="{side}"/><path d="M40 60V104L90 126V82Z" fill="{main}"/><path d="M140 60V104L90 126V82Z" fill="{main}" opacity=".7"/>',
        f'<path d="M52 50H128L138 122H42Z" fill="{main}"/><path d="M70 50Q70 22 90 22T110 50" stroke="{side}" stroke-width="6" fill="none"/>',
        f'<rect x="62" y="16" width="56" height="108" rx="10" fill="#222"/><rect x="67" y="26" width="46" height="86" fill="{main}"/><circle cx="90" cy="62" r="15" fill="{side}"/>',
        f'<rect x="34" y="38" width="112" height="68" rx="8" fill="{main}"/><rect x="34" y="52" width="112" height="12" fill="#0006"/><rect x="44" y="76" width="24" height="16" rx="3" fill="{side}"/>',
        "".join(
            f'<ellipse cx="{random.randint(40, 140)}" cy="{random.randint(36, 110)}" rx="15" ry="8" fill="{random.choice((main, side))}" '
            f'transform="rotate({random.randint(-40, 40)} 90 70)"/>'
            for _ in range(random.randint(5, 12))
        ),
    )
    dots = "".join(
        f'<circle cx="{random.randint(0, 180)}" cy="{random.randint(0, 140)}" r="{random.randint(1, 5)}" fill="{side}" opacity=".35"/>' for _ in range(random.randint(0, 14))
    )
    ground = f"hsl({random.randrange(360)} {random.randint(5, 50)}% {random.randint(78, 95)}%)"
    body = f'<rect width="180" height="140" fill="{ground}"/>{dots}<g transform="translate({x} {y})">{random.choice(shapes)}</g>'
    return f'<svg width="100%" viewBox="0 0 180 140" style="display:block">{body}</svg>'


def qr(random: Random, size: int = 200) -> str:
    """Return what looks like a QR code of version 3."""
    n = 29
    grid = np.random.default_rng(random.getrandbits(48)).integers(0, 2, (n, n)).astype(bool)
    finder = np.ones((7, 7), bool)
    finder[1:6, 1:6] = False
    finder[2:5, 2:5] = True
    for top, left in ((0, 0), (0, n - 7), (n - 7, 0)):
        grid[max(0, top - 1) : top + 8, max(0, left - 1) : left + 8] = False
        grid[top : top + 7, left : left + 7] = finder
    cells = "".join(f"M{x} {y}h1v1h-1z" for y, x in zip(*np.nonzero(grid), strict=True))
    return f'<svg width="{size}" height="{size}" viewBox="-2 -2 {n + 4} {n + 4}" shape-rendering="crispEdges"><rect x="-2" y="-2" width="40" height="40" fill="#fff"/><path d="{cells}"/></svg>'


def barcode(random: Random, width: int = 240, height: int = 60) -> str:
    bars, x = "", 0
    while x < 190:
        wide = random.choice((1, 1, 2, 3))
        bars += f'<rect x="{x}" width="{wide}" height="50"/>'
        x += wide + random.choice((1, 1, 2, 3))
    return f'<svg width="{width}" height="{height}" viewBox="0 0 195 50" preserveAspectRatio="none">{bars}</svg>'


def captcha(random: Random, width: int = 240, height: int = 80) -> str:
    """Return distorted letters with lines over them."""
    ink = [f"hsl({random.randrange(360)} 60% 35%)" for _ in range(8)]
    letters = "".join(
        f'<text x="{22 + 34 * n}" y="{50 + random.randint(-8, 12)}" font-size="{random.randint(32, 46)}" fill="{ink[n]}" font-family="DejaVu Serif" '
        f'transform="rotate({random.randint(-25, 25)} {30 + 34 * n} 45)">{random.choice("ABCDEFGHKLMNPRSTUVXYZ23456789")}</text>'
        for n in range(6)
    )
    lines = "".join(
        f'<path d="M{random.randint(0, 60)} {random.randint(0, 80)} Q{random.randint(60, 180)} {random.randint(0, 80)} {random.randint(180, 240)} {random.randint(0, 80)}" '
        f'stroke="{ink[n]}" stroke-width="2" fill="none"/>'
        for n in range(5)
    )
    dots = "".join(f'<circle cx="{random.randint(0, 240)}" cy="{random.randint(0, 80)}" r="1.5" fill="{random.choice(ink)}"/>' for _ in range(60))
    return f'<svg width="{width}" height="{height}" viewBox="0 0 240 80"><rect width="240" height="80" fill="hsl({random.randrange(360)} 30% 90%)"/>{dots}{letters}{lines}</svg>'


def chart(random: Random, width: int, height: int, colour: str) -> str:
    """Return a curve as of a price or of visits."""
    value, points = 0.5, []
    for n in range(49):
        value = min(0.95, max(0.05, value + random.uniform(-0.13, 0.13)))
        points.append(f"{n * width / 48:.1f},{height * (1 - value):.1f}")
    line = " ".join(points)
    return (
        f'<svg width="100%" viewBox="0 0 {width} {height}" style="display:block"><polygon points="0,{height} {line} {width},{height}" fill="{colour}" opacity=".18"/>'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.5"/></svg>'
    )
