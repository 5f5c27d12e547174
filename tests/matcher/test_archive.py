"""The file of a backup: what was written comes back, and anything else is refused whole."""

import hashlib
import io
import json
import os
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
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


BEGIN = archive().partition(b"}\n")[0] + b"}\n"
FRAMES = archive()[len(BEGIN) : -65]


def sealed(frames: bytes, begin: bytes = BEGIN) -> bytes:
    """A file with such frames, and a checksum that is right."""
    return begin + frames + hashlib.sha256(begin + frames).hexdigest().encode() + b"\n"


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def frame(kind: bytes, *words: bytes, count: int | None = None, more: int = 0) -> bytes:
    """A frame, stored as it is. more: added to the sizes it says it has."""
    contents = numbers(*map(len, words)) + b"".join(words)
    return kind + numbers(len(words) if count is None else count, len(contents) + more, len(contents) + more) + contents


END = frame(b"e", b'{"pictures": 0, "keys": 0}')


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
    for longer in (data + b"\n", data + data, data[:-65] + b"more" + data[-65:], b"\n" + data):
        with pytest.raises(BadFile):
            read(longer)


@pytest.mark.parametrize("data", [b"", b"\n", b"\x89PNG\r\n\x1a\n" + bytes(100), b'{"a": 1}\n', b"REDIS0009" + bytes(100), bytes(1000)])
def test_what_is_no_backup_is_named_so(data: bytes) -> None:
    with pytest.raises(BadFile, match="no backup of Kuato"):
        read(data)


def test_what_is_newer_is_named_so() -> None:
    with pytest.raises(BadFile, match="newer Kuato"):
        read(archive().replace(b"backup 1", b"backup 2", 1))
    with pytest.raises(BadFile, match="newer Kuato"):
        read(sealed(FRAMES, b'kuato backup 1\n{"schema": 99, "program": "9", "created": 1}\n'))
    assert read(sealed(FRAMES)).counts == Counts(3, 7)
    assert read(sealed(END)).counts == Counts(0, 0)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"[" * 60_000,
        b"{}",
        b'{"schema": 0, "program": "", "created": 1}',
        b'{"schema": 2, "program": "", "created": 1e400}',
        b'{"schema": 2, "program": "", "created": NaN}',
    ],
)
def test_a_header_that_cannot_be(header: bytes) -> None:
    with pytest.raises(BadFile):
        read(sealed(FRAMES, b"kuato backup 1\n" + header + b"\n"))


@pytest.mark.parametrize(
    "frames",
    [
        b"s",
        frame(b"q", b"a"),
        frame(b"s", b"a key without a value"),
        frame(b"s"),
        frame(b"d", b"a", more=1),
        frame(b"d", b"a", count=2),
        frame(b"d", b"a", count=0),
        b"d" + numbers(1 << 30, 1 << 31, 1 << 31),
        b"d" + numbers(1, 5, 6) + numbers(1) + b"12",
        b"d" + numbers(1, 5, 4) + numbers(0),
        b"d" + numbers(1, 500, len(zlib.compress(numbers(495) + bytes(495)))) + zlib.compress(numbers(495) + bytes(495)),
        b"d" + numbers(1, 500, len(zlib.compress(numbers(496) + bytes(497)))) + zlib.compress(numbers(496) + bytes(497)),
        b"d" + numbers(1, 500, len(zlib.compress(numbers(496) + bytes(496))) + 1) + zlib.compress(numbers(496) + bytes(496)) + b"x",
        b"d" + numbers(1, 500, len(zlib.compress(numbers(496) + bytes(496))) - 1) + zlib.compress(numbers(496) + bytes(496))[:-1],
    ],
)
def test_frames_that_cannot_be_are_refused_though_the_checksum_is_right(frames: bytes) -> None:
    with pytest.raises(BadFile):
        read(sealed(frames + END))


def test_an_end_that_cannot_be() -> None:
    for frames in (b"", frame(b"d", b"a"), FRAMES + FRAMES, END + b"x", frame(b"e", b"{}"), frame(b"e", b"[]"), frame(b"e", b"{]")):
        with pytest.raises(BadFile):
            read(sealed(frames))


def test_what_gets_smaller_is_made_smaller_and_nothing_else() -> None:
    def size(value: bytes) -> int:
        file = io.BytesIO()
        out = ArchiveWriter(file, HEADER)
        out.strings([(b"key", value)])
        out.close(0)
        assert next(read(file.getvalue()).frames()).pairs() == [(b"key", value)]
        return len(file.getvalue()) - len(sealed(END))

    assert size(bytes(100_000)) < 1000
    assert 100_000 < size(np.random.default_rng(1).bytes(100_000)) < 100_100


def test_large_values_are_not_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matcher.archive._ENOUGH", 1000)
    file = io.BytesIO()
    out = ArchiveWriter(file, HEADER)
    pairs = [(b"%d" % n, bytes(400)) for n in range(9)]
    out.strings(pairs)
    assert out.close(0).keys == 9
    frames = list(read(file.getvalue()).frames())[:-1]
    assert [pair for frame in frames for pair in frame.pairs()] == pairs
    assert max(len(frame.pairs()) for frame in frames) == 2
    monkeypatch.setattr("matcher.archive._LARGEST_FRAME", 1000)
    with pytest.raises(BadFile, match="more than a backup takes"):
        ArchiveWriter(io.BytesIO(), HEADER).held(b"hash", b"k", [b"a", bytes(1000)])


def test_a_small_file_that_unpacks_to_much_takes_no_memory() -> None:
    packed = zlib.compress(bytes(1 << 28))
    for frames in (b"s" + numbers(2, 100, len(packed)) + packed, b"s" + numbers(2, (1 << 30) + 1, len(packed)) + packed):
        data = sealed(frames)
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
