"""The pages on a real listener, and a real browser in front of them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser

from matcher.accounts import Accounts
from matcher.settings import Settings
from matcher.web.access import Door
from matcher.web.app import create_app
from matcher.web.people import People
from matcher.web.services import Services
from tests.matcher.in_process import services_on, serving
from tests.matcher.ui.chromium import DESKTOP, Visiting, Watched, launched


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of this run; each test has a profile of its own."""
    with launched() as browser:
        yield browser


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """All that the pages work with, on an empty store."""
    with services_on(settings) as services:
        yield services


@contextmanager
def listening(services: Services, **options: Any) -> Iterator[str]:
    """Serve API and pages as `kuato serve` does; the address."""
    people = People(services.matcher.collection.store, services.settings)
    door = Door(services.tokens, services.settings, False, people)
    with serving(create_app(services), admits=door.admits, knows=people.admits, **options) as server:
        yield server.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def served(services: Services) -> Iterator[str]:
    """The address of the pages."""
    with listening(services) as url:
        yield url


@pytest.fixture
def served_with(services: Services) -> Iterator[Callable[..., str]]:
    """Serve the pages with other settings, their points written as two underscores."""
    with ExitStack() as stack:

        def serve(**changed: Any) -> str:
            settings = services.settings.with_overrides({name.replace("__", "."): value for name, value in changed.items()})
            return stack.enter_context(listening(replace(services, settings=settings)))

        yield serve


@pytest.fixture
def visit(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visiting]:
    """Open a window; at the end of the test nothing may have gone wrong in it. at: the address of the pages, `served` by default."""
    with ExitStack() as stack:
        opened: list[Watched] = []

        def open_window(at: str | None = None, **options: Any) -> Watched:
            context = stack.enter_context(chromium.new_context(viewport=options.pop("viewport", DESKTOP), locale="en-GB", **options))
            watched = Watched(context, at if at is not None else request.getfixturevalue("served"))
            opened.append(watched)
            return watched

        yield open_window
        for watched in opened:
            watched.check()


@pytest.fixture
def account(services: Services) -> Callable[..., str]:
    """Make an account; the password."""

    def make(name: str = "ana", role: str = "admin", **details: Any) -> str:
        password = f"correct horse of {name}"
        Accounts(services.matcher.collection.store).create(name, password, role, **details)
        return password

    return make


@pytest.fixture
def audited(settings: Settings) -> Callable[[], list[dict[str, Any]]]:
    """Read the audit file."""
    path = settings["data.dir"] / "audit.jsonl"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def log_in() -> Callable[[Watched, str, str], None]:
    """Log in at the door."""

    def enter(watched: Watched, name: str, password: str) -> None:
        page = watched.go("/login")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/search")

    return enter
