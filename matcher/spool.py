"""What jobs are to work on, as files: one folder a job, on disk before the job is acknowledged, gone when it ends.

A folder is held by a lock on it (flock). The kernel drops the lock when its holder dies, however it dies, so nobody waits
for a lease: a job that is not done and whose folder nobody holds is free to be taken up. The folder must be on a local disk.

    id                    the name of this spool
    ID-OF-A-JOB/items     a JSON line an item: its name, parameters, and where its bytes are
    ID-OF-A-JOB/data      the bytes, one after the other: two files to bring to disk, however many items
    .new-ID-OF-A-JOB/     being written; no job yet
"""

import fcntl
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

from matcher.errors import BadSettings, Busy, NotFound, StoreFull
from matcher.job import Item, is_id
from matcher.newfile import sync_folder

if TYPE_CHECKING:
    from typing_extensions import Self

_SPOOL_ID = re.compile(r"[0-9a-f]{32}")
_NEW = ".new-"
_ITEMS, _DATA = "items", "data"
_RESERVE = 64 << 20  # bytes of the disk that are left to others: our own Redis may write there
_STRIDE = 16 << 20  # bytes


@dataclass(frozen=True)
class _Place:
    """Where an item's bytes are."""

    name: str
    parameters: dict[str, Any]
    offset: int
    size: int


