"""Which of many pictures are copies of each other: the search, among pictures that are forgotten afterwards.

Nothing is stored: the same index and the same decisions work on lists in memory. Only the hashes and tiles look for
candidates; local features verify them, as in a search, but find none by themselves. What these would add are crops and
pictures in pictures, which are no copies of the whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from matcher.bank import Bank
from matcher.collection import Collection
from matcher.decision import Rules
from matcher.extraction import Fingerprints
from matcher.filing import Filing
from matcher.fingerprints.base import Fingerprint
from matcher.match import Decision, Relation
from matcher.quarantine import Cordon
from matcher.records import Record
from matcher.search import Scope, Search
from matcher.store import Store

_LIMIT = 1000


@dataclass(frozen=True)
class Copy:
    """One file. size: width and height in pixels. bytes_size: of the file."""

    name: str
    sha256: str
    format: str
    size: tuple[int, int]
    bytes_size: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.size[0] * self.size[1]


@dataclass(frozen=True)
class Group:
    """Files that show the same picture, the one with most pixels first, of equals the largest file, then by name.

    decision: MAYBE where a person should look: only a MAYBE holds the group together.
    """

    copies: tuple[Copy, ...]
    decision: Decision

    @property
    def exact(self) -> bool:
        """Whether all are the same bytes."""
        return len({copy.sha256 for copy in self.copies}) == 1


class Duplicates:
    """Groups pictures as they are added; not safe to share between threads.

    maybe: put what may be the same picture into one group as well.
    """

    def __init__(self, algorithms: Mapping[str, Fingerprint], rules: Rules, maybe: bool = False) -> None:
        self._shelf = Shelf(algorithms)
        self._search = Search(cast(Collection, self._shelf), algorithms, rules)
        self._maybe = maybe
        self._copies: dict[str, list[Copy]] = {}
        self._sure, self._any = _Union(), _Union()

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._copies

    def add(self, name: str, picture: Fingerprints) -> None:
        """Add a picture, of which the fingerprints of all views are needed."""
        copy = Copy(name, picture.sha256, picture.format, picture.size, picture.bytes_size)
        if picture.sha256 not in self:
            for match in self._search.answer(picture, Scope(_LIMIT)).matches:
                if match.relation is Relation.SAME_PICTURE:
                    self._any.join(picture.sha256, match.picture.sha256)
                    if match.decision is Decision.YES:
                        self._sure.join(picture.sha256, match.picture.sha256)
            self._shelf.put(picture)
        self._copies.setdefault(picture.sha256, []).append(copy)

    def add_again(self, name: str, sha256: str) -> None:
        """Add another file with the bytes of one that was added."""
        first = self._copies[sha256][0]
        self._copies[sha256].append(Copy(name, sha256, first.format, first.size, first.bytes_size))

    def groups(self) -> list[Group]:
        """Return the groups of two files or more, by the name of their first file."""
        found: dict[str, list[Copy]] = {}
        for sha256, copies in self._copies.items():
            found.setdefault((self._any if self._maybe else self._sure).root(sha256), []).extend(copies)
        groups = [self._group(copies) for copies in found.values() if len(copies) > 1]
        return sorted(groups, key=lambda group: group.copies[0].name)

    def _group(self, copies: Iterable[Copy]) -> Group:
        ordered = sorted(copies, key=lambda copy: (-copy.pixels, -copy.bytes_size, copy.name))
        parts = {self._sure.root(copy.sha256) for copy in ordered}
        return Group(tuple(ordered), Decision.YES if len(parts) == 1 else Decision.MAYBE)


class _Union:
    """Which names belong together, directly or by way of others."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def join(self, a: str, b: str) -> None:
        self._above[self.root(a)] = self.root(b)

    def root(self, name: str) -> str:
        """Return the one that stands for all that belong together with `name`."""
        above = self._above
        while (next := above.get(name, name)) != name:
            above[name] = name = above.get(next, next)
        return name


@dataclass
class _Lists:
    """As much of a Store as the indexes ask for: posting lists in memory."""

    _lists: dict[bytes, bytearray] = field(default_factory=dict)

    def key(self, kind: bytes, rest: bytes = b"") -> bytes:
        return kind + rest

    def append(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        for key, entry in entries:
            self._lists.setdefault(key, bytearray()).extend(entry)

    def read_block(self, keys: NDArray[np.uint8]) -> list[bytearray | None]:
        return [self._lists.get(key.tobytes()) for key in keys]

    def tails(self, keys: NDArray[np.uint8], size: int) -> list[bytearray]:
        return [self._lists.get(key.tobytes(), bytearray())[-size:] for key in keys]

    def lengths(self, keys: NDArray[np.uint8]) -> NDArray[np.int64]:
        return np.array([len(self._lists.get(key.tobytes(), b"")) for key in keys], np.int64)


class Shelf:
    """As much of a Collection as a search asks for, in memory; it is its own banks, records and quarantine."""

    def __init__(self, algorithms: Mapping[str, Fingerprint]) -> None:
        self._lists = _Lists()
        self._records: dict[int, Record] = {}
        self._large: dict[int, Mapping[str, bytes]] = {}
        self._small_names = [name for name, algorithm in algorithms.items() if not algorithm.large]
        self.filing = Filing(cast(Store, self._lists), {name: algorithms[name] for name in self._small_names})
        self.banks = self.records = self.quarantine = self

    def put(self, picture: Fingerprints) -> None:
        id = len(self._records) + 1
        small = {name: value for name, value in picture.values.items() if name in self._small_names}
        self._records[id] = Record(id, picture.sha256, picture.format, picture.size, picture.bytes_size, 0.0, small, {})
        self._large[id] = {name: value for name, value in picture.values.items() if name not in small}
        self._lists.append(self.filing.entries(id, small))

    def list(self) -> Sequence[Bank]:
        return ()

    def cordon(self) -> Cordon:
        return Cordon(())

    def known_many(self, digests: Sequence[str]) -> dict[str, Record]:  # noqa: ARG002 - what is the same file is known before it is searched
        return {}

    def live(self, ids: Iterable[int]) -> dict[int, Record]:
        return {id: self._records[id] for id in ids}

    def named(self, records: Iterable[Record], book: Mapping[int, Bank]) -> Iterator[Record]:  # noqa: ARG002 - there are no banks
        return iter(records)

    def current(self, record: Record) -> Mapping[str, bytes]:
        return record.fingerprints

    def current_large(self, name: str, records: Iterable[Record]) -> dict[int, bytes]:
        return {record.id: self._large[record.id][name] for record in records if name in self._large[record.id]}
