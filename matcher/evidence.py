"""What each algorithm says of a pair of pictures: the one path that search and compare share."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from matcher.decision import Bounds, Rules
from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.local import Local
from matcher.match import Alignment, Evidence

Views = Mapping[str, Mapping[str, bytes]]
Rarity = Mapping[str, Mapping[str, NDArray[np.float64]]]


def gather(
    query: Views, known: Mapping[str, bytes], algorithms: Mapping[str, Fingerprint], rules: Rules, rarity: Rarity | None = None, local: bool = True
) -> list[Evidence]:
    """Return the evidence of every algorithm that both pictures have a fingerprint of, each in its best view.

    query: view -> algorithm -> fingerprint. known: algorithm -> fingerprint.
    rarity: view -> algorithm -> how rare each item's keys are in the store, float64 (n,), 0..1.
    local: whether to compare local features.
    """
    found = []
    for name, algorithm in algorithms.items():
        if isinstance(algorithm, Local):
            best = _aligned(algorithm, query, known, rarity or {}) if local else None
        else:
            best = _nearest(algorithm, query, known, algorithms)
        if best is not None:
            distance, view, alignment, note = best
            bounds = Bounds(*rules.bounds(name))
            found.append(Evidence(name, algorithm.family, distance, bounds.yes, bounds.decide(distance), view, alignment, note))
    return found


Best = tuple[float, str, Alignment | None, str]


def _nearest(algorithm: Fingerprint, query: Views, known: Mapping[str, bytes], algorithms: Mapping[str, Fingerprint]) -> Best | None:
    """Return the least distance over the views; algorithms of one space are compared across."""
    own = algorithm.space or algorithm.name
    others = [name for name, other in algorithms.items() if (other.space or name) == own and name in known]
    # The pair (whole, whole) belongs to the space's own algorithm, all pairs with a trimmed one to the trimmed.
    best: Best | None = None
    for view, values in query.items():
        for asked in (name for name in values if name in algorithms and (algorithms[name].space or name) == own):
            names = [name for name in others if _belongs(algorithm, asked, name)]
            if not names:
                continue
            distances = algorithm.distance(values[asked], [known[name] for name in names])
            if best is None or distances.min() < best[0]:
                best = float(distances.min()), view, None, ""
    return best


def _belongs(algorithm: Fingerprint, asked: str, name: str) -> bool:
    return asked == name == algorithm.name if algorithm.space is None else algorithm.name in (asked, name)


def _aligned(algorithm: Local, query: Views, known: Mapping[str, bytes], rarity: Rarity) -> Best | None:
    best: Best | None = None
    for view, values in query.items():
        if algorithm.name not in values or algorithm.name not in known:
            continue
        alignment = algorithm.align(values[algorithm.name], known[algorithm.name], rarity.get(view, {}).get(algorithm.name))
        distance = algorithm.distance_of(alignment)
        if best is None or distance < best[0]:
            best = distance, view, alignment, ""
    return best
