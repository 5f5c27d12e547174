"""How surely two pictures show the same, from what the alignment of their local features tells.

A logistic regression on what is told and on its products with each other: whether many differing colours matter depends on how
much else agrees. `benchmarks/fit_local.py` finds the numbers and writes them here.
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
# In fewer places than these, however many features meet there, a transformation is no proof: the odds are one at most.
PLACES = 4


def tells(alignment: Alignment) -> tuple[float, ...]:
    """Return what of an alignment tells whether two pictures show the same, in the order of MEANS."""
    return (
        math.log(max(alignment.inliers, 1)),
        math.log(max(alignment.coverage, 0.02)),
        math.log(max(alignment.share, 0.05)),
        math.log(max(alignment.everywhere, 0.05)),
        max(alignment.differing, SAME),
        alignment.agreement,
        math.log(alignment.blocks + 1),
        alignment.recoloured,
        math.log(max(alignment.content, 0.05)),
        math.log(max(alignment.contrast / 40, 0.05)),
        math.log(max(alignment.places, 1)),
    )


def standardised(told: NDArray[np.float64], means: Sequence[float], spreads: Sequence[float]) -> NDArray[np.float64]:
    """Return a 1 and then what is told, float64 (n,) or (pairs, n), in standard deviations from the mean."""
    z = np.clip((told - np.asarray(means)) / np.asarray(spreads), -FARTHEST, FARTHEST)
    return np.concatenate([np.ones((*z.shape[:-1], 1)), z], axis=-1)


def strength(alignment: Alignment) -> float:
    """Return the logarithm of the odds that the pictures of an alignment show the same."""
    z = standardised(np.array(tells(alignment)), MEANS, SPREADS)
    found = float(z @ np.array(WEIGHTS) @ z)
    return min(found, 0.0) if alignment.places < PLACES else found


# Of each value of `tells`, over the pairs that the weights were found with; then the weight of each product, a row and a column
# for the constant 1 and for each value.
# fitted
MEANS = (3.27, -2.037, -0.3802, -1.26, 0.1421, 0.51, 2.703, 0.4344, -0.9767, -0.1383, 2.397)
SPREADS = (1.094, 1.118, 0.3887, 0.8283, 0.07049, 0.3702, 0.2956, 0.5385, 0.5384, 0.6344, 0.9285)
WEIGHTS = (
    (-1.664, -0.4792, -0.5242, 0.255, 0.8062, -1.688, 0.4469, 0.6707, 0.09755, 0.3954, 0.004471, 1.143),
    (0, 0.04622, -0.3805, -0.2178, -0.3883, 0.4822, -0.4422, 0.4169, 0.04231, -0.02197, 0.144, 0.4437),
    (0, 0, -0.1428, 0.2206, 0.5026, -0.2544, 0.2721, -0.02101, -0.004086, 0.08383, 0.02946, -0.1422),
    (0, 0, 0, 0.07868, 0.4936, 0.08533, 0.3953, -0.09561, -0.09354, -0.02331, -0.1321, -0.3655),
    (0, 0, 0, 0, 0.3873, -0.4962, 0.1938, 0.08764, -0.1687, 0.1592, -0.07464, 0.1371),
    (0, 0, 0, 0, 0, 0.7837, -0.08367, -0.2152, -0.1041, 0.1201, 0.2826, -0.04463),
    (0, 0, 0, 0, 0, 0, 0.1105, -0.06914, 0.2915, -0.1786, 0.03019, -0.3248),
    (0, 0, 0, 0, 0, 0, 0, -0.3368, 0.1857, 0.6194, -0.5376, -0.2824),
    (0, 0, 0, 0, 0, 0, 0, 0, -1.162, -0.08573, -0.2273, 0.02523),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, -0.1615, 0.1219, 0.1809),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.113, -0.3605),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.4676),
)
# end of fitted
