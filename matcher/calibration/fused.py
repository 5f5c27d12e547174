"""One scalar for a pair, whatever the rule: how rare the distances must be allowed to be until the rule says YES, or at least MAYBE.

Every algorithm's distances mean something else, but how many of the different pairs are as near can be compared. A level is such a
share, on a logarithmic scale: at level x every algorithm gets as its bound the distance within which the share
10 ** (DECADES * (x - 1)) of all different pairs lies. The score of a pair is the lowest level at which the rule decides for it. Bounds for
a level are bounds for all algorithms at once, so whatever rule merges them is calibrated by one number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.calibration.pairs import Pair, Pairs
from matcher.calibration.tail import LowerTail
from matcher.calibration.thresholds import Rates, Targets, Thresholds, occurring
from matcher.decision import Rules
from matcher.match import Decision

DECADES = 6
_FOUND = {Decision.YES, Decision.MAYBE}
_ROUNDS = 4
LEVELS = np.linspace(0.0, 1.0, 40 * DECADES + 1)


@dataclass(frozen=True)
class Ladder:
    """The bound of each algorithm at each of LEVELS: algorithm -> float64 (levels,), never falling; -1 where not even 0 is rare enough."""

    bounds_of: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, pairs: Pairs) -> "Ladder":
        """Return the bounds that the different ones of these pairs suggest."""
        return cls({name: _steps(pairs.distances(name)[~pairs.same]) for name in pairs.algorithms})

    def bounds(self, yes: int, maybe: int) -> dict[str, float]:
        """Return the bounds at two levels, by their numbers, as `Rules.judge` takes them; -1: none."""
        found: dict[str, float] = {}
        for name, steps in self.bounds_of.items():
            sure = float(steps[yes]) if yes >= 0 else -1.0
            found[f"{name}.yes"], found[f"{name}.maybe"] = sure, max(sure, float(steps[maybe]) if maybe >= 0 else -1.0)
        return found


@dataclass(frozen=True)
class Fused:
    """The calibrated decision of a rule. thresholds: as levels, 0..1. rates: at every level. bounds: those of the algorithms."""

    thresholds: Thresholds
    rates: Rates
    bounds: Mapping[str, float]


def fuse(pairs: Pairs, rules: Rules, targets: Targets, smooth: bool = True) -> Fused:
    """Return at which levels the decisions of the rule keep to the targets.

    smooth: expect the rates of other pairs, rather than count those of these.
    """
    ladder = Ladder.of(pairs)
    estimate = Rates.smoothed if smooth else Rates.counted
    yes_level = -1
    for _ in range(_ROUNDS):
        found = _scores(pairs, rules, ladder, [ladder.bounds(yes_level, level) for level in range(len(LEVELS))], _FOUND)
        of_maybe = estimate(found[pairs.same], found[~pairs.same], LEVELS)
        maybe_level = _number(Thresholds.at(of_maybe, targets).maybe)
        # A YES may rest on the MAYBE of another algorithm, so these bounds come first.
        sure = _scores(pairs, rules, ladder, [ladder.bounds(level, maybe_level) for level in range(len(LEVELS))], {Decision.YES})
        of_yes = estimate(sure[pairs.same], sure[~pairs.same], LEVELS)
        rates = Rates(LEVELS, of_yes.false_positive, of_maybe.false_negative, of_yes.f1)
        thresholds = Thresholds.at(rates, targets)
        yes_level = _number(thresholds.yes)
        bounds = ladder.bounds(yes_level, max(yes_level, maybe_level))
        # Where votes are counted, those for YES are lost to MAYBE, and a NO may have most of them then.
        missed = [decision is Decision.NO for decision in decisions(pairs, rules, bounds)]
        if np.mean(np.array(missed)[pairs.same]) <= targets.false_negative or not thresholds.reached:
            break
    return Fused(thresholds, rates, bounds)


def decisions(pairs: Pairs, rules: Rules, bounds: Mapping[str, float]) -> list[Decision]:
    """Return the decision of the rule on each pair with such bounds."""
    return [rules.judge(pair.evidence, bounds)[0] for pair in pairs.pairs]


def _steps(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    grid = occurring(distances, distances[:0])
    below = LowerTail.fit(distances).below(grid)
    shares = 10.0 ** (DECADES * (LEVELS - 1.0))
    last = np.searchsorted(np.maximum.accumulate(below), shares, side="right") - 1
    return np.where(last >= 0, grid[np.maximum(last, 0)], -1.0)


def _number(level: float) -> int:
    """Return the number of a level, -1 for none."""
    return int(np.searchsorted(LEVELS, level + 1e-9, side="right")) - 1


def _scores(
    pairs: Pairs, rules: Rules, ladder: Ladder, bounds: Sequence[Mapping[str, float]], wanted: set[Decision]
) -> NDArray[np.float64]:
    """Return the lowest level at which each pair gets one of the decisions, float64 (n,), infinite for none. bounds: of each level."""
    # A decision can change only at a level whose bound reaches the distance of an algorithm.
    reached = np.stack([np.searchsorted(steps, pairs.distances(name)) for name, steps in ladder.bounds_of.items()], axis=1)

    def lowest(pair: Pair, levels: Sequence[int]) -> float:
        low, high = 0, len(levels)
        while low < high:
            middle = (low + high) // 2
            if rules.judge(pair.evidence, bounds[levels[middle]])[0] in wanted:
                high = middle
            else:
                low = middle + 1
        return float(LEVELS[levels[low]]) if low < len(levels) else np.inf

    steps = [sorted({0, *(level for level in row if level < len(LEVELS))}) for row in reached.tolist()]
    return np.array([lowest(pair, levels) for pair, levels in zip(pairs.pairs, steps, strict=True)], np.float64)
