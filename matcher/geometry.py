"""Which similarity (turn, scale, shift) carries points of one picture onto those of another, and what they enclose.

Every matched pair of features proposes a scale by itself, from the sizes of the two features, so all proposals are tried
at once and the outcome does not depend on chance. Points are complex numbers x + iy.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Points = NDArray[np.complex128]
Flags = NDArray[np.bool_]

# How many of the best proposals are refined, and how often.
FINALISTS = 3
REFINEMENTS = 3


@dataclass(frozen=True)
class Similarity:
    """A point goes to factor * point + shift."""

    factor: complex
    shift: complex

    def __call__(self, points: Points) -> Points:
        return np.asarray(self.factor * points + self.shift, np.complex128)

    def undo(self, points: Points) -> Points:
        """Return where points came from."""
        return np.asarray((points - self.shift) / self.factor, np.complex128)

    @classmethod
    def of(cls, matrix: Floats, before: float = 1.0, after: float = 1.0) -> "Similarity":
        """Return the similarity of which `matrix` gives this one."""
        return cls(complex(matrix[0, 0], matrix[1, 0]) * after / before, complex(matrix[0, 2], matrix[1, 2]) * after)

    @property
    def scale(self) -> float:
        """How much larger things become."""
        return abs(self.factor)

    def matrix(self, before: float = 1.0, after: float = 1.0) -> Floats:
        """Return the same as float64 (2, 3), for coordinates divided by `before` and results divided by `after`."""
        a, b = self.factor.real * before / after, self.factor.imag * before / after
        return np.array([[a, -b, self.shift.real / after], [b, a, self.shift.imag / after]])


def fit(query: Points, known: Points, scales: Floats, tolerance: float, loose: float) -> Similarity | None:
    """Return the similarity that most of the pairs obey; None when fewer than two agree on one.

    query, known: the pairs, (n,). scales: what each pair proposes, (n,). tolerance: how far a pair may miss in the end;
    loose: at first, where a proposal rests on one pair.
    """
    if len(query) < 2:
        return None
    agrees = _agreeing(query, known, scales, loose)
    best: tuple[int, Similarity] | None = None
    finalists = agrees[np.argsort(-np.count_nonzero(agrees, axis=1), kind="stable")[:FINALISTS]]
    # Chance makes few pairs agree, and each of them proposes the same.
    for proposal in {proposal.tobytes(): proposal for proposal in finalists}.values():
        found = _refined(query, known, proposal, tolerance, loose)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    return best[1] if best is not None else None


def reach(similarity: Similarity, tolerance: float) -> float:
    """Return how far from its place a point may land: features of a magnified picture lie as much less exactly."""
    return float(tolerance * max(1.0, similarity.scale) ** 0.5)


def _agreeing(query: Points, known: Points, scales: Floats, loose: float) -> Flags:
    """Return for what each pair proposes (a row) which pairs (a column) agree with it."""
    # By parts, in place: complex numbers take four times as long.
    missed = np.zeros((len(query), len(query)))
    for ours, theirs in ((query.real, known.real), (query.imag, known.imag)):
        apart = ours - ours[:, None]
        apart *= scales[:, None]
        apart += theirs[:, None]
        apart -= theirs
        apart *= apart
        missed += apart
    steps = np.log(scales)
    return np.asarray((missed < loose * loose) & (np.abs(steps[:, None] - steps) < 0.45), np.bool_)


def _refined(query: Points, known: Points, agrees: Flags, tolerance: float, loose: float) -> tuple[int, Similarity] | None:
    similarity = None
    for step in range(1, REFINEMENTS + 1):
        similarity = _least_squares(query[agrees], known[agrees])
        if similarity is None:
            return None
        allowed = reach(similarity, loose + (tolerance - loose) * step / REFINEMENTS)
        agrees = np.abs(similarity(query) - known) < allowed
    return (int(agrees.sum()), similarity) if similarity is not None else None


def _least_squares(query: Points, known: Points) -> Similarity | None:
    if len(query) < 2:
        return None
    middle_query, middle_known = query.sum() / len(query), known.sum() / len(known)
    away = query - middle_query
    spread = float(np.vdot(away, away).real)
    factor = complex(np.vdot(away, known - middle_known)) / spread if spread > 0 else 0
    return Similarity(complex(factor), complex(middle_known - factor * middle_query)) if factor else None


def hull(points: Points) -> Points:
    """Return the corners of the least convex polygon around points, in order."""
    corners = cv2.convexHull(np.stack([points.real, points.imag], axis=1).astype(np.float32))[:, 0].astype(np.float64)
    return np.asarray(corners[:, 0] + 1j * corners[:, 1], np.complex128)


def area(corners: Points) -> float:
    """Return the area of a polygon, however it turns."""
    return float(abs((corners.conj() * _following(corners)).imag.sum()) / 2)


def _following(corners: Points) -> Points:
    """Return for each corner the next one."""
    return np.concatenate((corners[1:], corners[:1]))


def inside(corners: Points, points: Points) -> Flags:
    """Return which points lie in a convex polygon or on its edge."""
    edges = _following(corners) - corners
    sides = (edges.conj()[:, None] * (points - corners[:, None])).imag
    margin = 1e-6
    return np.asarray((sides >= -margin).all(axis=0) | (sides <= margin).all(axis=0), np.bool_)
