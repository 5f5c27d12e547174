"""Room on the disk of our own Redis: it ends when it cannot write, so it is not let come to that."""

import os
from pathlib import Path

from matcher.errors import StoreFull

_LAST = 1 << 20  # bytes; with less nothing is written at all


class DiskRoom:
    """The room that is left where a folder is. least: bytes from which on nothing is added any more."""

    def __init__(self, folder: Path, least: int) -> None:
        self._folder = folder
        self._least = least

    def free(self) -> int | None:
        """Return how many bytes are free for us, None where that cannot be told."""
        try:
            found = os.statvfs(self._folder)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    def check(self, growing: bool = True) -> None:
        """Raise StoreFull where there is too little room. growing: to add something, not to change or remove it."""
        free = self.free()
        if free is not None and free < (self._least if growing else min(self._least, _LAST)):
            raise StoreFull(
                f"the disk of {self._folder} has {free / 1e6:.0f} MB left, {self._least / 1e6:.0f} are kept free (data.min_free);"
                " nothing was acknowledged. Free some and try again"
            )
