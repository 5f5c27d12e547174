"""Hash lists, in and out: which formats there are, what a list becomes in the store, and what of the store goes into a list."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from matcher.bulk import BulkAdder
from matcher.engine import Matcher, check_sources, checked_tags
from matcher.errors import BadFile, BadRequest, NotFound
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.csvlist import CsvList
from matcher.interchange.document import MARK, OWN
from matcher.interchange.entries import Entry, Flaw, Given, Item, Listed, ListFormat, Print
from matcher.interchange.export import Selection
from matcher.interchange.importer import Importer
from matcher.interchange.jsonlist import JsonLines
from matcher.interchange.misp import Misp
from matcher.interchange.photodna import PhotoDNA
from matcher.interchange.survey import Census, Imported, Portions, Progress, Survey, counted, silent
from matcher.interchange.threatexchange import ThreatExchange
from matcher.records import FINGERPRINT, Record, identity
from matcher.source import Source

# In the order in which a list is asked whose it is.
FORMATS: Mapping[str, ListFormat] = {each.name: each for each in (PhotoDNA(), Misp(), JsonLines(), ThreatExchange(), CsvList())}
AUTO = "auto"
# The source of entries of a list of which nothing else is known.
SOURCE_KIND = "hash-list"

_START = 1 << 16
_SHOWN = 20
_PDQ, _PDQ_ONES = "pdq", 128
_SAMPLE = 1000


def recognised(path: Path, name: str | None = None) -> str:
    """Return the format of a file or folder: the name of one of FORMATS, or OWN for an export. Raises BadFile."""
    if path.is_dir():
        return Misp.name
    with path.open("rb") as file:
        start = file.read(_START).removeprefix(b"\xef\xbb\xbf")
    if start.lstrip()[:40].replace(b" ", b"").startswith(b'{"' + MARK.encode("ascii")):
        return OWN
    for format in FORMATS.values():
        if format.recognises(start):
            return format.name
    known = ", ".join([OWN, *FORMATS])
    raise BadFile(f"{name or path.name}: what format it has cannot be told; say it with --format ({known})")


class ListImporter:
    """Takes hash lists into a store; a list is read twice, and nothing is written before it was read whole.

    format: of FORMATS, or AUTO. algorithm: of fingerprints where the list does not say. banks, tags, sources: given to every entry.
    trust_sha256: known by the SHA-256 that the list tells, instead of by the fingerprint; several lines of one SHA-256 that follow
        each other are one picture. skip_bad: take what is right of a list that is not.
    Raises BadRequest and NotFound for what those cannot be.
    """

    def __init__(
        self,
        matcher: Matcher,
        format: str = AUTO,
        *,
        algorithm: str = "",
        banks: Iterable[str] = (),
        tags: Iterable[str] = (),
        sources: Sequence[Source] = (),
        trust_sha256: bool = False,
        skip_bad: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if format not in (AUTO, *FORMATS):
            raise BadRequest(f"{format!r} is no format of lists; there are {', '.join(FORMATS)}")
        self._collection = matcher.collection
        self._format = format
        self._algorithms = Algorithms(matcher.algorithms, matcher.collection.filing)
        if algorithm and algorithm not in self._algorithms.names:
            raise NotFound(f"{algorithm!r} is no algorithm known here; there are {', '.join(sorted(self._algorithms.names))}")
        self._algorithm = algorithm
        self._banks = {bank.id: bank.name for bank in map(matcher.banks.get, banks)}
        self._tags = checked_tags(tags)
        check_sources(sources)
        self._sources = tuple(sources)
        self._large_names = frozenset(name for name in self._algorithms.names if self._algorithms.large(name))
        self._trust = trust_sha256
        self._skip_bad = skip_bad
        self._clock = clock

    def check(self, path: Path, name: str | None = None) -> Survey:
        """Return what is in a list; nothing is written. name: what messages call it. Raises BadFile where nothing can be read."""
        format, items = self._items(path, name)
        pictures, wrong, flaws = 0, 0, list[Flaw]()
        passed, census, sample = Counter[str](), Census(self._algorithms), list[bytes]()
        for item in _joined(items):
            if isinstance(item, Entry):
                pictures += 1
                for algorithm, version, value in item.prints:
                    census.count(algorithm, version)
                    if algorithm == _PDQ and len(sample) < _SAMPLE:
                        sample.append(value)
            elif isinstance(item, Flaw):
                wrong += 1
                if wrong <= _SHOWN:
                    flaws.append(item)
            else:
                passed[item.what] += 1
        return Survey(
            format,
            pictures,
            census.by_algorithm,
            flaws=tuple(flaws),
            wrong=wrong,
            passed=dict(passed),
            warnings=(*census.notices(), *_doubts(sample)),
            large=not self._large_names.isdisjoint(census.by_algorithm),
        )

    def run(self, path: Path, progress: Progress = silent, name: str | None = None) -> Imported:
        """Take a list in. Done again after an interruption, it goes on where it stopped.

        Raises BadFile for a list in which something is wrong (unless skip_bad) or nothing is right, StoreUnavailable, StoreFull.
        """
        return self.write(path, self.check(path, name), progress, name)

    def write(self, path: Path, survey: Survey, progress: Progress = silent, name: str | None = None) -> Imported:
        """Take in a list that was checked."""
        self._refuse(survey, name or path.name)
        _, items = self._items(path, name)
        usual = self._usual(name or path.name)
        entries = (item for item in _joined(items) if isinstance(item, Entry))
        new = 0
        with BulkAdder(self._collection) as adder:
            for some in Portions(counted(entries, progress, survey.pictures), survey.large):
                large = dict[int, dict[str, bytes]]()
                new += adder.add(self._records(some, usual, large), large).new
        return Imported(new, survey.pictures - new)

    def _refuse(self, survey: Survey, name: str) -> None:
        if survey.wrong and not self._skip_bad:
            first = survey.flaws[0]
            raise BadFile(
                f"{name}: {survey.wrong} of {survey.wrong + survey.pictures} entries are wrong, the first at {first.place}: {first.text}; "
                "nothing was imported. Correct them, or take the others with --skip-bad"
            )
        if not survey.pictures:
            raise BadFile(f"{name}: there are no fingerprints in it; nothing was imported")

    def _items(self, path: Path, name: str | None) -> tuple[str, Iterator[Item]]:
        format = recognised(path, name) if self._format == AUTO else self._format
        if format == OWN:
            raise BadFile(f"{name or path.name}: it is an export of Kuato and no hash list; import it as such")
        return format, FORMATS[format].read(Given(path, name or path.name, self._algorithms, self._algorithm))

    def _usual(self, name: str) -> tuple[Source, ...]:
        """Return where entries were seen that name no place themselves: at the sources given, or else on this list."""
        now = self._clock()
        given = self._sources or (Source(SOURCE_KIND, name),)
        return tuple(replace(one, first_seen=one.first_seen or now, last_seen=one.last_seen or now) for one in given)

    def _records(self, entries: Iterable[Entry], usual: tuple[Source, ...], large: dict[int, dict[str, bytes]]) -> Iterator[Record]:
        """Yield what is stored, and put the large fingerprints into `large`, by place, before the picture they are of."""
        now, bank_ids, banks = self._clock(), tuple(self._banks), tuple(self._banks.values())
        large_names = self._large_names
        for place, entry in enumerate(entries):
            sha256 = entry.sha256 if self._trust and entry.sha256 else _identity(entry.prints)
            small = {algorithm: value for algorithm, _, value in entry.prints if algorithm not in large_names}
            if len(small) < len(entry.prints):
                large[place] = {algorithm: value for algorithm, _, value in entry.prints if algorithm in large_names}
            versions = {algorithm: version for algorithm, version, _ in entry.prints}
            sources = self._told(entry, usual, now) if entry.sources or entry.details or entry.sha256 else usual
            tags = _tags(entry.tags, self._tags) if entry.tags else self._tags
            yield Record(0, sha256, FINGERPRINT, (0, 0), 0, now, small, versions, sources, tags, bank_ids, banks)

    def _told(self, entry: Entry, usual: tuple[Source, ...], now: float) -> tuple[Source, ...]:
        """Return where an entry was seen, with what the list says of it: at its own sources and those given, or else on this list."""
        sources = (*entry.sources, *(usual if self._sources else ())) or usual
        details = dict(entry.details or ())
        if entry.sha256 and not self._trust:
            details["sha256"] = entry.sha256
        return tuple(
            Source(
                source.kind,
                source.id,
                source.first_seen or now,
                source.last_seen or now,
                details | source.metadata if source.metadata else details,
                source.visibility,
            )
            for source in sources
        )


def importer_of(
    matcher: Matcher,
    format: str,
    *,
    algorithm: str = "",
    banks: Iterable[str] = (),
    tags: Iterable[str] = (),
    sources: Sequence[Source] = (),
    trust_sha256: bool = False,
    skip_bad: bool = False,
) -> Importer | ListImporter:
    """Return what takes in files of a format, one of FORMATS or OWN; AUTO is for `recognised`. Raises BadRequest, NotFound."""
    if format != OWN:
        return ListImporter(
            matcher, format, algorithm=algorithm, banks=banks, tags=tags, sources=sources, trust_sha256=trust_sha256, skip_bad=skip_bad
        )
    if algorithm or trust_sha256 or skip_bad:
        raise BadRequest("an algorithm, trust in SHA-256 and the skipping of bad lines are for hash lists; this is an export of Kuato")
    return Importer(matcher, banks=banks, tags=tags, sources=sources)


class ListExport:
    """The fingerprints of a selection as a list.

    algorithms: which, () for all of which there is nothing to see and that are small enough to be kept with the record.
    hashes_only: without sources, tags and notes. pictures, left_out: so far; those without a fingerprint for this list are left out.
    Raises NotFound for an unknown algorithm, BadRequest for one that the format cannot hold.
    """

    def __init__(
        self, matcher: Matcher, selection: Selection, format: str, algorithms: Iterable[str] = (), hashes_only: bool = False
    ) -> None:
        if format not in FORMATS:
            raise BadRequest(f"{format!r} is no format of lists; there are {', '.join(FORMATS)}")
        self._matcher = matcher
        self._selection = selection
        self._format = FORMATS[format]
        self._algorithms = Algorithms(matcher.algorithms, matcher.collection.filing)
        self._wanted = tuple(algorithms)
        for name in self._wanted:
            if name not in self._algorithms.names:
                raise NotFound(f"{name!r} is no algorithm known here; there are {', '.join(sorted(self._algorithms.names))}")
            if not self._format.wants(name):
                raise BadRequest(f"a list of the format {format} cannot hold fingerprints {name}; choose another --format")
        self._hashes_only = hashes_only
        self.pictures = 0
        self.left_out = 0

    def lines(self) -> Iterator[bytes]:
        """Yield the list in pieces. Raises StoreUnavailable."""
        return self._format.write(self._listed())

    def _listed(self) -> Iterator[Listed]:
        for records in self._selection.pictures():
            for record in records:
                prints = tuple(self._prints(record))
                self.pictures += bool(prints)
                self.left_out += not prints
                if prints:
                    yield self._told(record, prints)

    def _told(self, record: Record, prints: tuple[Print, ...]) -> Listed:
        sha256 = None if record.fingerprint_only and _is_identity(record) else record.sha256
        if self._hashes_only:
            return Listed(replace(record, sources=(), tags=()), prints, sha256)
        notes = (str(source.metadata["note"]) for source in record.sources if "note" in source.metadata)
        return Listed(record, prints, sha256, "" if record.sensitive else next(notes, ""))

    def _prints(self, record: Record) -> Iterator[Print]:
        for name in sorted(record.versions):
            wanted = name in self._wanted if self._wanted else name in record.fingerprints and not self._algorithms.shows_pixels(name)
            if not wanted or not self._format.wants(name) or (record.sensitive and self._algorithms.shows_pixels(name)):
                continue
            value = record.fingerprints.get(name) or self._matcher.collection.large.read(name, [record.id]).get(record.id)
            if value:
                yield Print(name, record.versions[name], value)


def _joined(items: Iterable[Item]) -> Iterator[Item]:
    """Yield what is in a list; entries of one file, by their SHA-256, that follow each other as one."""
    before: Entry | None = None
    for item in items:
        if not isinstance(item, Entry):
            yield item
        elif before is None or item.sha256 is None or item.sha256 != before.sha256:
            if before is not None:
                yield before
            before = item
        elif {one.algorithm for one in before.prints}.isdisjoint(one.algorithm for one in item.prints):
            before = before._replace(
                prints=before.prints + item.prints,
                tags=_tags(before.tags, item.tags),
                sources=_sources(before.sources, item.sources),
                details={**(item.details or {}), **(before.details or {})},
            )
        elif item.prints != before.prints:
            # Another fingerprint of the same algorithm, of a turned form perhaps: it has to be known by itself.
            yield item._replace(sha256=None, details={**(item.details or {}), "sha256": item.sha256})
    if before is not None:
        yield before


def _identity(prints: Sequence[Print]) -> str:
    """Return what stands for the SHA-256 of an entry: made of its PDQ where there is one, so that every list gives the same."""
    first = next((one for one in prints if one.algorithm == _PDQ), prints[0])
    return identity(first.algorithm, first.value)


def _is_identity(record: Record) -> bool:
    return any(identity(name, value) == record.sha256 for name, value in record.fingerprints.items())


def _tags(*given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for tags in given for tag in tags))


def _sources(*given: tuple[Source, ...]) -> tuple[Source, ...]:
    """Return all sources, each once; what is told first of one counts."""
    return tuple({source.identity: source for sources in reversed(given) for source in sources}.values())


def _doubts(sample: Sequence[bytes]) -> Iterator[str]:
    """Say when what is called PDQ does not look so: half of the bits are set in all but flat pictures, and in one of 20 other hashes."""
    if not sample:
        return
    ones = np.bitwise_count(np.frombuffer(b"".join(sample), np.uint8).reshape(len(sample), -1)).sum(axis=1)
    usual = int(np.count_nonzero(ones == _PDQ_ONES))
    if 2 * usual < len(sample):
        yield (
            f"only {usual} of the first {len(sample)} fingerprints pdq have {_PDQ_ONES} bits set, as those of pictures have; "
            "they may be SHA-256, or hashes of something else"
        )
