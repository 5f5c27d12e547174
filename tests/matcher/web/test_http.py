import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from matcher.errors import BadSettings
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


@pytest.mark.parametrize(
    ("text", "host", "port"), [("127.0.0.1:6667", "127.0.0.1", 6667), ("[::1]:7000", "::1", 7000), ("localhost:0", "127.0.0.1", 0)]
)
def test_a_listen_address(text, host, port):
    assert listen_address(text, "web.listen") == (ip_address(host), port)


@pytest.mark.parametrize("text", ["", "6667", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:70000", "misp.example.org:6667"])
def test_a_listen_address_that_is_none(text):
    with pytest.raises(BadSettings, match=r"web\.listen"):
        listen_address(text, "web.listen")
