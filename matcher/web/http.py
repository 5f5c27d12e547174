"""The production server: waitress, with limits, and HTTPS in front of it where there is a certificate.

Requests are received by one thread that waits for all connections at once, so idle and slow ones cost nothing but memory
and disk, and no more than their bound; only complete requests get one of the working threads.
"""

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, ClassVar

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import ErrorTask
from waitress.utilities import Error
from waitress.wasyncore import close_all, loop

from matcher.errors import BadRequest, BadSettings, KuatoError, RequestTooLarge, Unauthorized
from matcher.web.tls import Terminator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Address = IPv4Address | IPv6Address
Admits = Callable[[str], bool]
_POLL_SECONDS = 0.2
_MAX_HEADER = 16 * 1024
_RECEIVE = 256 * 1024  # waitress reads 8 KiB at a time by itself, which takes seconds for a large picture
_SMALL = 1 << 20
_LOCALHOST = "127.0.0.1"


class _FailureTask(ErrorTask):
    """What a request that is no sound HTTP gets, in the form of all other errors."""

    _KINDS: ClassVar[dict[int, type[KuatoError]]] = {400: BadRequest, 401: Unauthorized, 413: RequestTooLarge}

    def execute(self) -> None:
        request: Any = self.request
        error = request.error
        kind = self._KINDS.get(error.code, KuatoError)
        body = json.dumps({"code": kind.code, "message": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [("Content-Type", "application/json")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Unknown(Error):
    code, reason = 401, "Unauthorized"


class _Parser(HTTPRequestParser):
    """Refuses the large body of a stranger before it is sent: what is received lies on our disk."""

    def __init__(self, adjustments: Any, admits: Admits) -> None:
        super().__init__(adjustments)
        self._admits = admits

    def received(self, data: bytes) -> int:
        before = self.headers_finished
        consumed = int(super().received(data))
        large = self.headers_finished and not before and not self.completed and (self.chunked or self.content_length > _SMALL)
        if large and not self._admits(self.headers.get("AUTHORIZATION", "")):
            self.error = _Unknown("a valid token is needed; send the header `Authorization: Bearer TOKEN`")
            self.completed = True
        return consumed


class _Channel(HTTPChannel):
    error_task_class = _FailureTask

    def parser_class(self, adjustments: Any) -> _Parser:  # type: ignore[override]
        server: Any = self.server
        return _Parser(adjustments, server.admits)


class HttpServer:
    """Serves a WSGI application on a bound socket, by `run` until `stop` is called from anywhere.

    threads: requests worked on at once. connections: most at once, further ones wait. max_body: bytes of a request beyond
    which it is refused unread. idle: seconds after which a silent connection is closed. context: for HTTPS.
    admits: told the Authorization header, says whether somebody's body of more than 1 MiB is received at all.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        bound: socket.socket,
        *,
        threads: int,
        connections: int,
        max_body: int,
        idle: int,
        prefix: str = "",
        context: ssl.SSLContext | None = None,
        admits: Admits = lambda authorization: True,
    ) -> None:
        self._host, self._port = ip_address(bound.getsockname()[0]), int(bound.getsockname()[1])
        self._stopping = threading.Event()
        self._sockets: dict[int, Any] = {}
        self._terminator: Terminator | None = None
        if context is not None:
            plain = listen(ip_address(_LOCALHOST), 0, "the inner socket")
            self._terminator = Terminator(bound, context, plain.getsockname()[1], connections)
            app, bound = _Unwrapped(app, self._terminator), plain
        server: Any = create_server(
            app,
            map=self._sockets,
            sockets=[bound],
            threads=threads,
            connection_limit=connections + 2,  # waitress counts its own two sockets
            channel_timeout=idle,
            cleanup_interval=5,
            recv_bytes=_RECEIVE,
            max_request_header_size=_MAX_HEADER,
            max_request_body_size=max_body,
            url_prefix=prefix,
            url_scheme="http" if context is None else "https",
            clear_untrusted_proxy_headers=False,  # the application looks at them itself, and at who sends them
            ident="kuato",
        )
        server.channel_class = _Channel
        server.admits = admits
        self._server = server

    @property
    def url(self) -> str:
        """The address that is served, with the port that was really bound."""
        scheme = "https" if self._terminator else "http"
        return f"{scheme}://{f'[{self._host}]' if self._host.version == 6 else self._host}:{self._port}"

    def run(self) -> None:
        """Serve until `stop`; then close all connections."""
        if self._terminator:
            self._terminator.start()
        try:
            while not self._stopping.is_set():
                loop(timeout=_POLL_SECONDS, use_poll=True, map=self._sockets, count=1)
        finally:
            if self._terminator:
                self._terminator.stop()
            self._server.task_dispatcher.shutdown()
            close_all(self._sockets)

    def stop(self) -> None:
        """Let `run` return; may be called from anywhere, and more than once."""
        self._stopping.set()


class _Unwrapped:
    """Tells the application who the client is, where TLS hands its bytes on; refuses who comes to the inner socket directly."""

    def __init__(self, app: "WSGIApplication", terminator: Terminator) -> None:
        self._app = app
        self._terminator = terminator

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        peer = self._terminator.peer(int(environ["REMOTE_PORT"]))
        if peer is None:
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"This is the inner side of an HTTPS server."]
        return self._app({**environ, "REMOTE_ADDR": peer}, start_response)


def listen_address(text: str, setting: str) -> tuple[Address, int]:
    """Return address and port of a setting, such as 127.0.0.1:6670 or [::1]:6670; raises BadSettings."""
    host, _, port = text.strip().rpartition(":")
    host = _LOCALHOST if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        number = int(port)
        if not 0 <= number <= 65535:
            raise ValueError(port)
        return ip_address(host), number
    except ValueError:
        raise BadSettings(f"{setting} is {text!r}; give an IP address and a port, such as 127.0.0.1:6670.") from None


def listen(host: Address, port: int, setting: str) -> socket.socket:
    """Return a listening socket. Raises BadSettings when the address is taken or not this machine's."""
    family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
    try:
        return socket.create_server((str(host), port), family=family, backlog=512)
    except OSError as error:
        raise BadSettings(f"{setting}: cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}).") from None
