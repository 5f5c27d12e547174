"""The listener of the HTTP API."""

import ipaddress
import ssl
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from matcher.audit import Audit
from matcher.engine import Matcher
from matcher.errors import BadSettings
from matcher.fetch import Fetcher
from matcher.jobs import Jobs
from matcher.retention import Retention
from matcher.settings import Settings
from matcher.tokens import Tokens
from matcher.web.access import Door
from matcher.web.app import create_app
from matcher.web.http import HttpServer, listen, listen_address
from matcher.web.metrics import Metrics
from matcher.web.people import People
from matcher.web.services import Services
from matcher.web.status import LIVE
from matcher.web.tls import server_context
from matcher.web.work import handlers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_IDLE_SECONDS = 60


class Listener:
    """Serves the HTTP API, works on its jobs, and forgets what is over its time, by `run` until `stop` is called from anywhere.

    Raises BadSettings when web.listen cannot be bound, others than this machine's users could ask and there is no token,
    web.proxy is no address, or certificate, key or audit file cannot be used; StoreUnavailable.
    """

    def __init__(self, matcher: Matcher, settings: Settings) -> None:
        host, port = listen_address(settings["web.listen"], "web.listen")
        tokens, proxy = Tokens(matcher.collection.store), _proxy(settings["web.proxy"])
        exposed, people = not host.is_loopback or bool(proxy), People(matcher.collection.store, settings)
        if exposed and not (tokens.usable() or people.proxied or people.accounts.any()):
            raise BadSettings(
                f"web.listen ({host}) or web.proxy lets others ask, and there is no token: make one with `kuato token create NAME` first,"
                " or an account for a person with `kuato account add NAME`."
            )
        self._jobs = Jobs(matcher.collection.store, settings, handlers(matcher, settings))
        services = Services(matcher, settings, tokens, Audit.of(settings), Metrics(), self._jobs, Fetcher(settings))
        app: WSGIApplication = create_app(services, exposed=exposed).wsgi_app
        if proxy:
            app = _Behind(app, proxy)
        self._stopping = threading.Event()
        self._retention = Retention(matcher, settings)
        self._server = HttpServer(
            app,
            listen(host, port, "web.listen"),
            threads=settings["web.threads"],
            connections=settings["web.connections"],
            max_body=settings["web.max_body"],
            idle=_IDLE_SECONDS,
            prefix=settings["web.prefix"],
            context=_context(settings),
            admits=Door(tokens, settings, exposed, people).admits,
            knows=people.admits,
            at_once=[LIVE],
        )

    @property
    def url(self) -> str:
        """The address of the API, with the port that was really bound."""
        return self._server.url

    def run(self) -> None:
        """Serve until `stop`."""
        forgetting = threading.Thread(target=self._retention.run_every, args=(self._stopping,), name="retention", daemon=True)
        self._jobs.start()
        forgetting.start()
        try:
            self._server.run()
        finally:
            self._stopping.set()
            self._jobs.stop()
            forgetting.join()

    def stop(self) -> None:
        """Let `run` return; may be called from anywhere, and more than once."""
        self._stopping.set()
        self._server.stop()


class _Behind:
    """Believes what the one reverse proxy says of its clients, and nobody else."""

    def __init__(self, app: "WSGIApplication", proxy: str) -> None:
        self._direct = app
        self._proxied = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self._proxy = proxy

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        chosen = self._proxied if environ.get("REMOTE_ADDR") == self._proxy else self._direct
        return chosen(environ, start_response)


def _proxy(text: str) -> str:
    """Return the proxy's address as connections show theirs, "" for none. Raises BadSettings: a name would match nobody, unnoticed."""
    try:
        return text and str(ipaddress.ip_address(text))
    except ValueError:
        raise BadSettings(f"web.proxy is {text!r}; give the IP address from which the proxy asks, such as 127.0.0.1") from None


def _context(settings: Settings) -> ssl.SSLContext | None:
    certificate, key = settings["web.certificate"], settings["web.key"]
    if bool(certificate) != bool(key):
        raise BadSettings("web.certificate and web.key belong together; give both or none.")
    if certificate is None:
        if settings["web.client_ca"]:
            raise BadSettings("web.client_ca needs web.certificate and web.key.")
        return None
    return server_context(certificate, key, settings["web.client_ca"])
