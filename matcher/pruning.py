"""Taking pictures and sources away for good, each judged on what is really there when it goes."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from matcher.bank import Bank
from matcher.collection import Collection
from matcher.records import Record
from matcher.source import Source

BATCH = 500


@dataclass(frozen=True)
class Verdict:
    """What is to go of a picture: all of it, or some of its sources. lasting: when it was last seen stays known without them."""

    removed: bool = False
    sources: tuple[Source, ...] = ()
    lasting: bool = False

    def __bool__(self) -> bool:
        return self.removed or bool(self.sources)

    def revised(self, record: Record) -> Record | None:
        """Return what is left of the picture, None for nothing."""
        if self.removed:
            return None
        if not self.sources:
            return record
        gone = {source.identity for source in self.sources}
        left = tuple(source for source in record.sources if source.identity not in gone)
        return replace(record, sources=left, seen=record.last_seen if self.lasting else record.seen)


def last_seen(source: Source, record: Record) -> float:
    """Return when a picture was last seen at one of its sources; where that is unknown, when it was added."""
    return source.last_seen or source.first_seen or record.added


Judge = Callable[[Record, Mapping[int, Bank]], Verdict]


@dataclass(frozen=True)
class Gone:
    """What one picture lost. record: as it was. sources: those that are gone, all of them where it was removed."""

    record: Record
    sources: tuple[Source, ...]
    removed: bool


@dataclass(frozen=True)
class Forgotten:
    """What is gone, or would be. banks: how many of the pictures removed were in each."""

    pictures_removed: int = 0
    sources_removed: int = 0
    banks: dict[str, int] = field(default_factory=dict)


@dataclass
class Tally:
    """Counts what goes."""

    pictures: int = 0
    sources: int = 0
    banks: Counter[str] = field(default_factory=Counter)

    def count(self, gone: Gone) -> None:
        """Count what one picture lost."""
        self.pictures += gone.removed
        self.sources += len(gone.sources)
        if gone.removed:
            self.banks.update(gone.record.banks)

    def forgotten(self) -> Forgotten:
        """Return the counts so far."""
        return Forgotten(self.pictures, self.sources, dict(sorted(self.banks.items())))


class Pruner:
    """Takes away what a judge says of pictures, some at a time. clock: seconds since the epoch."""

    def __init__(self, collection: Collection, clock: Callable[[], float] = time.time) -> None:
        self._collection = collection
        self._clock = clock

    def prune(self, ids: Iterable[int], judge: Judge, dry_run: bool = False) -> Iterator[Gone]:
        """Yield what is gone of the pictures under these ids; in a dry run what would be.

        Those that are to lose something are read and judged once more. What the judge then says is carried out only where
        nobody has changed the picture meanwhile; else it is asked again.
        """
        for some in _batches(ids):
            book, found = self._book(), list[Gone]()
            for entry in self._collection.records.read(some).values():
                if entry.record is not None and (verdict := judge(entry.record, book)):
                    record = self._named(entry.record, book)
                    found.append(Gone(record, record.sources if verdict.removed else verdict.sources, verdict.removed))
            yield from found if dry_run else self._carry_out([gone.record.id for gone in found], judge)

    def _carry_out(self, ids: Sequence[int], judge: Judge) -> Iterator[Gone]:
        collection, book = self._collection, dict[int, Bank]()

        def judges() -> Callable[[Record], Record | None]:
            # Read after the records: a bank that a picture was put into is known by then.
            book.update(self._book())
            return lambda record: judge(record, book).revised(record)

        outcomes = collection.records.revise(ids, judges, self._clock())
        gone = [Gone(self._named(before, book), _lost(before, after), after is None) for before, after in outcomes]
        collection.clear_away([one.record for one in gone if one.removed])
        collection.lists.unfile((one.record.id, one.sources) for one in gone)
        self._refile([one for one in gone if not one.removed])
        yield from gone

    def _refile(self, gone: Sequence[Gone]) -> None:
        """Give lists back what somebody who saw a picture again counted upon just before it was taken out of them."""
        there = self._collection.records.live(one.record.id for one in gone)
        lost = {(one.record.id, source.key) for one in gone for source in one.sources}
        again = ((id, [source for source in record.sources if (id, source.key) in lost]) for id, record in there.items())
        self._collection.lists.refile(again)

    def _book(self) -> dict[int, Bank]:
        return {bank.id: bank for bank in self._collection.banks.list()}

    def _named(self, record: Record, book: Mapping[int, Bank]) -> Record:
        return replace(record, banks=tuple(book[id].name for id in record.bank_ids if id in book))


def _lost(before: Record, after: Record | None) -> tuple[Source, ...]:
    kept = {source.identity for source in after.sources} if after is not None else set()
    return tuple(source for source in before.sources if source.identity not in kept)


def _batches(ids: Iterable[int]) -> Iterator[list[int]]:
    pending = iter(ids)
    while some := [id for _, id in zip(range(BATCH), pending, strict=False)]:
        yield some
