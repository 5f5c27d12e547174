"""Where the files of a request lie until they are read."""

import os
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from flask import Request

_IN_MEMORY = 1 << 20


class UploadRequest(Request):
    """A request whose files lie in one temporary file, one behind the other.

    So a request costs one open file and little memory, into however many parts of whatever size its bytes are cut.
    """

    _together: "SpooledTemporaryFile[bytes] | None" = None

    def _get_file_stream(self, *_: Any, **__: Any) -> Any:
        if self._together is None:
            self._together = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with the request
        return Part(self._together)

    def close(self) -> None:
        """Forget the files."""
        super().close()
        if self._together is not None:
            self._together.close()


class Part:
    """One of several files within another one: a part is written once, after those before it, then read."""

    def __init__(self, file: "IO[bytes] | SpooledTemporaryFile[bytes]") -> None:
        self._file = file
        self._start = file.seek(0, os.SEEK_END) or file.tell()
        self._length = 0
        self._at = 0

    def write(self, data: bytes) -> int:
        """Add to the end."""
        self._file.seek(self._start + self._length)
        self._file.write(data)
        self._length += len(data)
        self._at = self._length
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or all that are left."""
        left = self._length - self._at
        self._file.seek(self._start + self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = max(0, min(base + offset, self._length))
        return self._at

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def close(self) -> None:
        """Do nothing: the others may still be read."""
