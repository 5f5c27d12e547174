"""The production server: waitress, with limits, and HTTPS in front of it where there is a certificate.

Requests are received by one thread that waits for all connections at once, so idle and slow ones cost nothing but memory
and disk, and no more than their bound; only complete requests get one of the working threads.
"""

import json
import logging
import os
import queue
import re
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, ClassVar

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import FixedStreamReceiver
from waitress.server import create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import BadRequest as Unsound
from waitress.utilities import Error, RequestEntityTooLarge
from waitress.wasyncore import close_all, loop

from matcher.errors import BadRequest, BadSettings, KuatoError, RequestTooLarge, Unauthorized, UnsupportedMedia
from matcher.web.tls import Peer, Terminator

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Address = IPv4Address | IPv6Address
Admits = Callable[[str], bool]
Knows = Callable[[Mapping[str, str], str], bool]
_POLL_SECONDS = 0.2
_MAX_HEADER = 64 * 1024  # the longest name of a source, in any script, has its place in an address
_RECEIVE = 256 * 1024  # waitress reads 8 KiB at a time by itself, which takes seconds for a large picture
_RECEIVE_UNKNOWN = 8 * 1024  # of what is yet to be taken apart: heads, chunks
_MAX_LINE = 4 * 1024  # of what stands between the chunks of a body, and after them
_VERSIONS = ("1.0", "1.1")
_CHUNKING = re.compile(rb"^transfer-encoding[ \t]*:", re.IGNORECASE | re.MULTILINE)
_SMALL = 1 << 20
_DROPPING_SECONDS, _SILENT_SECONDS = 30.0, 2.0
_LOCALHOST = "127.0.0.1"
_FILES = 256  # what a process has open beside its connections
_FILES_OF_TLS = 3  # for a connection: the client's, and the pair to the HTTP server
_log = logging.getLogger(__name__)


