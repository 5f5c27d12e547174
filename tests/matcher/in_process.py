"""Real servers for tests, on loopback, each in a thread of this process."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from matcher.audit import Audit
from matcher.engine import Matcher
from matcher.fetch import Fetcher
from matcher.jobs import Jobs
from matcher.settings import Settings
from matcher.tokens import Tokens
from matcher.web.http import HttpServer, listen
from matcher.web.metrics import Metrics
from matcher.web.services import Services
from matcher.web.work import handlers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@contextmanager
def serving(app: "WSGIApplication", *, port: int = 0, context: ssl.SSLContext | None = None, **options: Any) -> Iterator[HttpServer]:
    """Serve a WSGI application until the end of the block."""
    limits = {"threads": 4, "connections": 100, "max_body": 128 << 20, "idle": 30, **options}
    server = HttpServer(app, listen(ip_address("127.0.0.1"), port, "the test"), context=context, **limits)
    running = threading.Thread(target=server.run)
    running.start()
    try:
        yield server
    finally:
        server.stop()
        running.join()


@contextmanager
def services_on(settings: Settings) -> Iterator[Services]:
    """All that the routes work with."""
    with Matcher.open(settings) as matcher:
        jobs = Jobs(matcher.collection.store, settings, handlers(matcher, settings))
        jobs.start()
        try:
            yield Services(matcher, settings, Tokens(matcher.collection.store), Audit.of(settings), Metrics(), jobs, Fetcher(settings))
        finally:
            jobs.stop()
