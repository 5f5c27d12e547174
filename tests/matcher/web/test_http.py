import socket
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from matcher.errors import BadSettings
from matcher.web import http
from matcher.web.http import HttpServer, listen, listen_address

LARGE = 5_000_000


@pytest.fixture
def asked() -> Iterator[Callable[..., bytes]]:
    """Ask a server that knows one token; returns its whole answer."""

    def count(environ, start_response):
        size = len(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [str(size).encode()]

    bound = listen(ip_address("127.0.0.1"), 0, "test")
    server = HttpServer(count, bound, threads=2, connections=50, max_body=1 << 24, idle=5, admits=lambda text: text == "Bearer me")
    running = threading.Thread(target=server.run)
    running.start()

    def ask(headers: str, body: bytes = b"") -> bytes:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10) as connection:
            connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n\r\n".encode() + body)
            return b"".join(iter(lambda: connection.recv(4096), b""))

    yield ask
    server.stop()
    running.join()


def test_a_stranger_s_large_body_is_refused_before_it_is_sent(asked):
    for headers in (f"Content-Length: {LARGE}", "Transfer-Encoding: chunked", f"Content-Length: {LARGE}\r\nAuthorization: Bearer you"):
        answer = asked(headers)
        assert answer.startswith(b"HTTP/1.1 401")
        assert b'"code": "unauthorized"' in answer


def test_whoever_is_known_may_send_a_large_body(asked):
    assert asked(f"Content-Length: {LARGE}\r\nAuthorization: Bearer me", b"x" * LARGE).endswith(str(LARGE).encode())
    assert asked("Content-Length: 3", b"abc").endswith(b"3")


def test_nobody_may_send_more_than_the_limit(asked):
    answer = asked(f"Content-Length: {(1 << 24) + 1}\r\nAuthorization: Bearer me")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code": "request-too-large"' in answer


