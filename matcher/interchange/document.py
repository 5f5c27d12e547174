"""The lines of an export, both ways: a header, banks, pictures in the order of their ids, an end.

    {"kuato-export": {"version": 1, "schema": 2, "algorithms": {"pdq": 1, ..}}}
    {"bank": {..}}       before the first picture that is in it
    {"picture": {..}}    a fingerprint in hexadecimal; one that is kept beside the record is marked "large", in base64
    {"cluster": {..}}, {"review": {..}}    behind all pictures (`ties.py`); such a file is of version 2
    {"end": {"banks": 1, "pictures": 2, "sha256": of all lines before}}

Nothing in it depends on when or where it is written: equal stores give equal files.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import BinaryIO, NoReturn, TypeVar

from matcher.bank import Bank
from matcher.catalogue import checked_bank
from matcher.engine import check_sources, checked_sha256, checked_tags
from matcher.errors import BadFile, BadRequest
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.fields import LARGEST, Fields, parse, shown
from matcher.interchange.ties import Company, read_company, read_review, review_fields
from matcher.records import FORMATS, Record
from matcher.reviews import Review
from matcher.source import Source

Item = TypeVar("Item")

# Files without clusters and reviews can be read by every Kuato, and say so.
PLAIN, VERSION = 1, 2
READABLE = (PLAIN, VERSION)
MARK = "kuato-export"
# What --format calls it.
OWN = "kuato"
# The longest line there can be: a picture of many sources with long metadata. Longer ones are no export of ours.
LONGEST_LINE = 64 << 20
# Ids have 32 bits and are never given twice; a file must not use them up.
LARGEST_ID = 4_000_000_000
_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_799
_U32 = (1 << 32) - 1
# Bytes of all the small fingerprints of one record: its head has a length of 16 bits.
_MOST_SMALL = 60_000


@dataclass(frozen=True)
class Portrait:
    """A picture as it travels. record: with the names of its banks, not their ids. large: fingerprints kept beside the record."""

    record: Record
    large: dict[str, bytes]


Known = Bank | Portrait | Company | Review


class Writer:
    """Makes the lines, and remembers what the last one has to tell."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.banks = 0
        self.pictures = 0

    def header(self, schema: int, algorithms: Mapping[str, int], version: int = PLAIN) -> bytes:
        """Return the first line. algorithms: the versions in use. version: of the file."""
        return self._line(MARK, {"version": version, "schema": schema, "algorithms": dict(sorted(algorithms.items()))})

    def bank(self, bank: Bank) -> bytes:
        """Return the line of a bank."""
        self.banks += 1
        known = asdict(bank)
        del known["id"]
        return self._line("bank", known | {"thresholds": dict(sorted(bank.thresholds.items()))})

    def picture(self, portrait: Portrait) -> bytes:
        """Return the line of a picture."""
        self.pictures += 1
        record = portrait.record
        prints: dict[str, dict[str, object]] = {}
        for name in sorted(record.versions):
            version = {"version": record.versions[name]}
            if name in portrait.large:
                prints[name] = version | {"large": True, "base64": base64.b64encode(portrait.large[name]).decode("ascii")}
            elif name in record.fingerprints:
                prints[name] = version | {"hex": record.fingerprints[name].hex()}
        about = {"id": record.id, "sha256": record.sha256, "format": record.format, "width": record.size[0], "height": record.size[1]}
        about |= {"bytes": record.bytes_size, "added": round(record.added)}
        about |= {"seen": round(record.seen), "sources": [_source(one) for one in record.sources]}
        return self._line("picture", about | {"tags": record.tags, "banks": record.banks, "fingerprints": prints})

    def company(self, company: Company) -> bytes:
        """Return the line of a cluster."""
        return self._line("cluster", company.fields())

    def review(self, review: Review) -> bytes:
        """Return the line of a review."""
        return self._line("review", review_fields(review))

    def end(self) -> bytes:
        """Return the last line."""
        return _json("end", {"banks": self.banks, "pictures": self.pictures, "sha256": self._digest.hexdigest()})

    def _line(self, kind: str, value: Mapping[str, object]) -> bytes:
        line = _json(kind, value)
        self._digest.update(line)
        return line


