"""Finds and mends what a crash, a failover or an upgrade can leave behind.

Nothing here is needed for right answers: the record decides, and the next adder of a picture finishes what is unfinished.
The doctor does it for pictures that nobody adds again, and takes out of the lists what is dead or stands twice.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.bulk import finish
from matcher.claims import Claim
from matcher.clustercare import TEXTS as CLUSTER_TEXTS
from matcher.clustercare import ClusterCare
from matcher.collection import Collection
from matcher.records import PENDING, Entry, Record

TOMBSTONE_AGE = 24 * 3600.0
_BATCH = 500

Progress = Callable[[str, int], None]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Finding:
    """code: stable name. count: how many. text: for people. repaired: nothing is left to do about it."""

    code: str
    count: int
    text: str
    repaired: bool


@dataclass(frozen=True)
class Report:
    """What was found; clean when all of it was repaired."""

    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is left to do."""
        return all(finding.repaired for finding in self.findings)


@dataclass
class _Census:
    """The state of every id given before the examination began, bool by id.

    grouped: pictures whose record names a cluster.
    absent: without a picture when we looked; an adder may have been about to write it. dead: without one for ever.
    """

    absent: NDArray[np.bool_]
    dead: NDArray[np.bool_]
    pending: list[int] = field(default_factory=list)
    tombstones: dict[int, float] = field(default_factory=dict)
    grouped: list[int] = field(default_factory=list)
    stale: int = 0


