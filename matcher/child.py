"""The host's end of one worker process."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from matcher import wire
from matcher.errors import KuatoError

_START_SECONDS = 60.0
_PIPE_BYTES = 1 << 20
_LATE = (signal.SIGALRM, signal.SIGXCPU)
# The worker sees what the host can import, nothing of the environment, and no module that lies in the current directory.
_ENTRY = "import sys; sys.path[:] = sys.argv[2:]; from importlib import import_module; import_module(sys.argv[1]).main()"
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"} | dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


class Died(Exception):
    """A worker ended before it answered. late: because its own alarm went off."""

    def __init__(self, code: int | None, complaint: str) -> None:
        number = -code if code is not None and code < 0 else 0
        self.late = number in _LATE
        names = {s.value: s.name for s in signal.Signals}
        reason = names.get(number, f"signal {number}") if number else f"exit code {code}"
        if number == signal.SIGKILL:
            reason += ", perhaps for want of memory"
        super().__init__(f"{reason}{': ' if complaint else ''}{complaint}")


class Child:
    """One worker, ready for pictures once made. Not thread-safe: one caller at a time.

    module: whose `main` it runs. greeting: what it is told first. what: a word for it in errors, such as "decoding".
    unconfined: why it runs without a sandbox, "" when it has one. served: pictures so far.
    Raises BadSettings for an algorithm that cannot be loaded, Died or KuatoError when the process does not come up.
    """

    def __init__(self, module: str, greeting: Mapping[str, Any], what: str = "decoding") -> None:
        self.served = 0
        self._deadline = 0.0
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process that writes to it
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _ENTRY, module, *(os.path.abspath(p) for p in sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            bufsize=0,
            env=_ENVIRONMENT | {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ},
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("asked for pipes, got none")
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        for end in (self._input, self._output):
            os.set_blocking(end, False)
            with contextlib.suppress(OSError, AttributeError):  # only a matter of speed, and a user's pipes are rationed
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            self.unconfined = self._greet(greeting, what)
        except BaseException:
            self.kill()
            raise

    def _greet(self, greeting: Mapping[str, Any], what: str) -> str:
        try:
            self.send(greeting, b"", _START_SECONDS)
            header, _ = self.receive()
        except TimeoutError:
            raise KuatoError(f"a {what} worker did not start within {_START_SECONDS:g} s") from None
        except wire.Nonsense as nonsense:
            raise KuatoError(f"a {what} worker did not start: {nonsense}") from None
        if failure := wire.failure(header, KuatoError):
            raise failure
        self.served = 0
        return wire.printable(str(header.get("unconfined", "")), 200)

    def send(self, header: Mapping[str, Any], body: bytes, seconds: float) -> None:
        """Send a request that is to be answered within `seconds`. Raises Died or TimeoutError."""
        self._deadline = time.monotonic() + seconds
        self.served += 1
        for part in (wire.head(header, len(body)), body):
            rest = memoryview(part)
            while rest:
                try:
                    rest = rest[os.write(self._input, rest) :]
                except BlockingIOError:
                    self._wait(self._input, select.POLLOUT)
                except BrokenPipeError:
                    raise self._died() from None

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Return header and bytes of the answer. Raises Died, TimeoutError, or Nonsense for one too large or no JSON."""
        header, body = wire.lengths(self._exactly(wire.PREFIX.size))
        return wire.parsed(self._exactly(header)), self._exactly(body)

    def _exactly(self, length: int) -> bytes:
        parts: list[bytes] = []
        while length:
            try:
                part = os.read(self._output, length)
            except BlockingIOError:
                self._wait(self._output, select.POLLIN)
                continue
            if not part:
                raise self._died()
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _wait(self, end: int, event: int) -> None:
        left = self._deadline - time.monotonic()
        poll = select.poll()
        poll.register(end, event)
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError

    def _died(self) -> Died:
        code = self._reaped()
        self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, self._complaints.tell() - 2000))
        lines = self._complaints.read(2000).decode(errors="replace").strip().splitlines()
        return Died(code, wire.printable(lines[-1], 300) if lines else "")

    def alive(self) -> bool:
        """Whether the process still runs."""
        if self._process.poll() is None:
            return True
        self.kill()
        return False

    def resident(self) -> int:
        """Return the bytes of memory that the process holds, 0 where that cannot be known."""
        try:
            with open(f"/proc/{self._process.pid}/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return 0

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def kill(self) -> None:
        """End the process at once and leave nothing of it behind. May be called again."""
        # Its group with it: a worker of models may have started the program that reads words. Not yet reaped, its number is its own.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._reaped()
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _reaped(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(5.0)
        return None
