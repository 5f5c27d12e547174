"""Taking pictures and sources away for good, each judged on what is really there when it goes."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
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
        gone = {source.key for source in self.sources}
        left = tuple(source for source in record.sources if source.key not in gone)
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

        The judge is asked twice: of all pictures as they were read together, and of each that is to lose something once more
        on its own. What it then says is carried out only where nobody has changed the picture meanwhile; else it is asked again.
        """
        for some in _batches(ids):
            book = self._book()
            for id, entry in self._collection.records.read(some).items():
                if entry.record is None or not (verdict := judge(entry.record, book)):
                    continue
                record = self._named(entry.record, book)
                gone = Gone(record, record.sources if verdict.removed else verdict.sources, verdict.removed)
                found = gone if dry_run else self._carry_out(id, judge)
                if found is not None:
                    yield found

    def _carry_out(self, id: int, judge: Judge) -> Gone | None:
        collection, book = self._collection, dict[int, Bank]()

        def revised(record: Record) -> Record | None:
            # Read after the record: a bank that the picture was put into is known by then.
            book.clear()
            book.update(self._book())
            return judge(record, book).revised(record)

        outcome = collection.records.revise(id, revised, self._clock())
        if outcome is None or outcome[0] is outcome[1]:
            return None
        before, after = outcome
        if after is None:
            collection.clear_away(before)
        kept = {source.key for source in after.sources} if after is not None else set()
        sources = tuple(source for source in before.sources if source.key not in kept)
        collection.lists.unfile(id, sources)
        if after is not None:
            self._refile(id, sources)
        return Gone(self._named(before, book), sources, after is None)

    def _refile(self, id: int, sources: tuple[Source, ...]) -> None:
        """Give lists back what somebody who saw a picture again counted upon just before it was taken out of them."""
        record = self._collection.records.live([id]).get(id)
        gone = {source.key for source in sources}
        if record is not None:
            self._collection.lists.refile([(id, [source for source in record.sources if source.key in gone])])

    def _book(self) -> dict[int, Bank]:
        return {bank.id: bank for bank in self._collection.banks.list()}

    def _named(self, record: Record, book: Mapping[int, Bank]) -> Record:
        return replace(record, banks=tuple(book[id].name for id in record.bank_ids if id in book))


def _batches(ids: Iterable[int]) -> Iterator[list[int]]:
    pending = iter(ids)
    while some := [id for _, id in zip(range(BATCH), pending, strict=False)]:
        yield some
