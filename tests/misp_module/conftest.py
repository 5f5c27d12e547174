"""What the tests of this package need of the machine."""

import socket

import pytest


@pytest.fixture(scope="module")
def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
