"""Doubts: pairs of known pictures of which a search said MAYBE, and nobody yet which it is; the most useful first.

A sorted set, and one of those that were judged: a pair of ids, the lesser first, by its usefulness. It is a list of what to look at,
no more: whether there is still something to decide is asked of records, reviews and clusters when a pair is shown, and what is
decided is put aside then.
"""

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matcher.match import Decision, Match
from matcher.protocol import command
from matcher.store import Store

if TYPE_CHECKING:
    from matcher.bank import Bank
    from matcher.records import Record

KIND = b"d"
MOST = 50_000
# Of the pictures that a new one may be, the nearest so many are worth a person's time.
MOST_EACH = 3
_PAIR = struct.Struct("<II")
_TELLING = ("known-bad", "baseline")  # kinds of banks that others act upon
_LARGEST = 64  # pictures that a verdict ties, beyond which more do not count


@dataclass(frozen=True)
class Doubt:
    """A pair of pictures by their ids, the lesser first, and how useful a verdict is; only the order of that means something."""

    a: int
    b: int
    usefulness: float


class Doubts:
    """The doubts of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, doubts: Sequence[Doubt]) -> None:
        """Keep pairs; of more than MOST the least useful are let go."""
        if doubts:
            words = [word for one in doubts for word in (repr(one.usefulness).encode(), _PAIR.pack(one.a, one.b))]
            last = str(-MOST - 1).encode()
            self._store.exchange([command(b"ZADD", self._key, *words), command(b"ZREMRANGEBYRANK", self._key, b"0", last)])

    def drop(self, doubts: Iterable[Doubt]) -> None:
        """Forget pairs."""
        members = [_PAIR.pack(one.a, one.b) for one in doubts]
        if members:
            self._store.exchange([command(b"ZREM", self._key, *members)])

    def settle(self, doubts: Sequence[Doubt]) -> None:
        """Put pairs aside that were judged, should the verdict be withdrawn."""
        if doubts:
            words = [word for one in doubts for word in (repr(one.usefulness).encode(), _PAIR.pack(one.a, one.b))]
            last = str(-MOST - 1).encode()
            self._store.exchange([command(b"ZADD", self._settled, *words), command(b"ZREMRANGEBYRANK", self._settled, b"0", last)])
            self.drop(doubts)

    def reopen(self, one: int, other: int) -> None:
        """Let a pair wait again that was put aside; nothing happens to others."""
        pair = _PAIR.pack(*sorted((one, other)))
        score = self._store.exchange([command(b"ZSCORE", self._settled, pair)])[0]
        if score is not None:
            self._store.exchange([command(b"ZADD", self._key, score, pair), command(b"ZREM", self._settled, pair)])

    def best(self, skip: int, count: int) -> list[Doubt]:
        """Return the most useful pairs after the first `skip`."""
        asked = command(b"ZREVRANGE", self._key, str(skip).encode(), str(skip + count - 1).encode(), b"WITHSCORES")
        found = self._store.exchange([asked])[0]
        return [Doubt(*_unpacked(pair), float(score)) for pair, score in zip(found[::2], found[1::2], strict=True)]

    def count(self) -> int:
        """Return how many there are, with those that were decided and not yet met again."""
        return int(self._store.exchange([command(b"ZCARD", self._key)])[0])

    @property
    def _key(self) -> bytes:
        return self._store.key(KIND)

    @property
    def _settled(self) -> bytes:
        return self._store.key(KIND, b"s")


def _unpacked(pair: bytes) -> tuple[int, int]:
    a, b = _PAIR.unpack(pair)
    return int(a), int(b)


def worth(record: "Record", matches: Iterable[Match], sizes: Mapping[int, int], banks: Mapping[int, "Bank"]) -> list[Doubt]:
    """Return the doubts that a search for a known picture leaves.

    sizes: of the clusters that pictures are in, by id of the picture. banks: by id.

    A verdict is the more useful the more pictures it ties or keeps apart, the nearer the pair is to a YES, and where one of the two is
    in a bank that others act upon.
    """
    maybe = [match for match in matches if match.decision is Decision.MAYBE and match.picture.id != record.id]
    return [_doubt(record, match, sizes, banks) for match in maybe[:MOST_EACH]]


def _doubt(record: "Record", match: Match, sizes: Mapping[int, int], banks: Mapping[int, "Bank"]) -> Doubt:
    tied = math.log2(min(_LARGEST, sizes.get(record.id, 1) * sizes.get(match.picture.id, 1)))
    near = max(
        (min(1.0, one.threshold / one.distance) if one.distance > 0 else 1.0 for one in match.evidence if one.threshold > 0), default=0.0
    )
    kinds = {banks[id].kind for id in (*record.bank_ids, *match.picture.bank_ids) if id in banks}
    telling = not kinds.isdisjoint(_TELLING)
    a, b = sorted((record.id, match.picture.id))
    return Doubt(a, b, round(3.0 * telling + tied / 2 + 2.0 * near, 4))
