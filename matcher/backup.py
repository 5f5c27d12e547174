"""Backup: a copy of all that is under the prefix, made while others add and remove pictures.

Keys are copied one by one, so the copy is of no single moment; its order sees to it that it is as good as one:

1. What the meta key holds (how far a migration is): never further than what it speaks of.
2. Records. A live one had all its postings and a claim before, and its journal names only what was listed before.
3. All else: so lists name at least what the records of step 2 need. A picture removed since may already be out of them.
4. So records are looked at again: those removed meanwhile are taken out.
5. The counters, which by then are above every id that was copied.

What was added while the copy was made is in it whole, or its record is not; a claim or an entry without a record is what a
crash could leave as well, and the doctor clears it away.
"""

import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

import numpy as np

import matcher
from matcher.archive import ArchiveWriter, Counts, Header
from matcher.claims import Claim
from matcher.errors import StoreUnavailable
from matcher.index import Ids
from matcher.keyspace import NONE, STRING, Keyspace
from matcher.records import LIVE, PENDING
from matcher.store import Store

META, RECORD, CLAIMS = b"m", b"r", b"c"
COUNTERS = (b"n", b"i")
# By the first letter, jobs and their queue: a job is nothing without the folder that it works on. Log-ins, and thumbnails.
TRANSIENT = (b"j", b"w", b"l", b"{", b"z", b"q")
# Kinds that are strings and never expire: read without asking for either.
_PLAIN = (b"r", b"f", b"p", b"v", b"t", b"k", b"o")
_READ_AT_ONCE = 4 << 20  # bytes
_MOST_AT_ONCE = 2000  # keys
_HELD_AT_ONCE = 20  # keys: claims of ten million pictures are 100 kB each
_THERE = (LIVE, PENDING)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds, and the bytes of its file."""

    counts: Counts
    schema: int
    bytes: int


class Backup:
    """Copies one store.

    store: may be of an older schema. clock: seconds since the epoch. progress: told how many keys were copied.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time, progress: Progress = lambda keys: None) -> None:
        self._store = store
        self._keys = Keyspace(store)
        self._clock = clock
        self._progress = progress
        self._done = 0

    def write(self, file: BinaryIO) -> BackedUp:
        """Write the backup to a file opened for binary writing.

        Raises StoreUnavailable, also when the store was emptied, restored or upgraded meanwhile; OSError.
        """
        first, meta = self._last_id(), self._store.fields(self._store.key(META))
        schema = meta.pop(b"schema")
        out = ArchiveWriter(file, Header(int(schema), matcher.__version__, self._clock()))
        self._done = 0
        if meta:
            out.held(b"hash", META, [word for field in meta.items() for word in field])
        copied = self._records(out)
        self._others(out)
        pictures = self._gone(out, copied)
        counters = list(zip(COUNTERS, self._keys.strings(COUNTERS), strict=True))
        now = self._store.fields(self._store.key(META)).get(b"schema")
        if now != schema or self._last_id() < first:
            raise StoreUnavailable("the store was emptied, restored or upgraded while the backup was made; make another one")
        out.strings([(name, value) for name, value in counters if value])
        counts = out.close(pictures)
        return BackedUp(counts, int(schema), out.bytes)

    def _records(self, out: ArchiveWriter) -> Ids:
        """Copy the pictures that answer or are being added; return their ids."""
        ids = array("I")
        for pairs in self._strings(self._keys.names(RECORD)):
            there = [(name, value) for name, value in pairs if value[1:2] in _THERE]
            self._write(out, there)
            ids.extend(int.from_bytes(name[len(RECORD) :], "little") for name, _ in there)
        return np.unique(np.array(ids, np.uint32))

    def _others(self, out: ArchiveWriter) -> None:
        """Copy all that is neither a record, nor a counter, nor of no use elsewhere."""
        special = list[bytes]()

        def plain() -> Iterator[bytes]:
            for name in self._keys.names():
                if name.startswith(_PLAIN[1:]):
                    yield name
                elif name not in (META, *COUNTERS) and not name.startswith((RECORD, *TRANSIENT)):
                    special.append(name)
                    if len(special) == _HELD_AT_ONCE:
                        self._special(out, special)

        for pairs in self._strings(plain()):
            self._write(out, pairs)
        self._special(out, special)

    def _strings(self, names: Iterator[bytes]) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield the keys that are there with their values, about as many bytes at a time as go into memory easily."""
        wanted = 100
        while some := list(islice(names, wanted)):
            pairs = [(name, value) for name, value in zip(some, self._keys.strings(some), strict=True) if value]
            size = sum(len(value) for _, value in pairs) // len(some) + 1
            wanted = max(1, min(2 * wanted, _READ_AT_ONCE // size, _MOST_AT_ONCE))
            yield pairs

    def _special(self, out: ArchiveWriter, names: list[bytes]) -> None:
        """Copy keys of any type, and forget their names."""
        for name, (type, items) in zip(names, self._keys.contents(names), strict=True):
            if type == STRING:
                self._write(out, [(name, items[0])])
            elif type != NONE:
                out.held(type, name, _unclaimed(items) if name.startswith(CLAIMS) else items)
                self._tell(1)
        names.clear()

    def _gone(self, out: ArchiveWriter, ids: Ids) -> int:
        """Take out what was removed since it was copied; return how many pictures answer."""
        pictures = 0
        for at in range(0, len(ids), _MOST_AT_ONCE):
            names = [RECORD + id.to_bytes(4, "little") for id in ids[at : at + _MOST_AT_ONCE].tolist()]
            states = [head[1:2] for head in self._keys.heads(names, 2)]
            out.deleted([name for name, state in zip(names, states, strict=True) if state not in _THERE])
            pictures += states.count(LIVE)
        return pictures

    def _write(self, out: ArchiveWriter, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Write strings, each kind by itself: some of them can be made smaller, others cannot."""
        kinds = defaultdict[bytes, list[tuple[bytes, bytes]]](list)
        for pair in pairs:
            kinds[pair[0][:1]].append(pair)
        for some in kinds.values():
            out.strings(some)
            self._tell(len(some))

    def _tell(self, keys: int) -> None:
        self._done += keys
        self._progress(self._done)

    def _last_id(self) -> int:
        return int(self._keys.strings(COUNTERS[:1])[0] or 0)


def _unclaimed(items: Sequence[bytes]) -> list[bytes]:
    """Return claims as those of adders who are gone: where the copy is used, they are."""
    claims = [Claim.unpack(value) for value in items[1::2]]
    packed = [(claim if claim.settled else replace(claim, deadline=0.0)).pack() for claim in claims]
    return [word for pair in zip(items[::2], packed, strict=True) for word in pair]
