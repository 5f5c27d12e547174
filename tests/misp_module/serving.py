"""Servers as the tests of this package start them: a stock misp-modules, our listener, and what fails in their places."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from misp_module.server import Listener

STOCK = Path(sys.executable).with_name("misp-modules")


class Server:
    """A server that speaks as misp-modules does."""

    def __init__(self, url):
        self.url = url
        self._address = urlsplit(url)

    def modules(self):
        return {each["name"]: each for each in self.get("/modules")[1]}

    def get(self, path):
        return self._ask("GET", path)

    def query(self, body):
        return self._ask("POST", "/query", body if isinstance(body, bytes) else json.dumps(body).encode())

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self._address.hostname, self._address.port, timeout=60)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        return response.status, json.loads(text) if response.status == 200 else None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def stock(folder, custom=None, **environ):
    """A running misp-modules server of its own; custom: the folder with modules to load."""
    if not STOCK.exists():
        pytest.skip("needs misp-modules in the same environment")
    port, log = free_port(), folder / "misp-modules.log"
    command = [STOCK, "-l", "127.0.0.1", "-p", str(port), *(["-c", custom] if custom else [])]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=folder, env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environ}
        )
    server, give_up = Server(f"http://127.0.0.1:{port}"), time.monotonic() + 120
    try:
        while True:
            try:
                server.get("/healthcheck")
                break
            except ConnectionRefusedError:
                assert process.poll() is None and time.monotonic() < give_up, log.read_text()
                time.sleep(0.2)
        yield server
        assert process.poll() is None, "the server ended: " + log.read_text()
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def listening(matcher, settings):
    """Our listener."""
    listener = Listener(matcher, settings)
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        yield Server(listener.url)
    finally:
        listener.stop()
        thread.join(20)


@contextmanager
def silent():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as bound:
        yield Server(f"http://127.0.0.1:{bound.getsockname()[1]}")


@contextmanager
def saying(answer):
    """A server that answers each connection with these bytes and hangs up."""
    bound = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                line, _ = bound.accept()
            except OSError:
                return
            with line:
                line.settimeout(10)
                head = b""
                while b"\r\n\r\n" not in head and (piece := line.recv(65536)):
                    head += piece
                # All of it is read: whoever hangs up with something unread breaks the connection.
                left = int(head.lower().partition(b"content-length:")[2].split(b"\r")[0]) - len(head.partition(b"\r\n\r\n")[2])
                while left > 0 and (piece := line.recv(65536)):
                    left -= len(piece)
                with suppress(OSError):
                    line.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{bound.getsockname()[1]}")
    finally:
        bound.shutdown(socket.SHUT_RDWR)
        bound.close()
        thread.join(10)
