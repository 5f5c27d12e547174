"""The clusters that the answers propose, held against the true ones.

Proposed is what *same picture* YES answers tie together. Each true cluster, the largest first, is paired with the proposed one that shares
most pictures with it, each proposed one once; a true cluster that no proposed one is left for is paired with nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.evaluation import Trial
from matcher.match import Decision, Relation
from matcher.report.spread import Rates
from matcher.truth import GroundTruth


@dataclass(frozen=True)
class Paired:
    """A true cluster and the proposed one it is paired with (None: no one). rates: how its pictures fared, threshold 0."""

    true: str
    proposed: int | None
    rates: Rates


@dataclass(frozen=True)
class Clustering:
    """proposed: sets of names, the largest first; a picture tied to no other is one of its own.

    pairs: true clusters of two pictures or more, the largest first. columns: the proposed clusters that share any picture with
    them, in their order. shared: int64 (pairs, columns), how many pictures each shares with each.
    """

    proposed: tuple[tuple[str, ...], ...]
    pairs: tuple[Paired, ...]
    columns: tuple[int, ...]
    shared: NDArray[np.int64]

    def summary(self) -> dict[str, Any]:
        """Return the mean of each rate over the true clusters, and how many are found whole, in part, with strangers."""
        rows = [one.rates.row() for one in self.pairs]
        names = [name for name in rows[0] if name != "threshold"] if rows else []
        return {
            "true_clusters": len(self.pairs),
            "proposed_clusters": sum(len(names) > 1 for names in self.proposed),
            "whole": sum(not one.rates.fn and not one.rates.fp for one in self.pairs),
            "with_strangers": sum(one.rates.fp > 0 for one in self.pairs),
            "in_parts": sum(one.rates.fn > 0 for one in self.pairs),
            "largest_proposed": max(map(len, self.proposed), default=0),
            "mean": {name: sum(row[name] for row in rows) / len(rows) for name in names},
        }


def proposed(trial: Trial) -> list[tuple[str, ...]]:
    """Return the clusters that *same picture* YES answers make, the largest first."""
    ties = (
        (name, one.file)
        for name, found in trial.answers.items()
        for one in found
        if one.decision is Decision.YES and one.relation is Relation.SAME_PICTURE
    )
    return components(trial.queries, ties)


def components(names: Iterable[str], ties: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the groups of names that ties connect, the largest first; one without ties is a group of its own."""
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for a, b in ties:
        parent[root(a)] = root(b)
    groups: dict[str, list[str]] = {}
    for name in parent:
        groups.setdefault(root(name), []).append(name)
    return sorted(map(tuple, groups.values()), key=lambda group: (-len(group), group))


def held_against(groups: Sequence[tuple[str, ...]], truth: GroundTruth) -> Clustering:
    """Return how proposed clusters fit the true ones; pictures that nobody is sure of are left out."""
    names = set(truth.names) - truth.unsure
    kept = [tuple(name for name in group if name in names) for group in groups]
    place = {name: number for number, group in enumerate(kept) for name in group}
    true = {id: [name for name in members if name in place] for id, members in truth.clusters.items()}
    order = sorted((id for id, members in true.items() if len(members) > 1), key=lambda cluster: (-len(true[cluster]), cluster))
    overlaps = {id: Counter(place[name] for name in true[id]) for id in order}
    taken: dict[int, None] = {}
    pairs = []
    for id in order:
        free = [(-count, number) for number, count in overlaps[id].items() if number not in taken]
        best = min(free)[1] if free else None
        if best is not None:
            taken[best] = None
        pairs.append(Paired(id, best, _rates(true[id], kept[best] if best is not None else (), len(place))))
    columns = tuple(dict.fromkeys([*taken, *(number for id in order for number in sorted(overlaps[id]))]))
    shared = np.array([[overlaps[id][number] for number in columns] for id in order], np.int64).reshape(len(order), len(columns))
    return Clustering(tuple(kept), tuple(pairs), columns, shared)


def medoids(trial: Trial, groups: Iterable[tuple[str, ...]]) -> dict[str, float]:
    """Return the centrality score of each picture: the sum of its distances to the others of its group, least in the middle.

    Two that the search did not answer with are at distance 1.
    """
    near: Mapping[str, dict[str, float]] = {name: {one.file: one.distance for one in found} for name, found in trial.answers.items()}

    def between(a: str, b: str) -> float:
        return min(near.get(a, {}).get(b, 1.0), near.get(b, {}).get(a, 1.0))

    return {name: sum(between(name, other) for other in group if other != name) for group in groups for name in group}


def _rates(true: Sequence[str], found: Sequence[str], total: int) -> Rates:
    shared = len(set(true) & set(found))
    fp, fn = len(found) - shared, len(true) - shared
    return Rates(0.0, shared, fp, total - shared - fp - fn, fn)
