"""Files of AIL's objects: found by id, read, never written; no id leads out of its folder."""

import os
import re
import stat
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from ail_connector.errors import FileMissing, OddMessage, WrongFile
from ail_connector.installation import FAVICON, IMAGE, SCREENSHOT, Installation
from matcher.errors import TooLarge

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"-?[0-9]{1,20}")


class Files:
    """The folders of one installation. max_bytes: the largest file that is read."""

    def __init__(self, installation: Installation, max_bytes: int) -> None:
        self._folders = {kind: Path(os.path.realpath(folder)) for kind, folder in installation.folders.items()}
        self._max_bytes = max_bytes

    def path(self, kind: str, id: str) -> Path:
        """Return where the file of an object is, whether it exists or not. Raises OddMessage for what can be no such object."""
        if kind == FAVICON and _NUMBER.fullmatch(id):
            below = Path(*id[:6], id[6:]) if len(id) > 6 else Path(*id)
        elif kind in (IMAGE, SCREENSHOT) and _SHA256.fullmatch(id):
            below = Path(*(id[at : at + 2] for at in range(0, 12, 2)), id[12:] + (".png" if kind == SCREENSHOT else ""))
        else:
            raise OddMessage(f"{kind[:40]!r} with the id {id[:80]!r} is no picture of AIL")
        found = Path(os.path.realpath(self._folders[kind] / below))
        if not found.is_relative_to(self._folders[kind]):
            raise OddMessage(f"the file of {kind} {id} lies outside of {self._folders[kind]}")
        return found

    def read(self, kind: str, id: str) -> bytes:
        """Return the file of an object. Raises OddMessage, FileMissing, TooLarge, WrongFile."""
        path = self.path(kind, id)
        try:
            # A pipe in place of a file must not hold us.
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise FileMissing(f"{path} is no file")
                if found.st_size > self._max_bytes:
                    raise TooLarge(
                        f"{kind} {id} has {found.st_size / 1e6:.1f} MB, the limit is {self._max_bytes / 1e6:.1f} (picture.max_bytes)"
                    )
                data = file.read(self._max_bytes + 1)
        except OSError as error:
            raise FileMissing(f"{path} cannot be read: {error.strerror}") from None
        if kind != FAVICON and sha256(data).hexdigest() != id:
            raise WrongFile(f"{path} is not the {kind} that its name says: its SHA-256 is {sha256(data).hexdigest()}")
        return data

    def date(self, kind: str, id: str) -> str:
        """Return when AIL stored the file of an object, YYYYMMDD in UTC; "" when there is none."""
        try:
            return time.strftime("%Y%m%d", time.gmtime(self.path(kind, id).stat().st_mtime))
        except OSError:
            return ""

    def ids(self, kind: str, after: str = "") -> Iterator[str]:
        """Yield the ids of all objects of a type that have a file, in the order of their paths, from the one after `after` on."""
        root = self._folders[kind]
        start = str(self.path(kind, after).relative_to(root)) if after else ""
        for path in _walk(root, "", start):
            id = path.replace("/", "").removesuffix(".png" if kind == SCREENSHOT else "")
            if (_NUMBER if kind == FAVICON else _SHA256).fullmatch(id):
                yield id


def _walk(root: Path, below: str, start: str) -> Iterator[str]:
    """Yield the files below a folder in the order of their names; nothing up to `start` is looked at."""
    try:
        with os.scandir(root / below) as found:
            entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in found)
    except FileNotFoundError:
        return
    first, _, rest = start.partition("/")
    for name, is_folder in entries:
        if name < first or (name == first and not rest):
            continue
        path = f"{below}/{name}" if below else name
        if is_folder:
            yield from _walk(root, path, rest if name == first else "")
        else:
            yield path
