"""A web server for tests of fetching, and the two ways out that lead to it alone."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

PUBLIC = "93.184.215.14"
Answers = Callable[[bytes], "bytes | Iterator[bytes]"]


class WebServer:
    """Answers each connection with what `answers` makes of the request's head. requests: the heads it saw.

    tls: makes it speak TLS. tunnel: what it does with the connection after a 200 to CONNECT.
    """

    def __init__(self, answers: Answers, tls: ssl.SSLContext | None = None, tunnel: "WebServer | None" = None) -> None:
        self.requests: list[str] = []
        self._answers = answers
        self._tls = tls
        self._tunnel = tunnel
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            try:
                self.serve(line)
            except OSError:
                continue  # whoever asked has seen enough

    def serve(self, line: socket.socket) -> None:
        line.settimeout(10)
        with line, self._tls.wrap_socket(line, server_side=True) if self._tls else line as speaking:
            head = b""
            while not head.endswith(b"\r\n\r\n") and not head.startswith(b"\x16") and (byte := speaking.recv(1)):  # 16: TLS, to one without
                head += byte
            self.requests.append(head.decode("latin-1"))
            answer = self._answers(head)
            for part in [answer] if isinstance(answer, bytes) else answer:
                speaking.sendall(part)
            if self._tunnel and head.startswith(b"CONNECT") and isinstance(answer, bytes) and b" 200 " in answer:
                self._tunnel.serve(speaking.dup())


@contextmanager
def served(answers: Answers | bytes, tls: ssl.SSLContext | None = None, tunnel: WebServer | None = None) -> Iterator[WebServer]:
    server = WebServer((lambda head: answers) if isinstance(answers, bytes) else answers, tls, tunnel)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP answer; header names are written with underscores."""
    lines = {"Content-Length": str(len(body))} | {name.replace("_", "-").title(): value for name, value in headers.items()}
    head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in lines.items() if value), "", ""]
    return "\r\n".join(head).encode("latin-1") + body


class Ways:
    """The resolver and the connector of a fetcher. resolved, connected: what they were asked for.

    names: name -> addresses; others are public. server: where every connection leads; None: nowhere.
    """

    def __init__(self, names: Mapping[str, Sequence[str]] | None = None, server: WebServer | None = None) -> None:
        self.resolved: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self._names = names or {}
        self.server = server

    def resolve(self, host: str) -> list[str]:
        self.resolved.append(host)
        return list(self._names.get(host, [PUBLIC]))

    def connect(self, address: str, port: int, timeout: float) -> socket.socket:
        self.connected.append((address, port))
        assert timeout > 0
        if self.server is None:
            raise ConnectionRefusedError("nobody is connected to in this test")
        return socket.create_connection(("127.0.0.1", self.server.port), 10)
