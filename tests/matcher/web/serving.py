"""`kuato serve api` as a process of its own, and ways to speak with it that no client would offer."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PATIENCE = 60.0  # seconds; only what is broken takes so long


@dataclass(frozen=True)
class Heard:
    """What a server said before it closed the connection or had answered: status 0 when it said nothing."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Serving:
    """A server that runs. url: where. pid: of its process."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid
        self.address = ("127.0.0.1", int(url.rpartition(":")[2]))

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=_PATIENCE)

    def say(self, *parts: bytes | Iterable[bytes], end: bool = False) -> Heard:
        """Send bytes as they are and hear the first answer. end: say that nothing follows, by closing one's own half."""
        with self.connect() as line:
            for part in parts:
                for piece in [part] if isinstance(part, bytes) else part:
                    try:
                        line.sendall(piece)
                    except (BrokenPipeError, ConnectionResetError):
                        break  # it has heard enough
            if end:
                line.shutdown(socket.SHUT_WR)
            return hear(line)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Heard:
        """Ask as an honest client does; header names are written with underscores."""
        lines = {"Host": "localhost", "Content-Length": str(len(body)), "Connection": "close"}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""])
        return self.say(head.encode("latin-1"), body)

    def memory(self) -> int:
        """Bytes of memory that the process holds now."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def hear(line: socket.socket) -> Heard:
    """Read one answer, to the end that its head tells of, or to the end of the connection; what follows stays unread."""
    head = body = b""
    try:
        while not head.endswith(b"\r\n\r\n") and (byte := line.recv(1)):
            head += byte
        if not head:
            return Heard(0, {}, b"")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
        length = int(headers.get("content-length", 1 << 40))
        while len(body) < length and (some := line.recv(min(1 << 16, length - len(body)))):
            body += some
    except ConnectionResetError:
        return Heard(0, {}, b"")
    return Heard(int(first.split()[1]), headers, body)


@contextmanager
def serving(redis_url: str, data: Path, **settings: object) -> Iterator[Serving]:
    """Run a server; names of settings are written with two underscores for the point."""
    given = {"redis.url": redis_url, "data.dir": data, "web.listen": "127.0.0.1:0", "workers.count": 1}
    given |= {name.replace("__", "."): value for name, value in settings.items()}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KUATO_")} | {"XDG_CONFIG_HOME": str(data)}
    words = [sys.executable, "-m", "matcher.cli", *(f"--set={name}={value}" for name, value in given.items()), "serve", "api"]
    with subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        said = ""
        while "api listens on http" not in said:
            line = process.stderr.readline().decode()
            assert line, f"it ended: {said}"
            said += line
        try:
            yield Serving(line.split()[-1], process.pid)
        finally:
            process.terminate()
            said = process.stderr.read().decode()
            assert "Traceback" not in said, said
