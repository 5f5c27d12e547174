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
    detail = alignment.detail
    fine = (detail.agreeing, detail.lower, detail.median, detail.both, detail.both_lowest, detail.both_lower, detail.patch, detail.together)
    return (inliers, coverage, share, everywhere, max(differing, SAME), *rest, contrast, places, *fine, math.log(detail.blocks + 1))


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
MEANS = (3.682, -1.684, -0.3608, -0.888, 0.1169, 0.688, 2.723, 0.3068, -0.9422, -0.02267, 2.717, 0.4238, 0.2933, 0.4844, 0.7734, 0.3324, 0.4428, 0.2085, 0.3374, 4.224)
SPREADS = (0.8524, 0.974, 0.2905, 0.5461, 0.03892, 0.2847, 0.2053, 0.4917, 0.4396, 0.5442, 0.7843, 0.2892, 0.2917, 0.2758, 0.2305, 0.2248, 0.2197, 0.2117, 0.266, 0.702)
WEIGHTS = (
    (-0.857, 0.007285, -0.7261, 0.2136, -0.0503, -1.092, -0.5577, 0.3819, 0.6044, 0.5502, 0.2471, 1, 0.933, 0.5172, -0.3621, -0.01855, 0.4716, 0.4734, 0.3194, 0.5563, -0.8379),
    (0, -0.2063, -0.5578, -0.1191, -0.03987, 0.4476, 0.5004, 0.0702, -0.2997, -0.02279, 0.1091, 0.2104, 0.2428, -0.1338, 0.1661, 0.2005, -0.1958, -0.6123, 0.3591, -0.1685, 0.1423),
    (0, 0, -0.749, -0.1332, 0.4447, 0.03886, 0.1469, 0.04255, -0.1875, 0.1274, -0.02174, 0.09823, 0.1573, 0.2748, -0.2033, 0.2345, 0.03649, 0.02113, 0.1123, 0.5247, 0.05533),
    (0, 0, 0, -0.05492, 0.4195, 0.1895, 0.1289, -0.311, -0.09551, 0.1219, -0.2645, -0.4668, 0.06387, 0.371, 0.2817, 0.01986, -0.002422, 0.05755, 0.05918, -0.01849, 0.06043),
    (0, 0, 0, 0, 0.1963, -0.37, -0.2537, 0.04773, -0.1149, 0.3231, -0.07237, 0.007737, 0.2159, -0.4955, -0.1542, 0.00566, 0.3291, -0.07914, -0.04228, -0.1553, 0.05693),
    (0, 0, 0, 0, 0, 0.3448, 0.1215, 0.1024, -0.1079, -0.2325, 0.03739, -0.1214, -0.1447, -0.1646, 0.1731, 0.2251, 0.3712, 0.009283, 0.1702, -0.6794, -0.07721),
    (0, 0, 0, 0, 0, 0, -0.1502, 0.266, 0.1619, -0.6317, 0.2747, 0.2054, 0.001433, 0.05474, -0.2321, -0.3457, 0.01522, 0.08355, -0.001991, 0.3007, -0.7849),
    (0, 0, 0, 0, 0, 0, 0, -0.1472, 0.2477, 0.523, -0.216, -0.2054, 0.3835, -0.3, -0.1402, 0.1828, 0.1052, 0.2298, 0.3242, -0.3259, -0.6251),
    (0, 0, 0, 0, 0, 0, 0, 0, -0.706, 0.1151, -0.3456, 0.04935, 0.1269, -0.0516, 0.07938, 0.01497, -0.1088, -0.1035, 0.09439, -0.1303, 0.155),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, -0.1621, 0.06372, 0.4961, -0.1915, 0.3529, 0.19, 0.1566, -0.3702, 0.2495, -0.0009505, -0.1117, -0.1236),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.08178, -0.4305, 0.3031, 0.3329, -0.08371, 0.09035, -0.283, -0.2278, -0.1207, -0.3756, -0.1512),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.02581, 0.2612, -0.1756, 0.07496, -0.1095, 0.166, -0.1288, 0.2615, -0.2006, -0.1224),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.07659, 0.1971, -0.2796, 0.228, 0.1675, 0.009416, 0.09166, -0.3852, 0.2873),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.3773, 0.005735, -0.123, -0.2989, -0.1505, 0.05565, -0.3593, 0.1029),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.1793, -0.1959, 0.01921, 0.08063, -0.3105, -0.2448, -0.06778),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.1125, 0.1616, -0.1413, -0.1558, -0.3665, -0.05586),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.2328, -0.03373, -0.297, 0.1541, 0.5536),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.01679, 0.3239, 0.1393, 0.4828),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.08625, 0.301, 0.03758),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.9768, 5.681e-05),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.264),
)
