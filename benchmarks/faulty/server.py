"""`kuato serve api` as a process that may be killed and started again at the same address."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

_PATIENCE = 600.0  # seconds; only what is broken takes so long


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, its workers."""
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds, 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Server:
    """One server on loopback. data: its folder. settings: by name. said: the lines it wrote on stderr, over all its lives."""

    def __init__(self, data: Path, settings: Mapping[str, object]) -> None:
        self.port = free_port()
        self.said: list[str] = []
        given = {"data.dir": data, "web.listen": f"127.0.0.1:{self.port}", "web.rate_limit": 0, "workers.count": 1, **settings}
        self._words = [sys.executable, "-m", "matcher.cli", *(f"--set={name}={value}" for name, value in given.items()), "serve", "api"]
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("KUATO_")}
        self._environ["XDG_CONFIG_HOME"] = str(data)
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, tries: int = 1) -> None:
        """Start the process; return when it listens. tries: how often it may end before that, when what it needs is killed, too."""
        try:
            self._start()
        except RuntimeError:
            if tries <= 1:
                raise
            self.start(tries - 1)

    def _start(self) -> None:
        self._process = process = subprocess.Popen(self._words, env=self._environ, stderr=subprocess.PIPE, text=True)
        listens = threading.Event()

        def read() -> None:
            assert process.stderr is not None
            with process.stderr as lines:
                for line in lines:
                    self.said.append(line)
                    if "api listens on" in line:
                        listens.set()

        threading.Thread(target=read, daemon=True).start()
        deadline = time.monotonic() + _PATIENCE
        while not listens.wait(0.02):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {''.join(self.said[-20:])}")

    def kill(self) -> None:
        """End the process by SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the process as its operator does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_PATIENCE)
