"""The lower end of a distribution, smoothed: how rare are distances smaller than most that were seen.

Of 60 pictures, 1,700 pairs are different; a rate of one in a thousand rests on two of them. The nearest of all pairs are therefore
described by a generalised Pareto distribution, whose two parameters all of them determine together.
Source: Hosking and Wallis, Parameter and Quantile Estimation for the Generalized Pareto Distribution, Technometrics 29 (1987):
estimates by probability-weighted moments.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SHARE = 0.15
_FEWEST = 20
_MOST_SHAPE = 0.1


@dataclass(frozen=True)
class LowerTail:
    """Distances of different pairs: as counted above `start`, below it as the fitted tail has it.

    values: float64 (n,), ascending. start: where the tail begins, -inf where there are too few pairs to fit one.
    share: of the pairs, those below `start`. scale, shape: of the distribution (Hosking's k: positive where the tail ends).
    step: between one possible distance and the next, 0 where any is possible: hashes differ by whole bits.
    """

    values: NDArray[np.float64]
    start: float = -np.inf
    share: float = 0.0
    scale: float = 1.0
    shape: float = 0.0
    step: float = 0.0

    @classmethod
    def fit(cls, distances: NDArray[np.float64]) -> "LowerTail":
        """Return the tail of distances, float64 (n,), which may be infinite."""
        values = np.sort(distances)
        count = int(_SHARE * len(values))
        if count < _FEWEST or not np.isfinite(values[count]):
            return cls(values)
        start = float(values[count])
        near = values[: np.searchsorted(values, start)]
        if len(near) < _FEWEST:
            return cls(values)
        step = _step(np.append(near, start))
        # A whole step stands for the middle of it.
        depths = np.sort(start - step / 2 - near)
        rank = np.arange(len(depths))
        mean = float(depths.mean())
        weighted = float(((len(depths) - 1 - rank) / (len(depths) - 1) * depths).mean())
        if mean - 2 * weighted <= 0:
            return cls(values)
        # A tail that ends would promise that what is rare never happens; if in doubt, it is a little longer.
        shape = min(mean / (mean - 2 * weighted) - 2, _MOST_SHAPE)
        scale = mean * (1 + shape)
        return cls(values, start, len(depths) / len(values), scale, shape, step)

    def below(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return which share of other such distances is to be expected at or below each of these, float64 (n,), never falling."""
        counted = np.searchsorted(self.values, at, side="right") / max(len(self.values), 1)
        # Up to a whole step means up to the end of it.
        edge = at if self.step == 0 else self.start - self.step * (np.ceil((self.start - at) / self.step - 1e-6) - 1)
        depth = np.maximum(self.start - edge, 0.0)
        if abs(self.shape) < 1e-9:
            beyond = np.exp(-depth / self.scale)
        else:
            beyond = np.maximum(1.0 - self.shape * depth / self.scale, 0.0) ** (1.0 / self.shape)
        return np.asarray(np.where(at < self.start, self.share * beyond, counted), np.float64)


def _step(values: NDArray[np.float64]) -> float:
    """Return the step between distances of which many are equal, 0 where hardly any are."""
    distinct = np.unique(values)
    return float(np.diff(distinct).min()) if 1 < len(distinct) < len(values) / 4 else 0.0