def tells_ties(header: bytes) -> bool:
    """Whether there may be clusters and reviews behind the pictures, by the first line of a file that was read once."""
    return bool(parse(header)[MARK]["version"] > PLAIN)


def read(file: BinaryIO, name: str, algorithms: Algorithms) -> Iterator[Known]:
    """Yield the banks, pictures, clusters and reviews of an export, each checked. Raises BadFile, at the latest behind the last of them.

    So nothing may be done with what is yielded before all of it was read once. name: what messages call the file.
    """
    yield from _Reader(file, name, algorithms)


class _Reader:
    def __init__(self, file: BinaryIO, name: str, algorithms: Algorithms) -> None:
        self._file = file
        self._name = name
        self._algorithms = algorithms
        self._digest = hashlib.sha256()
        self._number = 0
        self._last_id = 0
        self._banks = set[str]()
        self._pictures = 0

    def __iter__(self) -> Iterator[Known]:
        kind, value, line = self._next()
        if kind != MARK:
            self._fail(f"it does not begin as an export does, with {MARK!r}")
        self._try(self._header, value)
        while True:
            self._digest.update(line)
            kind, value, line = self._next()
            if kind == "bank":
                yield self._try(self._bank, value)
            elif kind == "picture":
                yield self._try(self._picture, value)
            elif kind == "cluster":
                yield self._try(read_company, value)
            elif kind == "review":
                yield self._try(read_review, value)
            elif kind == "end":
                self._try(self._end, value)
                return
            else:
                self._fail(f"{kind[:40]!r} is no kind of line of version {VERSION}")

    def _next(self) -> tuple[str, object, bytes]:
        """Return the kind of the next line, what it holds, and the line itself."""
        self._number += 1
        line = self._file.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            self._fail("it is longer than any line of an export")
        if not line:
            self._fail("the file ends before its last line, so it was cut short")
        if not line.endswith(b"\n"):
            self._fail("it is cut short")
        try:
            document = parse(line)
        except ValueError as error:
            self._fail(str(error))
        if not isinstance(document, dict) or len(document) != 1:
            self._fail(f"{shown(document)} is no line of an export")
        [(kind, value)] = document.items()
        return kind, value, line

    def _try(self, read: Callable[[Fields], Item], value: object) -> Item:
        try:
            fields = Fields(value, "the line")
            found = read(fields)
            fields.end()
        except (ValueError, BadRequest) as error:
            self._fail(str(error))
        return found

    def _header(self, fields: Fields) -> None:
        version = fields.whole("version", 1, LARGEST)
        if version not in READABLE:
            # Before anything else: what a newer version has in its header cannot be known.
            raise ValueError(f"the file is of version {version}, this Kuato reads up to {VERSION}; import it with a newer one")
        fields.whole("schema", 1, LARGEST)
        algorithms = fields.members("algorithms")
        named = Fields(algorithms, "algorithms")
        for name in algorithms:
            named.whole(name, 0, 255)

    def _bank(self, fields: Fields) -> Bank:
        thresholds = fields.members("thresholds")
        bank = Bank(
            id=0,
            name=fields.text("name"),
            kind=fields.text("kind"),
            tags=fields.texts("tags"),
            domains=fields.texts("domains"),
            thresholds=thresholds,
            sensitive=fields.flag("sensitive"),
            note=fields.text("note"),
            keep_days=fields.take("keep_days"),
        )
        if bank.name in self._banks:
            raise ValueError(f"bank {bank.name!r} stands there twice")
        self._banks.add(bank.name)
        return checked_bank(bank)

    def _picture(self, fields: Fields) -> Portrait:
        id = fields.whole("id", 1, LARGEST_ID)
        if id <= self._last_id:
            raise ValueError(f"id {id} follows {self._last_id}; pictures stand in the order of their ids")
        self._last_id = id
        self._pictures += 1
        sha256 = fields.text("sha256")
        if sha256 != checked_sha256(sha256):
            raise ValueError(f"sha256 {sha256[:80]!r} is not in small letters")
        format = fields.text("format")
        if format not in FORMATS:
            raise ValueError(f"{format[:40]!r} is no format; there are {', '.join(FORMATS)}")
        tags, banks = fields.texts("tags"), fields.texts("banks")
        if checked_tags(tags) != tags:
            raise ValueError(f"tags {shown(tags)} have spaces around them")
        if unknown := set(banks) - self._banks:
            raise ValueError(f"bank {sorted(unknown)[0][:80]!r} has no line before it")
        versions, small, large = self._fingerprints(fields.members("fingerprints"))
        record = Record(
            id=id,
            sha256=sha256,
            format=format,
            size=(fields.whole("width", 0, _U32), fields.whole("height", 0, _U32)),
            bytes_size=fields.whole("bytes", 0, _U32),
            added=fields.whole("added", 0, _U32),
            seen=fields.whole("seen", 0, _YEAR_10000),
            fingerprints=small,
            versions=versions,
            sources=self._sources(fields.many("sources")),
            tags=tags,
            banks=banks,
        )
        return Portrait(record, large)

    def _sources(self, values: list[object]) -> tuple[Source, ...]:
        found: dict[tuple[str, str, str], Source] = {}
        for value in values:
            fields = Fields(value, "source")
            source = Source(
                kind=fields.text("kind"),
                id=fields.text("id"),
                first_seen=fields.whole("first_seen", _YEAR_1, _YEAR_10000),
                last_seen=fields.whole("last_seen", _YEAR_1, _YEAR_10000),
                metadata=fields.members("metadata"),
                visibility=fields.members("visibility"),
            )
            fields.end()
            if source.identity in found:
                raise ValueError(f"source {source.key[:80]!r} stands there twice")
            found[source.identity] = source
        check_sources(found.values())
        return tuple(found.values())

    def _fingerprints(self, values: dict[str, object]) -> tuple[dict[str, int], dict[str, bytes], dict[str, bytes]]:
        """Return the versions of all, the small ones, the large ones."""
        versions, small, large = dict[str, int](), dict[str, bytes](), dict[str, bytes]()
        for name, value in values.items():
            fields = Fields(value, f"fingerprint {name[:40]!r}")
            versions[name] = fields.whole("version", 0, 255)
            is_large = fields.has("large") and fields.flag("large")
            if is_large:
                large[name] = _decoded(name, fields.text("base64"))
            else:
                small[name] = _decoded(name, fields.text("hex"), hexadecimal=True)
            fields.end()
            self._algorithms.check(name, versions[name], large[name] if is_large else small[name], is_large)
        if len(versions) > 255 or sum(map(len, small.values())) > _MOST_SMALL:
            raise ValueError(f"{len(versions)} fingerprints of {sum(map(len, small.values()))} bytes; one record cannot hold as much")
        return versions, small, large

    def _end(self, fields: Fields) -> None:
        banks, pictures = fields.whole("banks", 0, LARGEST), fields.whole("pictures", 0, LARGEST)
        if (banks, pictures) != (len(self._banks), self._pictures):
            raise ValueError(f"there are {len(self._banks)} banks and {self._pictures} pictures, not {banks} and {pictures}")
        if fields.text("sha256") != self._digest.hexdigest():
            raise ValueError("the lines before it have another SHA-256; the file, or only its line ends, were altered on the way")
        if self._file.read(1):
            self._number += 1
            raise ValueError("something follows the last line")

    def _fail(self, what: str) -> NoReturn:
        raise BadFile(f"{self._name}, line {self._number}: {what}; nothing was imported") from None


def _source(source: Source) -> dict[str, object]:
    seen = {"first_seen": source.first_seen, "last_seen": source.last_seen}
    return asdict(source) | {name: min(max(round(time), _YEAR_1), _YEAR_10000) for name, time in seen.items()}


def _json(kind: str, value: Mapping[str, object]) -> bytes:
    return json.dumps({kind: value}, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def _decoded(name: str, text: str, hexadecimal: bool = False) -> bytes:
    with suppress(ValueError):
        value = bytes.fromhex(text) if hexadecimal else base64.b64decode(text, validate=True)
        if text == (value.hex() if hexadecimal else base64.b64encode(value).decode("ascii")):
            return value
    raise ValueError(f"fingerprint {name[:40]!r} is not in {'hexadecimal digits' if hexadecimal else 'base64'}")