class Doctor:
    """Examines one collection.

    repair: mend what is found; else only tell. deep: also hold each record against its lists, claims and large fingerprints.
    clock: seconds since the epoch. progress: told the step and how many items it has done.
    """

    def __init__(
        self,
        collection: Collection,
        repair: bool = True,
        clock: Callable[[], float] = time.time,
        progress: Progress = lambda step, done: None,
    ) -> None:
        self._collection = collection
        self._store = collection.store
        self._repair = repair
        self._clock = clock
        self._progress = progress
        self._counts: dict[str, int] = {}

    def run(self, deep: bool = False) -> Report:
        """Examine everything. Safe beside adders and removers. Raises StoreUnavailable."""
        self._counts = {}
        durable = self._durable()
        self._claims()
        census = self._census()
        self._pending(census)
        if deep:
            self._records()
            self._orphans(census)
        self._lists(census)
        ClusterCare(self._collection, self._repair, self._count).run(census.grouped)
        self._tombstones(census)
        findings = [Finding(code, count, _TEXTS[code], self._repair) for code, count in self._counts.items() if count]
        if census.stale:
            findings.append(Finding("stale-version", census.stale, _TEXTS["stale-version"], False))
        if held := sum(not one.released for one in self._collection.quarantine.all()):
            findings.append(Finding("quarantined", held, _TEXTS["quarantined"], True))
        if not durable:
            findings.append(Finding("not-durable", 1, _TEXTS["not-durable"], False))
        return Report(tuple(findings))

    def _durable(self) -> bool:
        return bool(self._store.info().get("aof_enabled"))

    def _claims(self) -> None:
        collection = self._collection
        for some in _batches(collection.claims.all()):
            entries = collection.records.read({claim.id for _, claim in some})
            pending, others = list[tuple[Record, Claim, int]](), list[tuple[bytes, Claim]]()
            wrong = list[tuple[bytes, Claim | None, Claim | None]]()
            for sha256, claim in some:
                entry = entries.get(claim.id)
                if entry is not None and entry.of_another(sha256.hex()):
                    wrong.append((sha256, claim, None))
                    continue
                if claim.settled and entry is not None and entry.live:
                    continue
                if not claim.settled and claim.deadline > self._clock():
                    continue
                if entry is not None and entry.state == PENDING and entry.record is not None:
                    pending.append((entry.record, claim, max(claim.generation, entry.generation) + 1))
                else:
                    others.append((sha256, claim))
            self._count("unfinished-picture", len(pending))
            self._count("open-claim", len(others))
            self._count("wrong-claim", len(wrong))
            if self._repair:
                collection.claims.swap_many(wrong)
                self._finish(pending)
                self._give_up(others, entries)
            self._progress("claims", len(some))

    def _finish(self, pending: Sequence[tuple[Record, Claim, int]]) -> None:
        collection, beside = self._collection, dict[str, dict[str, bytes]]()
        for name in collection.filing.large_names if pending else ():
            found = collection.current_large(name, [record for record, _, _ in pending])
            for record, _, _ in pending:
                if record.id in found:
                    beside.setdefault(record.sha256, {})[name] = found[record.id]
        finish(collection, pending, beside)

    def _give_up(self, claims: Sequence[tuple[bytes, Claim]], entries: Mapping[int, Entry]) -> None:
        collection = self._collection
        # The adder may only be asleep: it must not write under an id that nobody claims any more.
        absent = [claim.id for _, claim in claims if claim.id not in entries]
        forbidden = dict(zip(absent, collection.records.forbid_many(absent, self._clock()), strict=True))
        changes = list[tuple[bytes, Claim | None, Claim | None]]()
        for sha256, claim in claims:
            entry = entries.get(claim.id)
            if entry is not None or forbidden[claim.id]:
                changes.append((sha256, claim, Claim(claim.id) if entry is not None and entry.live else None))
        collection.claims.swap_many(changes)

    def _census(self) -> _Census:
        last = self._collection.claims.last_id()
        census = _Census(np.ones(last + 1, np.bool_), np.zeros(last + 1, np.bool_))
        current = self._collection.versions
        highest = last
        for some in _batches(self._collection.records.ids()):
            for id, entry in self._collection.records.read(some).items():
                highest = max(highest, id)
                if id > last:
                    continue
                census.absent[id] = census.dead[id] = entry.record is None
                if entry.record is None:
                    census.tombstones[id] = entry.buried
                    continue
                if entry.state == PENDING:
                    census.pending.append(id)
                if entry.record.group:
                    census.grouped.append(id)
                census.stale += any(current.get(name, version) != version for name, version in entry.record.versions.items())
            self._progress("records", len(some))
        if highest > self._collection.claims.last_id():
            self._count("lost-number")
            if self._repair:
                self._collection.claims.never_below(highest)
                return self._census()
        return census

    def _look_again(self, ids: Iterable[int], census: _Census) -> None:
        """Find out which of the ids, met in a place where only an adder that wrote its record could have put them, are dead."""
        asked = [id for id in ids if id < len(census.dead) and census.absent[id] and not census.dead[id]]
        for some in _batches(asked):
            entries = self._collection.records.read(some)
            for id in some:
                census.absent[id] = census.dead[id] = id not in entries or entries[id].record is None

    def _pending(self, census: _Census) -> None:
        """Bury pending records whose claim is gone: they were removed while being added, or never acknowledged."""
        for id, entry in self._collection.records.read(census.pending).items():
            if entry.state != PENDING or entry.record is None or self._clock() - entry.record.added < TOMBSTONE_AGE / 24:
                continue
            claim = self._collection.claims.get(bytes.fromhex(entry.record.sha256))
            if claim is None or claim.id != id:
                self._count("unclaimed-record")
                if self._repair:
                    self._collection.records.bury(id, self._clock())

    def _records(self) -> None:
        """Hold every live record against its claim and its lists."""
        collection = self._collection
        for some in _batches(collection.records.ids()):
            for record in collection.records.live(some).values():
                self._claimed(record)
                wanted = collection.postings(record, self._collection.whole(record))
                lists = self._store.read([key for key, _ in wanted])
                missing = [(key, entry) for (key, entry), value in zip(wanted, lists, strict=True) if not _holds(value, entry)]
                self._count("missing-posting", len(missing))
                if missing and self._repair:
                    self._store.append(missing)
            self._progress("postings", len(some))

    def _claimed(self, record: Record) -> None:
        """Give a picture its claim back, or to the other record of the same picture what it knows."""
        collection, sha256 = self._collection, bytes.fromhex(record.sha256)
        claim = collection.claims.get(sha256)
        if claim is not None and claim.id == record.id:
            return
        read = collection.records.live([record.id, claim.id] if claim else [record.id])
        if record.id not in read:  # removed meanwhile
            return
        if claim is None:
            self._count("lost-claim")
            if self._repair and collection.claims.swap(sha256, None, Claim(record.id)) and not collection.records.live([record.id]):
                collection.drop_claim(sha256, record.id)
        elif claim.id in read:
            self._count("double-record")
            if self._repair and collection.note(read[claim.id], record.sources, record.tags, record.bank_ids):
                collection.records.bury(record.id, self._clock())

    def _orphans(self, census: _Census) -> None:
        """Large fingerprints of pictures that are gone."""
        found = [(id, names) for id, names in self._collection.large.all() if id < len(census.dead) and census.absent[id]]
        if not found:
            return
        # They are written before the record, but after the claim; so claims are read after them, and records last.
        busy = {claim.id for _, claim in self._collection.claims.all() if not claim.settled}
        self._look_again((id for id, _ in found if id not in busy), census)
        for id, names in found:
            if census.dead[id]:
                self._count("orphan-fingerprint")
                if self._repair:
                    self._collection.large.delete(id, names)

    def _lists(self, census: _Census) -> None:
        """Take entries of the dead, and repeated ones, out of every list."""
        for kind, width in self._collection.list_widths():
            for some in _batches(self._store.scan(kind)):
                lists = self._store.read(some)
                self._look_again(_ids(lists, width), census)
                changes = [
                    (key, value, smaller)
                    for key, value, smaller in zip(some, lists, _compacted(lists, width, census.dead), strict=True)
                    if value and len(smaller) < len(value)
                ]
                self._count("dead-posting", sum((len(value) - len(smaller)) // width for _, value, smaller in changes))
                if self._repair:
                    self._store.replace_many(changes)
                self._progress("lists", len(some))

    def _tombstones(self, census: _Census) -> None:
        """Forget pictures removed long ago; an adder that slept through all of it would have to wake after a day."""
        for id, buried in census.tombstones.items():
            if self._repair and self._clock() - buried > TOMBSTONE_AGE:
                self._collection.records.purge(id)

    def _count(self, code: str, by: int = 1) -> None:
        self._counts[code] = self._counts.get(code, 0) + by


_TEXTS = {
    "unfinished-picture": "pictures whose adding was interrupted after their record was written",
    "open-claim": "claims on pictures whose adding was interrupted before their record was written",
    "unclaimed-record": "records that were never made live and that nobody claims",
    "lost-number": "the last ids given were forgotten, as a failover can do, and would have been given again",
    "wrong-claim": "SHA-256s that led to another picture's record",
    "lost-claim": "pictures that could not be asked for by their SHA-256",
    "double-record": "records of a picture that has another one, as a failover can leave them",
    "missing-posting": "entries missing from the lists of the index",
    "orphan-fingerprint": "large fingerprints of pictures that are gone",
    "dead-posting": "entries of removed pictures, or standing twice, in the lists of the index",
    "stale-version": "pictures with fingerprints of another version of an algorithm; not compared until added or imported again",
    "quarantined": "pictures and hashes held because they match too much; `kuato quarantine list` shows them",
    "not-durable": "Redis keeps no append-only file: what it acknowledged is lost when it is killed; set appendonly yes",
    **CLUSTER_TEXTS,
}


def _ids(lists: Iterable[bytes | None], width: int) -> list[int]:
    entries = np.frombuffer(b"".join(value[: len(value) // width * width] for value in lists if value), np.uint8).reshape(-1, width)
    return [int(id) for id in np.unique(np.ascontiguousarray(entries[:, :4]).view("<u4"))]


def _compacted(lists: Iterable[bytes | None], width: int, dead: NDArray[np.bool_]) -> list[bytes]:
    """Return the lists without entries of the dead and without repeated entries, in their order."""
    values = [(value or b"")[: len(value or b"") // width * width] for value in lists]
    counts = [len(value) // width for value in values]
    entries = np.frombuffer(b"".join(values), np.uint8).reshape(-1, width)
    ids = np.ascontiguousarray(entries[:, :4]).view("<u4").ravel()
    owners = np.repeat(np.arange(len(values), dtype=np.uint32), counts)
    kept = ~dead[np.minimum(ids, len(dead) - 1)] | (ids >= len(dead))
    pairs = owners.astype(np.uint64) << np.uint64(32) | ids
    if len(np.unique(pairs)) < len(pairs):  # an id may stand twice in a list, for two fingerprints
        whole = np.concatenate([owners.reshape(-1, 1).view(np.uint8), entries], axis=1)
        once = np.zeros(len(entries), np.bool_)
        once[np.unique(whole, axis=0, return_index=True)[1]] = True
        kept &= once
    if kept.all():
        return values
    ends = np.cumsum([0, *np.bincount(owners[kept], minlength=len(values))]) * width
    text = entries[kept].tobytes()
    return [text[start:end] for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


def _holds(value: bytes | None, entry: bytes) -> bool:
    at = (value or b"").find(entry)
    while at >= 0 and at % len(entry):
        at = (value or b"").find(entry, at + 1)
    return at >= 0


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    some: list[Item] = []
    for item in items:
        some.append(item)
        if len(some) == _BATCH:
            yield some
            some = []
    if some:
        yield some
