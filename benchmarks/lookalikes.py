"""A set of pages that look alike and are different: designs worn by invented brands in five languages, each seen in several ways.

    python benchmarks/lookalikes.py OUT --seed 1

Looks at one page (saved again, another width, theme or language, a cookie dialog, in a report ..) belong together; pages of one design
under another brand or with other contents do not, and MAYBE ("the same kit") is the strongest answer that is no error. A translated
page stays the page: brand, layout and pictures are the same. Pages without variants, blank ones and errors match nothing.

Writes OUT/images and OUT/ground_truth.json; the same seed makes the same pages. Renders with Chromium, which must be installed with fonts
(Debian: apt-get install chromium fonts-dejavu fonts-noto-core fonts-noto-cjk). Then:

    kuato evaluate OUT/images --out predictions.jsonl
    shared/eval/score.py OUT/ground_truth.json predictions.jsonl
"""

import argparse
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from looks.brands import make_brands
from looks.browser import Browser, browser, missing
from looks.designs import DESIGNS, RENDERED, Design
from looks.edits import EDITS
from looks.page import Page
from looks.sparse import sparse_pages
from looks.truth import Truth
from PIL import Image

BRANDS = 26
SIZES = ((1280, 800), (1280, 800), (1280, 800), (1366, 768), (1440, 900))
WIDTHS = (1024, 1152, 1440, 1600, 1920)
TONGUES = ("en", "en", "en", "de", "de", "ru", "ru", "zh", "ar")


@dataclass(frozen=True)
class Plan:
    """What to make.

    pages: of each design. seen: how many of them are seen in variants too. variants: of each of those. sparse: pages of each sparse kind.
    """

    seed: int
    designs: tuple[Design, ...] = DESIGNS
    pages: int = 12
    seen: int = 6
    variants: int = 5
    sparse: int = 9


class Studio:
    """Renders a plan's pages into a folder, under names that tell nothing."""

    def __init__(self, plan: Plan, browser: Browser, folder: Path) -> None:
        self._plan, self._browser, self._folder = plan, browser, folder
        self._names, self._saving = Random(f"{plan.seed}/names"), Random(f"{plan.seed}/saving")
        self.files = 0

    def render(self, html: str, size: tuple[int, int], *, full: bool = False) -> Image.Image:
        """Return what a window of that size shows of a page, or, full, the whole page."""
        with Image.open(io.BytesIO(self._browser.screenshot(html, *size, full=full))) as opened:
            return opened.convert("RGB")

    def save(self, picture: Image.Image, *, lossless: bool = False, poorly: bool = False) -> str:
        """Write a picture; return its name. lossless: as PNG. poorly: as a JPEG of low quality."""
        ending = "png" if lossless else "jpg" if poorly else self._saving.choice(("png", "jpg", "webp"))
        quality = self._saving.randint(20, 45) if poorly else self._saving.randint(72, 92)
        name = f"{self._names.getrandbits(48):012x}.{ending}"
        picture.save(self._folder / name, **({"compress_level": 4} if ending == "png" else {"quality": quality}))
        self.files += 1
        return name

    def page(self, design: Design, page: Page, size: tuple[int, int], variants: list[str]) -> list[tuple[str, str, str]]:
        """Save a page and its variants; return file, variant and difficulty of each."""
        base = self.render(design.draw(page), size)
        members = [(self.save(base, lossless=True), "base", "base")]
        for variant in variants:
            random = page.random(f"variant {variant}")
            if variant in EDITS:
                edit, difficulty = EDITS[variant]
                picture = edit(base, random)
            else:
                difficulty = RENDERED[variant]
                picture = self._again(design, page, size, variant, random)
            members.append((self.save(picture, poorly=variant == "recompressed"), variant, difficulty))
        return members

    def _again(self, design: Design, page: Page, size: tuple[int, int], variant: str, random: Random) -> Image.Image:
        if variant == "width":
            return self.render(design.draw(page), (random.choice([width for width in WIDTHS if width != size[0]]), size[1]))
        if variant == "full":
            return self.render(design.draw(page), size, full=True)
        other = {
            "changed": replace(page, visit=1),
            "cookie": replace(page, cookie=True),
            "theme": replace(page, dark=True),
            "language": replace(page, language=random.choice([code for code in ("en", "de", "ru", "zh") if code != page.language])),
        }[variant]
        return self.render(design.draw(other), size)


def decks(design: Design, random: Random) -> Iterator[str]:
    """Yield the design's variants for ever, each as often as any other, but language twice, which few designs have."""
    while True:
        cards = [name for name in [*EDITS, *RENDERED, "language"] if name not in design.without]
        random.shuffle(cards)
        yield from cards


def make(plan: Plan, studio: Studio) -> Truth:
    truth, brands = Truth(), make_brands(plan.seed, BRANDS)
    for design in plan.designs:
        random = Random(f"{plan.seed}/{design.name}")
        wearers = random.sample(brands, min(design.brands, plan.pages))
        deck, pages = decks(design, random), []
        for n in range(plan.pages):
            brand, contents = wearers[n % len(wearers)], n // len(wearers)
            page = Page(plan.seed, design.name, brand, contents, random.choice(TONGUES))
            variants: list[str] = []
            while n < plan.seen and len(variants) < plan.variants:
                # A page that is read from the right changes its whole layout with its language.
                drawn = next(deck)
                if drawn not in variants and not (drawn == "language" and page.language == "ar"):
                    variants.append(drawn)
            members = studio.page(design, page, random.choice(SIZES), variants)
            pages.append(truth.page(f"{design.name}/{brand.name}/{contents}/{page.language}", members))
        truth.alike(design.name, pages, "one design, other brand or other contents")
        print(f"{design.name}: {studio.files} pictures", flush=True)
    for name, documents in sparse_pages(plan.seed, plan.sparse).items():
        shown = [studio.save(studio.render(html, SIZES[0]), lossless=True) for html in documents]
        pages = [truth.page(f"sparse/{name}", [(file, "base", "base")]) for file in shown]
        truth.alike(name, pages, "pages that show next to nothing")
    return truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for images/ and ground_truth.json; must not hold pictures yet")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other brands, contents and variants")
    parser.add_argument("--pages", type=int, default=12, help="pages of each design")
    parser.add_argument("--sparse", type=int, default=9, help="pages of each kind that show next to nothing, at most 9")
    parser.add_argument("--designs", help="only some, by name, with commas between", default=",".join(design.name for design in DESIGNS))
    given = parser.parse_args()
    known = {design.name: design for design in DESIGNS}
    unknown = [name for name in given.designs.split(",") if name not in known]
    if unknown:
        parser.error(f"no design {', '.join(unknown)}; there are {', '.join(known)}")
    folder = given.out / "images"
    if folder.is_dir() and any(folder.iterdir()):
        parser.error(f"{folder} is not empty; name another folder")
    if lacking := missing():
        parser.exit(3, f"{lacking}\n")
    folder.mkdir(parents=True, exist_ok=True)
    designs = tuple(known[name] for name in given.designs.split(","))
    plan = Plan(given.seed, designs, given.pages, (given.pages + 1) // 2, sparse=given.sparse)
    with browser() as chromium:
        studio = Studio(plan, chromium, folder)
        truth = make(plan, studio)
    document = json.dumps(truth.document(f"look-alikes {given.seed}"), indent=1)
    (given.out / "ground_truth.json").write_text(document, "utf-8")
    print(f"{studio.files} pictures in {folder}")


if __name__ == "__main__":
    main()
