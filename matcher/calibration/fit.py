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
    """Return the bounds that should keep to the targets among other pictures like these.

    A false-positive rate of 0 cannot be expected of other pictures; it means that of these none gets a YES wrongly.
    """
    smooth = targets.false_positive > 0
    rates = {name: _rates(pairs, name, smooth) for name in pairs.algorithms}
    return Fit({name: Thresholds.at(each, targets) for name, each in rates.items()}, rates, fuse(pairs, rules, targets, smooth))


def _rates(pairs: Pairs, name: str, smooth: bool) -> Rates:
    distances = pairs.distances(name)
    return (Rates.smoothed if smooth else Rates.counted)(distances[pairs.same], distances[~pairs.same])