class _FailureTask(ErrorTask):
    """What a request that is no sound HTTP gets, in the form of all other errors."""

    _KINDS: ClassVar[dict[int, type[KuatoError]]] = {
        400: BadRequest,
        401: Unauthorized,
        413: RequestTooLarge,
        431: RequestTooLarge,
        501: UnsupportedMedia,
    }

    def execute(self) -> None:
        request: Any = self.request
        error = request.error
        kind = self._KINDS.get(error.code, KuatoError)
        body = json.dumps({"code": kind.code, "message": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{kind.status} {HTTPStatus(kind.status).phrase}"
        self.response_headers = [("Content-Type", "application/json")]
        self.set_close_on_finish()
        channel: Any = self.channel
        channel.refused = True
        self.content_length = len(body)
        self.write(body)


class _Unknown(Error):
    code, reason = 401, "Unauthorized"


class _Parser(HTTPRequestParser):
    """Refuses the large body of a stranger before it is sent: what is received lies on our disk.

    Refuses also what two servers in a row may understand differently, so that one would take for a request what the other
    takes for the body of the one before; and more between the chunks of a body than belongs there, which is kept in memory.
    """

    def __init__(self, adjustments: Any, ask: "Callable[[_Parser], None]") -> None:
        super().__init__(adjustments)
        self._ask = ask

    def received(self, data: bytes) -> int:
        before = self.headers_finished
        consumed = int(super().received(data))
        if self.headers_finished and not before and not self.completed and (self.chunked or self.content_length > _SMALL):
            self._ask(self)
        receiver: Any = self.body_rcv
        if self.chunked and not self.completed and len(receiver.control_line) + len(receiver.trailer) > _MAX_LINE:
            self.error = Unsound(f"what is between the chunks, or after them, has more than {_MAX_LINE} bytes")
            self.completed = True
        if isinstance(self.error, RequestEntityTooLarge):
            self.error = RequestEntityTooLarge(f"the limit is {(self.adj.max_request_body_size - 1) / 1e6:.1f} MB")
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Take the head of a request apart. Raises ParsingError."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a length of thousands of digits, an address that is none
            raise ParsingError("the head of the request cannot be understood") from error
        if self.version not in _VERSIONS:
            raise ParsingError("HTTP/1.1 and HTTP/1.0 are spoken here")
        if _CHUNKING.search(header_plus) and (not self.chunked or "CONTENT_LENGTH" in self.headers):
            raise ParsingError("the length of the body is told in more than one way, or in one that this version of HTTP does not know")


class _Channel(HTTPChannel):
    """A connection.

    Where a request was refused before all of it had come, the rest is received for a while, and dropped: were the connection
    closed while the client still sends, it would meet a broken connection, and never read why.
    A client that does not read what it is sent is silent, too, and would hold the thread that answers it.
    """

    error_task_class = _FailureTask
    refused = False
    at_once = False  # whether the next request is answered by the thread that received it
    _dropping = 0.0  # since when
    _heard = 0.0
    _unsent = 0.0  # since when something is to be sent

    def parser_class(self, adjustments: Any) -> _Parser:  # type: ignore[override]
        server: Any = self.server
        channel: Any = self
        peer = str(channel.addr[0]) if isinstance(channel.addr, tuple) and channel.addr else ""
        return _Parser(adjustments, lambda request: server.guard.ask(dict(request.headers), peer, lambda: self._refuse(request)))

    def _refuse(self, request: _Parser) -> None:
        """Answer a request whose body is still coming that its sender is not known."""
        channel: Any = self
        with channel.requests_lock:
            if channel.request is not request or request.completed:
                return  # it came whole meanwhile; the application refuses it
            request.error = _Unknown("a valid token is needed; send the header `Authorization: Bearer TOKEN`")
            request.completed = True
            channel.request = None
            channel.requests.append(request)
            if len(channel.requests) == 1:
                channel.server.add_task(self)

    def received(self, data: bytes) -> bool:
        """Take what has come, and answer what is to be answered at once."""
        done = bool(super().received(data))
        while self.at_once:
            self.at_once = False
            self.service()
        return done

    def handle_close(self) -> None:
        if self.refused and self.connected and not self._dropping:
            line: Any = self.socket
            with suppress(OSError):
                line.shutdown(socket.SHUT_WR)
                self._dropping = self._heard = time.monotonic()
                return
        super().handle_close()

    def recv(self, buffer_size: int) -> bytes:
        """Return what has come: much at once only of a body whose end is known, as the rest is taken apart piece by piece."""
        receiver = self.request.body_rcv if self.request is not None else None
        most = min(buffer_size, receiver.remain) if isinstance(receiver, FixedStreamReceiver) else _RECEIVE_UNKNOWN
        return bytes(super().recv(buffer_size if self._dropping else most))

    def readable(self) -> bool:
        if self._stuck():
            super().handle_close()
            return False
        return bool(self._dropping or super().readable())

    def writable(self) -> bool:
        if self._dropping:
            now = time.monotonic()
            return now - self._dropping > _DROPPING_SECONDS or now - self._heard > _SILENT_SECONDS
        return bool(super().writable())

    def handle_read(self) -> None:
        if not self._dropping:
            super().handle_read()
        elif self.recv(_RECEIVE):
            self._heard = time.monotonic()

    def handle_write(self) -> None:
        if self._dropping:
            super().handle_close()
        else:
            super().handle_write()

    def _stuck(self) -> bool:
        # Less than send_bytes is kept back while an answer is in the making; more would have been sent if it could.
        if self.total_outbufs_len < (self.adj.send_bytes if self.requests else 1):
            self._unsent = 0.0
            return False
        now = time.time()
        self._unsent = self._unsent or now
        return now - max(self._unsent, self.last_activity) > self.adj.channel_timeout


class _Guard:
    """Asks whether somebody is known, in a thread of its own: that may take its time, and those who are known need not wait.

    later: lets the thread that waits for the connections do something.
    """

    def __init__(self, admits: Admits, knows: Knows, later: Callable[[Callable[[], None]], None]) -> None:
        self._admits = admits
        self._knows = knows
        self._later = later
        self._questions: queue.SimpleQueue[tuple[Mapping[str, str], str, Callable[[], None]] | None] = queue.SimpleQueue()

    def ask(self, headers: Mapping[str, str], peer: str, refuse: Callable[[], None]) -> None:
        """Let `refuse` be called if nobody known sends these headers from that address."""
        self._questions.put((headers, peer, refuse))

    def start(self) -> None:
        """Answer questions until `stop`."""
        threading.Thread(target=self._work, name="guard", daemon=True).start()

    def stop(self) -> None:
        """Answer no further ones."""
        self._questions.put(None)

    def _work(self) -> None:
        while (question := self._questions.get()) is not None:
            headers, peer, refuse = question
            try:
                known = self._admits(headers.get("AUTHORIZATION", "")) or self._knows(headers, peer)
            except Exception:  # noqa: BLE001 - whatever it is, the next question is to be answered
                _log.exception("who sends a large request could not be found out")
                continue
            if not known:
                self._later(refuse)


class _Whisper:
    """Takes for a detail what waitress warns of with each request: that one waits while all threads are at work."""

    def warning(self, text: str, *details: object) -> None:
        """Log it as a detail."""
        _log.debug(text, *details)


class _Dispatcher(ThreadedTaskDispatcher):
    """Hands requests to the working threads, but for those that are answered at once, so that they never wait for others.

    at_once: addresses that are, by the thread that waits for the connections, when asked for with GET.
    """

    def __init__(self, at_once: frozenset[str]) -> None:
        super().__init__()
        self.queue_logger: Any = _Whisper()
        self.waiting: threading.Thread | None = None
        self._at_once = at_once

    def add_task(self, task: Any) -> None:
        """Let the first request of a connection be answered."""
        request = task.requests[0]
        # Of a request that cannot be understood nothing else is known.
        sound = threading.current_thread() is self.waiting and not request.error
        if sound and request.command == "GET" and request.path in self._at_once:
            task.at_once = True
        else:
            super().add_task(task)


class HttpServer:
    """Serves a WSGI application on a bound socket, by `run` until `stop` is called from anywhere.

    threads: requests worked on at once. connections: most at once, further ones wait. max_body: bytes of a request beyond
    which it is refused unread. idle: seconds after which a silent connection is closed. context: for HTTPS.
    admits: told the Authorization header, says whether somebody's body of more than 1 MiB is received at all.
    knows: told all headers and the address of the connection, says so of those whom admits does not know.
    at_once: addresses that are answered even when all threads are at work, and that must need nothing but the processor.
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
        knows: Knows = lambda headers, peer: False,
        at_once: Iterable[str] = (),
    ) -> None:
        self._host, self._port = ip_address(bound.getsockname()[0]), int(bound.getsockname()[1])
        self._stopping = threading.Event()
        self._sockets: dict[int, Any] = {}
        self._handed: set[socket.socket] = set()  # not yet among those that are waited for
        self._terminator: Terminator | None = None
        if context is not None:
            self._terminator = Terminator(bound, context, self._take, most=connections, idle=idle)
        _allow_files(connections * (1 if context is None else _FILES_OF_TLS) + _FILES)
        self._dispatcher = _Dispatcher(frozenset(each for path in at_once for each in (path, prefix + path)))
        self._dispatcher.set_thread_count(threads)
        server: Any = create_server(
            app,
            map=self._sockets,
            _dispatcher=self._dispatcher,
            _start=context is None,  # else it is handed its connections
            sockets=[bound],
            connection_limit=connections + 2,  # waitress counts its own two sockets
            channel_timeout=idle,
            cleanup_interval=5,
            recv_bytes=_RECEIVE,
            max_request_header_size=_MAX_HEADER,
            max_request_body_size=max_body + 1,  # waitress takes what is below
            url_prefix=prefix,
            url_scheme="http" if context is None else "https",
            clear_untrusted_proxy_headers=False,  # the application looks at them itself, and at who sends them
            ident="kuato",
        )
        server.channel_class = _Channel
        self._server = server
        server.guard = self._guard = _Guard(admits, knows, server.trigger.pull_trigger)

    @property
    def url(self) -> str:
        """The address that is served, with the port that was really bound."""
        scheme = "https" if self._terminator else "http"
        return f"{scheme}://{f'[{self._host}]' if self._host.version == 6 else self._host}:{self._port}"

    def run(self) -> None:
        """Serve until `stop`; then close all connections."""
        self._dispatcher.waiting = threading.current_thread()
        self._guard.start()
        if self._terminator:
            self._terminator.start()
        try:
            while not self._stopping.is_set():
                loop(timeout=_POLL_SECONDS, use_poll=True, map=self._sockets, count=1)
        finally:
            if self._terminator:
                self._terminator.stop()
            self._guard.stop()
            self._dispatcher.shutdown()
            close_all(self._sockets)
            for line in self._handed:
                line.close()

    def stop(self) -> None:
        """Let `run` return; may be called from anywhere, and more than once."""
        self._stopping.set()

    def _take(self, line: socket.socket, peer: Peer) -> None:
        """Serve a connection that comes from elsewhere than the bound socket; called from any thread."""
        server = self._server
        self._handed.add(line)

        def serve() -> None:
            self._handed.discard(line)
            server.channel_class(server, line, peer, server.adj, map=self._sockets)

        # Only the thread that waits for the connections may change what it waits for.
        server.trigger.pull_trigger(serve)


def _allow_files(wanted: int) -> None:
    """Let this process have so many files open, if it may: each connection is one, and 1024 is what it usually begins with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        _log.warning("this process may have %d files open; %d are needed for all connections it takes (web.connections)", most, wanted)


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