class Blocking:
    """A server of two threads, whose answers and whose knowledge of who asks can be held back."""

    def __init__(self) -> None:
        self.go_on, self.remember = threading.Event(), threading.Event()
        bound = listen(ip_address("127.0.0.1"), 0, "test")
        self._server = HttpServer(
            self._answer,
            bound,
            threads=2,
            connections=50,
            max_body=1 << 24,
            idle=60,
            prefix="/below",
            admits=self._admits,
            at_once=["/live"],
        )
        self._running = threading.Thread(target=self._server.run)
        self._running.start()

    def _answer(self, environ, start_response):
        if environ["PATH_INFO"] != "/live" or environ["REQUEST_METHOD"] != "GET":
            self.go_on.wait(10)
        start_response("200 OK", [("Content-Length", str(len(environ["PATH_INFO"])))])
        return [environ["PATH_INFO"].encode()]

    def _admits(self, authorization: str) -> bool:
        self.remember.wait(10)
        return authorization == "Bearer me"

    def say(self, text: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", int(self._server.url.rpartition(":")[2])), timeout=5)
        connection.sendall(text)
        return connection

    def close(self) -> None:
        self.go_on.set()
        self.remember.set()
        self._server.stop()
        self._running.join()


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    server = Blocking()
    yield server
    server.close()


def answers(connection: socket.socket, count: int) -> list[bytes]:
    """The bodies of so many answers of a connection."""
    with connection, connection.makefile("rb") as lines:
        found = []
        for _ in range(count):
            head = b"".join(iter(lines.readline, b"\r\n")).lower()
            found.append(lines.read(int(head.partition(b"content-length: ")[2].split()[0])))
        return found


def test_what_is_answered_at_once_waits_for_no_thread(blocking):
    busy = [blocking.say(b"GET /slow HTTP/1.1\r\n\r\n") for _ in range(5)]
    for path in (b"/live", b"/below/live"):
        assert answers(blocking.say(b"GET " + path + b" HTTP/1.1\r\n\r\n"), 1) == [b"/live"]
    assert answers(blocking.say(b"GET /live HTTP/1.1\r\n\r\n" * 3), 3) == [b"/live"] * 3
    other = blocking.say(b"POST /live HTTP/1.1\r\n\r\n")
    other.settimeout(0.2)
    with pytest.raises(TimeoutError):
        other.recv(1)  # only asking for it is quick
    blocking.go_on.set()
    assert [answers(line, 1) for line in (*busy, other)] == [[b"/slow"]] * 5 + [[b"/live"]]


def test_a_connection_is_answered_in_the_order_it_asked(blocking):
    mixed = blocking.say(b"GET /live HTTP/1.1\r\n\r\nGET /slow HTTP/1.1\r\n\r\nGET /live HTTP/1.1\r\n\r\nGET /other HTTP/1.1\r\n\r\n")
    blocking.go_on.set()
    assert answers(mixed, 4) == [b"/live", b"/slow", b"/live", b"/other"]


def test_nobody_waits_until_a_stranger_is_known_for_one(blocking):
    head = b"POST /slow HTTP/1.1\r\nContent-Length: 5000000\r\n"
    stranger = blocking.say(head + b"\r\n" + bytes(1000))
    friend = blocking.say(head + b"Authorization: Bearer me\r\n\r\n" + bytes(5_000_000))
    quick = blocking.say(head + b"\r\n" + bytes(5_000_000))
    blocking.go_on.set()
    # Whose body came whole before anybody could say is answered by the application, which asks by itself.
    assert answers(friend, 1) == answers(quick, 1) == [b"/slow"]
    blocking.remember.set()
    assert b"unauthorized" in answers(stranger, 1)[0]


@pytest.mark.parametrize(
    ("text", "host", "port"), [("127.0.0.1:6667", "127.0.0.1", 6667), ("[::1]:7000", "::1", 7000), ("localhost:0", "127.0.0.1", 0)]
)
def test_a_listen_address(text, host, port):
    assert listen_address(text, "web.listen") == (ip_address(host), port)


@pytest.mark.parametrize("text", ["", "6667", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:70000", "misp.example.org:6667"])
def test_a_listen_address_that_is_none(text):
    with pytest.raises(BadSettings, match=r"web\.listen"):
        listen_address(text, "web.listen")


def test_a_connection_handed_over_too_late_is_closed():
    server = HttpServer(
        lambda _environ, _start: [], listen(ip_address("127.0.0.1"), 0, "test"), threads=1, connections=10, max_body=1, idle=5
    )
    ours, theirs = socket.socketpair()
    server.stop()
    server._take(theirs, ("192.0.2.7", 4242))
    server.run()
    with ours:
        ours.settimeout(10)
        assert (theirs.fileno(), ours.recv(1)) == (-1, b"")


class Crowded:
    """A server that takes few connections, and who connects to it. limits: of `HttpServer`."""

    def __init__(self, **limits: Any) -> None:
        def answer(_environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]

        bound = listen(ip_address("127.0.0.1"), 0, "test")
        self._server = HttpServer(answer, bound, threads=2, max_body=1 << 20, idle=60, **limits)
        self._running = threading.Thread(target=self._server.run)
        self._running.start()
        self._lines: list[socket.socket] = []

    def connect(self, said: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
        port = int(self._server.url.rpartition(":")[2])
        self._lines.append(socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0)))
        self._lines[-1].sendall(said)
        return self._lines[-1]

    def answers(self, line: socket.socket) -> bool:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return line.recv(15) == b"HTTP/1.1 200 OK"

    def __enter__(self) -> "Crowded":
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines:
            line.close()
        self._server.stop()
        self._running.join()


def ended(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost:", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"])
def test_the_silent_give_their_place_to_who_comes_anew(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(http, "_SPARED_SECONDS", 0.2)
    with Crowded(connections=10) as server:
        silent = [server.connect(said) for _ in range(10)]
        for _ in range(3):
            assert server.answers(server.connect())
        assert ended(silent[0])


def test_a_request_that_drips_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PROMPT_SECONDS", 0.3)
    with Crowded(connections=10) as server:
        assert ended(server.connect(b"GET / HTTP/1.1\r\nHost:"))
        prompt = server.connect(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000)  # twenty seconds' worth
        time.sleep(0.6)
        prompt.sendall(b"\r\n\r\n")
        assert prompt.recv(15) == b"HTTP/1.1 200 OK"
        kept = server.connect()
        assert server.answers(kept)
        time.sleep(0.6)
        kept.recv(1000)
        assert server.answers(kept), "between two requests nothing is expected"


def test_one_address_has_no_more_than_its_share() -> None:
    with Crowded(connections=10, per_address=3, unlimited="127.0.0.9") as server:
        assert all(server.answers(server.connect(source="127.0.0.8")) for _ in range(3))
        assert ended(server.connect(source="127.0.0.8"))
        assert server.answers(server.connect(source="127.0.0.7"))
        assert all(server.answers(server.connect(source="127.0.0.9")) for _ in range(5))
