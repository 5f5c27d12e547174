"""Adding pictures some dozens at a time: what Matcher.add does for one, each step for all, so that it costs a part of it.

A folder keeps all decoding processes busy only while what is stored takes few of the processor's seconds; a picture by itself asks Redis
some twenty times, and each answer to a write waits for the disk.
"""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from matcher.bulk import BulkAdder
from matcher.collection import Added
from matcher.engine import check_sources, checked_tags
from matcher.errors import BadRequest, KuatoError, NotFound
from matcher.extraction import Fingerprints
from matcher.records import Record
from matcher.source import Source

if TYPE_CHECKING:
    from typing_extensions import Self

    from matcher.engine import Matcher

LookedAt = tuple[Fingerprints, Sequence[Source]]


class Intake:
    """Adds to one store; a context manager, which gives back the room that lists were left to grow."""

    def __init__(self, matcher: "Matcher") -> None:
        self._matcher = matcher
        self._collection = matcher.collection
        self._adder = BulkAdder(matcher.collection)

    def add(self, pictures: Sequence[LookedAt], tags: Iterable[str] = (), banks: Iterable[str] = ()) -> list[Added | KuatoError]:
        """Remember pictures, given by their fingerprints and sources; return what became of each.

        Returns only when all of them answer, in every process, or never will. An error that is returned is about one picture alone:
        BadRequest, NotFound for an unknown bank. Raises StoreUnavailable; adding again is always right.
        """
        outcomes: dict[int, Added | KuatoError] = {}
        waiting = list(range(len(pictures)))
        while waiting:
            # One that comes twice is known the second time, and what it gains is told then.
            some = list({pictures[n][0].sha256: n for n in reversed(waiting)}.values())[::-1]
            waiting = [n for n in waiting if n not in set(some)]
            outcomes |= zip(some, self._together([pictures[n] for n in some], tuple(tags), tuple(banks)), strict=True)
        return [outcomes[n] for n in range(len(pictures))]

    def _together(self, some: Sequence[LookedAt], tags: tuple[str, ...], banks: tuple[str, ...]) -> Sequence[Added | KuatoError]:
        """Add different pictures; where one is at fault each by itself, so that the others are none the worse."""
        try:
            return self._added(some, tags, banks)
        except (BadRequest, NotFound) as error:
            return [error] if len(some) == 1 else [outcome for one in some for outcome in self._together([one], tags, banks)]

    def _added(self, some: Sequence[LookedAt], tags: tuple[str, ...], banks: tuple[str, ...]) -> list[Added]:
        collection, matcher = self._collection, self._matcher
        bank_ids, tags = matcher.bank_ids(banks), checked_tags(tags)
        for _, sources in some:
            check_sources(sources)
        drafts = [collection.draft(found, sources, matcher.all_tags(found, tags, bank_ids), bank_ids) for found, sources in some]
        names = collection.filing.large_names
        large = {n: {name: found.values[name] for name in names if name in found.values} for n, (found, _) in enumerate(some)}
        added = self._adder.add(drafts, {n: values for n, values in large.items() if values})
        fresh = {bytes(row).hex() for row in added.fresh}
        known = collection.known_many([draft.sha256 for draft in drafts])
        # What somebody removed at this moment was added all the same.
        records = [known.get(draft.sha256) or draft for draft in drafts]
        for (found, _), record in zip(some, records, strict=True):
            if found.small is not None and record.id:
                collection.thumbnails.keep(record, found.small)
        records = collection.clustered(self._placed([found for found, _ in some], records))
        return [Added(record, record.sha256 in fresh) for record in records]

    def _placed(self, found: Sequence[Fingerprints], records: Sequence[Record]) -> list[Record]:
        """Look up those pictures among the others that never were; return all as they are then."""
        if not self._matcher.settings["cluster.automatic"]:
            return list(records)
        new = [(record, query) for record, query in zip(records, found, strict=True) if record.id and not record.placed]
        placed = {record.id: record for record in self._matcher.placing.place_many(new)}
        return [placed.get(record.id, record) for record in records]

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._adder.close()
