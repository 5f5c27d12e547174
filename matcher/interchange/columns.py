"""What the columns of a table, or the keys of an object, mean that others wrote: their names are many."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from matcher.interchange.algorithms import FOREIGN, PERCEPTION, Algorithms
from matcher.records import NAMES

FINGERPRINT, ALGORITHM, VERSION, SHA256 = "fingerprint", "algorithm", "version", "sha256"
TAGS, SOURCE, URL, NOTE, NAME, QUALITY, CATEGORY = "tags", "source", "url", "note", "name", "quality", "category"

# Between the tags in one cell; one that has it, or a backslash, gets a backslash before it. Machine tags have commas and quotes.
SEPARATOR = "|"
# What a cell begins with that spreadsheets run.
_FORMULA = frozenset("=+-@\t\r")

_MEANINGS: Mapping[str, tuple[str, ...]] = {
    ALGORITHM: ("algorithm", "algo", "signal-type", "hash-type", "hash-algorithm", "type", "method", "indicator-type"),
    FINGERPRINT: ("fingerprint", "hash", "hash-value", "value", "signal", "signal-str", "indicator", "raw-indicator", "hex"),
    VERSION: ("version",),
    SHA256: ("sha256", "sha-256", "sha2-256"),
    TAGS: ("tags", "tag", "labels", "label"),
    SOURCE: ("source", "sources"),
    URL: ("url", "link"),
    NOTE: ("note", "notes", "comment", "description", "remark"),
    NAME: ("name", "filename", "file", "file-name", "path", "image", "metadata"),
    QUALITY: ("quality", "pdq-quality"),
    CATEGORY: ("category",),
}
_BY_NAME = {name: meaning for meaning, names in _MEANINGS.items() for name in names}
# How others call algorithms that we know. Names are compared in small letters, with "-" for "_" and spaces.
_ALGORITHMS = {
    "pdqhash": "pdq",
    "pdq-hash": "pdq",
    "hash-pdq": "pdq",
    "p-hash": "phash",
    "perceptual-hash": "phash",
    "average-hash": "ahash",
    "difference-hash": "dhash",
    "wavelet-hash": "whash",
    "photo-dna": "photodna",
    "hash-photodna": "photodna",
    "phash-dct-base64": PERCEPTION,
    "perception-phash": PERCEPTION,
}


def plain(name: str) -> str:
    """Return a name as names are compared."""
    return name.strip().strip("\"'").lower().replace("_", "-").replace(" ", "-")


def algorithm_of(name: str, algorithms: Algorithms) -> str | None:
    """Return the algorithm that somebody calls `name`, None for none known."""
    found = plain(name)
    found = _ALGORITHMS.get(found, found)
    return found if found in algorithms.names else None


def is_heading(names: Iterable[str]) -> bool:
    """Whether one of the names is what columns of fingerprints are called."""
    ours = {*NAMES, *FOREIGN, *_ALGORITHMS, *_MEANINGS[FINGERPRINT]}
    return not ours.isdisjoint(plain(name) for name in names)


@dataclass(frozen=True)
class Columns:
    """places: meaning -> number of the column. prints: algorithm -> the column of its fingerprints. unused: names of the rest.

    separator: what is between the tags in one cell.
    """

    places: Mapping[str, int]
    prints: Mapping[str, int]
    unused: tuple[str, ...]
    separator: str = SEPARATOR

    @cached_property
    def about(self) -> tuple[tuple[str, int], ...]:
        """The columns of what is told besides fingerprints and their algorithms."""
        return tuple((meaning, place) for meaning, place in self.places.items() if meaning not in (FINGERPRINT, ALGORITHM))

    @property
    def useful(self) -> bool:
        """Whether there are fingerprints at all."""
        return bool(self.prints) or FINGERPRINT in self.places


def columns(names: Sequence[str], algorithms: Algorithms) -> Columns:
    """Return what columns of these names mean; of two with one meaning the first counts."""
    places, prints, unused = dict[str, int](), dict[str, int](), list[str]()
    for place, name in enumerate(names):
        meaning, algorithm = _BY_NAME.get(plain(name)), algorithm_of(name, algorithms)
        if algorithm is not None and algorithm not in prints:
            prints[algorithm] = place
        elif meaning is not None and meaning not in places:
            places[meaning] = place
        elif name.strip():
            unused.append(name.strip())
    return Columns(places, prints, tuple(unused), _separator(plain(name) for name in names))


def _separator(names: Iterable[str]) -> str:
    found = set(names)
    if "signal-str" in found:  # as `tx dataset --csv` writes them
        return " "
    return "," if not found & {"tags", "tag"} and found & {"labels", "label"} else SEPARATOR


def split(cell: str, separator: str = SEPARATOR) -> list[str]:
    """Return what is in one cell."""
    if separator != SEPARATOR or "\\" not in cell:
        return [part for part in cell.split(separator) if part.strip()]
    parts = re.findall(r"((?:[^|\\]|\\.)*)(?:\||$)", cell, re.DOTALL)
    return [found for part in parts if (found := re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL)).strip()]


def joined(parts: Iterable[str]) -> str:
    """Return parts as one cell."""
    return SEPARATOR.join(re.sub(r"([|\\])", r"\\\1", part) for part in parts)


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; `told` takes back what this adds."""
    return f"'{cell}" if cell[:1] in _FORMULA or cell[:1] == "'" else cell


def told(cell: str) -> str:
    """Return a cell as it was before it was made harmless."""
    return cell[1:] if cell[:1] == "'" and (cell[1:2] in _FORMULA or cell[1:2] == "'") else cell
