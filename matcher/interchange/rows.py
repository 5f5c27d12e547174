"""From the cells of one row, or the members of one object, to an entry; the same for every format that has such."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from matcher.interchange import columns
from matcher.interchange.columns import algorithm_of, plain
from matcher.interchange.entries import Entry, Flaw, Given, Item, Passed, Print, Words
from matcher.source import Source

# What lists hold besides: hashes of bytes, of texts, of videos. None of it can be compared with pictures.
_OTHERS = frozenset(
    re.split(
        " ",
        "url urls text raw-text text-tlsh hash-text-tlsh trend-query pdq-ocr vpdq tmk tmkpdqf hash-tmk "
        "md5 sha1 sha256 sha512 hash-md5 hash-sha1 hash-sha256 video-md5 hash-video-md5",
    )
)
# Meta's advice: what has a lower quality matches everything that is as simple.
LEAST_QUALITY = 50
_REMARKS = frozenset((columns.NAME, columns.NOTE, columns.CATEGORY))
_NEGATIVE = "NEGATIVE_CLASS"
_BY_LENGTH = {64: "pdq", 70: "tlsh", 72: "tlsh"}
_SIXTEEN = "16 digits may be ahash, dhash, phash or whash; say which with --algorithm"


class Rows:
    """Turns rows of one list into entries."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._words = Words()
        self._named: dict[str, str | Passed] = {}
        self._readers: dict[str, tuple[int, Callable[[str], bytes]]] = {}

    def item(self, place: str, prints: Iterable[tuple[str, str]], about: Mapping[str, Any]) -> Item:
        """Return an entry, or why there is none.

        prints: algorithm ("" where the list does not say) and text of each fingerprint. about: what else is there, by meaning.
        """
        try:
            return self._entry(place, prints, about)
        except ValueError as error:
            return Flaw(place, str(error))

    def algorithm(self, name: str) -> str | Passed:
        """Return the algorithm that the list calls `name`, or that its fingerprints are not for us. Raises ValueError."""
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self._algorithm(name)
        return found

    def _algorithm(self, name: str) -> str | Passed:
        if not name.strip():
            return self._given.algorithm
        if known := algorithm_of(name, self._given.algorithms):
            return known
        if plain(name) in _OTHERS:
            return Passed(f"entries of the type {name.strip()[:40]}")
        if self._given.algorithm:
            return self._given.algorithm
        known_names = ", ".join(sorted(self._given.algorithms.names))
        raise ValueError(f"{name.strip()[:80]!r} is no algorithm known here; there are {known_names}")

    def _entry(self, place: str, prints: Iterable[tuple[str, str]], about: Mapping[str, Any]) -> Item:
        details = self._details(about) if about else None
        if details:
            if str(details.get(columns.CATEGORY)).upper() == _NEGATIVE:
                return Passed(f"entries of the class {_NEGATIVE}: others hold them for harmless")
            if details.get(columns.QUALITY, LEAST_QUALITY) < LEAST_QUALITY:
                return Passed(f"entries of a quality below {LEAST_QUALITY}: too simple to be told from others")
        found = list[Print]()
        for name, text in prints:
            algorithm = self.algorithm(name)
            if isinstance(algorithm, Passed):
                return algorithm
            if text:
                found.append(self._print(algorithm, text, about.get(columns.VERSION)))
        if not found:
            raise ValueError("there is no fingerprint")
        if not about:
            return Entry(place, tuple(found))
        return Entry(
            place,
            tuple(found),
            self._words.sha256(str(about[columns.SHA256])) if about.get(columns.SHA256) else None,
            self._words.tags(about[columns.TAGS]) if about.get(columns.TAGS) else (),
            self._sources(about) if about.get(columns.SOURCE) or about.get(columns.URL) else (),
            details,
        )

    def _print(self, algorithm: str, text: str, version: Any) -> Print:
        if not algorithm:
            algorithm = _BY_LENGTH.get(len(text.strip()), "")
        if not algorithm:
            hint = _SIXTEEN if len(text.strip()) == 16 else "say which with --algorithm"
            raise ValueError(f"which algorithm {text[:80]!r} is of cannot be told: {hint}")
        if algorithm not in self._readers:
            self._readers[algorithm] = self._given.algorithms.version(algorithm), self._given.algorithms.reader(algorithm)
        usual, read = self._readers[algorithm]
        value = read(text)
        number = usual if version in (None, "") else _whole(version)
        if number != usual or self._given.algorithms.size(algorithm) is None:
            self._given.algorithms.check(algorithm, number, value)
        return Print(algorithm, number, value)

    def _details(self, about: Mapping[str, Any]) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        for key, value in about.items():
            if key in _REMARKS and value:
                found[key] = self._words.text(key, str(value))
            elif key == columns.QUALITY and value != "":
                found[key] = _whole(value)
        return found or None

    def _sources(self, about: Mapping[str, Any]) -> tuple[Source, ...]:
        found = [self._words.source(text) for text in about.get(columns.SOURCE, ())]
        if url := str(about.get(columns.URL) or "").strip():
            found.append(Source("url", self._words.text("url", url)))
        return tuple({(source.kind, source.id): source for source in found}.values())


def about_of(cells: Sequence[str], known: columns.Columns) -> dict[str, Any]:
    """Return what a row tells besides its fingerprints, by meaning."""
    width = len(cells)
    about: dict[str, Any] = {meaning: cells[place] for meaning, place in known.about if place < width and cells[place]}
    if columns.TAGS in about:
        about[columns.TAGS] = columns.split(columns.told(about[columns.TAGS]), known.separator)
    if columns.SOURCE in about:
        about[columns.SOURCE] = columns.split(columns.told(about[columns.SOURCE]))
    if columns.NOTE in about:
        about[columns.NOTE] = columns.told(about[columns.NOTE])
    return about


def _whole(value: Any) -> int:
    """Return a small whole number written as text or number."""
    text = value if isinstance(value, str) else str(value)
    if not text.isdecimal():
        text = text.strip().removesuffix(".0")
    if isinstance(value, bool) or not text.isdecimal() or len(text) > 9:
        raise ValueError(f"{text[:40]!r} is no whole number")
    return int(text)
