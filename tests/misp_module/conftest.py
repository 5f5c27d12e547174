"""What the tests of this package need of the machine."""

import socket
from collections.abc import Iterator

import pytest

from tests.misp_module.fake_misp import FakeMisp


@pytest.fixture(scope="module")
def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def misp() -> Iterator[FakeMisp]:
    """A MISP server with nothing on it."""
    with FakeMisp().served() as server:
        yield server
