"""Who adds a picture: `SHA-256 -> id`, claimed once, with a lease.

A claim lives in one field of a bucketed hash, so a million pictures cost 50 bytes each rather than 115. It is changed
by compare-and-set alone: whoever loses reads again. A pending claim whose lease has run out may be taken over, which
raises its generation; the record refuses what an older generation still writes.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.protocol import Column, cut, gathered, side_by_side, string, strings
from matcher.store import Store

# ARGV: field, expected value ("" for none), new value ("" to delete). Answers 1 when it was swapped.
_SWAP = """
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""
# ARGV: fields, then as many expected values. Leaves of each value that is still so its first 4 bytes; answers how many.
_SETTLE = """
local count = #ARGV / 2
local now = redis.call('HMGET', KEYS[1], unpack(ARGV, 1, count))
local change = {}
for n = 1, count do
  if now[n] == ARGV[count + n] then
    change[#change + 1] = ARGV[n]
    change[#change + 1] = now[n]:sub(1, 4)
  end
end
if #change > 0 then redis.call('HSET', KEYS[1], unpack(change)) end
return #change / 2
"""
# ARGV: expected last id, new last id.
_RESERVE = """
if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
# ARGV: number. What was ever given is not given again.
RAISE = """
if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
"""
# Fields of one script at most: Lua's stack is limited.
_AT_ONCE = 1000
_SETTLED = struct.Struct("<I")
_PENDING = struct.Struct("<IId")
# Many pending claims, as stored.
CLAIMS = np.dtype([("id", "<u4"), ("generation", "<u4"), ("deadline", "<f8")])


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
        return self.new_ids(1)[0]

    def new_ids(self, count: int) -> range:
        """Return ids never given before."""
        last = self._store.count(self._store.key(b"n"), count)
        return range(last - count + 1, last + 1)

    def reserve(self, last: int, new: int) -> bool:
        """Give all ids up to `new` at once; False when the last one given is not `last`."""
        return bool(self._store.run(_RESERVE, self._store.key(b"n"), last, new))

    def never_below(self, last: int) -> None:
        """Give no id up to `last` any more."""
        self._store.run(RAISE, self._store.key(b"n"), last)

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

    def get_many(self, shas: Column) -> list[Claim | None]:
        """Return the claim on each picture, uint8 (n, 32)."""
        if not len(shas):
            return []
        order, buckets = self._by_bucket(shas)
        fields = strings(shas[order])
        blocks = [
            b"*%d\r\n$5\r\nHMGET\r\n%b%b" % (2 + end - start, string(key), fields[start:end].tobytes()) for key, start, end in buckets
        ]
        values = (value for answer in self._store.exchange(blocks) for value in answer)
        found: list[Claim | None] = [None] * len(shas)
        for place, value in zip(order.tolist(), values, strict=True):
            if value is not None:
                found[place] = Claim.unpack(value)
        return found

    def take_many(self, shas: Column, claims: NDArray[np.void]) -> NDArray[np.bool_]:
        """Claim pictures, uint8 (n, 32), that nobody has claimed; return which of them nobody had claimed meanwhile.

        claims: CLAIMS (n,).
        """
        keys = side_by_side(self._store.key(b"c"), np.stack([shas[:, 0], shas[:, 1] >> 4], axis=1))
        block = side_by_side(b"*4\r\n$6\r\nHSETNX\r\n", strings(keys), strings(shas), strings(_columns(claims)))
        return np.asarray(self._store.numbers(cut(block)) == 1)

    def swap_many(self, changes: Sequence[tuple[bytes, Claim | None, Claim | None]]) -> list[bool]:
        """Do for many pictures what `swap` does for one."""
        calls = [(self._bucket(sha256), sha256, *(claim.pack() if claim else b"" for claim in pair)) for sha256, *pair in changes]
        return [outcome == 1 for outcome in self._store.run_many(_SWAP, calls).tolist()] if calls else []

    def settle_many(self, shas: Column, claims: NDArray[np.void]) -> None:
        """Settle pending claims, CLAIMS (n,), on pictures, uint8 (n, 32); those that are not so any more stay as they are."""
        if not len(shas):
            return
        order, buckets = self._by_bucket(shas)
        fields, values = strings(shas[order]), strings(_columns(claims[order]))
        script = string(self._store.script(_SETTLE)) + string(b"1")
        each = (
            b"*%d\r\n$7\r\nEVALSHA\r\n%b%b" % (4 + 2 * (end - start), script, string(key))
            + fields[start:end].tobytes()
            + values[start:end].tobytes()
            for key, start, end in buckets
        )
        self._store.numbers(gathered(each))

    def _by_bucket(self, shas: Column) -> tuple[NDArray[np.intp], list[tuple[bytes, int, int]]]:
        """Return an order that keeps each bucket's SHA-256s together, and the key of each bucket with where they begin and end."""
        numbers = (shas[:, 0].astype(np.uint16) << 4) | (shas[:, 1] >> 4)
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1])).tolist()
        places = [
            (start, min(start + _AT_ONCE, end))
            for first, end in zip(starts, [*starts[1:], len(ordered)], strict=True)
            for start in range(first, end, _AT_ONCE)
        ]
        buckets = ordered[[start for start, _ in places]].tolist()
        keys = (self._store.key(b"c", bytes([n >> 4, n & 15])) for n in buckets)
        return order, [(key, start, end) for key, (start, end) in zip(keys, places, strict=True)]

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


def _columns(claims: NDArray[np.void]) -> Column:
    return claims.view(np.uint8).reshape(-1, CLAIMS.itemsize)
