"""The file of a backup: values of keys, in a form that every version of Redis and Valkey can take.

    kuato backup 1                     the version of this format
    {"schema": 2, ..}                  what it is a backup of, for people and programs; a line of JSON
    one zlib stream of frames          kind, one letter | number of words, u32 | bytes of all words, u32 | length of each, u32 | words
        s   keys, then as many values: strings
        h t z l   a key, then what it holds: a hash, a set, a sorted set, a list
        d   keys that are to be deleted again, as they went while the backup was made
        e   the end: counts, in JSON
    SHA-256 of all before, in hexadecimal

Integers are little endian. Keys are without the store's prefix. A key may come twice; the later one holds.
"""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import numpy as np

from matcher.errors import BadFile
from matcher.store import SCHEMA

FORMAT = 1
STRINGS, DELETED, END = b"s", b"d", b"e"
HELD = {b"h": b"hash", b"t": b"set", b"z": b"zset", b"l": b"list"}
_LETTERS = {type: letter for letter, type in HELD.items()}

_MAGIC = b"kuato backup "
_FRAME = struct.Struct("<cII")
_SEAL = 65  # 64 digits, end of the line
_LONGEST_HEADER = 1 << 16
_LARGEST_FRAME = 1 << 30  # bytes; the largest string of Redis has half of that
_PIECE = 1 << 20
# The least effort: fingerprints hardly get smaller, and keys and ids do so at once.
_LEVEL = 1


@dataclass(frozen=True)
class Header:
    """schema: of the store. program: the version that wrote the file. created: seconds since the epoch."""

    schema: int
    program: str
    created: float


@dataclass(frozen=True)
class Counts:
    """What a backup holds. keys: as written, those that come twice counted twice."""

    pictures: int
    keys: int


