"""What a file holds that was read whole, and what became of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from matcher.bank import Bank
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.entries import Flaw

# Told how many of how many pictures are done.
Progress = Callable[[int, int], None]


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Survey:
    """What is in a file; nothing of it was written.

    format: its name. pictures: those that can be taken. fingerprints: of each algorithm. banks: described in it. flaws: the first
    places where something is wrong, wrong: how many there are. passed: what is right and not for us -> how often.
    warnings: what its owner should know before it is taken in.
    """

    format: str
    pictures: int
    fingerprints: Mapping[str, int]
    banks: tuple[Bank, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    wrong: int = 0
    passed: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """new, known: pictures; those known before gained what was new of sources, tags and banks. banks: names of those created."""

    new: int
    known: int
    banks: tuple[str, ...] = ()


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
