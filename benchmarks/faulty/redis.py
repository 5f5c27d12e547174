"""A redis-server on loopback that can be filled, restarted and made a replica, and a way to it that can be disturbed."""

import os
import resource
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import redis

from benchmarks.faulty.server import free_port
from matcher.redis_server import find_server

_PATIENCE = 60.0  # seconds; only what is broken takes so long


class RedisServer:
    """A server that writes each command to its append-only file before it acknowledges it, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.client = redis.Redis("127.0.0.1", self.port, socket_timeout=20)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, largest_file: int | None = None) -> float:
        """Start it; return after how many seconds it answers. largest_file: bytes, as if the disk were full beyond them."""

        def confine() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))

        options = {"port": self.port, "bind": "127.0.0.1", "dir": self._folder, "appendonly": "yes", "appendfsync": "always", "save": ""}
        words = [str(find_server()), *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        begun = time.monotonic()
        self._process = subprocess.Popen(words, preexec_fn=confine, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                self.client.ping()
                return time.monotonic() - begun
            except redis.RedisError:
                if not self.runs:  # it was given more to write at once than it may
                    return time.monotonic() - begun
                if time.monotonic() - begun > _PATIENCE:
                    raise
                time.sleep(0.02)

    @property
    def runs(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def pause(self, on: bool) -> None:
        """Let the process stand still, or go on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def kill(self) -> None:
        """End the process by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log_bytes(self) -> int:
        """Return how large the append-only file is."""
        return sum(path.stat().st_size for path in self._folder.rglob("*.aof"))

    def close(self) -> None:
        """End it for good."""
        self.client.close()
        self.kill()


class Proxy:
    """Passes bytes on to a port of loopback. delay: seconds for which each piece is held back, both ways together.

    swallows: takes all that is sent and passes nothing on, on connections that are there and new ones, as a machine that was
    unplugged; what was swallowed is lost.
    """

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self.swallows = False
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listening.getsockname()[1])
        self._lines: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it and all connections."""
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
                onward = socket.create_connection(("127.0.0.1", self._target))
            except ConnectionRefusedError:
                line.close()
                continue
            except OSError:
                return
            self._lines += [line, onward]
            for source, target in ((line, onward), (onward, line)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        lost = False
        with suppress(OSError):
            while data := source.recv(1 << 16):
                lost = lost or self.swallows
                if not lost:
                    time.sleep(self.delay / 2)
                    target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
