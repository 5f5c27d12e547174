"""What a file holds that was read whole, and what became of it."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Generic, TypeVar

from matcher.bank import Bank
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.entries import Flaw

Item = TypeVar("Item")
_TOLD = 1000
# Told how many of how many pictures are done.
Progress = Callable[[int, int], None]


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Survey:
    """What is in a file; nothing of it was written.

    format: its name. pictures: those that can be taken. fingerprints: of each algorithm. banks: described in it. flaws: the first
    places where something is wrong, wrong: how many there are. passed: what is right and not for us -> how often.
    warnings: what its owner should know before it is taken in. large: some fingerprints are kept beside their records.
    """

    format: str
    pictures: int
    fingerprints: Mapping[str, int]
    banks: tuple[Bank, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    wrong: int = 0
    passed: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    large: bool = False


@dataclass(frozen=True)
class Imported:
    """new, known: pictures; those known before gained what was new of sources, tags and banks. banks: names of those created."""

    new: int
    known: int
    banks: tuple[str, ...] = ()


class Portions(Generic[Item]):
    """Hands out items in portions that memory holds: all at once, or some at a time where each brings large fingerprints along."""

    SOME = 10_000

    def __init__(self, items: Iterable[Item], large: bool) -> None:
        self._items = iter(items)
        self._size = self.SOME if large else sys.maxsize

    def __iter__(self) -> Iterator[Iterator[Item]]:
        for first in self._items:
            yield chain([first], islice(self._items, self._size - 1))


def counted(items: Iterable[Item], progress: Progress, total: int) -> Iterator[Item]:
    """Yield the items, and tell now and then how many were taken."""
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        if not done % _TOLD:
            progress(done, total)
    progress(done, total)


class Census:
    """Counts fingerprints by algorithm and version."""

    def __init__(self, algorithms: Algorithms) -> None:
        self._algorithms = algorithms
        self._found = Counter[tuple[str, int]]()

    def count(self, algorithm: str, version: int) -> None:
        """Count one fingerprint."""
        self._found[algorithm, version] += 1

    @property
    def by_algorithm(self) -> dict[str, int]:
        """How many there are of each algorithm."""
        found = Counter[str]()
        for (algorithm, _), count in sorted(self._found.items()):
            found[algorithm] += count
        return dict(found)

    def notices(self) -> Iterator[str]:
        """Say which fingerprints are kept although nothing will be found by them, and what to do about it."""
        for (name, version), count in sorted(self._found.items()):
            why = self._algorithms.why_unsearchable(name, version)
            if why:
                yield f"{count} fingerprints {name} are kept, but searches do not use them: {why}"
