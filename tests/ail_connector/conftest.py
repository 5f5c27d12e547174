"""What tests of this package share: an AIL to test against."""

from collections.abc import Iterator

import pytest

from ail_connector.front import Front
from ail_connector.installation import Installation
from matcher import accounts, tokens
from matcher.engine import Matcher
from matcher.settings import Settings
from tests.ail_connector.stand_in import Ail, running


@pytest.fixture(scope="package")
def running_ail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ail]:
    """A running AIL."""
    yield from running(tmp_path_factory.mktemp("ail") / "home")


@pytest.fixture
def ail(running_ail: Ail) -> Ail:
    """An AIL with nothing in it but files."""
    running_ail.clear()
    return running_ail


@pytest.fixture
def installation(ail: Ail) -> Installation:
    """That AIL as its files describe it."""
    return Installation.read(ail.home)


@pytest.fixture(scope="package")
def shared_matcher(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matcher]:
    """A matcher whose worker is started once for all tests."""
    overrides = {"redis.url": redis_url, "data.dir": tmp_path_factory.mktemp("data"), "workers.count": 1}
    with Matcher.open(Settings.load(environ={}, overrides=overrides)) as matcher:
        yield matcher


@pytest.fixture
def front(ail: Ail, shared_matcher: Matcher) -> Iterator[Front]:
    """The stand-alone front on an empty store."""
    shared_matcher.reset()
    store = shared_matcher.collection.store
    store.delete([store.key(kind) for kind in (tokens.KEY, accounts.KEY)])  # which a reset keeps
    before = shared_matcher.settings
    shared_matcher.settings = before.with_overrides(
        {"ail.home": ail.home, "ail.retry_seconds": 0, "ail.screenshot_seconds": 0, "ail.bank_minutes": 0}
    )
    made = Front.open(shared_matcher)
    yield made
    made.close()
    shared_matcher.settings = before
