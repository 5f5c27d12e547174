"""Reviews: a person's verdict on a pair of pictures, kept by their SHA-256.

The verdict is a field of the hash of the picture whose SHA-256 is less: it alone decides. The hash of the other one has an empty
field that leads there; it is written first and deleted last, so it may lead to nothing, and a verdict is always found.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from matcher.errors import BadRequest
from matcher.protocol import command
from matcher.store import Store

KIND = b"x"
LATEST = b"dl"  # list of the pairs last reviewed: two SHA-256, 32 bytes each
_LATEST = 1000


class Verdict(str, Enum):
    """Whether two pictures are the same one."""

    SAME = "same"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Review:
    """A verdict on two pictures. a, b: their SHA-256, the lesser first. who: as the caller is named. when: seconds since the epoch."""

    a: str
    b: str
    verdict: Verdict
    who: str
    when: float

    def other(self, sha256: str) -> str:
        """Return the other picture's SHA-256."""
        return self.b if sha256 == self.a else self.a


class Reviews:
    """All reviews of a store. clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def give(self, one: str, other: str, verdict: Verdict, who: str, when: float | None = None) -> Review:
        """Keep a verdict, in place of what was said of the pair before. Raises BadRequest for a picture and itself."""
        a, b = _pair(one, other)
        review = Review(a, b, verdict, who, round(self._clock() if when is None else when))
        self._store.set_field(self._key(b), bytes.fromhex(a), b"")
        self._store.set_field(self._key(a), bytes.fromhex(b), json.dumps([verdict.value, who, review.when]).encode())
        push = command(b"LPUSH", self._latest, bytes.fromhex(a + b))
        self._store.exchange([push, command(b"LTRIM", self._latest, b"0", b"%d" % (_LATEST - 1))])
        return review

    def latest(self, count: int) -> list[Review]:
        """Return the verdicts that were given last, of the last thousand, each once, the newest first."""
        told = self._store.exchange([command(b"LRANGE", self._latest, b"0", b"%d" % (_LATEST - 1))])[0]
        pairs = [(one[:32].hex(), one[32:]) for one in dict.fromkeys(told)]
        values = self._store.exchange([command(b"HGET", self._key(a), b) for a, b in pairs])
        found = [_review(a, b.hex(), value) for (a, b), value in zip(pairs, values, strict=True) if value]
        return sorted(found, key=lambda one: -one.when)[:count]

    def withdraw(self, one: str, other: str) -> Review | None:
        """Forget a verdict; return it, None where there was none."""
        a, b = _pair(one, other)
        review = self.get(a, b)
        self._drop(a, b)
        self._drop(b, a)
        return review

    def get(self, one: str, other: str) -> Review | None:
        """Return the verdict on a pair, None where there is none."""
        a, b = _pair(one, other)
        value = self._store.field(self._key(a), bytes.fromhex(b))
        return _review(a, b, value) if value else None

    def of(self, sha256: str) -> list[Review]:
        """Return the verdicts on a picture and others."""
        return self.of_many([sha256])

    def of_many(self, digests: Collection[str]) -> list[Review]:
        """Return the verdicts on any of these pictures and others, each once."""
        found = dict[tuple[str, str], Review]()
        elsewhere = list[tuple[str, str]]()
        asked = list(dict.fromkeys(digests))
        for sha256, answer in zip(asked, self._store.exchange([command(b"HGETALL", self._key(one)) for one in asked]), strict=True):
            for other, value in zip(answer[::2], answer[1::2], strict=True):
                if value:
                    found[sha256, other.hex()] = _review(sha256, other.hex(), value)
                else:
                    elsewhere.append((other.hex(), sha256))
        wanted = [pair for pair in elsewhere if pair not in found]
        values = self._store.exchange([command(b"HGET", self._key(a), bytes.fromhex(b)) for a, b in wanted])
        found |= {(a, b): _review(a, b, value) for (a, b), value in zip(wanted, values, strict=True) if value}
        return list(found.values())

    def all(self) -> Iterator[Review]:
        """Yield every verdict, in no order."""
        for sha256, fields in self._hashes():
            yield from (_review(sha256, other, value) for other, value in fields.items() if value)

    def forget(self, digests: Collection[str]) -> None:
        """Forget the verdicts on pictures that are removed."""
        for review in self.of_many(digests):
            self.withdraw(review.a, review.b)

    def mend(self, known: Callable[[Iterable[str]], set[str]], repair: bool) -> tuple[int, int]:
        """Return how many fields that lead to verdicts are missing, and how many verdicts or such fields are of no use any more.

        known: which of some SHA-256 are those of known pictures. repair: write the former, delete the latter.
        """
        missing = dead = 0
        for sha256, fields in self._hashes():
            there = known([sha256, *fields])
            for other, value in fields.items():
                if not {sha256, other} <= there or (not value and self.get(sha256, other) is None):
                    dead += 1
                    if repair:
                        self._drop(sha256, other)
                elif value and self._store.field(self._key(other), bytes.fromhex(sha256)) is None:
                    missing += 1
                    if repair:
                        self._store.set_field(self._key(other), bytes.fromhex(sha256), b"")
        return missing, dead

    def _hashes(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        start = len(self._store.key(KIND))
        for key in self._store.scan(KIND):
            yield key[start:].hex(), {name.hex(): value for name, value in self._store.fields(key).items()}

    def _drop(self, sha256: str, other: str) -> None:
        self._store.run("return redis.call('HDEL', KEYS[1], ARGV[1])", self._key(sha256), bytes.fromhex(other))

    @property
    def _latest(self) -> bytes:
        return self._store.key(LATEST)

    def _key(self, sha256: str) -> bytes:
        return self._store.key(KIND, bytes.fromhex(sha256))


def _pair(one: str, other: str) -> tuple[str, str]:
    if one == other:
        raise BadRequest(f"both are the picture {one}; a review is of two different ones")
    return min(one, other), max(one, other)


def _review(a: str, b: str, value: bytes) -> Review:
    verdict, who, when = json.loads(value)
    return Review(a, b, Verdict(verdict), who, when)
