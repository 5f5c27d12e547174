"""Where to draw the nodes of a graph of clusters: at once, and the same for the same graph.

The pictures of a cluster lie in a disc, as the seeds of a sunflower, those in the middle that most others are tied to; the discs stand in
rows, the largest first; what pictures of several clusters have in common lies between them. A layout by forces would take seconds for a
thousand pictures, and look different each time.
Source of the disc: H. Vogel, A better way to construct the sunflower head, Mathematical Biosciences 44 (1979).
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence

_SPACING = 90.0
_MARGIN = 120.0
_GOLDEN = math.pi * (3 - math.sqrt(5))
_ASPECT = 1.6
Point = tuple[float, float]


def arranged(cluster_of: Mapping[str, str], edges: Sequence[tuple[str, str]]) -> dict[str, Point]:
    """Return where to draw each node. cluster_of: the pictures, and the cluster of each. edges: also to nodes that are no pictures."""
    near: dict[str, list[str]] = {}
    for a, b in edges:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    members: dict[str, list[str]] = {}
    for id, cluster in cluster_of.items():
        members.setdefault(cluster or id, []).append(id)
    discs = sorted(members.values(), key=len, reverse=True)
    found: dict[str, Point] = {}
    for disc, (x, y) in zip(discs, _rows([_radius(len(disc)) for disc in discs]), strict=True):
        for n, id in enumerate(_outwards(disc, near)):
            far, angle = _SPACING * math.sqrt(n), n * _GOLDEN
            found[id] = (round(x + far * math.cos(angle), 1), round(y + far * math.sin(angle), 1))
    taken: dict[Point, int] = {}
    for id, others in near.items():
        if id not in cluster_of:
            there = [found[other] for other in others if other in cluster_of]
            x, y = (sum(point[axis] for point in there) / len(there) for axis in (0, 1)) if there else (0.0, 0.0)
            # Beside the middle, and each on its own place: many places may have the very same pictures.
            spot = (round(x / _SPACING) * _SPACING, round(y / _SPACING) * _SPACING)
            n = taken[spot] = taken.get(spot, 0) + 1
            far = _SPACING * 0.7 * math.sqrt(n)
            found[id] = (round(x + far * math.cos(n * _GOLDEN), 1), round(y + far * math.sin(n * _GOLDEN), 1))
    return found


def _radius(count: int) -> float:
    return _SPACING * math.sqrt(max(count - 1, 0)) + _MARGIN / 2


def _rows(radii: Sequence[float]) -> list[Point]:
    """Return the centres of discs, given from the largest to the smallest, in rows that together are wider than high."""
    width = max([math.sqrt(sum((2 * radius) ** 2 for radius in radii) * _ASPECT), *(2 * radius for radius in radii)], default=0.0)
    found: list[Point] = []
    left = top = high = 0.0
    for radius in radii:
        if left and left + 2 * radius > width:
            left, top, high = 0.0, top + high, 0.0
        high = max(high, 2 * radius)
        found.append((left + radius, top + radius))
        left += 2 * radius
    return found


def _outwards(ids: Sequence[str], near: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the pictures of a cluster in order: the one with the most ties, then those tied to it, and so on."""
    left = dict.fromkeys(sorted(ids, key=lambda one: -len(near.get(one, ()))))
    order: list[str] = []
    while left:
        pending = deque([next(iter(left))])
        del left[pending[0]]
        while pending:
            order.append(pending.popleft())
            for other in near.get(order[-1], ()):
                if other in left:
                    del left[other]
                    pending.append(other)
    return order
