"""Which similarity (turn, scale, shift) carries points of one picture onto those of another.

Every matched pair of features proposes a transformation by itself, from the sizes and angles of the two features, so all
proposals can be tried at once and the outcome does not depend on chance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# How many of the best proposals are refined, and how often.
FINALISTS = 4
REFINEMENTS = 3


@dataclass(frozen=True)
class Similarity:
    """factor: complex, turn and scale; shift: complex. A point x + iy goes to factor * (x + iy) + shift."""

    factor: complex
    shift: complex

    @property
    def matrix(self) -> Floats:
        """The same as float64 (2, 3)."""
        a, b = self.factor.real, self.factor.imag
        return np.array([[a, -b, self.shift.real], [b, a, self.shift.imag]])


def fit(
    query: NDArray[np.complex128],
    known: NDArray[np.complex128],
    factors: NDArray[np.complex128],
    weights: Floats,
    tolerance: float,
    loose: float,
) -> tuple[Similarity, Flags] | None:
    """Return the similarity that most weight of the pairs obeys, and which pairs do; None below two pairs.

    query, known: points x + iy (n,). factors: the turn and scale that each pair proposes, complex (n,).
    weights: (n,). tolerance: how far, in known's units, a pair may miss after refinement; loose: before, where the
    proposal rests on one pair.
    """
    if len(query) < 2:
        return None
    shifts = known - factors * query
    missed = np.abs(factors[:, None] * query + shifts[:, None] - known)
    ratio = np.abs(factors[:, None] / factors)
    agrees = (missed < loose) & (ratio < 2) & (ratio > 0.5)
    order = np.argsort(-(agrees @ weights), kind="stable")[:FINALISTS]
    best: tuple[float, Similarity, Flags] | None = None
    for n in order:
        found = _refined(query, known, weights, agrees[n], tolerance, loose)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    return best[1:] if best is not None else None


def _refined(
    query: NDArray[np.complex128], known: NDArray[np.complex128], weights: Floats, agrees: Flags, tolerance: float, loose: float
) -> tuple[float, Similarity, Flags] | None:
    similarity = None
    for step in range(REFINEMENTS):
        similarity = _least_squares(query[agrees], known[agrees], weights[agrees])
        if similarity is None:
            return None
        allowed = loose + (tolerance - loose) * (step + 1) / REFINEMENTS
        agrees = np.abs(similarity.factor * query + similarity.shift - known) < allowed
    if similarity is None or not agrees.any():
        return None
    return float(weights[agrees].sum()), similarity, agrees


def _least_squares(query: NDArray[np.complex128], known: NDArray[np.complex128], weights: Floats) -> Similarity | None:
    if len(query) < 2:
        return None
    total = weights.sum()
    middle_query, middle_known = (weights @ query) / total, (weights @ known) / total
    away = query - middle_query
    spread = float(weights @ np.abs(away) ** 2)
    if spread <= 0:
        return None
    factor = complex((weights * away.conj()) @ (known - middle_known) / spread)
    return Similarity(factor, complex(middle_known - factor * middle_query)) if factor else None
