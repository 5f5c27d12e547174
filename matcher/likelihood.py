"""How surely two pictures show the same, from what the alignment of their local features tells.

Two logistic regressions. `strength` is a plain one: it is right about most pictures, also about those nobody thought of. `sameness` also
weighs the products of what is told, and so tells one page from another of the same kit, where half of the features agree and only together
with colours and blocks it shows that it is the wrong half; it is believed only where `strength` finds the pictures alike.
`benchmarks/fit_local.py` finds the numbers and writes them here.
Source: D. R. Cox, "The Regression Analysis of Binary Sequences", J. R. Stat. Soc. B 20, 1958.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matcher.match import Alignment

# How many standard deviations from the mean a value counts at most: beyond what was seen, products would run away.
FARTHEST = 4.0
# The share of differing bits below which partners are equally the same.
SAME = 0.06


def tells(alignment: Alignment) -> tuple[float, ...]:
    """Return what of an alignment tells whether two pictures show the same, in the order of ODDS, after its constant."""
    return (
        math.log(max(alignment.inliers, 1)),
        math.log(max(alignment.coverage, 0.02)),
        math.log(max(alignment.share, 0.05)),
        math.log(max(alignment.everywhere, 0.05)),
        alignment.differing,
        alignment.agreement,
        math.log(alignment.blocks + 1),
        alignment.recoloured,
        math.log(max(alignment.content, 0.05)),
    )


def tells_more(alignment: Alignment) -> tuple[float, ...]:
    """Return what of an alignment tells one picture from another of its kind, in the order of MEANS."""
    inliers, coverage, share, everywhere, differing, *rest = tells(alignment)
    contrast, places = math.log(max(alignment.contrast / 40, 0.05)), math.log(max(alignment.places, 1))
    return (inliers, coverage, share, everywhere, max(differing, SAME), *rest, contrast, places)


def standardised(told: NDArray[np.float64], means: Sequence[float], spreads: Sequence[float]) -> NDArray[np.float64]:
    """Return a 1 and then what is told, float64 (n,) or (pairs, n), in standard deviations from the mean."""
    z = np.clip((told - np.asarray(means)) / np.asarray(spreads), -FARTHEST, FARTHEST)
    return np.concatenate([np.ones((*z.shape[:-1], 1)), z], axis=-1)


def strength(alignment: Alignment) -> float:
    """Return the logarithm of the odds that the pictures of an alignment show the same."""
    return sum(weight * value for weight, value in zip(ODDS, (1.0, *tells(alignment)), strict=True))


def sameness(alignment: Alignment) -> float:
    """Return how probably the pictures of an alignment are one, not two of one kind, 0..1."""
    z = standardised(np.array(tells_more(alignment)), MEANS, SPREADS)
    return float(1 / (1 + np.exp(-np.clip(z @ np.array(WEIGHTS) @ z, -30, 30))))


# ODDS: the weight of a constant 1 and of each value of `tells`. Of each value of `tells_more`, over the pairs that the weights were found
# with: MEANS, SPREADS. WEIGHTS: of each product, a row and a column for the constant 1 and for each value.
ODDS = (-11.063, 0.146, -0.045, 1.373, 0.793, -7.149, 3.86, 4.258, -1.459, 0.574)
MEANS = (3.406, -1.915, -0.4238, -1.177, 0.1379, 0.5702, 2.697, 0.4141, -1.01, -0.1095, 2.498)
SPREADS = (0.9697, 1.039, 0.3652, 0.7383, 0.05465, 0.3444, 0.2649, 0.5442, 0.5316, 0.6143, 0.8441)
WEIGHTS = (
    (-2.005, -0.8887, -0.7909, 0.3382, 0.8435, -1.69, 0.2323, 0.6007, 0.2209, 0.5396, 0.01854, 1.484),
    (0, 0.2928, -0.8459, -0.1911, -0.4021, 0.4457, -0.3741, 0.3821, -0.06957, -0.3127, 0.2147, 0.5067),
    (0, 0, -0.1274, -0.02683, 0.7553, -0.1694, 0.4307, -0.04373, -0.04092, 0.1539, 0.2106, -0.1619),
    (0, 0, 0, 0.01779, 0.5647, 0.01802, 0.5412, -0.2294, -0.03386, 0.1139, -0.1928, -0.4227),
    (0, 0, 0, 0, 0.2485, -0.4396, -0.05736, 0.3155, -0.2512, 0.2013, 0.07121, 0.2085),
    (0, 0, 0, 0, 0, 0.3956, -0.1775, 0.09025, -0.1793, 0.1792, 0.2866, -0.2581),
    (0, 0, 0, 0, 0, 0, 0.1538, -0.1151, 0.3694, -0.2547, 0.07856, -0.4118),
    (0, 0, 0, 0, 0, 0, 0, -0.2415, 0.1868, 0.621, -0.4298, -0.4571),
    (0, 0, 0, 0, 0, 0, 0, 0, -1.125, 0.0107, -0.2076, 0.1373),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, -0.287, -0.0001137, 0.6452),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.03397, -0.6614),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.2869),
)
