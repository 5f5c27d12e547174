"""Adding pictures by the ten thousand: the steps of Collection.add, each for a whole batch at once.

In the same order, claim -> pending -> postings -> live -> settled, and with the same keys, so that it may be killed at any
moment and run beside any other adder: the record decides, and whoever meets a claim after its lease finishes the job.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.claims import CLAIMS, Claim
from matcher.collection import Collection
from matcher.errors import Conflict, StoreUnavailable
from matcher.postings import Postings
from matcher.protocol import Column
from matcher.records import Record, journal_lines
from matcher.source import Source

Large = Mapping[str, Mapping[str, bytes]]
Item = TypeVar("Item")

_POLL = 0.05
# Pictures that even a slow machine adds in a second; the lease of a batch is longer by what they take.
_A_SECOND = 5000
# Records read, or large fingerprints written, at once.
_SOME = 1000
_LAST_ID = (1 << 32) - 1


@dataclass(frozen=True)
class BulkAdded:
    """How many pictures were not known before, and how many were: those given twice too."""

    new: int
    known: int


@dataclass(frozen=True)
class _Known:
    """A picture that answers already: what is to be added to it, its claim, and what its record says."""

    wanted: Record
    claim: Claim
    record: Record


class BulkAdder:
    """Adds many pictures to one collection; a context manager.

    Lists grow by APPEND, which leaves room in them; closing gives it back. Until then they may take twice the memory.
    """

    BATCH = 1 << 16

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._grown = set[bytes]()
        self._last_kept = 0

    def add(self, records: Sequence[Record], large: Mapping[int, Mapping[str, bytes]] | None = None, keep_ids: bool = False) -> BulkAdded:
        """Remember pictures; those that are known gain the sources, tags and banks. Large batches (BATCH) are fastest.

        records: their ids are chosen here; bank_ids must be those of this store. large: place in `records` -> algorithm ->
        fingerprint that is kept beside the record. keep_ids: use the ids of the records; only while nothing else was ever
        added to the store.
        Returns only when all of them answer, in every process. Raises BadRequest for a fingerprint that is none, Conflict
        where ids cannot be kept, StoreUnavailable when it cannot be told; adding again is always right.
        """
        new = 0
        for start in range(0, len(records), self.BATCH):
            some = records[start : start + self.BATCH]
            wanted: dict[str, Record] = {}
            for record in some:
                known = wanted.setdefault(record.sha256, record)
                if known is not record:
                    wanted[record.sha256] = _joined(known, record)
            values = {records[n].sha256: large[n] for n in range(start, start + len(some)) if n in large} if large else {}
            new += self._add(wanted, values, keep_ids)
        return BulkAdded(new, len(records) - new)

    def close(self) -> None:
        """Give back the room that lists were left to grow. Nothing is lost where that fails."""
        grown, self._grown = list(self._grown), set()
        with suppress(StoreUnavailable):
            self._collection.store.shorten(grown)

    def __enter__(self) -> "BulkAdder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _add(self, wanted: dict[str, Record], large: Large, keep_ids: bool) -> int:
        """Add different pictures, by SHA-256; return how many were new."""
        collection, new = self._collection, 0
        patience = 2 * (collection.lease + self.BATCH / _A_SECOND) + 10
        give_up = collection.clock() + patience
        while wanted:
            table = _table(wanted)
            claims = collection.claims.get_many(table)
            fresh = {sha256: record for (sha256, record), claim in zip(wanted.items(), claims, strict=True) if claim is None}
            known, overdue = self._examined([(record, claim) for record, claim in zip(wanted.values(), claims, strict=True) if claim])
            added = self._begin(fresh, large, keep_ids) if fresh else []
            added += self._take_over(overdue, large) if overdue else []
            joined = self._join(known, large) if known else []
            new += len(added)
            for sha256 in added + joined:
                del wanted[sha256]
            if added or joined:
                give_up = collection.clock() + patience
            elif collection.clock() > give_up:
                raise StoreUnavailable(
                    f"picture {next(iter(wanted))} and {len(wanted) - 1} more are being added by another process that does not finish; "
                    "try again, or run `kuato doctor`"
                )
            elif wanted:
                time.sleep(_POLL)
        return new

    def _examined(self, claimed: Sequence[tuple[Record, Claim]]) -> tuple[list[_Known], list[tuple[Record, Claim]]]:
        """Return the claimed pictures that answer, and those whose adder has given up; free those that were removed."""
        collection, now = self._collection, self._collection.clock()
        known, overdue, removed = list[_Known](), list[tuple[Record, Claim]](), list[tuple[bytes, Claim | None, Claim | None]]()
        for some in _slices(claimed):
            entries = collection.records.read([claim.id for _, claim in some])
            for record, claim in some:
                entry = entries.get(claim.id)
                if entry is not None and entry.live and entry.record is not None:
                    known.append(_Known(record, claim, entry.record))
                elif claim.settled or (entry is not None and entry.record is None):
                    removed.append((bytes.fromhex(record.sha256), claim, None))
                elif not collection.claims.held(claim, now):
                    overdue.append((record, claim))
        collection.claims.swap_many(removed)
        return known, overdue

    def _begin(self, fresh: dict[str, Record], large: Large, keep_ids: bool) -> list[str]:
        """Add pictures that nobody has claimed; return those that now answer."""
        collection, records, shas = self._collection, list(fresh.values()), _table(fresh)
        postings = Postings(collection, records, large)
        claims = np.zeros(len(records), CLAIMS)
        claims["id"] = self._kept(records) if keep_ids else collection.claims.new_ids(len(records))
        claims["generation"] = 1
        claims["deadline"] = self._deadline(len(records))
        with self._claiming(shas, claims):
            ours = collection.claims.take_many(shas, claims)
            self._put_large(claims, records, ours, large)
            rows = np.flatnonzero(ours)
            put = collection.records.put_new(claims["id"][rows].tolist(), (records[row] for row in rows.tolist()))
            if keep_ids and not put.all():
                raise Conflict(f"the id {claims['id'][rows[~put][0]]} is given to two pictures; import without their ids")
            ours[rows[~put]] = False
            self._publish(shas, claims, ours, postings)
        return [record.sha256 for record, done in zip(records, ours.tolist(), strict=True) if done]

    def _take_over(self, overdue: Sequence[tuple[Record, Claim]], large: Large) -> list[str]:
        """Finish pictures whose adder has given up, under the ids it gave them; return those that now answer."""
        collection, deadline = self._collection, self._deadline(len(overdue))
        records = [replace(record, id=claim.id) for record, claim in overdue]
        shas = _table(record.sha256 for record in records)
        postings = Postings(collection, records, large)
        mine = [Claim(claim.id, claim.generation + 1, deadline) for _, claim in overdue]
        claims = np.array([(claim.id, claim.generation, claim.deadline) for claim in mine], CLAIMS)
        with self._claiming(shas, claims):
            changes = zip(map(bytes, shas), (claim for _, claim in overdue), mine, strict=True)
            ours = np.array(collection.claims.swap_many(list(changes)))
            self._put_large(claims, records, ours, large)
            rows = np.flatnonzero(ours).tolist()
            if rows:
                ours[rows] = collection.records.put_again([(records[row], mine[row].generation) for row in rows])
            self._publish(shas, claims, ours, postings)
        return [record.sha256 for record, done in zip(records, ours.tolist(), strict=True) if done]

    def _publish(self, shas: Column, claims: NDArray[np.void], ours: NDArray[np.bool_], postings: Postings) -> None:
        """Take pending pictures that are ours to the end; what another took over is ours no more."""
        if not ours.any():
            return
        self._grown |= postings.file(claims["id"], ours)
        rows = np.flatnonzero(ours)
        ours[rows] = self._collection.records.publish_many(claims["id"][rows], claims["generation"][rows])
        self._collection.claims.settle_many(shas[ours], claims[ours])

    @contextmanager
    def _claiming(self, shas: Column, claims: NDArray[np.void]) -> Iterator[None]:
        """Where what is done fails, let the next adder finish it, rather than wait for our lease."""
        try:
            yield
        except BaseException as error:
            mine = [Claim(*claim) for claim in claims.tolist()]
            self._collection.claims.give_up(mine, self._collection.clock())
            if not isinstance(error, StoreUnavailable):
                with suppress(StoreUnavailable):
                    over = (replace(claim, deadline=0.0) for claim in mine)
                    self._collection.claims.swap_many(list(zip(map(bytes, shas), mine, over, strict=True)))
            raise

    def _join(self, known: Sequence[_Known], large: Large) -> list[str]:
        """Give pictures that answer already what is new; return those that have it."""
        collection = self._collection
        collection.claims.swap_many(
            [(bytes.fromhex(one.wanted.sha256), one.claim, Claim(one.claim.id)) for one in known if not one.claim.settled]
        )
        current = [one for one in known if self._renewed(one, large.get(one.wanted.sha256, {}))]
        news = [(one, _news(one.wanted, one.record)) for one in current]
        # The lists first: what a record says must be findable, what a list says is checked.
        lists = defaultdict[bytes, bytearray](bytearray)
        for one, (sources, tags, bank_ids) in news:
            seen = {source.key for source in one.record.sources}
            fresh = [source for source in sources if source.key not in seen]
            for key, entry in collection.listing(one.record.id, fresh, tags, bank_ids):
                lists[key] += entry
        if lists:
            self._grown.update(collection.store.append_many(lists))
        notes = [(one, journal_lines(*new)) for one, new in news if any(new)]
        noted = collection.records.journal_many((one.record.id, lines) for one, lines in notes)
        gone = {one.wanted.sha256 for (one, _), there in zip(notes, noted, strict=True) if not there}
        return [one.wanted.sha256 for one in current if one.wanted.sha256 not in gone]

    def _renewed(self, one: _Known, large: Mapping[str, bytes]) -> bool:
        """Bring the fingerprints of a known picture to the versions in use where those to be added are; False: try again."""
        in_use = self._collection.versions
        versions = {name: version for name, version in one.wanted.versions.items() if in_use.get(name) == version}
        if all(one.record.versions.get(name) == version for name, version in versions.items()):
            return True
        Postings(self._collection, [one.wanted], {one.wanted.sha256: large})
        newer = {name: value for name, value in one.wanted.fingerprints.items() if name in versions}
        values = {name: value for name, value in {**newer, **large}.items() if name in versions}
        return self._collection.renew(one.record, replace(one.wanted, fingerprints=newer, versions=versions), values)

    def _put_large(self, claims: NDArray[np.void], records: Sequence[Record], ours: NDArray[np.bool_], large: Large) -> None:
        names = self._collection.filing.large_names
        rows = [row for row in np.flatnonzero(ours).tolist() if records[row].sha256 in large] if large else []
        for some in _slices(rows):
            values = ((int(claims["id"][row]), large[records[row].sha256]) for row in some)
            self._collection.large.put_many((id, {name: value for name, value in one.items() if name in names}) for id, one in values)

    def _deadline(self, count: int) -> float:
        return self._collection.clock() + self._collection.lease + count / _A_SECOND

    def _kept(self, records: Sequence[Record]) -> list[int]:
        """Give out the ids of the records. Raises Conflict when anything else was ever added."""
        ids = [record.id for record in records]
        last = max(self._last_kept, *ids)
        if min(ids) < 1 or last > _LAST_ID or len(set(ids)) < len(ids):
            raise Conflict(f"ids must be different and in 1..{_LAST_ID} to be kept; import without them")
        if not self._collection.claims.reserve(self._last_kept, last):
            raise Conflict(
                "pictures were added to this store before, so ids cannot be kept; use an empty redis.prefix, or import without ids"
            )
        self._last_kept = last
        return ids


def _table(shas: Iterable[str]) -> Column:
    """Return SHA-256s as uint8 (n, 32)."""
    return np.frombuffer(bytes.fromhex("".join(shas)), np.uint8).reshape(-1, 32)


def _joined(first: Record, second: Record) -> Record:
    """Return a picture that was given twice, with what is said of it both times."""
    return replace(
        first,
        sources=(*first.sources, *second.sources),
        tags=tuple(dict.fromkeys((*first.tags, *second.tags))),
        bank_ids=tuple(dict.fromkeys((*first.bank_ids, *second.bank_ids))),
    )


def _news(wanted: Record, known: Record) -> tuple[list[Source], list[str], list[int]]:
    """Return the sources, tags and banks that a record does not have, or has less of."""
    seen = {(source.kind, source.id): source for source in known.sources}
    sources = []
    for source in wanted.sources:
        place = source.kind, source.id
        rounded = replace(source, first_seen=round(source.first_seen), last_seen=round(source.last_seen))
        merged = rounded.merged_with(seen.get(place))
        if merged != seen.get(place):
            seen[place] = merged
            sources.append(source)
    tags = [tag for tag in wanted.tags if tag not in known.tags]
    return sources, tags, [bank for bank in wanted.bank_ids if bank not in known.bank_ids]


def _slices(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _SOME] for start in range(0, len(items), _SOME))
