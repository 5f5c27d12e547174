"""Everything a store knows, as lines of JSON."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce

import numpy as np

from matcher.bank import Bank
from matcher.engine import Matcher
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.document import PLAIN, VERSION, Portrait, Writer
from matcher.interchange.ties import companies, judgements
from matcher.records import Record
from matcher.store import SCHEMA

_BATCH = 500


class Selection:
    """Which pictures leave: all, or those of some banks and tags.

    banks: names; pictures in any of them, and no other bank is mentioned. tags: pictures with any of them.
    Raises NotFound for an unknown bank.
    """

    def __init__(self, matcher: Matcher, banks: Iterable[str] = (), tags: Iterable[str] = ()) -> None:
        self._collection = matcher.collection
        self._banks = {bank.id: bank for bank in map(matcher.banks.get, banks)}
        self._tags = frozenset(tags)
        self._mentioned = {bank.name: bank for bank in self._banks.values() or matcher.banks.list()}

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return not self._banks and not self._tags

    @property
    def banks(self) -> list[Bank]:
        """The banks that may be mentioned, by name."""
        return sorted(self._mentioned.values(), key=lambda bank: bank.name)

    def pictures(self) -> Iterator[list[Record]]:
        """Yield the pictures in the order of their ids, some at a time, with the names of the banks that may be mentioned.

        One added or removed meanwhile may be there or not.
        """
        for ids in self._ids():
            records = self._collection.named(self._collection.records.live(ids).values())
            yield [self._as_mentioned(record) for record in records if self.wanted(record)]

    def _ids(self) -> Iterator[list[int]]:
        if self.whole:
            last = self._collection.claims.last_id()
            yield from (list(range(start, min(start + _BATCH, last + 1))) for start in range(1, last + 1, _BATCH))
            return
        lists = self._collection.lists
        found = [[lists.banked(id) for id in self._banks], [lists.tagged(tag) for tag in self._tags]]
        ids = reduce(np.intersect1d, [np.unique(np.concatenate(some)) for some in found if some])
        yield from (ids[start : start + _BATCH].tolist() for start in range(0, len(ids), _BATCH))

    def wanted(self, record: Record) -> bool:
        """Whether a picture leaves."""
        in_bank = not self._banks or not self._banks.keys().isdisjoint(record.bank_ids)
        return in_bank and (not self._tags or not self._tags.isdisjoint(record.tags))

    def _as_mentioned(self, record: Record) -> Record:
        return replace(record, banks=tuple(name for name in record.banks if name in self._mentioned))


class Export:
    """One export of everything in a selection.

    pictures, banks, withheld: so far; withheld counts sensitive pictures, whose metadata and whose fingerprints that show
    pixels stay here.
    """

    def __init__(self, matcher: Matcher, selection: Selection) -> None:
        self._matcher = matcher
        self._selection = selection
        self._algorithms = Algorithms(matcher.algorithms, matcher.collection.filing)
        self._writer = Writer()
        self.withheld = 0

    @property
    def pictures(self) -> int:
        """Pictures written."""
        return self._writer.pictures

    @property
    def banks(self) -> int:
        """Banks written."""
        return self._writer.banks

    def lines(self) -> Iterator[bytes]:
        """Yield the lines, each with its end. Raises StoreUnavailable."""
        collection, selection = self._matcher.collection, self._selection
        ties = [*companies(collection, selection.wanted, selection.whole)]
        reviews = [*judgements(collection, selection.wanted)]
        yield self._writer.header(SCHEMA, collection.versions, VERSION if ties or reviews else PLAIN)
        # Of a part only those banks are named that its pictures are in, just before the first of them.
        waiting = {bank.name: bank for bank in self._selection.banks}
        if self._selection.whole:
            yield from (self._writer.bank(waiting.pop(name)) for name in list(waiting))
        for records in self._selection.pictures():
            for portrait in self._portraits(records):
                yield from (self._writer.bank(waiting.pop(name)) for name in portrait.record.banks if name in waiting)
                yield self._writer.picture(portrait)
        yield from map(self._writer.company, ties)
        yield from map(self._writer.review, reviews)
        yield self._writer.end()

    def _portraits(self, records: list[Record]) -> Iterator[Portrait]:
        """Yield the pictures with their large fingerprints, and without what may not leave."""
        names = {name for record in records for name in record.versions if name not in record.fingerprints}
        large = {
            name: self._matcher.collection.large.read(
                name, [record.id for record in records if name in record.versions and name not in record.fingerprints]
            )
            for name in names
        }
        for record in records:
            beside = {name: values[record.id] for name, values in large.items() if record.id in values}
            if record.sensitive:
                self.withheld += 1
                record, beside = self._censored(record), {n: v for n, v in beside.items() if not self._algorithms.shows_pixels(n)}
            yield Portrait(record, beside)

    def _censored(self, record: Record) -> Record:
        return replace(
            record,
            sources=tuple(replace(source, metadata={}) for source in record.sources),
            fingerprints={n: v for n, v in record.fingerprints.items() if not self._algorithms.shows_pixels(n)},
        )


def export_lines(matcher: Matcher, banks: Iterable[str] = (), tags: Iterable[str] = ()) -> Iterator[bytes]:
    """Return the lines of an export, each with its end: of everything, or of the pictures in any of the banks and with any of the tags.

    Raises NotFound at once for an unknown bank; StoreUnavailable while it is read.
    """
    return Export(matcher, Selection(matcher, banks, tags)).lines()
