"""Bounds from labelled pairs: of each algorithm by itself, and of the rule that merges them."""

from collections.abc import Mapping
from dataclasses import dataclass

from matcher.calibration.fused import Fused, fuse
from matcher.calibration.pairs import Pairs
from matcher.calibration.thresholds import Rates, Targets, Thresholds
from matcher.decision import Rules

FUSED = "fused"


@dataclass(frozen=True)
class Fit:
    """alone, rates: of each algorithm, as if it decided by itself. fused: of the rule, with the bounds it needs of each algorithm."""

    alone: Mapping[str, Thresholds]
    rates: Mapping[str, Rates]
    fused: Fused


def fit(pairs: Pairs, rules: Rules, targets: Targets) -> Fit:
    """Return the bounds that should keep to the targets among other pictures like these."""
    rates = {name: _rates(pairs, name) for name in pairs.algorithms}
    return Fit({name: Thresholds.at(each, targets) for name, each in rates.items()}, rates, fuse(pairs, rules, targets))


def _rates(pairs: Pairs, name: str) -> Rates:
    distances = pairs.distances(name)
    return Rates.smoothed(distances[pairs.same], distances[~pairs.same])
