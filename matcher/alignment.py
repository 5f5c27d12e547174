"""Compares two pictures by their local features: the transformation they share, and how much speaks for it.

Counting agreeing features is not enough: glyphs, buttons and dialogs agree everywhere. So a pair is also asked how much of
either picture the agreement covers, how many features in there found no partner, and whether the pictures look alike, block
by block, where the transformation lays them upon each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matcher.detail import compare, decode
from matcher.geometry import Flags, Floats, Points, Similarity, area, fit, hull, inside, reach
from matcher.likelihood import sameness, strength
from matcher.match import Alignment, Region
from matcher.overlay import Small, likeness, recoloured

# Bits of 128 by which two views of one place may differ, before and after the transformation is known.
NEAR, NEAR_IN_PLACE = 40, 44
# How exactly features meet, in sides of a square as large as the picture.
TOLERANCE, LOOSE = 0.012, 0.05
# Features that lie closer than this are one piece of evidence: a line of text is few places, a photograph many.
GRAIN = 1 / 16
FEWEST = 4
# The logarithm of the odds below which pictures are not looked at closely: they are two.
HOPELESS = -2.0
# Turns beyond this (radians) are found by turning the query, so here they are chance.
MOST_TURN = 0.2


@dataclass(frozen=True)
class Features:
    """The local features of one picture.

    width, height: of the grey they were found in, in pixels. points: (n,), in those pixels. levels: of the pyramid, (n,).
    bits: uint8 (n, 16). step: from one level to the next. small: the picture in a few pixels; detail: what
    rises and falls along its rows, as `detail.encode` gives it.
    """

    width: int
    height: int
    points: Points
    levels: Floats
    bits: NDArray[np.uint8]
    step: float
    small: Small
    detail: bytes

    @cached_property
    def sizes(self) -> Floats:
        """How large each feature is, in sides."""
        return np.asarray(self.step**self.levels / self.side, np.float64)

    @cached_property
    def places(self) -> Points:
        """The points in sides."""
        return np.asarray(self.points / self.side, np.complex128)

    @cached_property
    def content(self) -> float:
        """The share of the picture that its features enclose."""
        return min(1.0, area(hull(self.places)))

    @property
    def longest(self) -> int:
        """The longer of width and height, in pixels."""
        return max(self.width, self.height)

    @property
    def sides(self) -> complex:
        """Width and height, in sides."""
        return complex(self.width, self.height) / self.side

    @cached_property
    def side(self) -> float:
        """The side of a square of the same area, in pixels."""
        return float((self.width * self.height) ** 0.5)


def align(query: Features, known: Features, rarity: Floats | None = None) -> Alignment | None:
    """Return the transformation that most features obey, None when hardly any do.

    rarity: how rare each feature of the query is in the store, (n,), 0..1; None: unknown.
    """
    ours, theirs = _mutual(query.bits, known.bits)
    if len(ours) < FEWEST:
        return None
    a, b = query.places, known.places
    sizes_a, sizes_b = query.sizes, known.sizes
    similarity = fit(a[ours], b[theirs], sizes_b[theirs] / sizes_a[ours], TOLERANCE, LOOSE)
    if similarity is None or abs(np.angle(similarity.factor)) > MOST_TURN:
        return None
    # Now that the place of each partner is known, a likeness that was not the best of all counts too.
    carried = similarity(a)
    ours, theirs = _near(carried, b, reach(similarity, TOLERANCE))
    alike = np.abs(np.log(sizes_b[theirs] / (sizes_a[ours] * similarity.scale))) < 0.4
    ours, theirs = _best(ours[alike], theirs[alike], query.bits, known.bits)
    if len(ours) < FEWEST:
        return None
    outline, outline_known = hull(a[ours]), hull(b[theirs])
    seen, seen_known = _within(known, carried), _within(query, similarity.undo(b))
    expected = _count(inside(outline, a) & seen), _count(inside(outline_known, b) & seen_known)
    overlap = _count(seen), _count(seen_known)
    again = _repeated(similarity.scale * known.side / query.side)
    differing = np.bitwise_count(query.bits[ours] ^ known.bits[theirs]).sum(axis=1, dtype=np.int64)
    alike_there = likeness(query.small, known.small, similarity)
    alignment = Alignment(
        inliers=len(ours),
        weight=float(len(ours) if rarity is None else rarity[ours].sum()),
        query_region=_region(query.points[ours], query),
        known_region=_region(known.points[theirs], known),
        matrix=similarity.matrix(query.longest / query.side, known.longest / known.side),
        places=min(_places(a[ours]), _places(b[theirs])),
        coverage=min(1.0, max(area(outline), area(outline_known))),
        share=min(1.0, len(ours) / max(1, min(expected)) / again),
        everywhere=min(1.0, len(ours) / max(1, min(overlap)) / again),
        differing=float(differing.mean()) / (8 * query.bits.shape[1]),
        blocks=alike_there.blocks,
        agreement=alike_there.agreeing,
        contrast=alike_there.contrast,
        content=min(query.content, known.content),
    )
    if strength(alignment) < HOPELESS:  # colours can only speak against it
        return replace(alignment, sameness=0.0)
    alignment = replace(alignment, recoloured=recoloured(query.small, known.small, similarity))
    if strength(alignment) < HOPELESS:
        return replace(alignment, sameness=0.0)
    details = query.detail, known.detail
    closer = replace(alignment, detail=compare(decode(details[0]), decode(details[1]), (query.sides, known.sides), similarity))
    return replace(closer, sameness=sameness(closer))


def beyond(query: Features, known: Features, alignment: Alignment, spots: Sequence[Region]) -> tuple[int, int]:
    """Return how many features agree that lie outside some regions of the query, and how many could."""
    x, y = query.points.real / query.width, query.points.imag / query.height
    outside = ~np.any([(x >= s.left) & (x <= s.right) & (y >= s.top) & (y <= s.bottom) for s in spots], axis=0)
    similarity = Similarity.of(alignment.matrix, query.longest / query.side, known.longest / known.side)
    carried = similarity(query.places)
    there = np.flatnonzero(outside & _within(known, carried))
    ours, theirs = _near(carried[there], known.places, reach(similarity, TOLERANCE))
    agreeing, _ = _best(there[ours], theirs, query.bits, known.bits)
    return len(agreeing), len(there)


def _mutual(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the features of two pictures that are each other's most alike, and alike enough."""
    words_a, words_b = a.view(np.uint64), b.view(np.uint64)
    # Bytes hold it, 128 at most, and are compared many at a time.
    differing = np.bitwise_count(words_a[:, None, 0] ^ words_b[:, 0])
    differing += np.bitwise_count(words_a[:, None, 1] ^ words_b[:, 1])
    wide = differing.astype(np.int32)  # of which the least is found many at a time
    nearest, back, own = wide.argmin(axis=1), wide.argmin(axis=0), np.arange(len(a))
    keep = np.flatnonzero((back[nearest] == own) & (differing[own, nearest] <= NEAR))
    return keep, nearest[keep]


