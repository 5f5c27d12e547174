"""A proxy on loopback that remembers what it was asked."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class RecordingProxy:
    """Passes on what it is asked, by CONNECT or with whole URLs. heads: the requests as it saw them.

    authorization: what it wants as Proxy-Authorization.
    """

    def __init__(self, authorization: str = "") -> None:
        self.heads: list[str] = []
        self._authorization = authorization
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._lines: list[socket.socket] = [self._listening]
        self._threads[0].start()

    def close(self) -> None:
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for line in self._lines:
            line.close()

    def _start(self, work, *given) -> None:
        thread = threading.Thread(target=work, args=given)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            self._lines.append(line)
            self._start(self._serve, line)

    def _serve(self, line: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n") and (byte := line.recv(1)):
            head += byte
        if not head:
            return
        self.heads.append(head.decode("latin-1"))
        method, target, _ = head.decode("latin-1").split("\r\n")[0].split(" ")
        if self._authorization and f"Proxy-Authorization: {self._authorization}".lower() not in head.decode("latin-1").lower():
            with suppress(OSError):  # the client may have left by then
                line.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                line.shutdown(socket.SHUT_RDWR)
            return
        address = urlsplit(f"//{target}" if method == "CONNECT" else target)
        onward = socket.create_connection((address.hostname, address.port), 20)
        self._lines.append(onward)
        if method == "CONNECT":
            line.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            onward.sendall(head)
        self._start(pump, line, onward)
        pump(onward, line)


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxying(authorization: str = "") -> Iterator[RecordingProxy]:
    proxy = RecordingProxy(authorization)
    try:
        yield proxy
    finally:
        proxy.close()
