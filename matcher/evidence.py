"""What each algorithm says of a pair of pictures: the one path that search and compare share."""

from collections.abc import Mapping, Sequence
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

# How many copies are as they were for one that is turned or mirrored.
RARER = 3.0
DIFFERING = "place by place too much is not the same, whatever hashes say: one template with other contents?"
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
    found = gather_many(query, [known], algorithms, rules)[0]
    for name, algorithm in algorithms.items():
        best = _aligned(algorithm, query, known, rarity or {}, rules) if local and isinstance(algorithm, Local) else None
        if best is None:
            continue
        distance, view, alignment = best
        yes, _ = rules.bounds(name)
        note = SPARSE if alignment is not None and rules.sparse(alignment) else ""
        decision = rules.decide(name, distance)
        if alignment is not None:
            note = DIFFERING if decision is not Decision.NO and rules.differing(alignment) else note
            decision = rules.held(decision, alignment)
        found.append(Evidence(name, algorithm.family, distance, yes, decision, view, alignment, note))
    return found


def gather_many(
    query: Views, known: Sequence[Mapping[str, bytes]], algorithms: Mapping[str, Fingerprint], rules: Rules
) -> list[list[Evidence]]:
    """Return for each of many known pictures what `gather` does, but for local features."""
    found = Gathered(query, known, algorithms, rules)
    return [found.of(n) for n in range(len(known))]


class Gathered:
    """The evidence on many known pictures, but for local features: most of it says NO, and is put into words for few."""

    def __init__(self, query: Views, known: Sequence[Mapping[str, bytes]], algorithms: Mapping[str, Fingerprint], rules: Rules) -> None:
        self._query, self._known = query, known
        self._rules = rules
        columns = _Columns(known)
        wanted = [algorithm for algorithm in algorithms.values() if not isinstance(algorithm, Local)] if known else []
        self._said = [(algorithm, *_nearest(algorithm, query, columns, algorithms)) for algorithm in wanted]

    def telling(self) -> list[int]:
        """Return the places of those pictures of which any algorithm says more than NO."""
        places = [np.flatnonzero(distances <= max(self._rules.bounds(one.name))) for one, distances, _ in self._said]
        return np.unique(np.concatenate(places)).tolist() if places else []

    def of(self, n: int) -> list[Evidence]:
        """Return the evidence on the picture at a place."""
        found = []
        for algorithm, distances, views in self._said:
            if view := views[n]:
                name, distance = algorithm.name, float(distances[n])
                yes, _ = self._rules.bounds(name)
                decision = self._rules.decide(name, distance)
                places = None if decision is Decision.NO else self._places(algorithm, view, n)
                found.append(Evidence(name, algorithm.family, distance, yes, decision, view, places=places))
        return found

    def _places(self, algorithm: Fingerprint, view: str, n: int) -> tuple[Region, Region] | None:
        ours, theirs = self._query[view].get(algorithm.name), self._known[n].get(algorithm.name)
        return algorithm.places(ours, theirs) if ours is not None and theirs is not None else None


class _Columns:
    """The fingerprints of many pictures, by algorithm."""

    def __init__(self, known: Sequence[Mapping[str, bytes]]) -> None:
        self._known = known
        self._columns: dict[str, tuple[NDArray[np.intp], list[bytes]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def column(self, name: str) -> tuple[NDArray[np.intp], list[bytes]]:
        """Return the places of the pictures that have a fingerprint of an algorithm, and their fingerprints."""
        if name not in self._columns:
            places = [n for n, values in enumerate(self._known) if name in values]
            self._columns[name] = np.array(places, np.intp), [self._known[n][name] for n in places]
        return self._columns[name]


def nearest(
    algorithm: Fingerprint, query: Views, known: Sequence[Mapping[str, bytes]], algorithms: Mapping[str, Fingerprint]
) -> list[tuple[float, str]]:
    """Return each picture's least distance over the views, and that view, "" where there is nothing to compare.

    Algorithms of one space are compared with each other.
    """
    distances, views = _nearest(algorithm, query, _Columns(known), algorithms)
    return list(zip(distances.tolist(), views.tolist(), strict=True))


def _nearest(
    algorithm: Fingerprint, query: Views, known: _Columns, algorithms: Mapping[str, Fingerprint]
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    own = algorithm.space or algorithm.name
    kin = [name for name, other in algorithms.items() if (other.space or name) == own]
    distances, views = np.full(len(known), np.inf), np.full(len(known), "", object)
    for name in kin:
        having, values = known.column(name)
        if not values:
            continue
        for view, asked in ((view, asked) for view in query for asked in kin if asked in query[view] and _belongs(algorithm, asked, name)):
            found = algorithm.distance(query[view][asked], values)
            nearer = found < distances[having]
            distances[having[nearer]], views[having[nearer]] = found[nearer], view
    return distances, views


def _belongs(algorithm: Fingerprint, asked: str, name: str) -> bool:
    """Whether the comparison of two algorithms' fingerprints is this one's: all that its own are part of, but for the space's own."""
    return asked == name == algorithm.name if algorithm.space is None else algorithm.name in (asked, name)


def _aligned(algorithm: Local, query: Views, known: Mapping[str, bytes], rarity: Rarity, rules: Rules) -> Best | None:
    name = algorithm.name
    _, maybe = rules.bounds(name)
    best: Best | None = None
    for view, values in query.items():
        if name in values and name in known:
            alignment = algorithm.align(values[name], known[name], rarity.get(view, {}).get(name))
            distance = 0.0 if values[name] == known[name] else algorithm.distance_of(alignment)
            distance = as_rare(distance, maybe) if view not in ("as is", "negative") else distance
            if best is None or distance < best[0]:
                stored = replace(alignment, query_region=as_stored(alignment.query_region, view)) if alignment is not None else None
                best = distance, view, stored
    return best


def as_rare(distance: float, maybe: float) -> float:
    """Return 1 / (1 + odds), with odds as much less as turned and mirrored copies are rarer than others.

    maybe: the largest distance that is a MAYBE; what was nearer stays within it, so that a person looks at it.
    """
    return min(distance / (distance + (1 - distance) / RARER), max(distance, maybe))


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
