"""How much memory the pictures take, for how many more there is room, and when it is full.

Nothing here looks at every picture or key: figures are estimated from samples, with some ten thousand commands sent together,
whatever the size of the store. Small stores are counted.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from matcher.bank import Bank
from matcher.collection import Collection
from matcher.errors import StoreUnavailable
from matcher.keyspace import Keyspace
from matcher.machine import Machine, shared
from matcher.records import LIVE, Record

# What the keys of each letter hold, for people; all others are "other".
KINDS = {
    b"r": "records",
    b"f": "local_features",
    b"p": "index",
    b"v": "index",
    b"c": "claims",
    b"t": "lists",
    b"k": "lists",
    b"o": "lists",
    b"j": "jobs",
    b"w": "jobs",
    b"l": "jobs",
    b"{": "jobs",
}
DAY = 86400.0
DAYS = 30
_FARTHEST = 36500 * DAY
# Keys chosen at random at once; until so many were ours, and so many times at most.
_SAMPLED_KEYS = 10_000
_FEWEST_KEYS = 500
_MOST_ROUNDS = 10
# Pictures that are counted rather than estimated; and how many are looked at for all banks together, and for each at least.
_COUNTED = 2000
_OF_ALL_BANKS = 10_000
_OF_EACH_BANK = 50
# Bytes that a key takes in the server's table of keys, besides what is asked for: a slot of 8, and the table is half empty at times.
_SLOT = 12


@dataclass(frozen=True)
class Memory:
    """kinds: bytes of our keys by what they hold, empty where the server does not tell. server: bytes of all that it holds.

    room: bytes that are left, None where that cannot be told. bound: what sets it, as `Machine.room` has it.
    """

    kinds: dict[str, int]
    server: int
    room: int | None
    bound: str

    @property
    def total(self) -> int:
        """Bytes of all our keys."""
        return sum(self.kinds.values())

    def each(self, pictures: int) -> int:
        """Return the bytes that each of so many pictures takes, 0 without any."""
        ours = self.total - self.kinds.get("jobs", 0) if self.kinds else self.server
        return round(ours / pictures) if pictures else 0

    def more(self, pictures: int) -> int | None:
        """Return how many pictures there is room for besides so many; None where that cannot be told."""
        each = self.each(pictures)
        return self.room // each if each and self.room is not None else None


@dataclass(frozen=True)
class Growth:
    """How many pictures of those that are known were added in the last `days`: 30, or since the first, at least one."""

    days: float
    pictures: int

    @property
    def a_day(self) -> float:
        """Pictures a day."""
        return self.pictures / self.days


@dataclass(frozen=True)
class BankSize:
    """How many pictures are in a bank. exact: they were counted; else about so many."""

    name: str
    pictures: int
    exact: bool


class Forecast:
    """Figures of one collection. machine: on which the server may run. chance: for what is sampled. pictures: how many are known."""

    def __init__(self, collection: Collection, machine: Machine | None = None, chance: random.Random | None = None) -> None:
        self._collection = collection
        self._keys = Keyspace(collection.store)
        self._machine = machine or Machine()
        self._chance = chance or random.Random()  # noqa: S311 - a sample is no secret
        self.pictures = collection.claims.count()
        self._last = collection.claims.last_id()

    def memory(self) -> Memory:
        """Return what our keys take, and what is left. Where the server does not tell the size of a key, `kinds` is empty."""
        servers = self._collection.store.infos()
        room, bound = shared([self._machine.room(server) for server in servers])
        used = sum(int(server["used_memory"]) for server in servers)
        try:
            return Memory(self._kinds(), used, room, bound)
        except StoreUnavailable:
            self._collection.claims.last_id()  # raises where it is not the command that is refused
            return Memory({}, used, room, bound)

    def growth(self) -> Growth:
        """Return how many pictures came lately."""
        now, low, high = self._collection.clock(), 1, self._last + 1
        some = self._some(low, high)
        if not some:
            return Growth(DAYS, 0)
        oldest = min(record.added for record in some)
        days = min(float(DAYS), max(1.0, (now - oldest) / DAY))
        since = now - days * DAY
        if oldest >= since:
            return Growth(days, self.pictures)
        # Ids are given in the order of time: what is looked at tells between which two the time in question lies.
        while some:
            high = min((record.id for record in some if record.added >= since), default=high)
            low = max((record.id + 1 for record in some if record.added < since and record.id < high), default=low)
            some = self._some(low, high)
        return Growth(days, self._count(high))

    def full(self, more: int, growth: Growth) -> float | None:
        """Return when so many more pictures will have come, seconds since the epoch; None for never, or not in a hundred years."""
        if not growth.pictures or more / growth.a_day * DAY > _FARTHEST:
            return None
        return self._collection.clock() + more / growth.a_day * DAY

    def banks(self, banks: Sequence[Bank]) -> list[BankSize]:
        """Return how many pictures are in each bank."""
        most = max(_OF_EACH_BANK, min(_COUNTED, _OF_ALL_BANKS // max(1, len(banks))))
        lengths = self._keys.lengths([_members(bank) for bank in banks])
        return [self._bank(bank, length // 4, most) for bank, length in zip(banks, lengths, strict=True)]

    def _kinds(self) -> dict[str, int]:
        """Return what our keys take, by what they hold: of all of them, or of some chosen at random among the server's."""
        whole = self._keys.count()
        if whole <= _SAMPLED_KEYS:
            names, weight = list(self._keys.names()), 1.0
        else:
            names, drawn = [], 0
            while len(names) < _FEWEST_KEYS and drawn < _MOST_ROUNDS * _SAMPLED_KEYS:
                names += [name for name in self._keys.random(_SAMPLED_KEYS) if name]
                drawn += _SAMPLED_KEYS
            weight = whole / drawn
        found: dict[str, float] = defaultdict(float)
        for name, size in zip(names, self._keys.sizes(names), strict=True):
            found[KINDS.get(name[:1], "other")] += (size + _SLOT if size else 0) * weight
        return {kind: round(size) for kind, size in sorted(found.items())}

    def _some(self, low: int, high: int) -> list[Record]:
        """Return the pictures with an id from low up to high, of many those under some ids chosen at random."""
        ids = range(low, high) if high - low <= _COUNTED else sorted(self._chance.sample(range(low, high), _COUNTED))
        entries = self._collection.records.read(ids)
        return [entry.record for entry in entries.values() if entry.record is not None]

    def _count(self, low: int) -> int:
        """Return how many pictures that answer have an id from low on."""
        span = self._last + 1 - low
        ids = range(low, self._last + 1) if span <= _COUNTED else [self._chance.randrange(low, self._last + 1) for _ in range(_COUNTED)]
        heads = self._keys.heads([b"r" + id.to_bytes(4, "little") for id in ids], 2)
        share = sum(head[1:2] == LIVE for head in heads) / max(1, len(heads))
        return min(self.pictures, round(share * span))

    def _bank(self, bank: Bank, length: int, most: int) -> BankSize:
        """Return how many of the entries in a bank's list are right."""
        if length <= most:
            members = self._ids([(_members(bank), 0)], 4 * length)
            return BankSize(bank.name, self._of(bank, set(members)), True)
        places = [(_members(bank), 4 * self._chance.randrange(length)) for _ in range(most)]
        members = self._ids(places, 4)
        right = self._of(bank, set(members))
        return BankSize(bank.name, round(length * right / max(1, len(set(members)))), False)

    def _ids(self, places: Sequence[tuple[bytes, int]], size: int) -> list[int]:
        entries = np.frombuffer(b"".join(self._keys.parts(places, size) if size else []), "<u4")
        return [int(id) for id in entries]

    def _of(self, bank: Bank, ids: Iterable[int]) -> int:
        return sum(bank.id in record.bank_ids for record in self._collection.records.live(ids).values())


def _members(bank: Bank) -> bytes:
    return b"k%d" % bank.id
