"""Takes an export in: into an empty store as it was, into another one by merging."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from matcher.bank import Bank
from matcher.bulk import BulkAdder
from matcher.engine import Matcher, check_sources, checked_tags
from matcher.errors import Conflict, NotFound
from matcher.interchange import document
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.document import OWN, Known, Portrait
from matcher.interchange.survey import Census, Imported, Portions, Progress, Survey, counted, silent
from matcher.interchange.ties import Company, Taking
from matcher.records import Record
from matcher.reviews import Review
from matcher.source import Source


class Importer:
    """Takes exports into a store; a file is read twice, and nothing is written before it was read whole and found right.

    banks, tags, sources: given to every picture besides its own. Raises NotFound and BadRequest for what those cannot be.
    """

    def __init__(self, matcher: Matcher, *, banks: Iterable[str] = (), tags: Iterable[str] = (), sources: Sequence[Source] = ()) -> None:
        self._collection = matcher.collection
        self._banks = tuple(dict.fromkeys(matcher.banks.get(name).name for name in banks))
        self._tags = checked_tags(tags)
        check_sources(sources)
        self._sources = tuple(sources)
        self._algorithms = Algorithms(matcher.algorithms, matcher.collection.filing)

    def check(self, path: Path, name: str | None = None) -> Survey:
        """Return what is in a file; nothing is written. name: what messages call it. Raises BadFile."""
        banks, pictures, large, census = list[Bank](), 0, False, Census(self._algorithms)
        for item in self._read(path, name):
            if isinstance(item, Bank):
                banks.append(item)
                continue
            if not isinstance(item, Portrait):
                continue
            pictures += 1
            large = large or bool(item.large)
            for algorithm, version in item.record.versions.items():
                census.count(algorithm, version)
        warnings = (*self._differences(banks), *census.notices())
        return Survey(OWN, pictures, census.by_algorithm, tuple(banks), warnings=warnings, large=large)

    def run(self, path: Path, progress: Progress = silent, name: str | None = None) -> Imported:
        """Take a file in. Done again after an interruption, it goes on where it stopped. Raises BadFile, StoreUnavailable, StoreFull.

        In a store that never held a picture all keep their ids. In any other, banks of the same name stay as they are there,
        and pictures known already only gain sources, tags and banks.
        """
        return self.write(path, self.check(path, name), progress, name)

    def write(self, path: Path, survey: Survey, progress: Progress = silent, name: str | None = None) -> Imported:
        """Take in a file that was checked."""
        keep_ids = self._collection.claims.last_id() == 0
        created = list[str]()
        ids = {bank.name: self._bank_id(bank, created) for bank in survey.banks}
        ids |= {bank: self._collection.banks.get(bank).id for bank in self._banks}
        portraits = (item for item in self._read(path, name) if isinstance(item, Portrait))
        new = 0
        with BulkAdder(self._collection) as adder:
            for some in Portions(counted(portraits, progress, survey.pictures), survey.large):
                large = dict[int, dict[str, bytes]]()
                new += adder.add(self._records(some, ids, keep_ids, large), large, keep_ids).new
        self._ties(path, name)
        return Imported(new, survey.pictures - new, tuple(created))

    def _ties(self, path: Path, name: str | None) -> None:
        """Take in clusters and reviews, once all their pictures are there."""
        with path.open("rb") as file:
            if not document.tells_ties(file.readline()):
                return
        taking = Taking(self._collection)
        for item in self._read(path, name):
            if isinstance(item, Company):
                taking.company(item)
            elif isinstance(item, Review):
                taking.review(item)

    def _read(self, path: Path, name: str | None) -> Iterator[Known]:
        with path.open("rb") as file:
            yield from document.read(file, name or path.name, self._algorithms)

    def _bank_id(self, bank: Bank, created: list[str]) -> int:
        details = {key: value for key, value in vars(bank).items() if key not in ("id", "name", "kind")}
        banks = self._collection.banks
        try:
            made = banks.create(bank.name, kind=bank.kind, **details)
        except Conflict:
            return banks.get(bank.name).id
        created.append(bank.name)
        return made.id

    def _records(
        self, portraits: Iterable[Portrait], ids: dict[str, int], keep_ids: bool, large: dict[int, dict[str, bytes]]
    ) -> Iterator[Record]:
        """Yield what is stored, and put the large fingerprints into `large`, by place, before the picture they are of."""
        for place, portrait in enumerate(portraits):
            if portrait.large:
                large[place] = portrait.large
            yield self._placed(portrait, ids, keep_ids)

    def _placed(self, portrait: Portrait, ids: dict[str, int], keep_ids: bool) -> Record:
        record = portrait.record
        own = {(source.kind, source.id) for source in record.sources}
        names = tuple(dict.fromkeys((*record.banks, *self._banks)))
        return replace(
            record,
            id=record.id if keep_ids else 0,
            sources=(*record.sources, *(source for source in self._sources if (source.kind, source.id) not in own)),
            tags=tuple(dict.fromkeys((*record.tags, *self._tags))),
            bank_ids=tuple(ids[name] for name in names),
            banks=names,
        )

    def _differences(self, banks: Iterable[Bank]) -> Iterator[str]:
        """Say where banks are not what the file says, and stay so."""
        for bank in banks:
            try:
                ours = self._collection.banks.get(bank.name)
            except NotFound:
                continue
            differing = [key for key, value in vars(bank).items() if key != "id" and value != getattr(ours, key)]
            if differing:
                yield f"bank {bank.name} exists and stays as it is; in the file it has other {', '.join(differing)}"
