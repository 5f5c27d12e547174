"""All known pictures: adding, removing and reading them, so that nothing acknowledged is lost and nothing removed comes back.

Adding, in this order: claim the SHA-256 -> pending record -> postings -> live -> settle the claim. The record alone
decides whether a picture answers. A process may die or sleep between any two steps: whoever meets the claim after its
lease takes it over with the same id and a higher generation, which the record then insists on.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matcher.bank import Bank
from matcher.catalogue import BankBook, Lists
from matcher.claims import Claim, Claims
from matcher.clusters import Clusters, cluster_names
from matcher.doubts import Doubts
from matcher.errors import NotFound, StoreUnavailable
from matcher.extraction import Fingerprints
from matcher.filing import Filing
from matcher.fingerprints.base import Fingerprint
from matcher.index import Entries
from matcher.largeprints import LargeFingerprints
from matcher.proposals import Proposals
from matcher.quarantine import Quarantine
from matcher.records import Record, Records, as_stored, forgetting_line, journal_lines
from matcher.reviews import Reviews
from matcher.rulings import Rulings
from matcher.sensitivity import Sensitivity
from matcher.source import Source
from matcher.store import Store
from matcher.thumbnails import Thumbnails

_POLL = 0.02
SEEN_ONCE = 3600.0  # seconds within which a picture that is added again without a source counts as seen once


@dataclass(frozen=True)
class Added:
    """record: as it now is. new: whether the picture was not known before."""

    record: Record
    new: bool


class Collection:
    """The pictures of one store.

    algorithms: whose fingerprints are kept and indexed. lease: seconds after which an unfinished adding may be taken over.
    sensitivity: which pictures are sensitive beside those in sensitive banks. thumbnails: where they are kept, if at all.
    """

    def __init__(
        self,
        store: Store,
        algorithms: Mapping[str, Fingerprint],
        lease: float = 15.0,
        clock: Callable[[], float] = time.time,
        sensitivity: Sensitivity | None = None,
        thumbnails: Thumbnails | None = None,
    ) -> None:
        self.store = store
        self.thumbnails = thumbnails or Thumbnails(store)
        self.records = Records(store)
        self.claims = Claims(store)
        self.lists = Lists(store)
        self.banks = BankBook(store)
        self.large = LargeFingerprints(store)
        self.filing = Filing(store, algorithms)
        self.clusters = Clusters(store, self.records, clock)
        self.proposals = Proposals(store, clock)
        self.rulings = Rulings(store, clock)
        self.reviews = Reviews(store, clock)
        self.quarantine = Quarantine(store, clock)
        self.doubts = Doubts(store)
        self.algorithms = algorithms
        self.lease = lease
        self.clock = clock
        self._sensitivity = sensitivity or Sensitivity()
        self._versions = {name: algorithm.version for name, algorithm in algorithms.items()}

    def add(
        self, fingerprints: Fingerprints, sources: Sequence[Source] = (), tags: Iterable[str] = (), bank_ids: Iterable[int] = ()
    ) -> Added:
        """Remember a picture; known already, it gains the sources, tags and banks.

        Returns only when the picture answers, in every process. Raises StoreUnavailable when that cannot be told; adding
        again is always right.
        """
        added = self._add(fingerprints, sources, tags, bank_ids)
        if fingerprints.small is not None:
            self.thumbnails.keep(added.record, fingerprints.small)
        return added

    def _add(self, fingerprints: Fingerprints, sources: Sequence[Source], tags: Iterable[str], bank_ids: Iterable[int]) -> Added:
        wanted = self.draft(fingerprints, sources, tuple(tags), tuple(bank_ids))
        sha256 = bytes.fromhex(fingerprints.sha256)
        give_up = self.clock() + 2 * self.lease + 10
        while self.clock() < give_up:
            claim = self.claims.get(sha256)
            if claim is not None:
                known = self._join(sha256, claim, wanted, fingerprints.values)
                if known is not None:
                    return Added(known, False)
                claim = self.claims.get(sha256)
            if claim is not None and (claim.settled or self.claims.held(claim, self.clock())):
                time.sleep(_POLL)
                continue
            record = replace(wanted, id=claim.id if claim else self.claims.new_id())
            mine = Claim(record.id, claim.generation + 1 if claim else 1, self.clock() + self.lease)
            if self._finish_claimed(sha256, claim, mine, record, fingerprints.values):
                return Added(self.named([record])[0], True)
        raise StoreUnavailable("the picture is being added by another process that does not finish; try again, or run `kuato doctor`")

    def remove(self, sha256: str) -> None:
        """Forget a picture: once this returns it answers nowhere. Raises NotFound."""
        key = bytes.fromhex(sha256)
        claim = self.claims.get(key)
        entry = self.records.read([claim.id]).get(claim.id) if claim else None
        if claim is None or (entry is not None and entry.of_another(sha256)) or not self.records.bury(claim.id, self.clock()):
            raise NotFound(f"no picture {sha256} is known")
        self.drop_claim(key, claim.id)
        self.large.delete(claim.id, self.filing.large_names)
        self._forget_company([entry.record] if entry is not None and entry.live and entry.record is not None else [])

    def clear_away(self, records: Sequence[Record]) -> None:
        """Let go of what belongs to pictures whose records were buried."""
        # Of all algorithms they were ever fingerprinted with, enabled or not.
        self.large.delete_many((record.id, {*self.filing.large_names, *record.versions}) for record in records)
        ids, shas = {record.id for record in records}, [bytes.fromhex(record.sha256) for record in records]
        while shas:
            claims = self.claims.get_many(np.frombuffer(b"".join(shas), np.uint8).reshape(-1, 32))
            theirs = [(sha256, claim, None) for sha256, claim in zip(shas, claims, strict=True) if claim and claim.id in ids]
            shas = [sha256 for (sha256, _, _), freed in zip(theirs, self.claims.swap_many(theirs), strict=True) if not freed]
        self._forget_company(records)

    def _forget_company(self, records: Iterable[Record]) -> None:
        """Take removed pictures out of their clusters, and forget what was said of them and others."""
        gone = list(records)
        self.thumbnails.drop(record.sha256 for record in gone)
        self.clusters.leave(gone)
        self.reviews.forget([record.sha256 for record in gone])
        self.quarantine.forget([record.sha256 for record in gone])

    def drop_claim(self, sha256: bytes, id: int) -> None:
        """Free the SHA-256 of a picture that was removed, unless another has taken its place."""
        while (claim := self.claims.get(sha256)) is not None and claim.id == id:
            if self.claims.swap(sha256, claim, None):
                return

    def get(self, sha256: str) -> Record:
        """Return a known picture. Raises NotFound."""
        record = self.known(sha256)
        if record is None:
            raise NotFound(f"no picture {sha256} is known")
        return record

    def known(self, sha256: str) -> Record | None:
        """Return a known picture, None where it is not."""
        return self.known_many([sha256]).get(sha256)

    def known_many(self, digests: Sequence[str]) -> dict[str, Record]:
        """Return those of some pictures that are known, by their SHA-256."""
        wanted = list(dict.fromkeys(digests))
        claims = self.claims.get_many(np.frombuffer(bytes.fromhex("".join(wanted)), np.uint8).reshape(-1, 32))
        # A failover that loses the last numbers given has them given again: then a claim may lead to another picture's record.
        ids = {sha256: claim.id for sha256, claim in zip(wanted, claims, strict=True) if claim is not None}
        found = [record for record in self.records.live(set(ids.values())).values() if ids.get(record.sha256) == record.id]
        return {record.sha256: record for record in self.named(found)}

    def note(
        self,
        record: Record,
        sources: Sequence[Source] = (),
        tags: Iterable[str] = (),
        bank_ids: Iterable[int] = (),
        seen: float = 0.0,
    ) -> bool:
        """Give a picture sources, tags and banks; False when it was removed meanwhile. seen: now, at no source; 0: it was not."""
        tags = [tag for tag in tags if tag not in record.tags]
        bank_ids = [bank for bank in bank_ids if bank not in record.bank_ids]
        known = {source.key for source in record.sources}
        fresh = [source for source in sources if source.key not in known]
        lines = journal_lines(sources, tags, bank_ids, seen)
        if not lines:
            return True
        # The lists first: what a record says must be findable, what a list says is checked.
        self.store.append(self.listing(record.id, fresh, tags, bank_ids))
        noted = self.records.journal(record.id, *lines)
        # That a known source was listed held when the record was read; it may have been forgotten since.
        self.lists.refile([(record.id, [source for source in sources if source.key in known])])
        return noted

    def unnote(self, record: Record, tags: Iterable[str] = (), bank_ids: Iterable[int] = ()) -> bool:
        """Take tags and banks from a picture; False when it was removed meanwhile."""
        lines: list[list[Any]] = [["t", "-", tag] for tag in tags] + [["b", "-", bank] for bank in bank_ids]
        return not lines or self.records.journal(record.id, *lines)

    def forget_sources(self, record: Record, sources: Iterable[Source]) -> bool:
        """Take sources from a picture; False when it was removed meanwhile. One seen again later comes back.

        What was known of them leaves the record too, unless others write it all the while; then with its next compaction.
        """
        known = {source.key for source in record.sources}
        lines: list[list[Any]] = [forgetting_line(source) for source in sources if source.key in known]
        if not lines:
            return True
        # The lists go on naming the picture: one that adds the source again at this moment may count on its entry.
        forgotten = self.records.journal(record.id, *lines)
        if forgotten:
            self.records.compact(record.id, least=0)
        return forgotten

    def named(self, records: Iterable[Record], book: Mapping[int, Bank] | None = None) -> list[Record]:
        """Return the records with the names of their banks, and whether they are sensitive; banks deleted since are left out.

        book: the banks by id, where they were read already.
        """
        records = list(records)
        if book is None:
            book = {bank.id: bank for bank in self.banks.list()} if any(record.bank_ids for record in records) else {}
        return [self._named(record, [book[id] for id in record.bank_ids if id in book]) for record in records]

    def _named(self, record: Record, banks: Sequence[Bank]) -> Record:
        names, sensitive = tuple(bank.name for bank in banks), self._sensitivity.covers(record, banks)
        same = record.banks == names and record.sensitive == sensitive
        return record if same else replace(record, banks=names, sensitive=sensitive)

    def will_be_sensitive(self, sha256: str, tags: Sequence[str], bank_ids: Sequence[int]) -> bool:
        """Whether a picture will be sensitive once it has these tags and banks, too."""
        known = self.known(sha256)
        banks = [bank for bank in self.banks.list() if bank.id in bank_ids]
        return (known is not None and known.sensitive) or self._sensitivity.covers_any(tags, banks)

    def clustered(self, records: Iterable[Record]) -> list[Record]:
        """Return the records with the cluster that each is in today, "" for those that share it with no other picture."""
        records = list(records)
        names = cluster_names(self.clusters.locate(records))
        return [replace(record, cluster=names.get(record.id, "")) for record in records]

    def newest(self, ids: Iterable[int] | None = None, batch: int = 500) -> Iterator[Record]:
        """Yield the pictures under `ids` (None: all), in that order (None: newest first)."""
        pending = iter(ids) if ids is not None else iter(range(self.claims.last_id(), 0, -1))
        while some := [id for _, id in zip(range(batch), pending, strict=False)]:
            yield from self.named(self.records.live(int(id) for id in some).values())

    def postings(self, record: Record, values: Mapping[str, bytes]) -> Entries:
        """Return the entries of a picture with these fingerprints in all lists: (key, entry) pairs."""
        return self.filing.entries(record.id, values) + self.listing(record.id, record.sources, record.tags, record.bank_ids)

    def list_widths(self) -> Iterator[tuple[bytes, int]]:
        """Yield the kind (the beginning of the key) and the bytes of an entry of all lists."""
        yield from self.filing.widths()
        yield from self.lists.widths()

    @property
    def versions(self) -> dict[str, int]:
        """The version of each algorithm in use."""
        return dict(self._versions)

    def current(self, record: Record) -> dict[str, bytes]:
        """Return the fingerprints of a picture that may be compared: those of the versions in use."""
        return {name: value for name, value in record.fingerprints.items() if record.versions[name] == self._versions.get(name)}

    def whole(self, record: Record) -> dict[str, bytes]:
        """Return all fingerprints of a picture that may be compared, the large ones too."""
        large = {name: self.current_large(name, [record]) for name in self.filing.large_names}
        return self.current(record) | {name: values[record.id] for name, values in large.items() if record.id in values}

    def current_large(self, name: str, records: Iterable[Record]) -> dict[int, bytes]:
        """Return the large fingerprints, of the version in use, of those pictures that have one."""
        return self.large.read(name, [record.id for record in records if record.versions.get(name) == self._versions[name]])

    def _join(self, sha256: bytes, claim: Claim, wanted: Record, values: Mapping[str, bytes]) -> Record | None:
        """Add what is new to the picture under `claim` if it is live; clear the claim if the picture was removed."""
        entry = self.records.read([claim.id]).get(claim.id)
        if entry is not None and entry.of_another(wanted.sha256):
            self.claims.swap(sha256, claim, None)
            return None
        if entry is not None and entry.live and entry.record is not None:
            if not claim.settled:
                self.claims.swap(sha256, claim, Claim(claim.id))
            if not self.renew(entry.record, wanted, values):
                return None
            # Seen again, which is what retention goes by; a source tells it itself.
            again = not wanted.sources and wanted.added - entry.record.last_seen > SEEN_ONCE
            if self.note(entry.record, wanted.sources, wanted.tags, wanted.bank_ids, wanted.added if again else 0.0):
                return next(iter(self.named(self.records.live([claim.id]).values())), None)
            return None
        if claim.settled or (entry is not None and entry.record is None):
            self.claims.swap(sha256, claim, None)
        return None

    def renew(self, record: Record, wanted: Record, values: Mapping[str, bytes]) -> bool:
        """Bring the fingerprints of a known picture to the versions in use; False when that must be tried again."""
        if all(record.versions.get(name) == version for name, version in wanted.versions.items()):
            return True
        self._put_large(record.id, values)
        self._file(record.id, values)
        return self.records.renew(record.id, wanted.fingerprints, wanted.versions)

    def _put_large(self, id: int, values: Mapping[str, bytes]) -> None:
        self.large.put(id, {name: values[name] for name in self.filing.large_names if name in values})

    def _file(self, id: int, values: Mapping[str, bytes], listing: Entries | None = None) -> None:
        large = {name: value for name, value in values.items() if name in self.filing.large_names}
        small = {name: value for name, value in values.items() if name not in large}
        self.store.append(self.filing.entries(id, large), short=self.filing.entries(id, small) + (listing or []))

    def finish(self, record: Record, claim: Claim, values: Mapping[str, bytes]) -> bool:
        """Take a claimed picture from nothing to live; False when it is no longer ours."""
        # What is large has no owner's name: it would be taken for that of the other picture.
        if self.records.taken({record.id: record.sha256}):
            return False
        self._put_large(record.id, values)
        # Pending before the postings: if we die in between, nobody finds half a picture, and doctor knows what to finish.
        if not self.records.put(record, claim.generation):
            return False
        self._file(record.id, values, self.listing(record.id, record.sources, record.tags, record.bank_ids))
        return self.records.publish(record.id, claim.generation)

    def _finish_claimed(self, sha256: bytes, claim: Claim | None, mine: Claim, record: Record, values: Mapping[str, bytes]) -> bool:
        """Claim a picture and take it to live; False when another was faster."""
        try:
            if not self.claims.swap(sha256, claim, mine) or not self.finish(record, mine, values):
                return False
            self.claims.swap(sha256, mine, Claim(record.id))
            return True
        except StoreUnavailable:
            # What we sent may still be carried out. The record then refuses it, as from any adder that was taken over.
            self.claims.give_up([mine], self.clock())
            raise
        except BaseException:
            with suppress(StoreUnavailable):
                self.claims.swap(sha256, mine, replace(mine, deadline=0.0))
            raise

    def listing(self, id: int, sources: Iterable[Source], tags: Iterable[str], bank_ids: Iterable[int]) -> Entries:
        """Return the entries of a picture in the lists of sources, tags and banks: (key, entry) pairs."""
        return self.lists.source_entries(id, sources) + self.lists.tag_entries(id, tags) + self.lists.bank_entries(id, bank_ids)

    def draft(
        self, fingerprints: Fingerprints, sources: Sequence[Source] = (), tags: tuple[str, ...] = (), bank_ids: tuple[int, ...] = ()
    ) -> Record:
        """Return the record of a picture that is to be added; its id is still to be given."""
        kept = {name: value for name, value in fingerprints.values.items() if name not in self.filing.large_names}
        record = Record(
            id=0,
            sha256=fingerprints.sha256,
            format=fingerprints.format,
            size=fingerprints.size,
            bytes_size=fingerprints.bytes_size,
            added=self.clock(),
            fingerprints=kept,
            versions={name: self._versions[name] for name in fingerprints.values},
            sources=tuple(sources),
            tags=tags,
            bank_ids=bank_ids,
        )
        return as_stored(record)
