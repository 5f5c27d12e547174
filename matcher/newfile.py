"""A file that is there whole, or not at all."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from matcher.errors import BadRequest, Conflict, NotFound


@contextmanager
def new_file(path: Path, replace: bool = False) -> Iterator[BinaryIO]:
    """Write a file that only its owner may read; it gets its name when all of it is on disk, and after a failure never.

    Until then it is called like it, with .part at the end; what a killed process left under that name is written over.
    replace: whether it may take the place of another file.
    Raises Conflict where there is one and it may not, or another process writes it; NotFound without its folder; BadRequest,
    OSError where it cannot be written.
    """
    _check(path, replace)
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb") as file:
        try:
            if not _ours(file, part):
                raise Conflict(f"{part} is being written by another process; wait for it, or name another file")
            os.fchmod(file.fileno(), 0o600)
            file.truncate()
            yield file
            file.flush()
            os.fsync(file.fileno())
            _check(path, replace)
            part.replace(path)
        except BaseException:
            if _ours(file, part):
                part.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def _ours(file: BinaryIO, part: Path) -> bool:
    """Lock the file; False when another process has it, or has just given it its final name."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), part.lstat())
    except OSError:
        return False


def _check(path: Path, replace: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise NotFound(f"there is no folder {path.parent}; make it first") from None
        return
    if not stat.S_ISREG(mode):
        raise BadRequest(f"{path} is no file; name one that is to be written")
    if not replace:
        raise Conflict(f"{path} exists already; name another file, or give --force")


def sync_folder(folder: Path) -> None:
    """Bring the names of the files in a folder to disk. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
