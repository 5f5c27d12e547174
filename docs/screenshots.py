"""Takes the pictures of the pages in docs/images: `python docs/screenshots.py`.

Shows the samples of the project in a server of its own; needs Chromium, and the packages that the tests need.
"""

import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from matcher.engine import Matcher  # noqa: E402
from matcher.redis_server import EmbeddedRedis  # noqa: E402
from matcher.settings import Settings  # noqa: E402
from matcher.source import Source  # noqa: E402
from tests.matcher.in_process import services_on  # noqa: E402
from tests.matcher.ui.chromium import Watched, launched  # noqa: E402
from tests.matcher.ui.conftest import listening  # noqa: E402
from tests.matcher.ui.test_review import pages  # noqa: E402

IMAGES, SAMPLES = ROOT / "docs" / "images", ROOT / "samples"
_WINDOW = {"width": 1280, "height": 800}
_SEEN = 1_767_225_600.0
_COLOURS = 240  # few enough to be small, enough to look at


def search(page: Page) -> None:
    """Search a screenshot, and look at it and what it is like."""
    page.locator("#file").set_input_files(SAMPLES / "queries" / "ovalquay-in-browser.png")
    page.locator(".answer").wait_for()
    for button in page.locator(".match:not([hidden]) .reveal:not([hidden])").all():
        button.click()
    page.evaluate("() => document.activeElement.blur()")


def review(page: Page) -> None:
    """Look at a pair that waits."""
    page.locator(".review-pair").wait_for()
    page.keyboard.press("b")


# name of the file -> path of the page, light or dark, what to do there. Other pages add a line.
SHOTS: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "search": ("/search", "light", search),
    "search-dark": ("/search", "dark", search),
    "review": ("/review", "light", review),
}


def fill(matcher: Matcher) -> None:
    """Let the samples be known."""
    matcher.banks.create("brands", kind="baseline", domains=["ovalquay.example", "tinlark.example"])
    for path in sorted((SAMPLES / "baseline").glob("*.png")):
        seen = Source("url", f"https://{path.stem.partition('-')[0]}.example/login", _SEEN, _SEEN, {"org": "CIRCL"})
        matcher.add(path.read_bytes(), sources=[seen], banks=["brands"], tags=["login-page"], name=path.name)
    for path in sorted((SAMPLES / "seen").iterdir()):
        matcher.add(path.read_bytes(), sources=[Source("file", path.name, _SEEN, _SEEN)], name=path.name)
    for number, data in enumerate(pages(8)):
        seen = Source("url", f"https://marrow-bank-{number}.example/", _SEEN + number, _SEEN + number)
        matcher.add(data, sources=[seen], tags=['phishing:state="active"'])


@contextmanager
def shown() -> Iterator[str]:
    """Serve the pages on a Redis of their own; the address."""
    with tempfile.TemporaryDirectory() as folder:
        redis = EmbeddedRedis(Path(folder) / "redis")
        overrides = {"redis.url": redis.ensure(), "data.dir": Path(folder) / "data", "thumbnails.enabled": True, "workers.count": 1}
        try:
            with services_on(Settings.load(environ={}, overrides=overrides | {"thumbnails.side": 800})) as services:
                fill(services.matcher)
                with listening(services) as url:
                    yield url
        finally:
            redis.stop()


def main() -> None:
    """Write the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with shown() as url, launched() as browser:
        for name, (path, look, act) in SHOTS.items():
            context = browser.new_context(viewport=_WINDOW, locale="en-GB", color_scheme=look)  # type: ignore[arg-type]
            watched = Watched(context, url)
            act(watched.go(path))
            watched.page.wait_for_timeout(300)
            picture = Image.open(io.BytesIO(watched.page.screenshot())).convert("RGB")
            picture.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)
            print(f"docs/images/{name}.png: {(IMAGES / f'{name}.png').stat().st_size // 1000} kB")
            watched.check()
            context.close()


if __name__ == "__main__":
    main()
