"""What other bounds would change: decisions on labelled pairs as they are, and as they would be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.calibration.fused import decisions
from matcher.calibration.pairs import Pair, Pairs
from matcher.calibration.thresholds import Rates
from matcher.decision import Rules
from matcher.match import Decision

_POINTS = 201


@dataclass(frozen=True)
class Counts:
    """How many pairs of one kind get each decision."""

    yes: int
    maybe: int
    no: int

    @classmethod
    def of(cls, said: list[Decision]) -> "Counts":
        """Return how often each decision is among them."""
        return cls(said.count(Decision.YES), said.count(Decision.MAYBE), said.count(Decision.NO))


@dataclass(frozen=True)
class Change:
    """A pair whose decision would be another one."""

    pair: Pair
    before: Decision
    after: Decision

    @property
    def worse(self) -> bool:
        """Whether the decision would be further from what the label says."""
        up = self.after.rank < self.before.rank
        return up is not self.pair.same


@dataclass(frozen=True)
class WhatIf:
    """What bounds do to pairs that belong together (same), and to others (different), and what they did before."""

    same: tuple[Counts, Counts]
    different: tuple[Counts, Counts]
    changes: tuple[Change, ...]


def what_if(pairs: Pairs, rules: Rules, bounds: Mapping[str, float]) -> WhatIf:
    """Return what would change with other bounds, "algorithm.yes" or "algorithm.maybe" to a distance; the worst changes first."""
    before, after = decisions(pairs, rules, {}), decisions(pairs, rules, bounds)
    changes = [Change(*one) for one in zip(pairs.pairs, before, after, strict=True) if one[1] is not one[2]]

    def counts(same: bool) -> tuple[Counts, Counts]:
        first, second = ([one for one, pair in zip(said, pairs.pairs, strict=True) if pair.same is same] for said in (before, after))
        return Counts.of(first), Counts.of(second)

    # A wrong YES is the worst that can happen, so what comes to it leads.
    ranked = sorted(changes, key=lambda one: (not one.worse, one.after.rank if one.worse else one.before.rank))
    return WhatIf(counts(True), counts(False), tuple(ranked))


@dataclass(frozen=True)
class Curve:
    """What one algorithm says of the pairs, at distances float64 (n,) of a grid: the share of each kind that is as near, 0..1.

    histograms: how many pairs of each kind lie in each step of the grid, int64 (n - 1,).
    """

    algorithm: str
    grid: NDArray[np.float64]
    same: NDArray[np.float64]
    different: NDArray[np.float64]
    same_counts: NDArray[np.int64]
    different_counts: NDArray[np.int64]


def curves(pairs: Pairs) -> list[Curve]:
    """Return the curve of each algorithm that says something of a pair."""
    grid = np.linspace(0.0, 1.0, _POINTS)
    found = []
    for name in pairs.algorithms:
        distances = pairs.distances(name)
        same, different = distances[pairs.same], distances[~pairs.same]
        rates = Rates.counted(same, different, grid)
        counts = [np.histogram(some[np.isfinite(some)], grid)[0].astype(np.int64) for some in (same, different)]
        found.append(Curve(name, grid, 1.0 - rates.false_negative, rates.false_positive, counts[0], counts[1]))
    return found
