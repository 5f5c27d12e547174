"""A client and a real server for it."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask

from matcher.client import Client, Patience
from matcher.settings import Settings
from matcher.tokens import Role
from matcher.web.app import create_app
from matcher.web.http import HttpServer
from matcher.web.services import Services
from tests.matcher.in_process import services_on, serving

LOGIN = "baseline/tinlark-login.png"
COPY = "queries/tinlark-half.webp"


class Clock:
    """A patience for which time passes when it is told to sleep. slept: the pauses. meanwhile: what else happens then."""

    def __init__(self, meanwhile: Callable[[], Any] = lambda: None) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._meanwhile = meanwhile

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self._meanwhile()

    def patience(self, **details: Any) -> Patience:
        return Patience(sleep=self.sleep, clock=lambda: self.now, chance=lambda: 0.5, **details)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with services_on(settings) as services:
        yield services


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def server(app: Flask) -> Iterator[HttpServer]:
    with serving(app) as server:
        yield server


@pytest.fixture
def client(server: HttpServer, clock: Clock) -> Iterator[Client]:
    """A client that never really sleeps."""
    with Client(server.url, patience=clock.patience()) as client:
        yield client


@pytest.fixture
def token(services: Services) -> Callable[..., str]:
    """Make tokens."""
    return lambda role="admin", **details: services.tokens.create("a test", Role.named(role), **details)[1]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    """What a server on loopback needs for TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context
