"""Adding pictures by the ten thousand: the steps of Collection.add, each for many at once.

In the same order, claim -> pending -> postings -> live -> settled, and with the same keys, so that it may be killed at any
moment and run beside any other adder: the record decides, and whoever meets a claim after its lease finishes the job.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from matcher.claims import CLAIMS, Claim
from matcher.collection import SEEN_ONCE, Collection
from matcher.errors import Conflict, StoreUnavailable
from matcher.index import Room
from matcher.postings import Postings
from matcher.protocol import Column
from matcher.records import PENDING, Record, journal_lines, pack, unpack
from matcher.source import Source

Large = Mapping[str, Mapping[str, bytes]]

_POLL = 0.05
# Pictures that are claimed together; entries of lists, and bytes of records, from which on pictures that are pending are
# brought to their end: the more, the more of them are of one list. An entry takes some 20 bytes until then.
_CLAIMED = 1 << 16
_ENTRIES = 1 << 22
_BYTES = 1 << 27
# Pictures of others that are finished, known ones that are read, in one go.
_SOME = 4096
# Pictures that may be added in a second; a lease is longer by what those of one wave take.
_A_SECOND = 20_000
_LAST_ID = (1 << 32) - 1


@dataclass(frozen=True)
class BulkAdded:
    """How many pictures were not known before, and how many were: those given twice too. fresh: SHA-256s of the former, uint8 (n, 32)."""

    new: int
    known: int
    fresh: Column = field(default_factory=lambda: _table(()), repr=False, compare=False)


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

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._room = Room()
        self._last_kept = 0

    def add(self, records: Iterable[Record], large: Mapping[int, Mapping[str, bytes]] | None = None, keep_ids: bool = False) -> BulkAdded:
        """Remember pictures; those that are known gain the sources, tags and banks. The more at once, the less each costs.

        records: taken as they are needed, some ten thousand in advance; their ids are chosen here, bank_ids must be those of
        this store. large: place in `records` -> algorithm -> fingerprint that is kept beside the record. keep_ids: use the ids
        of the records; only while nothing else was ever added to the store.
        Returns only when all of them answer, in every process. Raises BadRequest for bytes that are no fingerprint, Conflict
        where ids cannot be kept, StoreUnavailable when it cannot be told; adding again is always right.
        """
        given, fresh = 0, list[Column]()
        waiting: dict[str, Record] = {}
        beside: dict[str, Mapping[str, bytes]] = {}
        coming = iter(records)
        with self._wave(beside) as wave:
            while some := list(islice(coming, _CLAIMED)):
                if large:
                    beside |= {record.sha256: large[n] for n, record in enumerate(some, given) if n in large}
                given += len(some)
                added, rest = self._look(_merged(some), wave, keep_ids)
                fresh += added
                waiting = _merged(rest.values(), waiting)
                if wave.full:
                    fresh.append(wave.finish(waiting))
            fresh.append(wave.finish(waiting))
        fresh += self._wait_for(waiting, beside, keep_ids)
        found = np.concatenate(fresh)
        return BulkAdded(len(found), given - len(found), found)

    def close(self) -> None:
        """Give back the room that lists were left to grow. Nothing is lost where that fails."""
        with suppress(StoreUnavailable):
            self._room.give_back(self._collection.store)

    def __enter__(self) -> "BulkAdder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _wave(self, large: Large) -> "_Wave":
        return _Wave(self._collection, self._room, large)

    def _wait_for(self, waiting: dict[str, Record], large: Large, keep_ids: bool) -> list[Column]:
        """Add what others were adding too, or removing, when we came to it; return the SHA-256s of those that are new by us."""
        clock, patience = self._collection.clock, 2 * self._collection.lease + 60
        fresh, give_up = list[Column](), clock() + patience
        while waiting:
            before = len(waiting)
            with self._wave(large) as wave:
                added, waiting = self._look(waiting, wave, keep_ids)
                added.append(wave.finish(waiting))
            fresh += added
            if any(map(len, added)) or len(waiting) < before:
                give_up = clock() + patience
            elif clock() > give_up:
                raise StoreUnavailable(
                    f"{len(waiting)} pictures are being added by another process that does not finish; try again, or run `kuato doctor`"
                )
            else:
                time.sleep(_POLL)
        return fresh

    def _look(self, wanted: dict[str, Record], wave: "_Wave", keep_ids: bool) -> tuple[list[Column], dict[str, Record]]:
        """Take into the wave what nobody has claimed, add to what is known, finish what others left.

        Return the SHA-256s of those that are new already, and those for which nothing could be done yet.
        """
        collection = self._collection
        claims = collection.claims.get_many(_table(wanted))
        fresh = [record for record, claim in zip(wanted.values(), claims, strict=True) if claim is None]
        claimed = [(record, claim) for record, claim in zip(wanted.values(), claims, strict=True) if claim is not None]
        if fresh:
            wave.begin(fresh, self._kept(fresh) if keep_ids else collection.claims.new_ids(len(fresh)))
            if keep_ids:
                wave.insist()
        new, rest = list[Column](), dict[str, Record]()
        for start in range(0, len(claimed), _SOME):
            known, overdue, others = self._examined(claimed[start : start + _SOME])
            rest |= {record.sha256: record for record in others}
            rest |= {record.sha256: record for record in self._join(known, wave.large)}
            if overdue:
                with self._wave(wave.large) as small:
                    small.take_over([(record, claim, claim.generation + 1) for record, claim in overdue])
                    new.append(small.finish(rest))
        return new, rest

    def _examined(self, claimed: Sequence[tuple[Record, Claim]]) -> tuple[list[_Known], list[tuple[Record, Claim]], list[Record]]:
        """Return the claimed pictures that answer, those whose adder has given up, and the others; free those removed."""
        collection, now = self._collection, self._collection.clock()
        known, overdue, others = list[_Known](), list[tuple[Record, Claim]](), list[Record]()
        removed = list[tuple[bytes, Claim | None, Claim | None]]()
        entries = collection.records.read([claim.id for _, claim in claimed])
        for record, claim in claimed:
            entry = entries.get(claim.id)
            twice = entry is not None and entry.of_another(record.sha256)
            if entry is not None and entry.live and entry.record is not None and not twice:
                known.append(_Known(record, claim, entry.record))
                continue
            if claim.settled or twice or (entry is not None and entry.record is None):
                removed.append((bytes.fromhex(record.sha256), claim, None))
            elif not collection.claims.held(claim, now):
                overdue.append((record, claim))
                continue
            others.append(record)
        collection.claims.swap_many(removed)
        return known, overdue, others

    def _join(self, known: Sequence[_Known], large: Large) -> list[Record]:
        """Give pictures that answer already what is new; return those that were removed or renewed meanwhile."""
        collection, postings = self._collection, Postings(self._collection)
        collection.claims.swap_many(
            [(bytes.fromhex(one.wanted.sha256), one.claim, Claim(one.claim.id)) for one in known if not one.claim.settled]
        )
        again, notes = list[_Known](), list[tuple[_Known, list[list[object]]]]()
        for one in known:
            if not self._renewed(one, large.get(one.wanted.sha256, {})):
                again.append(one)
            elif lines := _news(one.wanted, one.record, postings):
                notes.append((one, lines))
        # The lists first: what a record says must be findable, what a list says is checked.
        ids = np.array([one.record.id for one, _ in notes], np.uint32)
        postings.file(ids, np.ones(len(ids), np.bool_), self._room)
        noted = collection.records.journal_many((one.record.id, lines) for one, lines in notes)
        # A known source may have been forgotten since the record was read, and its place in the list with it.
        collection.lists.refile((one.record.id, one.wanted.sources) for one, _ in notes)
        again += [one for (one, _), there in zip(notes, noted, strict=True) if not there]
        return [one.wanted for one in again]

    def _renewed(self, one: _Known, large: Mapping[str, bytes]) -> bool:
        """Bring the fingerprints of a known picture to the versions in use where those to be added are; False: try again."""
        in_use = self._collection.versions
        versions = {name: version for name, version in one.wanted.versions.items() if in_use.get(name) == version}
        if all(one.record.versions.get(name) == version for name, version in versions.items()):
            return True
        Postings(self._collection).add([one.wanted], {one.wanted.sha256: large})
        newer = {name: value for name, value in one.wanted.fingerprints.items() if name in versions}
        values = {name: value for name, value in {**newer, **large}.items() if name in versions}
        return self._collection.renew(one.record, replace(one.wanted, fingerprints=newer, versions=versions), values)

    def _kept(self, records: Sequence[Record]) -> Sequence[int]:
        """Give out the ids of the records. Raises Conflict when anything else was ever added."""
        ids = [record.id for record in records]
        last = max(self._last_kept, *ids)
        if min(ids) < 1 or last > _LAST_ID or len(set(ids)) < len(ids):
            raise Conflict(f"ids must be different and in 1..{_LAST_ID} to be kept; import without them")
        if not self._collection.claims.reserve(self._last_kept, last):
            raise Conflict("pictures were added to this store before, so ids cannot be kept; import without them, or into an empty store")
        self._last_kept = last
        return ids


def finish(collection: Collection, overdue: Sequence[tuple[Record, Claim, int]], large: Large) -> int:
    """Take pictures that others left pending to live, each under a generation higher than its claim's; return how many.

    large: SHA-256 -> algorithm -> fingerprint, of those that have some kept beside the record.
    """
    if not overdue:
        return 0
    room = Room()
    with _Wave(collection, room, large) as wave:
        wave.take_over(overdue)
        finished = len(wave.finish({}))
    room.give_back(collection.store)
    return finished


class _Wave:
    """Pictures that go from nothing to live together; a context manager that lets others finish them where that fails.

    large: SHA-256 -> algorithm -> fingerprint, of pictures that have some kept beside the record.
    """

    def __init__(self, collection: Collection, room: Room, large: Large) -> None:
        self.large = large
        self._collection = collection
        self._room = room
        self._clear()

    def _clear(self) -> None:
        self._postings = Postings(self._collection)
        self._values: list[bytes] = []
        self._bytes = 0
        self._shas, self._claims, self._ours = np.zeros((0, 32), np.uint8), np.zeros(0, CLAIMS), np.zeros(0, np.bool_)

    @property
    def full(self) -> bool:
        """Whether more would take more memory than it saves time."""
        return self._postings.entries >= _ENTRIES or self._bytes >= _BYTES

    def begin(self, records: Sequence[Record], ids: Sequence[int]) -> None:
        """Claim pictures that nobody has claimed, under new ids, and write their records."""
        start, values = self._enter(records, ids, [1] * len(records))
        self._ours[start:] = self._collection.claims.take_many(self._shas[start:], self._claims[start:])
        rows = self._with_large(records, start)
        ids = self._claims["id"][rows].tolist()
        self._ours[rows] = self._collection.records.put_new(ids, (values[row - start] for row in rows.tolist()))

    def insist(self) -> None:
        """Raise Conflict unless all are ours: ids that are kept cannot be chosen anew."""
        if not self._ours.all():
            id = self._claims["id"][~self._ours][0]
            raise Conflict(f"the id {id} cannot be kept, another picture has it or another process adds this one; import without ids")

    def take_over(self, overdue: Sequence[tuple[Record, Claim, int]]) -> None:
        """Claim pictures whose adders have given up, under their ids and these generations, and write their records."""
        records, before = [record for record, _, _ in overdue], [claim for _, claim, _ in overdue]
        start, values = self._enter(records, [claim.id for claim in before], [generation for _, _, generation in overdue])
        mine = [Claim(*claim) for claim in self._claims[start:].tolist()]
        changes = zip(map(bytes, self._shas[start:]), before, mine, strict=True)
        self._ours[start:] = self._collection.claims.swap_many(list(changes))
        rows = self._with_large(records, start).tolist()
        self._ours[rows] = self._collection.records.put_again(
            [(mine[row - start].id, mine[row - start].generation, values[row - start]) for row in rows]
        )

    def finish(self, lost: dict[str, Record]) -> Column:
        """Take all to live that are still ours; return their SHA-256s, and put into `lost` those that are not."""
        collection, ours = self._collection, self._ours
        # Pending before the postings: if we die in between, nobody finds half a picture, and doctor knows what to finish.
        self._postings.file(self._claims["id"], ours, self._room)
        rows = np.flatnonzero(ours)
        ours[rows] = collection.records.publish_many(self._claims["id"][rows], self._claims["generation"][rows])
        fresh = self._shas[ours]
        collection.claims.settle_many(fresh, self._claims[ours])
        for row in np.flatnonzero(~ours).tolist():
            record = unpack(0, self._values[row]).record
            if record is not None:
                lost[record.sha256] = _merged([record, *filter(None, [lost.get(record.sha256)])])[record.sha256]
        self._clear()
        return fresh

    def __enter__(self) -> "_Wave":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            return
        mine = [Claim(*claim) for claim in self._claims.tolist()]
        self._collection.claims.give_up(mine, self._collection.clock())
        if not isinstance(error, StoreUnavailable):
            over = (replace(claim, deadline=0.0) for claim in mine)
            with suppress(StoreUnavailable):
                self._collection.claims.swap_many(list(zip(map(bytes, self._shas), mine, over, strict=True)))

    def _enter(self, records: Sequence[Record], ids: Sequence[int], generations: Sequence[int]) -> tuple[int, list[bytes]]:
        """Return the first row of the pictures, which are not ours yet, and their records."""
        start = len(self._claims)
        self._postings.add(records, self.large)
        claims = np.zeros(len(records), CLAIMS)
        claims["id"], claims["generation"] = ids, generations
        claims["deadline"] = self._collection.clock() + self._collection.lease + _ENTRIES / 16 / _A_SECOND
        values = [pack(record, PENDING, generation) for record, generation in zip(records, claims["generation"].tolist(), strict=True)]
        self._values += values
        self._bytes += sum(map(len, values))
        self._shas = np.concatenate([self._shas, _table(record.sha256 for record in records)])
        self._claims = np.concatenate([self._claims, claims])
        self._ours = np.concatenate([self._ours, np.zeros(len(records), np.bool_)])
        return start, values

    def _with_large(self, records: Sequence[Record], start: int) -> NDArray[np.intp]:
        """Write the large fingerprints of those that are ours; return their rows."""
        rows = np.flatnonzero(self._ours[start:]) + start
        beside = [row for row in rows.tolist() if records[row - start].sha256 in self.large]
        for at in range(0, len(beside), _SOME):
            wanted = {int(self._claims["id"][row]): records[row - start].sha256 for row in beside[at : at + _SOME]}
            # What is large has no owner's name: it would be taken for that of the other picture.
            taken = self._collection.records.taken(wanted)
            self._collection.large.put_many([(id, self.large[sha256]) for id, sha256 in wanted.items() if id not in taken])
        return rows


def _table(shas: Iterable[str]) -> Column:
    """Return SHA-256s as uint8 (n, 32)."""
    return np.frombuffer(bytes.fromhex("".join(shas)), np.uint8).reshape(-1, 32)


def _merged(records: Iterable[Record], known: Mapping[str, Record] | None = None) -> dict[str, Record]:
    """Return pictures by their SHA-256; one that is given twice with what is said of it both times."""
    found = dict(known or {})
    for record in records:
        first = found.setdefault(record.sha256, record)
        if first is not record:
            found[record.sha256] = replace(
                first,
                sources=(*first.sources, *record.sources),
                tags=tuple(dict.fromkeys((*first.tags, *record.tags))),
                bank_ids=tuple(dict.fromkeys((*first.bank_ids, *record.bank_ids))),
                seen=max(first.seen, record.seen),
            )
    return found


def _news(wanted: Record, known: Record, postings: Postings) -> list[list[object]]:
    """Return what a record does not say yet, as lines of its journal, and enter among the postings what lists do not have."""
    at = dict[tuple[str, ...], Source]()
    for source in known.sources:
        at[source.place(at)] = source
    news, fresh = list[Source](), list[Source]()
    for source in wanted.sources:
        place = source.place(at)
        earlier = at.get(place)
        at[place] = replace(source, first_seen=round(source.first_seen), last_seen=round(source.last_seen)).merged_with(earlier)
        if at[place] != earlier:
            news.append(source)
            fresh += [source] if earlier is None else []
    tags = [tag for tag in wanted.tags if tag not in known.tags]
    bank_ids = [bank for bank in wanted.bank_ids if bank not in known.bank_ids]
    seen = max(wanted.seen, 0.0 if wanted.sources else wanted.added)
    lines = journal_lines(news, tags, bank_ids, seen if seen - known.last_seen > SEEN_ONCE else 0.0)
    if lines:
        postings.add_listing(fresh, tags, bank_ids)
    return lines