class Spool:
    """The folders of all jobs below `folder`, which is made when needed. most: bytes that all of them may have together."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder.absolute()
        self.most = most
        self._id = ""

    @property
    def id(self) -> str:
        """A name for this spool, the same in all processes that use it. Raises BadSettings."""
        if not self._id:
            self._prepare()
            file = self.folder / "id"
            try:
                if not file.exists():
                    self._name(file)
                found = file.read_text(errors="replace")
            except OSError as error:
                raise self._unusable(error) from None
            if not _SPOOL_ID.fullmatch(found):
                raise BadSettings(
                    f"jobs.dir: {file} is not as Kuato wrote it; restore it, or delete the folder and with it what waits there"
                )
            self._id = found
        return self._id

    def create(self, id: str) -> "Held":
        """Return a new, empty folder for a job, held. Raises BadSettings, StoreFull."""
        self._prepare()
        path = self.folder / (_NEW + id)
        while True:
            # Between the two somebody may take it for what a dead process left, hold it, and delete it.
            try:
                with suppress(FileExistsError):
                    path.mkdir(mode=0o700)
                held = self._held(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._full(error) from None
            if held is not None:
                return held

    def hold(self, id: str) -> "Held | None":
        """Return the folder of a job, held; None while somebody else holds it. Raises NotFound where there is none."""
        # The name it is kept under once more at the end: it may get it between the first two looks.
        for path in (self.folder / id, self.folder / (_NEW + id), self.folder / id):
            with suppress(FileNotFoundError):
                return self._held(path)
        raise NotFound("what this job was to work on is no longer there (jobs.dir); submit it again")

    def jobs(self) -> dict[str, float]:
        """Return when the folder of each job was last changed, in seconds since the epoch, the unfinished ones too."""
        found: dict[str, float] = {}
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                id = entry.name.removeprefix(_NEW)
                with suppress(FileNotFoundError):
                    if is_id(id):
                        found[id] = entry.stat(follow_symlinks=False).st_mtime
        return found

    def size(self) -> int:
        """Return how many bytes all jobs have here."""
        total = 0
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                for file in (_DATA, _ITEMS):
                    with suppress(FileNotFoundError, NotADirectoryError):
                        total += Path(entry.path, file).stat().st_size
        return total

    def check_disk(self, size: int) -> None:
        """Raise StoreFull when the disk has no room for `size` bytes."""
        with suppress(OSError):
            if shutil.disk_usage(self.folder).free < size + _RESERVE:
                raise StoreFull("the disk of jobs.dir is nearly full; nothing was accepted. Free some of it and try again")

    def crowded(self) -> Busy:
        """Return the error for more than all jobs may have together."""
        return Busy(f"unfinished jobs may keep {self.most / 1e6:.0f} MB (jobs.max_bytes); come back when some are done")

    def _held(self, path: Path) -> "Held | None":
        """Return the folder, held; None while somebody else holds it. Raises FileNotFoundError, also when it just went."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before may have deleted or renamed it.
            if not os.path.samestat(os.fstat(folder), path.lstat()):
                raise FileNotFoundError(path)
        except BlockingIOError:
            os.close(folder)
            return None
        except BaseException:
            os.close(folder)
            raise
        return Held(self, path, folder)

    def _name(self, file: Path) -> None:
        draft = file.with_name(f".id-{uuid4().hex}")
        with draft.open("w") as text:
            text.write(uuid4().hex)
            text.flush()
            os.fsync(text.fileno())
        with suppress(FileExistsError):
            os.link(draft, file)  # whole, or not at all
        draft.unlink()
        sync_folder(self.folder)

    def _prepare(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.folder.stat().st_mode
        except OSError as error:
            raise self._unusable(error) from None
        if mode & stat.S_IWOTH:
            raise BadSettings(f"jobs.dir: anyone may write in {self.folder}; run chmod 700 on it, or choose another folder")

    def _unusable(self, error: OSError) -> BadSettings:
        return BadSettings(f"jobs.dir: {self.folder} cannot be used ({error.strerror}); choose a folder of your own")

    def _full(self, error: OSError) -> StoreFull:
        return StoreFull(f"jobs.dir cannot take more ({error.strerror}); nothing was accepted. Free some of its disk and try again")


class Held:
    """The folder of one job, nobody else's until it is closed. Reading is safe from several threads at once."""

    def __init__(self, spool: Spool, path: Path, folder: int) -> None:
        self._spool, self._path, self._folder = spool, path, folder
        self._places: list[_Place] | None = None
        self._data = -1

    @property
    def unfinished(self) -> bool:
        """Whether it was never kept: the one who wrote it died before the job was acknowledged."""
        return self._path.name.startswith(_NEW)

    def fill(self, items: Iterable[Item]) -> int:
        """Write the items, bring them to disk, and keep the folder under the job's name; return how many they are.

        Raises StoreFull, Busy: then the folder is of no use and should be deleted.
        """
        try:
            with self._new(_DATA) as data, self._new(_ITEMS) as lines:
                count = self._write(items, data, lines)
                for file in (data, lines):
                    file.flush()
                    os.fsync(file.fileno())
            os.fsync(self._folder)
            kept = self._path.with_name(self._path.name.removeprefix(_NEW))
            self._path.rename(kept)
            self._path = kept
            sync_folder(self._spool.folder)
        except OSError as error:
            raise self._spool._full(error) from None
        return count

    def names(self) -> list[str]:
        """Return the names of the items; to be called before any `item`. Raises NotFound when they cannot be read."""
        return [place.name for place in self._index()]

    def item(self, index: int) -> Item:
        """Return an item. Raises NotFound when it cannot be read."""
        place = self._index()[index]
        data = b"".join(self._pieces(place))
        if len(data) != place.size:
            raise NotFound(f"{place.name} can no longer be read (jobs.dir); submit it again")
        return Item(place.name, data, place.parameters)

    def delete(self) -> None:
        """Delete the folder, and let go of it; nothing happens once it was let go."""
        if self._folder < 0:
            return
        for name in (_DATA, _ITEMS):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._folder)
        with suppress(FileNotFoundError):
            self._path.rmdir()
        self.close()

    def close(self) -> None:
        """Let go of the folder; it may be called again."""
        for file in (self._data, self._folder):
            if file >= 0:
                os.close(file)
        self._data = self._folder = -1

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _write(self, items: Iterable[Item], data: BinaryIO, lines: BinaryIO) -> int:
        count = offset = checked = others = 0
        for item in items:
            end = offset + len(item.data)
            if end > checked or not count:  # not for each: what others have, and what is free on the disk, hardly changes in between
                checked = end + _STRIDE
                others = self._spool.size() - sum(os.fstat(file.fileno()).st_size for file in (data, lines))
                self._spool.check_disk(checked - offset)
            if others + end > self._spool.most:
                raise self._spool.crowded()
            line = {"name": item.name, "parameters": item.parameters, "offset": offset, "size": len(item.data)}
            lines.write(json.dumps(line).encode() + b"\n")
            data.write(item.data)
            offset, count = end, count + 1
        return count

    def _new(self, name: str) -> BinaryIO:
        return open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._folder), "wb")

    def _index(self) -> list[_Place]:
        if self._places is None:
            try:
                with open(os.open(_ITEMS, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._folder), "rb") as lines:
                    self._places = [_Place(**json.loads(line)) for line in lines]
                self._data = os.open(_DATA, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._folder)
            except (OSError, ValueError, TypeError):
                raise NotFound("what this job was to work on can no longer be read (jobs.dir); submit it again") from None
        return self._places

    def _pieces(self, place: _Place) -> Iterable[bytes]:
        at = 0
        while at < place.size and (piece := os.pread(self._data, place.size - at, place.offset + at)):
            yield piece
            at += len(piece)
