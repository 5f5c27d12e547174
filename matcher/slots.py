"""Which slot of a Redis Cluster a command goes to: read off commands in the protocol's form, of many at a time by columns.

A slot is the CRC16 (XMODEM) of a key, modulo 16,384; of a key with a part in braces, of that part alone.
Source: Redis Cluster specification, redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec.
"""

from binascii import crc_hqx
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matcher.protocol import Column

SLOTS = 1 << 14
Slots = NDArray[np.uint16]

# Where the key stands in a command, in words, where that is not behind the name.
_PLACES = {b"EVAL": 3, b"EVALSHA": 3, b"BITOP": 2, b"MEMORY": 2}
_CRC = np.array([crc_hqx(bytes([n]), 0) for n in range(256)], np.uint16)
_BRACE = ord("{")
Span = tuple[int, int]


def slot(key: bytes) -> int:
    """Return the slot of a key."""
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key, 0) % SLOTS


def slots(keys: Column) -> Slots:
    """Return the slot of each key of one length, uint8 (n, length): uint16 (n,)."""
    found = np.zeros(len(keys), np.uint16)
    for column in keys.T:
        found = (found << np.uint16(8)) ^ _CRC[(found >> np.uint16(8)) ^ column]
    found %= np.uint16(SLOTS)
    for n in np.flatnonzero((keys == _BRACE).any(axis=1)).tolist():
        found[n] = slot(keys[n].tobytes())
    return found


def key_of(command: bytes) -> bytes:
    """Return the key of one command, empty where it has none."""
    spans = _words(command, 0, 4)[0]
    place = _PLACES.get(command[slice(*spans[0])].upper(), 1)
    # A script may be told of no key.
    if place >= len(spans) or (place == 3 and command[slice(*spans[2])] == b"0"):
        return b""
    return command[slice(*spans[place])]


def script_of(command: bytes) -> bytes:
    """Return the name of the script that an EVALSHA runs."""
    return command[slice(*_words(command, 0, 2)[0][1])]


class Listed:
    """Commands, each by itself."""

    def __init__(self, commands: Sequence[bytes]) -> None:
        self._commands = commands
        self.slots = np.array([slot(key_of(command)) for command in commands], np.uint16)

    def __len__(self) -> int:
        return len(self._commands)

    def some(self, places: NDArray[np.intp]) -> bytes:
        """Return the commands at these places in one piece."""
        return b"".join([self._commands[place] for place in places.tolist()])


class Rows:
    """Commands of one length, uint8 (n, length), that differ in the bytes of their words alone."""

    def __init__(self, rows: Column) -> None:
        self._rows = rows
        spans = _words(rows[0].tobytes(), 0, 4)[0] if len(rows) else [(0, 0)]
        place = _PLACES.get(rows[0, slice(*spans[0])].tobytes().upper(), 1) if len(rows) else 0
        self.slots = slots(rows[:, slice(*spans[place])])

    def __len__(self) -> int:
        return len(self._rows)

    def some(self, places: NDArray[np.intp]) -> bytes:
        """Return the commands at these places in one piece."""
        return self._rows[places].tobytes()


Batch = Listed | Rows


def divided(text: bytes, count: int) -> Batch:
    """Return the commands that stand in one piece."""
    spans, end = _words(text, 0, None)
    if end * count == len(text):
        rows = np.frombuffer(text, np.uint8).reshape(count, end)
        frame = np.ones(end, np.bool_)
        for start, stop in spans:
            frame[start:stop] = False
        # Where lengths and line ends are those of the first in every row, each row is a command.
        if (rows[:, frame] == rows[0, frame]).all() and (rows[:, slice(*spans[0])] == rows[0, slice(*spans[0])]).all():
            return Rows(rows)
    commands, at = list[bytes](), 0
    for _ in range(count):
        _, stop = _words(text, at, None)
        commands.append(text[at:stop])
        at = stop
    return Listed(commands)


def _words(text: bytes, at: int, most: int | None) -> tuple[list[Span], int]:
    """Return where the words of the command at `at` stand, the first `most` of them, and where what was read ends."""
    line = text.index(b"\r\n", at)
    count = int(text[at + 1 : line])
    at, found = line + 2, list[Span]()
    for _ in range(count if most is None else min(count, most)):
        line = text.index(b"\r\n", at)
        start = line + 2
        end = start + int(text[at + 1 : line])
        found.append((start, end))
        at = end + 2
    return found, at
