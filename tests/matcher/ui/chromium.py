"""Chromium, and what every page is held against: no error on its console, nothing from elsewhere, readable to all (axe-core)."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
DESKTOP, TABLET = {"width": 1280, "height": 800}, {"width": 820, "height": 1180}
PATIENCE = 30_000  # milliseconds; only what is broken takes so long
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_GRAVE = ("serious", "critical")


def executable() -> str:
    """The path of Chromium; skips the test where there is none, fails it in CI."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        said = "Chromium is not installed (Debian: apt install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{said}; in CI these tests must run")
        pytest.skip(said)
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser with a fresh profile."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page, with all that went wrong on it. expected: texts of console errors that a test provokes."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        context.set_default_timeout(PATIENCE)
        self.page: Page = context.new_page()
        self.base = base
        self.problems: list[str] = []
        self.expected: list[str] = []
        self.page.on("console", lambda said: self._heard(said.type, said.text))
        self.page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def go(self, path: str) -> Page:
        """Open a page of ours."""
        self.page.goto(self.base + path)
        return self.page

    def check(self) -> None:
        """Fail where something went wrong so far."""
        grave = [each for each in self.problems if not any(text in each for text in self.expected)]
        assert not grave, "\n".join(grave)

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.problems.append(f"console {kind}: {text}")

    def _asked(self, url: str) -> None:
        scheme = urlsplit(url).scheme
        if scheme not in ("blob", "data", "about") and not url.startswith(self.base):
            self.problems.append(f"asked elsewhere: {url}")


def readable(page: Page) -> None:
    """Hold a page as it is now against axe-core, in light and in dark; fail on what is serious or critical."""
    source = files("axe_playwright_python").joinpath("axe.min.js").read_text()
    chosen = page.evaluate("document.documentElement.dataset.look ?? ''")
    for look in ("light", "dark"):
        page.emulate_media(color_scheme=look)  # type: ignore[arg-type]
        page.evaluate("look => document.documentElement.dataset.look = look", look)
        page.evaluate("() => document.getAnimations().forEach(each => { try { each.finish(); } catch { each.cancel(); } })")
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(source)  # by the debugger, which no policy of the page concerns
        # The look changes colours and nothing else.
        options = {"resultTypes": ["violations"]} | ({"runOnly": ["color-contrast"]} if look == "dark" else {})
        found = page.evaluate("options => axe.run(document, options)", options)
        assert not (said := "\n".join(_told(found["violations"]))), f"{page.url} ({look}):\n{said}"
    page.evaluate("look => look ? document.documentElement.dataset.look = look : delete document.documentElement.dataset.look", chosen)


def fits(page: Page) -> None:
    """Fail where a page is wider than its window."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= window, f"{page.url} is {wide} px wide in a window of {window}"


def _told(violations: list[dict[str, Any]]) -> Iterator[str]:
    for one in violations:
        if one["impact"] in _GRAVE:
            for node in one["nodes"][:4]:
                yield f"{one['impact']} {one['id']}: {one['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"


Visiting = Callable[..., Watched]
