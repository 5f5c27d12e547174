"""Redis' protocol, written for many commands at a time: what an object a command would cost is what bulk work costs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.uint8]


def string(word: bytes) -> bytes:
    """Return a string of the protocol, as a command consists of."""
    return b"$%d\r\n%b\r\n" % (len(word), word)


def command(*words: bytes) -> bytes:
    """Return one command."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def commands(*words: bytes | Column) -> bytes:
    """Return as many commands as the columns have rows, all in one piece.

    words: of each command, in order: the same for all, or uint8 (n, length), a row for each. At least one is a column.
    """
    return rows(b"*%d\r\n" % len(words), *(part for word in words for part in _framed(word)))


def strings(column: Column) -> Column:
    """Return each row as a string of the protocol, uint8 (n, length + frame): to be cut and put into commands of any length."""
    return _laid(_framed(column))


def rows(*parts: bytes | Column) -> bytes:
    """Return the parts side by side for each row, all in one piece."""
    return _laid(parts).tobytes()


def _framed(word: bytes | Column) -> tuple[bytes | Column, ...]:
    if isinstance(word, bytes):
        return (string(word),)
    return b"$%d\r\n" % word.shape[1], word, b"\r\n"


def _laid(parts: Sequence[bytes | Column]) -> Column:
    count = next(len(part) for part in parts if not isinstance(part, bytes))
    block = np.empty((count, sum(len(part) if isinstance(part, bytes) else part.shape[1] for part in parts)), np.uint8)
    at = 0
    for part in parts:
        size = len(part) if isinstance(part, bytes) else part.shape[1]
        block[:, at : at + size] = np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part
        at += size
    return block
