"""Redis' protocol, written for many commands at a time: what an object a command would cost is what bulk work costs."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.uint8]
# Some commands in one piece, and how many.
Piece = tuple[bytes, int]

# Bytes of a piece: well above what Redis reads at once, well below what a socket takes.
_SIZE = 1 << 16


def string(word: bytes) -> bytes:
    """Return a string of the protocol, as a command consists of."""
    return b"$%d\r\n%b\r\n" % (len(word), word)


def command(*words: bytes) -> bytes:
    """Return one command."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def command_pairs(words: Sequence[bytes], pairs: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Return a command for each pair, these words and then the pair; those of one length are made at once, and stand together."""
    alike: dict[tuple[int, int], list[tuple[bytes, bytes]]] = {}
    for pair in pairs:
        alike.setdefault((len(pair[0]), len(pair[1])), []).append(pair)
    found: list[bytes] = []
    for some in alike.values():
        firsts, seconds = (np.frombuffer(b"".join(column), np.uint8).reshape(len(some), -1) for column in zip(*some, strict=True))
        text = commands(*words, firsts, seconds)
        size = len(text) // len(some)
        found += [text[at : at + size] for at in range(0, len(text), size)]
    return found


def commands(*words: bytes | Column) -> bytes:
    """Return as many commands as the columns have rows, all in one piece.

    words: of each command, in order: the same for all, or uint8 (n, length), a row for each. At least one is a column.
    """
    return command_rows(*words).tobytes()


def command_rows(*words: bytes | Column) -> Column:
    """Return as many commands as the columns have rows, one a row, of words as `commands` takes them."""
    return side_by_side(b"*%d\r\n" % len(words), *(part for word in words for part in _framed(word)))


def strings(column: Column) -> Column:
    """Return each row as a string of the protocol, uint8 (n, length + frame): to be cut and put into commands of any length."""
    return side_by_side(*_framed(column))


def side_by_side(*parts: bytes | Column) -> Column:
    """Return a row for each of the columns' rows: the parts in order, those that are not columns in every row."""
    count = next(len(part) for part in parts if not isinstance(part, bytes))
    block = np.empty((count, sum(len(part) if isinstance(part, bytes) else part.shape[1] for part in parts)), np.uint8)
    at = 0
    for part in parts:
        size = len(part) if isinstance(part, bytes) else part.shape[1]
        block[:, at : at + size] = np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part
        at += size
    return block


def cut(block: Column) -> Iterator[Piece]:
    """Yield commands of one length, a row each, in pieces."""
    step = max(1, _SIZE // block.shape[1])
    for start in range(0, len(block), step):
        some = block[start : start + step]
        yield some.tobytes(), len(some)


def gathered(each: Iterable[bytes]) -> Iterator[Piece]:
    """Yield commands in pieces."""
    some, size = list[bytes](), 0
    for one in each:
        some.append(one)
        size += len(one)
        if size >= _SIZE:
            yield b"".join(some), len(some)
            some, size = [], 0
    if some:
        yield b"".join(some), len(some)


def _framed(word: bytes | Column) -> Sequence[bytes | Column]:
    if isinstance(word, bytes):
        return (string(word),)
    return b"$%d\r\n" % word.shape[1], word, b"\r\n"
