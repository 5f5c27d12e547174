"""What tests of this package share: an AIL to test against."""

from collections.abc import Iterator

import pytest

from ail_connector.installation import Installation
from tests.ail_connector.stand_in import Ail, running


@pytest.fixture(scope="session")
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