def _near(a: Points, b: Points, within: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which points of one picture lie near which of another."""
    across = a.real.astype(np.float32)[:, None] - b.real.astype(np.float32)
    down = a.imag.astype(np.float32)[:, None] - b.imag.astype(np.float32)
    ours, theirs = np.divmod(np.flatnonzero(across * across + down * down < within * within), len(b))
    return ours, theirs


def _best(
    ours: NDArray[np.intp], theirs: NDArray[np.intp], a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return of these pairs the ones that are each other's most alike, and alike enough."""
    differing = np.bitwise_count(a.view(np.uint64)[ours] ^ b.view(np.uint64)[theirs]).sum(axis=1, dtype=np.int64)
    order = np.argsort(differing, kind="stable")
    order = order[differing[order] <= NEAR_IN_PLACE]
    kept = order[_first(ours[order], len(a)) & _first(theirs[order], len(b))]
    return ours[kept], theirs[kept]


def _first(indices: NDArray[np.intp], count: int) -> Flags:
    """Return which of some indices below `count` stand there for the first time."""
    own, first = np.arange(len(indices)), np.zeros(count, np.intp)
    first[indices[::-1]] = own[::-1]  # of repeated ones the last is kept, which comes first
    return np.asarray(first[indices] == own, np.bool_)


def _places(points: Points) -> int:
    """Return how many places points are at: several levels of one corner are one."""
    return len(np.unique(np.round(points / GRAIN)))


def _within(picture: Features, places: Points) -> Flags:
    """Return which places, in sides, lie in a picture and not at its very edge: there it would show features, too."""
    x, y = places.real * picture.side, places.imag * picture.side
    margin = 0.02 * picture.side
    return np.asarray((x >= margin) & (y >= margin) & (x <= picture.width - margin) & (y <= picture.height - margin), np.bool_)


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))


def _repeated(scale: float) -> float:
    """Return the share of features that a detector finds again in a copy, magnified so many times from grid to grid.

    Measured on the development set: 80 % where the pixels lie as before, 55 % where they were sampled anew.
    """
    return float(0.55 + 0.25 * np.exp(-((np.log(scale) / 0.01) ** 2)))


def _region(points: Points, features: Features) -> Region:
    x, y = points.real / features.width, points.imag / features.height
    return Region(float(x.min()), float(y.min()), float(x.max()), float(y.max()))
