"""Files that appear in a folder and below, each told once it is finished.

What the kernel reports is a hint; what a look at the files shows counts. So nothing is missed that was written before the
watch was set up, in a folder that just appeared, on a file system that reports nothing, or while reports were lost.
"""

import logging
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import md5, sha1, sha256
from pathlib import Path
from threading import Event

import watchfiles

from matcher.errors import NotFound
from matcher.source import Source

Signature = tuple[int, int, int]

_STEP = 0.2
_POLL = 2.0
_RETRY = 2.0
# Where programs write before they give a file its name.
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp", ".temp", ".swp", "~")
_HASH = re.compile(r"([0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?![0-9a-z])", re.IGNORECASE)

_log = logging.getLogger(__name__)


@dataclass
class _Waiting:
    """A file as it was last met, and since when it is so."""

    signature: Signature
    since: float


class Follower:
    """What is known of the files of one folder. Not safe to share between threads.

    settled: seconds that a file must be unchanged to count as finished. existing: tell those that are there already, too.
    """

    def __init__(self, folder: Path, settled: float = 1.0, existing: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._settled = settled
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}
        self._folders: dict[str, float] = {}
        self._told: dict[str, Signature] = {} if existing else dict(self._files(str(folder)))

    def look(self) -> None:
        """Look at all files of the folder. Raises NotFound when it is gone."""
        if not self._folder.is_dir():
            raise NotFound(f"the folder {as_text(self._folder)} is gone; there is nothing to watch")
        found = dict(self._files(str(self._folder)))
        self._told = {path: signature for path, signature in self._told.items() if path in found}
        for path, signature in found.items():
            self._met(path, signature)

    def changed(self, paths: Iterable[str]) -> None:
        """Look at files and folders that something happened to."""
        for path in paths:
            if Path(path).is_dir() and not Path(path).is_symlink():
                # Once more when all is quiet: files may have come before anyone watched the new folder.
                self._folders[path] = self._clock() + self._settled
                self._meet_all(path)
            elif (signature := _signature(path)) is None:
                self._waiting.pop(path, None)
                self._told.pop(path, None)
            elif self._wanted(path):
                self._met(path, signature)

    def finished(self) -> list[Path]:
        """Return the files that are finished now, the oldest first, and were not told as they are."""
        now = self._clock()
        due = [path for path, moment in self._folders.items() if moment <= now]
        for path in due:
            del self._folders[path]
            self._meet_all(path)
        ready = []
        for path, waiting in list(self._waiting.items()):
            signature = _signature(path)
            if signature is None:
                del self._waiting[path]
            elif signature != waiting.signature:
                self._waiting[path] = _Waiting(signature, now)
            elif now - waiting.since >= self._settled:
                del self._waiting[path]
                self._told[path] = signature
                ready.append((signature[1], path))
        return [Path(path) for _, path in sorted(ready)]

    def again(self, path: Path) -> None:
        """Tell a file once more, after a while: what was to be done with it could not be done."""
        signature = self._told.pop(str(path), None)
        if signature is not None:
            self._waiting[str(path)] = _Waiting(signature, self._clock() + _RETRY)

    def _meet_all(self, folder: str) -> None:
        for path, signature in self._files(folder):
            self._met(path, signature)

    def _met(self, path: str, signature: Signature) -> None:
        if self._told.get(path) == signature:
            return
        waiting = self._waiting.get(path)
        if waiting is None or waiting.signature != signature:
            self._waiting[path] = _Waiting(signature, self._clock())

    def _files(self, folder: str) -> Iterator[tuple[str, Signature]]:
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(parent, name)  # noqa: PTH118 - a Path for each of many files is slow
                if self._wanted(path) and (signature := _signature(path)) is not None:
                    yield path, signature

    def _wanted(self, path: str) -> bool:
        below = path[len(str(self._folder)) :]
        return f"{os.sep}." not in below and not below.lower().endswith(_UNFINISHED)


def follow(follower: Follower, folder: Path, stop: Event, every: float = 60.0) -> Iterator[list[Path]]:
    """Yield the files of a folder as they are finished, until `stop` is set.

    every: seconds between two looks at the whole folder, for what nobody reports. Raises NotFound when the folder is gone.
    """
    looked = -every
    for lost, paths in _reports(folder, stop):
        if lost or time.monotonic() - looked >= every:
            follower.look()
            looked = time.monotonic()
        follower.changed(paths)
        if files := follower.finished():
            yield files


def source_of(path: Path, folder: Path, data: bytes) -> Source:
    """Return where a file of a watched folder was seen.

    Sandboxes name their pictures, or the folders they put them in, by the hash of the sample that they ran: then that is the
    source. A file that is named by its own hash is not meant.
    """
    metadata = {"path": as_text(path)}
    for part in reversed((folder.name, *path.relative_to(folder).parts)):
        if (found := _HASH.match(part)) and found[1].lower() != _own(data, len(found[1])):
            return Source("sample", found[1].lower(), metadata=metadata)
    return Source("file", metadata["path"])


def as_text(path: Path) -> str:
    """Return a path as text without lone surrogates."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _own(data: bytes, digits: int) -> str:
    algorithm = {32: md5, 40: sha1, 64: sha256}[digits]
    return algorithm(data, usedforsecurity=False).hexdigest()


def _signature(path: str) -> Signature | None:
    """Return what changes when a file's content does, None for what is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _reports(folder: Path, stop: Event) -> Iterator[tuple[bool, list[str]]]:
    """Yield what changed, at least every so often, and whether something may have been missed before."""
    warned = False
    while not stop.is_set():
        lost = True
        try:
            for changes in watchfiles.watch(
                folder,
                watch_filter=None,
                debounce=int(_STEP * 1000),
                rust_timeout=int(_STEP * 1000),
                yield_on_timeout=True,
                stop_event=stop,
                raise_interrupt=False,
                force_polling=False,
                ignore_permission_denied=True,
            ):
                yield lost, [path for _, path in changes]
                lost = False
        except (OSError, RuntimeError) as error:
            # A name that is no UTF-8, a folder that vanished as it was entered, or no more watches to be had.
            _log.debug("watching %s", folder, exc_info=error)
            if lost:
                if not warned:
                    _log.warning("%s: changes are not reported (%s); the folder is looked at every %g s", folder, error, _POLL)
                warned = True
                yield True, []
                stop.wait(_POLL)
