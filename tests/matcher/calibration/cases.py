"""Pairs of made-up distances, for tests of the calibration: no pictures needed."""

import numpy as np

from matcher.calibration.pairs import Pair, Pairs
from matcher.match import Decision, Evidence

FAMILY = {"pdq": "frequency", "dhash": "gradient", "colour": "colour"}


def made(distances: dict[str, float], a: str, b: str, same: bool) -> Pair:
    """Return a pair with one evidence for each distance."""
    evidence = tuple(Evidence(name, FAMILY[name], distance, 0.1, Decision.NO) for name, distance in distances.items())
    return Pair(a, b, same, evidence)


def population(clusters: int, members: int, singles: int, seed: int) -> Pairs:
    """Return all pairs of pictures whose distances lie about 0.15 where they belong together, about 0.45 where not.

    Every picture has a bias of its own, so that its pairs err together, as those of real pictures do.
    """
    dice = np.random.default_rng(seed)
    group_of = {f"c{c}-{m}": f"c{c}" for c in range(clusters) for m in range(members)} | {f"s{s}": f"s{s}" for s in range(singles)}
    names = list(group_of)
    bias = {name: dice.normal(0, 0.01, 2) for name in names}
    pairs = []
    for n, a in enumerate(names):
        for b in names[n + 1 :]:
            same = group_of[a] == group_of[b]
            centre = np.array([0.15, 0.2]) if same else np.array([0.45, 0.40])
            spread = np.array([0.08, 0.1]) if same else np.array([0.03, 0.05])
            pdq, dhash = np.clip(dice.normal(centre + bias[a] + bias[b], spread), 0, 1)
            pairs.append(made({"pdq": round(pdq * 256) / 256, "dhash": round(dhash * 64) / 64}, a, b, same))
    return Pairs(tuple(pairs), group_of)
