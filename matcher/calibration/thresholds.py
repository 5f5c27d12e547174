"""From the error rates that somebody accepts to bounds on a distance.

    false-positive rate at t   share of the different pairs with a distance of at most t
    false-negative rate at t   share of the pairs that belong together with a distance above t
    YES bound                  the largest t whose false-positive rate is at most the accepted one
    MAYBE bound                the smallest t whose false-negative rate is at most the accepted one

The same choice is made on whatever grid and whatever estimate of the rates. Douglas-Quaid's calibrator meant these definitions, and missed
two of the three by a step (docs/calibration.md).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.calibration.tail import LowerTail
from matcher.errors import BadRequest

Distances = NDArray[np.float64]
# A share that is meant to be equal to the accepted one is not to fail by the last bit of 1 - 0.9.
_SLACK = 1e-9
_CARE = 0.5


@dataclass(frozen=True)
class Targets:
    """The largest rates that are accepted, 0..1: of different pairs that get a YES, of pairs that belong together and get a NO."""

    false_positive: float
    false_negative: float

    @classmethod
    def of(
        cls,
        false_positive: float | None = None,
        true_negative: float | None = None,
        false_negative: float | None = None,
        true_positive: float | None = None,
    ) -> "Targets":
        """Return the targets, each given as the rate of errors or as that of the right answers. Raises BadRequest."""
        return cls(
            _one("false-positive-rate", false_positive, "true-negative-rate", true_negative),
            _one("false-negative-rate", false_negative, "true-positive-rate", true_positive),
        )


@dataclass(frozen=True)
class Rates:
    """What becomes of pairs at each distance of a grid. All float64 (n,); grid ascending.

    false_positive, false_negative: rates, 0..1. f1: of the two classes, YES against anything else, 0..1.
    """

    grid: Distances
    false_positive: Distances
    false_negative: Distances
    f1: Distances

    @classmethod
    def counted(cls, same: Distances, different: Distances, grid: Distances | None = None) -> "Rates":
        """Return the rates as they are among these pairs.

        same, different: distances of pairs that belong together, and that do not, float64 (n,); infinite where an algorithm could not
        compare. grid: ascending distances; None: every distance that occurs.
        """
        return cls._of(same, different, grid, lambda at: _share(different, at))

    @classmethod
    def smoothed(cls, same: Distances, different: Distances, grid: Distances | None = None) -> "Rates":
        """Return the rates to be expected among other pairs, those of false positives rather too high than too low.

        The rare ones follow a tail fitted to the nearest pairs, and half a standard error is added: the fewer pairs, the stricter.
        """
        tail = LowerTail.fit(different)

        def below(at: Distances) -> Distances:
            expected = tail.below(at)
            return np.minimum(1.0, expected + _CARE * np.sqrt(expected / max(len(different), 1)))

        return cls._of(same, different, grid, below)

    @classmethod
    def _of(cls, same: Distances, different: Distances, grid: Distances | None, below: Callable[[Distances], Distances]) -> "Rates":
        if grid is None:
            grid = occurring(same, different)
        wrong = below(grid)
        found = _share(same, grid)
        true, false = found * len(same), wrong * len(different)
        return cls(grid, wrong, 1.0 - found, np.where(true > 0, 2 * true / (true + false + len(same)), 0.0))


@dataclass(frozen=True)
class Thresholds:
    """What is a YES, and what at least a MAYBE: the largest distances of each.

    yes: -1 where no distance keeps to the accepted false-positive rate. maybe: 1 where no distance keeps to the false-negative rate, and
    then `reached` is false. best: the distance of the best F1, of equals the middle one, and that F1.
    """

    yes: float
    maybe: float
    reached: bool
    best: float
    best_f1: float

    @property
    def no_maybe(self) -> bool:
        """Whether a YES reaches as far as a MAYBE, so that nothing is left for a person to decide."""
        return self.yes >= self.maybe

    @classmethod
    def at(cls, rates: Rates, targets: Targets) -> "Thresholds":
        """Return the bounds on the grid of the rates that keep to the targets."""
        sure = np.flatnonzero(rates.false_positive <= targets.false_positive + _SLACK)
        found = np.flatnonzero(rates.false_negative <= targets.false_negative + _SLACK)
        top = float(rates.f1.max(initial=0.0))
        best = np.flatnonzero(rates.f1 >= top - _SLACK)
        return cls(
            float(rates.grid[sure[-1]]) if sure.size else -1.0,
            float(rates.grid[found[0]]) if found.size else 1.0,
            bool(found.size),
            _middle(rates.grid, best),
            top,
        )


def occurring(same: Distances, different: Distances) -> Distances:
    """Return every distance at which a rate may change, with 0 and 1, and a step of a thousandth where there are none."""
    seen = np.concatenate([same, different, np.linspace(0.0, 1.0, 1001)])
    return np.unique(seen[np.isfinite(seen)])


def _share(distances: Distances, at: Distances) -> Distances:
    """Return which share of the distances is at most each of the others; 0 without distances."""
    return np.searchsorted(np.sort(distances), at, side="right") / max(len(distances), 1)


def _middle(grid: Distances, best: NDArray[np.intp]) -> float:
    """Return the grid's distance in the middle of the first plateau."""
    if not best.size:
        return 0.0
    plateau = best[: int(np.argmax(np.append(np.diff(best) > 1, True))) + 1]
    return float(grid[plateau[len(plateau) // 2]])


def _one(error: str, wrong: float | None, success: str, right: float | None) -> float:
    if (wrong is None) == (right is None):
        raise BadRequest(f"give either --{error} or --{success}: which share of wrong answers is accepted")
    rate = wrong if wrong is not None else 1.0 - (right or 0.0)
    if not 0.0 <= rate <= 1.0:
        raise BadRequest(f"--{error if wrong is not None else success} must be a share from 0 to 1")
    return rate
