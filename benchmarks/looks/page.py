"""A page to be drawn: a design, the brand that wears it, its contents, and how this look at it differs from others."""

from dataclasses import dataclass
from random import Random

from .brands import Brand
from .words import LANGUAGES, Language


@dataclass(frozen=True)
class Page:
    """contents: tells pages of one design and brand apart. visit: what changes from look to look (time, numbers, captcha, a new line).

    language: of the page. cookie: whether a dialog lies over it. dark: its other theme.
    """

    seed: int
    design: str
    brand: Brand
    contents: int
    language: str
    visit: int = 0
    dark: bool = False
    cookie: bool = False

    @property
    def words(self) -> Language:
        return LANGUAGES[self.language]

    def say(self, key: str) -> str:
        """Return a text of the interface in the page's language."""
        return self.words.say(key)

    def random(self, part: str) -> Random:
        """Return chance that is the same at each visit, in each language."""
        return Random(f"{self.seed}/{self.design}/{self.brand.name}/{self.contents}/{part}")

    def fresh(self, part: str) -> Random:
        """Return chance that is another at another visit."""
        return Random(f"{self.seed}/{self.design}/{self.brand.name}/{self.contents}/{part}/visit {self.visit}")

    def html(self, css: str, body: str, *, night: bool = False) -> str:
        """Return the whole document. night: the design is dark by day, and light in its other theme."""
        tints = NIGHT if night != self.dark else DAY
        brand = self.brand
        variables = f"--a:{brand.accent};--b:{brand.other};--r:{brand.radius}px;" + "".join(f"--{k}:{v};" for k, v in tints.items())
        dialog = _cookie(self) if self.cookie else ""
        return (
            f'<!doctype html><html lang="{self.language}" dir="{self.words.direction}"><head><meta charset="utf-8"><style>:root{{{variables}}}'
            f"body{{font-family:{brand.font},'Noto Sans','Noto Sans Arabic','Noto Sans CJK SC',sans-serif}}{BASE}{css}</style></head>"
            f"<body>{body}{dialog}</body></html>"
        )


DAY = {"bg": "#f3f4f6", "card": "#fff", "fg": "#1d232b", "soft": "#69727d", "line": "#d9dde2"}
NIGHT = {"bg": "#14171c", "card": "#1f242b", "fg": "#e3e6ea", "soft": "#8d96a1", "line": "#343b45"}
BASE = """
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font-size:15px;line-height:1.45}
a{color:var(--a);text-decoration:none}.soft{color:var(--soft)}.row{display:flex;align-items:center;gap:12px}.grow{flex:1}
.card{background:var(--card);border:1px solid var(--line);border-radius:var(--r);padding:20px}
.in{display:block;width:100%;padding:10px 12px;border:1px solid var(--line);border-radius:var(--r);background:var(--card);color:var(--fg);margin:4px 0 14px}
.btn{display:inline-block;background:var(--a);color:#fff;border-radius:var(--r);padding:10px 22px;font-weight:600;text-align:center}
.wide{max-width:1180px;margin:0 auto;padding:0 24px}table{border-collapse:collapse;width:100%}h1,h2,h3{margin:.2em 0 .5em;line-height:1.2}
.logo{vertical-align:middle;flex:none}.sign{background:#fff;border-radius:7px;padding:4px;flex:none;line-height:0}img{display:block;max-width:100%}.mono{font-family:'DejaVu Sans Mono',monospace}
.veil{position:fixed;inset:0;background:#0007;display:flex;align-items:flex-end;justify-content:center}
.veil>div{background:#fff;color:#222;max-width:860px;margin:0 20px 40px;padding:24px 28px;border-radius:8px;font-family:'Noto Sans','Noto Sans CJK SC'}
.veil b{display:inline-block;padding:9px 20px;border-radius:4px;background:#2b6cb0;color:#fff;margin:12px 8px 0 0}.veil b+b{background:#e2e8f0;color:#333}
"""


def _cookie(page: Page) -> str:
    # The same dialog on all sites, as those of the few sellers are.
    say = page.say
    return f'<div class="veil"><div><h3>{say("cookie_title")}</h3>{say("cookie_text")}<br><b>{say("accept")}</b><b>{say("reject")}</b></div></div>'
