"""Who adds a picture: `SHA-256 -> id`, claimed once, with a lease.

A claim lives in one field of a bucketed hash, so a million pictures cost 50 bytes each rather than 115. It is changed
by compare-and-set alone: whoever loses reads again. A pending claim whose lease has run out may be taken over, which
raises its generation; the record refuses what an older generation still writes.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from matcher.store import Store

# ARGV: field, expected value ("" for none), new value ("" to delete). Answers 1 when it was swapped.
_SWAP = """
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""
_SETTLED = struct.Struct("<I")
_PENDING = struct.Struct("<IId")


@dataclass(frozen=True)
class Claim:
    """generation: 0 once the picture is live, else how often the adding was begun. deadline: seconds since the epoch."""

    id: int
    generation: int = 0
    deadline: float = 0.0

    @property
    def settled(self) -> bool:
        """Whether the picture was live when this was written."""
        return self.generation == 0

    def pack(self) -> bytes:
        """Return the bytes of the claim as stored."""
        return _SETTLED.pack(self.id) if self.settled else _PENDING.pack(self.id, self.generation, self.deadline)

    @classmethod
    def unpack(cls, value: bytes) -> "Claim":
        """Return the claim stored as `value`."""
        return cls(*(_SETTLED if len(value) == _SETTLED.size else _PENDING).unpack(value))


class Claims:
    """All claims of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._given_up: set[Claim] = set()

    def give_up(self, claims: Iterable[Claim], now: float) -> None:
        """Remember that this process will not finish what it claimed, so that it need not wait for its own lease to run out."""
        self._given_up = {claim for claim in self._given_up if claim.deadline > now}.union(claims)

    def held(self, claim: Claim, now: float) -> bool:
        """Whether somebody may still be at work under a pending claim."""
        return claim.deadline > now and claim not in self._given_up

    def new_id(self) -> int:
        """Return an id never given before."""
        return self._store.count(self._store.key(b"n"))

    def last_id(self) -> int:
        """Return the highest id given so far, 0 for none."""
        return int(self._store.read([self._store.key(b"n")])[0] or 0)

    def get(self, sha256: bytes) -> Claim | None:
        """Return the claim on a picture."""
        value = self._store.field(self._bucket(sha256), sha256)
        return Claim.unpack(value) if value else None

    def swap(self, sha256: bytes, expected: Claim | None, new: Claim | None) -> bool:
        """Replace the claim if it is still `expected` (None: none); return whether it was."""
        old_value, new_value = (claim.pack() if claim else b"" for claim in (expected, new))
        return bool(self._store.run(_SWAP, self._bucket(sha256), sha256, old_value, new_value))

    def all(self) -> Iterator[tuple[bytes, Claim]]:
        """Yield every claim, by SHA-256."""
        for bucket in self._store.scan(b"c"):
            yield from ((sha256, Claim.unpack(value)) for sha256, value in self._store.fields(bucket).items())

    def count(self) -> int:
        """Return how many pictures are claimed: those known, and the few being added."""
        buckets = [bytes([n >> 4, n & 15]) for n in range(1 << 12)]
        return self._store.field_counts([self._store.key(b"c", bucket) for bucket in buckets])

    def _bucket(self, sha256: bytes) -> bytes:
        return self._store.key(b"c", bytes([sha256[0], sha256[1] >> 4]))
