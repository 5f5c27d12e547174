"""What each algorithm says of a pair of pictures: the one path that search and compare share."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from matcher.decision import Rules
from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.local import Local
from matcher.match import Alignment, Decision, Evidence, Region
from matcher.picture import VIEWS

Views = Mapping[str, Mapping[str, bytes]]
Rarity = Mapping[str, Mapping[str, NDArray[np.float64]]]
Best = tuple[float, str, Alignment | None]

DIFFERING = "the common region has much in it that is not the same: one template with other contents?"
SPARSE = "one of the pictures is nearly empty, so others may look the same"


def gather(
    query: Views,
    known: Mapping[str, bytes],
    algorithms: Mapping[str, Fingerprint],
    rules: Rules,
    rarity: Rarity | None = None,
    local: bool = True,
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
            distance, view, alignment = best
            yes, _ = rules.bounds(name)
            note = SPARSE if alignment is not None and rules.sparse(alignment) else ""
            decision = rules.decide(name, distance)
            if alignment is not None and decision is Decision.YES and rules.differing(alignment):
                decision, note = Decision.MAYBE, DIFFERING
            found.append(Evidence(name, algorithm.family, distance, yes, decision, view, alignment, note))
    return found


def _nearest(algorithm: Fingerprint, query: Views, known: Mapping[str, bytes], algorithms: Mapping[str, Fingerprint]) -> Best | None:
    """Return the least distance over the views; algorithms of one space are compared with each other."""
    own = algorithm.space or algorithm.name
    kin = [name for name, other in algorithms.items() if (other.space or name) == own]
    best: Best | None = None
    for view, values in query.items():
        for asked in kin:
            names = [name for name in kin if asked in values and name in known and _belongs(algorithm, asked, name)]
            if names:
                distance = float(algorithm.distance(values[asked], [known[name] for name in names]).min())
                best = min(best or (distance, view, None), (distance, view, None), key=lambda one: one[0])
    return best


def _belongs(algorithm: Fingerprint, asked: str, name: str) -> bool:
    """Whether the comparison of two algorithms' fingerprints is this one's: all that its own are part of, but for the space's own."""
    return asked == name == algorithm.name if algorithm.space is None else algorithm.name in (asked, name)


def _aligned(algorithm: Local, query: Views, known: Mapping[str, bytes], rarity: Rarity) -> Best | None:
    name = algorithm.name
    best: Best | None = None
    for view, values in query.items():
        if name in values and name in known:
            alignment = algorithm.align(values[name], known[name], rarity.get(view, {}).get(name))
            distance = 0.0 if values[name] == known[name] else algorithm.distance_of(alignment)
            if best is None or distance < best[0]:
                stored = replace(alignment, query_region=as_stored(alignment.query_region, view)) if alignment is not None else None
                best = distance, view, stored
    return best


def as_stored(region: Region, view: str) -> Region:
    """Return where a region of a turned or mirrored picture lies in the picture itself."""
    if view == "negative":
        return region
    # Turned like the picture, this grid tells for each corner of the view where it comes from.
    corners = VIEWS[view](np.array([[0, 1], [1j, 1 + 1j]]))
    across, down = corners[0, 1] - corners[0, 0], corners[1, 0] - corners[0, 0]
    ends = [complex(corners[0, 0] + x * across + y * down) for x, y in ((region.left, region.top), (region.right, region.bottom))]
    x, y = sorted(end.real for end in ends), sorted(end.imag for end in ends)
    return Region(x[0], y[0], x[1], y[1])
