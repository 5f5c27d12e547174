"""Labelled pairs of pictures, and what every algorithm says of them: all pairs, not the few that a search would look at."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matcher.decision import Rules
from matcher.evidence import gather, gather_many
from matcher.extraction import Fingerprints
from matcher.fingerprints.base import Fingerprint
from matcher.match import Evidence


@dataclass(frozen=True)
class Pair:
    """Two pictures by name, whether they belong together, and the evidence."""

    a: str
    b: str
    same: bool
    evidence: tuple[Evidence, ...]

    def distance(self, algorithm: str) -> float:
        """Return the distance by an algorithm, infinite where it had nothing to compare."""
        return next((one.distance for one in self.evidence if one.algorithm == algorithm), np.inf)


@dataclass(frozen=True)
class Pairs:
    """Compared pairs. group_of: picture -> what its pairs stand or fall with: its cluster, or the picture alone."""

    pairs: tuple[Pair, ...]
    group_of: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def same(self) -> NDArray[np.bool_]:
        """Which pairs belong together, bool (n,)."""
        return np.array([pair.same for pair in self.pairs], bool)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups of the pictures in these pairs, sorted."""
        return tuple(sorted({self.group_of[name] for pair in self.pairs for name in (pair.a, pair.b)}))

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """The numbers in `groups` of the two pictures of each pair, int64 (n, 2)."""
        number = {group: n for n, group in enumerate(self.groups)}
        return np.array([[number[self.group_of[pair.a]], number[self.group_of[pair.b]]] for pair in self.pairs], np.int64).reshape(-1, 2)

    @cached_property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms that say something of a pair, in the order they are met."""
        return tuple(dict.fromkeys(one.algorithm for pair in self.pairs for one in pair.evidence))

    def distances(self, algorithm: str) -> NDArray[np.float64]:
        """Return the distance of every pair, float64 (n,), infinite where there is nothing to compare."""
        return np.array([pair.distance(algorithm) for pair in self.pairs], np.float64)

    def within(self, groups: Iterable[str]) -> "Pairs":
        """Return the pairs both of whose pictures are in these groups."""
        kept = set(groups)
        fitting = (pair for pair in self.pairs if self.group_of[pair.a] in kept and self.group_of[pair.b] in kept)
        return Pairs(tuple(fitting), self.group_of)


def compare(
    pictures: Mapping[str, Fingerprints],
    labels: Sequence[tuple[str, str, bool]],
    algorithms: Mapping[str, Fingerprint],
    rules: Rules,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Pair]:
    """Return the evidence of each labelled pair, by the same code as a search.

    pictures: name -> fingerprints of all views. labels: names of two pictures, and whether they belong together.
    progress: told how many pairs are done. Local features take a few milliseconds a pair, the rest hardly any time.
    """
    found: list[Pair] = []
    for query, some in _by_first(labels):
        said = _said(pictures[query], [pictures[known] for _, known, _ in some], algorithms, rules)
        for (_, known, same), evidence in zip(some, said, strict=True):
            found.append(Pair(query, known, same, tuple(evidence)))
            progress(len(found))
    return found


def _by_first(labels: Sequence[tuple[str, str, bool]]) -> Iterator[tuple[str, list[tuple[str, str, bool]]]]:
    by_first: dict[str, list[tuple[str, str, bool]]] = {}
    for label in labels:
        by_first.setdefault(label[0], []).append(label)
    yield from by_first.items()


def _said(
    query: Fingerprints, known: Sequence[Fingerprints], algorithms: Mapping[str, Fingerprint], rules: Rules
) -> Iterator[list[Evidence]]:
    small = {name: algorithm for name, algorithm in algorithms.items() if not algorithm.large}
    large = {name: algorithm for name, algorithm in algorithms.items() if algorithm.large}
    for other, evidence in zip(known, gather_many(query.views, [each.values for each in known], small, rules), strict=True):
        yield [*evidence, *gather(query.views, other.values, large, rules)]
