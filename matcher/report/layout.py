"""Where to draw the nodes of a graph.

Each connected part is drawn by itself, its nodes on rings about the best connected one; the parts are packed in rows.
"""

from collections.abc import Iterable, Sequence
from math import ceil, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from matcher.report.clusters import components


def places(names: Sequence[str], edges: Iterable[tuple[int, int]]) -> NDArray[np.float64]:
    """Return a place for each node, float64 (n, 2); the largest parts come first, at the top left."""
    edges = list(edges)
    number = {name: n for n, name in enumerate(names)}
    degree = np.bincount(np.array(edges, np.int64).ravel(), minlength=len(names)) if edges else np.zeros(len(names), np.int64)
    found = np.zeros((len(names), 2))
    parts = components(names, ((names[a], names[b]) for a, b in edges))
    width = sqrt(sum(_side(len(part)) ** 2 for part in parts)) * 1.05 if parts else 1.0
    x = y = height = 0.0
    for part in parts:
        side = _side(len(part))
        if x and x + side > width:
            x, y, height = 0.0, y + height, 0.0
        members = sorted((number[name] for name in part), key=lambda n: (-int(degree[n]), n))
        found[members] = _rings(len(members)) + np.array([x + side / 2, -y - side / 2])
        x, height = x + side, max(height, side)
    return found


def _side(count: int) -> float:
    return 2.0 * ceil(sqrt(count / 3)) + 0.6 if count > 1 else 1.0


def _rings(count: int) -> NDArray[np.float64]:
    """Return places about the origin: one in the middle, six around it, twelve around these .."""
    found = [(0.0, 0.0)]
    ring = 0
    while len(found) < count:
        ring += 1
        on_it = min(6 * ring, count - len(found))
        found += [(ring * 0.9 * np.cos(2 * pi * n / on_it), ring * 0.9 * np.sin(2 * pi * n / on_it)) for n in range(on_it)]
    return np.array(found[:count], np.float64)
