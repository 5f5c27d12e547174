"""The file of a backup: values of keys, in a form that every version of Redis and Valkey can take.

    kuato backup 1                     the version of this format
    {"schema": 2, ..}                  what it is a backup of, for people and programs; a line of JSON
    frames                             kind, one letter | number of words, u32 | size, u32 | size in this file, u32 | contents
        contents: the length of each word, u32 | the words; by zlib, where that makes them smaller
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
from typing import BinaryIO

import numpy as np

from matcher.errors import BadFile
from matcher.store import SCHEMA

FORMAT = 1
STRINGS, DELETED, END = b"s", b"d", b"e"
HELD = {b"h": b"hash", b"t": b"set", b"z": b"zset", b"l": b"list"}
_LETTERS = {type: letter for letter, type in HELD.items()}

_MAGIC = b"kuato backup "
_FRAME = struct.Struct("<cIII")
_LATEST = 1e11  # seconds since the epoch that can be written as a date
_SEAL = 65  # 64 digits, end of the line
_LONGEST_HEADER = 1 << 16
_ENOUGH = 1 << 26  # bytes of one frame, unless a single value has more
_LARGEST_FRAME = 1 << 30  # bytes; the largest string of Redis has half of that
# The least effort: what gets smaller does so at once, and fingerprints never do. So a part of each frame is tried first.
_LEVEL = 1
_TRIED = 1 << 14  # bytes, from the middle
_WORTHWHILE = 0.85


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
        self._keys = 0
        self.bytes = 0
        self._out(b"%b%d\n%b\n" % (_MAGIC, FORMAT, json.dumps(asdict(header)).encode()))

    def strings(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Write keys with their values."""
        half = len(pairs) // 2
        if half and sum(len(value) for _, value in pairs) > _ENOUGH:
            self.strings(pairs[:half])
            self.strings(pairs[half:])
        elif pairs:
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
        self._out(self._hash.hexdigest().encode() + b"\n")
        return counts

    def _frame(self, kind: bytes, words: Sequence[bytes], keys: int) -> None:
        contents = np.fromiter(map(len, words), "<u4", len(words)).tobytes() + b"".join(words)
        if len(contents) > _LARGEST_FRAME:
            raise BadFile(f"key {words[0][:80]!r} holds {len(contents) / 1e6:,.0f} MB, more than a backup takes; nothing was written")
        middle = contents[len(contents) // 2 :][:_TRIED]
        packed = zlib.compress(contents, _LEVEL) if len(zlib.compress(middle, _LEVEL)) < _WORTHWHILE * len(middle) else contents
        self._out(_FRAME.pack(kind, len(words), len(contents), min(len(packed), len(contents))))
        self._out(packed if len(packed) < len(contents) else contents)
        self._keys += keys

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
            if self.header.schema < 1 or not 0 <= self.header.created < _LATEST:
                raise ValueError("no header")
            if self.header.schema > SCHEMA:
                raise BadFile(f"{name} has schema {self.header.schema}, this version reads {SCHEMA}; restore it with a newer Kuato")
            for frame in self.frames():
                last = frame
            counts = json.loads(last.words[0])
            self.counts = Counts(int(counts["pictures"]), int(counts["keys"]))
        except (ValueError, TypeError, LookupError, RecursionError):
            raise self._damaged() from None

    def frames(self) -> Iterator[Frame]:
        """Yield all frames, in order. What it yields is only known to be as it was written once the last one has come."""
        hash, left = hashlib.sha256(self._begin), self._size - _SEAL - len(self._begin)
        self._file.seek(len(self._begin))

        def read(size: int) -> bytes:
            nonlocal left
            data = self._file.read(min(size, left))
            if len(data) < size:
                raise ValueError("too short")
            left -= size
            hash.update(data)
            self._progress(self._size - _SEAL - left)
            return data

        kind = b""
        try:
            while kind != END:
                kind, count, size, packed = _FRAME.unpack(read(_FRAME.size))
                if kind not in {STRINGS, DELETED, END, *HELD} or not 0 < 4 * count <= size <= _LARGEST_FRAME or packed > size:
                    raise ValueError("no frame")
                words = _cut(read(packed) if packed == size else _unpacked(read(packed), size), count)
                if kind == STRINGS and count % 2:
                    raise ValueError("a key without a value")
                if kind == END and (left or self._file.read() != hash.hexdigest().encode() + b"\n"):
                    raise ValueError("altered")
                yield Frame(kind, words)
        except (ValueError, struct.error, zlib.error):
            raise self._damaged() from None

    def _damaged(self) -> BadFile:
        return BadFile(f"{self._name} is not whole, or was altered: its end or its checksum is wrong; take another backup")


def _unpacked(data: bytes, size: int) -> bytes:
    """Return what zlib made smaller. Raises ValueError unless it is of that size."""
    stream = zlib.decompressobj()
    contents = stream.decompress(data, size)
    if len(contents) != size or stream.decompress(stream.unconsumed_tail, 1) or not stream.eof or stream.unused_data:
        raise ValueError("of another size")
    return contents


def _cut(contents: bytes, count: int) -> list[bytes]:
    """Return the words of a frame. Raises ValueError unless their lengths are right."""
    lengths = np.frombuffer(contents, "<u4", count).astype(np.int64)
    ends = 4 * count + np.cumsum(lengths)
    if int(ends[-1]) != len(contents):
        raise ValueError("lengths")
    return [contents[start:end] for start, end in zip((ends - lengths).tolist(), ends.tolist(), strict=True)]
