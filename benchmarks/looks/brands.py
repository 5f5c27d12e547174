"""Invented brands: a name, colours, a font, and a drawn logo. None is meant to be a real one."""

from dataclasses import dataclass
from random import Random

BEGINS = "Ver Quon Tal Hexa Bru Lind Oro Sev Mir Zan Kell Pav Nyx Dro Ulm Fen Ath Gor Ilv Wex Jor Cas Rov Eld Tym Zur".split()
MIDDLES = "a o i e ar un el or ix an".split()
ENDS = "dana via mont bank lo rra nex tis pol gard quay sto fin vex zen mar lith oro wick das".split()
FONTS = ("'Noto Sans'", "'DejaVu Sans'", "'Noto Serif'", "'DejaVu Sans Condensed'", "'Noto Sans Display'", "'DejaVu Serif'")
SHAPES = 12


@dataclass(frozen=True)
class Brand:
    """What a page wears. hue, second: degrees of the two colours. style: which of a design's looks (header, corners, background)."""

    name: str
    hue: int
    second: int
    saturation: int
    lightness: int
    font: str
    radius: int
    shape: int
    style: int

    @property
    def accent(self) -> str:
        return f"hsl({self.hue} {self.saturation}% {self.lightness}%)"

    @property
    def other(self) -> str:
        return f"hsl({self.second} {max(25, self.saturation - 10)}% {self.lightness + 8}%)"

    @property
    def domain(self) -> str:
        return f"{self.name.lower().replace(' ', '-')}.example"

    def onion(self, random: Random) -> str:
        return "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=56)) + ".onion"

    def logo(self, size: int = 40) -> str:
        """Return the sign of the brand as SVG."""
        a, b, initial = self.accent, self.other, self.name[0]
        letter = f'<text x="50" y="68" font-size="52" font-weight="700" text-anchor="middle" fill="#fff" font-family="DejaVu Sans">{initial}</text>'
        body = (
            f'<circle cx="50" cy="50" r="48" fill="{a}"/>{letter}',
            f'<rect x="4" y="4" width="92" height="92" rx="22" fill="{a}"/><path d="M20 70 L50 22 L80 70 Z" fill="{b}"/>',
            f'<path d="M50 3 92 27v46L50 97 8 73V27Z" fill="{a}"/>{letter}',
            f'<circle cx="36" cy="50" r="34" fill="{a}"/><circle cx="66" cy="50" r="30" fill="{b}" fill-opacity=".8"/>',
            f'<path d="M50 4 90 18v34c0 26-22 38-40 44C32 90 10 78 10 52V18Z" fill="{a}"/><path d="M30 50l15 16 28-34" stroke="#fff" stroke-width="9" fill="none"/>',
            f'<rect x="8" y="52" width="20" height="42" fill="{b}"/><rect x="38" y="28" width="20" height="66" fill="{a}"/><rect x="68" y="6" width="20" height="88" fill="{b}"/>',
            f'<path d="M6 50 Q50 -24 94 50 Q50 124 6 50Z" fill="{a}"/><circle cx="50" cy="50" r="20" fill="#fff"/><circle cx="50" cy="50" r="11" fill="{b}"/>',
            f'<path d="M50 2 62 38 98 38 69 60 80 96 50 74 20 96 31 60 2 38 38 38Z" fill="{a}"/>',
            f'<path d="M10 90 V10 H60 A28 28 0 0 1 60 66 H34 V90Z" fill="{a}"/><circle cx="58" cy="38" r="13" fill="{b}"/>',
            f'<path d="M4 74 C24 20 40 100 56 46 S90 30 96 22" stroke="{a}" stroke-width="16" fill="none"/><circle cx="84" cy="76" r="14" fill="{b}"/>',
            f'<path d="M50 2 98 50 50 98 2 50Z" fill="{a}"/><path d="M50 24 76 50 50 76 24 50Z" fill="#fff"/><path d="M50 36 64 50 50 64 36 50Z" fill="{b}"/>',
            f'<path d="M8 26 50 6 92 26V36H8ZM6 84h88v12H6Z" fill="{a}"/><path d="M16 42h12v38H16ZM44 42h12v38H44ZM72 42h12v38H72Z" fill="{b}"/>',
        )[self.shape]
        return f'<svg class="logo" width="{size}" height="{size}" viewBox="0 0 100 100">{body}</svg>'


def make_brands(seed: int, count: int) -> list[Brand]:
    """Return brands with different names, colours spread over the circle."""
    random = Random(f"{seed}/brands")
    names: list[str] = []
    while len(names) < count:
        middle = random.choice(MIDDLES) if random.random() < 0.4 else ""
        name = (random.choice(BEGINS) + middle + random.choice(ENDS)).capitalize()
        if name not in names:
            names.append(name)
    turn = random.randrange(360)
    shapes = [n % SHAPES for n in range(count)]
    random.shuffle(shapes)
    brands = []
    for n, name in enumerate(names):
        hue = (turn + n * 137) % 360
        brands.append(
            Brand(
                name=name,
                hue=hue,
                second=(hue + random.choice((30, 60, 150, 180, 210, 300))) % 360,
                saturation=random.randint(45, 90),
                lightness=random.randint(28, 48),
                font=random.choice(FONTS),
                radius=random.choice((0, 2, 4, 8, 14)),
                shape=shapes[n],
                style=random.randrange(4),
            )
        )
    random.shuffle(brands)
    return brands