@dataclass(frozen=True)
class Frame:
    """kind: a letter. words: see above."""

    kind: bytes
    words: list[bytes]

    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Return the keys and values of strings."""
        half = len(self.words) // 2
        return list(zip(self.words[:half], self.words[half:], strict=True))


class ArchiveWriter:
    """Writes a backup to a binary file."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._zlib = zlib.compressobj(_LEVEL)
        self._keys = 0
        self.bytes = 0
        self._out(b"%b%d\n%b\n" % (_MAGIC, FORMAT, json.dumps(asdict(header)).encode()))

    def strings(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Write keys with their values."""
        if pairs:
            self._frame(STRINGS, [name for name, _ in pairs] + [value for _, value in pairs], len(pairs))

    def held(self, type: bytes, name: bytes, items: Sequence[bytes]) -> None:
        """Write a key of another type than string, with what it holds."""
        self._frame(_LETTERS[type], [name, *items], 1)

    def deleted(self, names: Sequence[bytes]) -> None:
        """Say that these keys are not to be, although they were written."""
        if names:
            self._frame(DELETED, names, 0)

    def close(self, pictures: int) -> Counts:
        """Write the end."""
        counts = Counts(pictures, self._keys)
        self._frame(END, [json.dumps(asdict(counts)).encode()], 0)
        self._out(self._zlib.flush())
        self._out(self._hash.hexdigest().encode() + b"\n")
        return counts

    def _frame(self, kind: bytes, words: Sequence[bytes], keys: int) -> None:
        lengths = np.fromiter(map(len, words), "<u4", len(words))
        self._keys += keys
        head = _FRAME.pack(kind, len(words), int(lengths.sum()))
        self._out(self._zlib.compress(head + lengths.tobytes() + b"".join(words)))

    def _out(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)
        self.bytes += len(data)


class ArchiveReader:
    """Reads a backup from a binary file that can be rewound.

    Making one reads all of it, and raises BadFile for anything but a backup that this version can restore, whole and as it was
    written. name: what an error calls it. progress: told how many bytes were read. header, counts: what the file says of itself.
    """

    def __init__(self, file: BinaryIO, name: str, progress: Callable[[int], None] = lambda done: None) -> None:
        self._file, self._name, self._progress = file, name, progress
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._begin = file.readline(len(_MAGIC) + 12)
        if not self._begin.startswith(_MAGIC):
            raise BadFile(f"{name} is no backup of Kuato; name a file that `kuato backup` wrote")
        version = self._begin[len(_MAGIC) :].strip()
        if version.isdigit() and int(version) > FORMAT:
            raise BadFile(f"{name} was written by a newer Kuato (format {int(version)}, this one reads {FORMAT}); restore it with that one")
        text = file.readline(_LONGEST_HEADER)
        if version != b"%d" % FORMAT or not text.endswith(b"\n") or file.tell() + _SEAL > self._size:
            raise self._damaged()
        self._begin += text
        try:
            header = json.loads(text)
            self.header = Header(int(header["schema"]), str(header["program"]), float(header["created"]))
            if self.header.schema > SCHEMA:
                raise BadFile(f"{name} has schema {self.header.schema}, this version reads {SCHEMA}; restore it with a newer Kuato")
            for frame in self.frames():
                last = frame
            counts = json.loads(last.words[0])
            self.counts = Counts(int(counts["pictures"]), int(counts["keys"]))
        except (ValueError, TypeError, LookupError):
            raise self._damaged() from None

    def frames(self) -> Iterator[Frame]:
        """Yield all frames, in order. What it yields is only known to be as it was written once the last one has come."""
        stream = _Stream(self._pieces())
        try:
            while True:
                kind, count, size = _FRAME.unpack(stream.read(_FRAME.size))
                if 4 * count + size > _LARGEST_FRAME or kind not in {STRINGS, DELETED, END, *HELD}:
                    raise ValueError("no frame")
                lengths = np.frombuffer(stream.read(4 * count), "<u4")
                if int(lengths.sum(dtype=np.uint64)) != size or not count or (kind == STRINGS and count % 2):
                    raise ValueError("no frame")
                frame = Frame(kind, _cut(stream.read(size), lengths))
                if kind == END:
                    stream.finish()
                yield frame
                if kind == END:
                    return
        except (ValueError, struct.error, zlib.error):
            raise self._damaged() from None

    def _pieces(self) -> Iterator[bytes]:
        """Yield the compressed stream; raise ValueError at its end unless all is as it was written."""
        hash, left = hashlib.sha256(self._begin), self._size - _SEAL - len(self._begin)
        self._file.seek(len(self._begin))
        while left > 0:
            piece = self._file.read(min(_PIECE, left))
            if not piece:
                raise ValueError("shorter than it was")
            hash.update(piece)
            left -= len(piece)
            self._progress(self._size - _SEAL - left)
            yield piece
        if self._file.read() != hash.hexdigest().encode() + b"\n":
            raise ValueError("altered")

    def _damaged(self) -> BadFile:
        return BadFile(f"{self._name} is not whole, or was altered: its end or its checksum is wrong; take another backup")


class _Stream:
    """What a compressed stream holds, never much more of it in memory than was asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._zlib = zlib.decompressobj()
        self._packed = b""

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes. Raises ValueError when there are fewer."""
        parts = []
        while size > 0:
            self._packed = self._packed or next(self._pieces, b"")
            part = self._zlib.decompress(self._packed, size)
            if not part and not self._packed:
                raise ValueError("too short")
            self._packed = self._zlib.unconsumed_tail
            if not part and self._zlib.eof:
                raise ValueError("too short")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def finish(self) -> None:
        """Read to the end. Raises ValueError when anything but the end is there."""
        while True:
            if self._zlib.decompress(self._packed, 1):
                raise ValueError("too long")
            if self._zlib.eof:
                break
            self._packed = self._zlib.unconsumed_tail or next(self._pieces, b"")
            if not self._packed:
                raise ValueError("too short")
        if self._zlib.unused_data or any(self._pieces):
            raise ValueError("too long")


def _cut(data: bytes, lengths: "np.ndarray[Any, np.dtype[np.uint32]]") -> list[bytes]:
    ends = np.cumsum(lengths, dtype=np.int64)
    return [data[start:end] for start, end in zip((ends - lengths).tolist(), ends.tolist(), strict=True)]
