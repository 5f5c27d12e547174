"""How sure a rate is: confidence intervals of 95 %."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Z = 1.959963984540054  # of 95 %


@dataclass(frozen=True)
class Rate:
    """`wrong` of `pairs`, and the bounds within which the true share lies with 95 %, as if all pairs were independent."""

    wrong: int
    pairs: int

    @property
    def value(self) -> float:
        """The share, 0 without pairs."""
        return self.wrong / self.pairs if self.pairs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval, (0, 1) without pairs."""
        if not self.pairs:
            return 0.0, 1.0
        n, p = self.pairs, self.value
        centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * float(np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)))
        # At the ends the formula is exact but for rounding.
        return (0.0 if self.wrong == 0 else max(0.0, centre - half)), (1.0 if self.wrong == n else min(1.0, centre + half))


def by_groups(
    wrong: NDArray[np.bool_], left: NDArray[np.int64], right: NDArray[np.int64], groups: int, seed: int, rounds: int = 1000
) -> tuple[float, float]:
    """Return the interval of a share of pairs when whole groups of pictures are drawn anew: pairs of one picture err together.

    wrong: bool (n,). left, right: the group of either picture of a pair, int64 (n,), in 0..groups-1.
    seed: of the drawing. rounds: how often it is done. (0, 1) without pairs.
    """
    if not len(wrong):
        return 0.0, 1.0
    count = np.zeros((groups, groups))
    bad = np.zeros((groups, groups))
    np.add.at(count, (left, right), 1.0)
    np.add.at(bad, (left, right), wrong.astype(np.float64))
    # A pair within one group is there as often as the group; one between two groups as often as they are together.
    own_count, own_bad = np.diag(count).copy(), np.diag(bad).copy()
    np.fill_diagonal(count, 0.0)
    np.fill_diagonal(bad, 0.0)
    draws = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=rounds).astype(np.float64)
    pairs = np.einsum("ri,ij,rj->r", draws, count, draws, optimize=True) + draws @ own_count
    errors = np.einsum("ri,ij,rj->r", draws, bad, draws, optimize=True) + draws @ own_bad
    shares = errors[pairs > 0] / pairs[pairs > 0]
    if not shares.size:
        return 0.0, 1.0
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)
