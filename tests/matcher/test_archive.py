"""The file of a backup: what was written comes back, and anything else is refused whole."""

import hashlib
import io
import json
import os
import tracemalloc
import zlib
from pathlib import Path

import pytest

from matcher.archive import ArchiveReader, ArchiveWriter, Counts, Header
from matcher.errors import BadFile

HEADER = Header(2, "0.1", 1.7e9)


def archive() -> bytes:
    """A small backup with a frame of every kind."""
    file = io.BytesIO()
    out = ArchiveWriter(file, HEADER)
    out.strings([(b"r1", b"one"), (b"", b""), (b"r\n\xff", bytes(1000))])
    out.strings([])
    for type in (b"hash", b"set", b"zset", b"list"):
        out.held(type, b"k", [b"a", b"1", b"b", b"2"])
    out.deleted([b"r1", b"r2"])
    assert out.close(pictures=3) == Counts(3, 7)
    assert out.bytes == len(file.getvalue())
    return file.getvalue()


def sealed(stream: bytes, begin: bytes | None = None) -> bytes:
    """A file with such frames, and a checksum that is right."""
    data = (begin or archive().partition(b"}\n")[0] + b"}\n") + zlib.compress(stream)
    return data + hashlib.sha256(data).hexdigest().encode() + b"\n"


def read(data: bytes) -> ArchiveReader:
    return ArchiveReader(io.BytesIO(data), "my.backup")


def test_what_was_written_comes_back() -> None:
    reader = read(archive())
    assert (reader.header, reader.counts) == (HEADER, Counts(3, 7))
    for _ in range(2):
        frames = list(reader.frames())
        assert frames[0].pairs() == [(b"r1", b"one"), (b"", b""), (b"r\n\xff", bytes(1000))]
        assert [(frame.kind, frame.words) for frame in frames[1:-1]] == [
            *((kind, [b"k", b"a", b"1", b"b", b"2"]) for kind in (b"h", b"t", b"z", b"l")),
            (b"d", [b"r1", b"r2"]),
        ]


def test_people_see_what_it_is() -> None:
    first, second, _ = archive().split(b"\n", 2)
    assert first == b"kuato backup 1"
    assert json.loads(second) == {"schema": 2, "program": "0.1", "created": 1.7e9}


def test_cut_off_anywhere_it_is_refused() -> None:
    data = archive()
    for length in range(len(data)):
        with pytest.raises(BadFile, match=r"my\.backup"):
            read(data[:length])
        # What a file system may leave of a file whose end was never written.
        with pytest.raises(BadFile):
            read(data[:length] + bytes(len(data) - length))


def test_altered_anywhere_it_is_refused() -> None:
    data = archive()
    for place in range(len(data)):
        for change in (1, 0x80):
            with pytest.raises(BadFile):
                read(data[:place] + bytes([data[place] ^ change]) + data[place + 1 :])
        with pytest.raises(BadFile):
            read(data[:place] + b"x" + data[place:])
    for longer in (data + b"\n", data + data, data[:-65] + b"more" + data[-65:]):
        with pytest.raises(BadFile):
            read(longer)


@pytest.mark.parametrize("data", [b"", b"\n", b"\x89PNG\r\n\x1a\n" + bytes(100), b'{"a": 1}\n', b"REDIS0009" + bytes(100), bytes(1000)])
def test_what_is_no_backup_is_named_so(data: bytes) -> None:
    with pytest.raises(BadFile, match="no backup of Kuato"):
        read(data)


def test_what_is_newer_is_named_so() -> None:
    with pytest.raises(BadFile, match="newer Kuato"):
        read(archive().replace(b"backup 1", b"backup 2", 1))
    frames = zlib.decompress(archive().partition(b"}\n")[2][:-65])
    with pytest.raises(BadFile, match="newer Kuato"):
        read(sealed(frames, b'kuato backup 1\n{"schema": 99, "program": "9", "created": 1}\n'))
    assert read(sealed(frames)).counts == Counts(3, 7)


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"s",
        b"q" + bytes(8),
        b"s" + (1).to_bytes(4, "little") * 2 + (1).to_bytes(4, "little") + b"x",  # a key without a value
        b"s" + bytes(8),
        b"s" + b"\xff" * 8,
        b"d" + (1).to_bytes(4, "little") + (5).to_bytes(4, "little") + (4).to_bytes(4, "little") + b"12345",
        b"e" + (1).to_bytes(4, "little") + (2).to_bytes(4, "little") * 2 + b"{}",
        b"e" + (1).to_bytes(4, "little") + (2).to_bytes(4, "little") * 2 + b"[]",
        b"e" + (1).to_bytes(4, "little") + (2).to_bytes(4, "little") * 2 + b"{]",
    ],
)
def test_frames_that_cannot_be_are_refused_though_the_checksum_is_right(stream: bytes) -> None:
    with pytest.raises(BadFile):
        read(sealed(stream))


def test_frames_after_the_end_and_a_second_stream_are_refused() -> None:
    frames = zlib.decompress(archive().partition(b"}\n")[2][:-65])
    with pytest.raises(BadFile):
        read(sealed(frames + frames))
    data = archive()[:-65] + zlib.compress(frames)
    with pytest.raises(BadFile):
        read(data + hashlib.sha256(data).hexdigest().encode() + b"\n")


def test_a_small_file_that_unpacks_to_much_takes_no_memory() -> None:
    number = lambda value: int(value).to_bytes(4, "little")  # noqa: E731
    end = b"e" + number(1) + number(24) * 2 + b'{"pictures":0,"keys":0} '
    for stream in (end + bytes(1 << 28), b"s" + number(2) + number(1 << 31) + number(1 << 30) * 2 + bytes(1 << 28)):
        data = sealed(stream)
        del stream
        tracemalloc.start()
        try:
            with pytest.raises(BadFile):
                read(data)
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()


def test_a_file_changed_after_it_was_checked_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(archive())
    with path.open("rb") as file:
        reader = ArchiveReader(file, "b")
        with path.open("r+b") as other:
            other.seek(-70, os.SEEK_END)
            other.write(b"!")
        with pytest.raises(BadFile):
            list(reader.frames())


def test_progress_ends_at_the_whole_file() -> None:
    told: list[int] = []
    data = archive()
    ArchiveReader(io.BytesIO(data), "b", told.append)
    assert told[-1] == len(data) - 65
