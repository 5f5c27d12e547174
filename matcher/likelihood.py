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
# Fewer blocks of detail are hardly any.
FEW = 8


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
    blocks = math.log(detail.blocks + 1)
    return (inliers, coverage, share, everywhere, max(differing, SAME), *rest, contrast, places, *fine, blocks, detail.finer)


def standardised(told: NDArray[np.float64], means: Sequence[float], spreads: Sequence[float]) -> NDArray[np.float64]:
    """Return a 1 and then what is told, float64 (n,) or (pairs, n), in standard deviations from the mean."""
    z = np.clip((told - np.asarray(means)) / np.asarray(spreads), -FARTHEST, FARTHEST)
    return np.concatenate([np.ones((*z.shape[:-1], 1)), z], axis=-1)


def products(told: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the products of what is told with each other, (n,) or (pairs, n), row by row of the upper triangle."""
    rows, columns = np.triu_indices(told.shape[-1])
    return np.asarray(told[..., rows] * told[..., columns], np.float64)


def strength(alignment: Alignment) -> float:
    """Return the logarithm of the odds that the pictures of an alignment show the same."""
    return sum(weight * value for weight, value in zip(ODDS, (1.0, *tells(alignment)), strict=True))


def sameness(alignment: Alignment) -> float:
    """Return how probably the pictures of an alignment are one, not two of one kind, 0..1.

    Where they hardly show any detail, as blurred pictures do, it is at least the share of their blocks, coarse and fine, that agree: there
    is no more to see, and the regression knows few such pictures.
    """
    told = products(standardised(np.array(tells_more(alignment)), MEANS, SPREADS))
    regressed = float(1 / (1 + np.exp(-np.clip(told @ np.array(WEIGHTS), -30, 30))))
    detail = alignment.detail
    if detail.blocks >= FEW:
        return regressed
    return max(regressed, min(alignment.agreement, detail.agreeing) if detail.blocks else alignment.agreement)


# ODDS: the weight of a constant 1 and of each value of `tells`. Of each value of `tells_more`, over the pairs that the weights were found
# with: MEANS, SPREADS. WEIGHTS: of each of the products of a constant 1 and these.
ODDS = (-11.063, 0.146, -0.045, 1.373, 0.793, -7.149, 3.86, 4.258, -1.459, 0.574)
MEANS = (
    3.658, -1.696, -0.3623, -0.9101, 0.1203, 0.671, 2.725, 0.3003, -0.9381, -0.062, 2.7, 0.4218, 0.2894, 0.4825, 0.7699, 0.3326, 0.4425,
    0.2048, 0.3352, 4.232, 0.1788,
)
SPREADS = (
    0.8545, 0.9727, 0.2934, 0.5544, 0.04119, 0.2918, 0.2031, 0.4866, 0.4476, 0.5603, 0.7843, 0.2875, 0.2908, 0.275, 0.2321, 0.2253, 0.2188,
    0.2048, 0.2654, 0.6882, 0.2871,
)
WEIGHTS = (
    -2.641, 0.3326, -0.4383, 0.2897, -0.08259, -1.052, -0.4261, 0.2991, 0.4617, 0.3836, 0.277, 1.041, 0.7579, 0.3141, -0.2115, 0.1085,
    0.547, 0.4524, 0.4188, 0.3808, -1.084, 0.1921, 0.1443, -0.5843, -0.09533, 0.03724, 0.2516, 0.1367, -0.2422, -0.03471, 0.05175, 0.0903,
    0.1176, 0.169, -0.2267, 0.05272, 0.1005, -0.3831, -0.3574, 0.5556, -0.1189, 0.114, -0.1366, -0.1612, 0.009246, 0.1858, 0.1809, 0.1145,
    0.1547, -0.2063, 0.06943, 0.1542, -0.06965, 0.09882, 0.06458, -0.1998, 0.09433, 0.1275, 0.001254, 0.2427, 0.3394, -0.2737, -0.5222,
    -0.001596, 0.2339, 0.2998, 0.1165, -0.4005, -0.137, 0.1703, -0.1234, -0.3284, 0.1375, 0.2924, 0.2825, 0.05423, 0.07399, 0.1159, 0.1658,
    0.003192, 0.1631, 0.1123, 0.3438, -0.2904, -0.057, 0.2791, -0.1562, 0.3461, -0.2028, -0.143, 0.2475, -0.3699, -0.2178, 0.1522, 0.2242,
    -0.006786, -0.04864, -0.2811, 0.3312, 0.3446, 0.4654, 0.3316, 0.2628, -0.03876, -0.1457, 0.1903, -0.1346, -0.08215, 0.03636, 0.003487,
    0.1121, 0.3701, 0.1121, 0.2724, -0.5219, -0.1093, -0.2237, 0.03115, 0.3583, 0.121, -0.6151, 0.1892, -0.001966, -0.1705, 0.1442, -0.2723,
    -0.463, 0.228, -0.01856, -0.139, 0.4253, -0.721, -0.4801, -0.1709, 0.1145, 0.4093, -0.1969, -0.1038, 0.197, -0.3033, -0.07759, 0.009338,
    0.09326, 0.0715, 0.2546, -0.2282, -0.5845, -0.2998, -0.6595, 0.0443, -0.3898, -0.0143, 0.1337, -0.03961, 0.01854, -0.09589, -0.1923,
    -0.1003, 0.1347, -0.1351, 0.003751, -0.1265, -0.19, 0.04223, 0.2919, 0.1413, 0.2438, -0.009112, 0.2, -0.4258, 0.177, 0.0879, 0.05347,
    -0.1197, -0.05522, 0.1912, -0.4238, 0.2505, 0.3521, 0.04724, 0.04882, -0.3466, -0.1935, -0.06806, -0.2637, -0.3013, -0.02628, 0.03905,
    0.4686, -0.1147, 0.08888, -0.07395, 0.06303, 0.09239, 0.1077, 0.07645, 0.005823, 0.2106, 0.1364, 0.1934, -0.08326, 0.2878, 0.1084,
    -0.02159, 0.1401, -0.2967, 0.3202, 0.2087, 0.4049, -0.06155, -0.03927, -0.2407, -0.121, -0.08191, -0.2718, 0.3805, 0.2757, 0.2119,
    -0.0387, -0.01969, 0.08846, -0.04587, -0.2729, -0.03291, 0.1732, -0.03568, 0.1122, -0.1106, -0.1769, -0.1304, -0.1181, -0.3446, 0.2175,
    -0.04972, -0.3101, 0.1796, 0.3902, 0.03037, 0.1995, 0.2437, 0.01827, 0.4019, -0.02112, 0.0971, 0.1362, -0.05557, -0.05911, 1.008,
    0.1583, 0.5584, -0.3116, -0.1051, -0.2617,
)
