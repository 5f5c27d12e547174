"""Compares two pictures pixel by pixel, coarsely, where an alignment lays one upon the other.

Features agree on glyphs, buttons and frames; what a page shows between them is told by its blocks. A block that is flat in
both pictures says nothing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.geometry import Points, Similarity

# The overlap is sampled in GRID x GRID points, and compared in blocks of BLOCK x BLOCK of them.
GRID, BLOCK = 32, 8
# Standard deviation of brightness, of 255, from which on a block shows something; correlation from which on two agree.
TEXTURED, FLAT, AGREE = 5.0, 1.0, 0.7
# Distance from grey, in 8-bit Cb and Cr: of a point that has a colour, and of a picture that is coloured at all.
COLOURED, COLOURFUL = 12.0, 3.0
# The share of coloured points below which colours say nothing.
ENOUGH = 0.03
LEAST = 0.02  # sides: a smaller overlap is none
_IN_BLOCKS = (GRID // BLOCK, BLOCK, GRID // BLOCK, BLOCK)

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Small:
    """A picture in a few pixels: brightness (0..255) and the chroma Cb, Cr (0 is grey), each (rows, columns), float32.

    width, height: of the picture, in sides of a square as large.
    """

    width: float
    height: float
    brightness: Plane
    chroma: tuple[Plane, Plane]


@dataclass(frozen=True)
class Likeness:
    """How alike two pictures are where they overlap.

    blocks: how many show something in either picture. agreeing: the share of these that show the same, 0..1.
    contrast: standard deviation of the brightness, of 255, in the flatter picture.
    """

    blocks: int = 0
    agreeing: float = 0.0
    contrast: float = 0.0


def likeness(query: Small, known: Small, similarity: Similarity) -> Likeness:
    """Compare the brightness of two pictures where the similarity, in sides, lays the query upon the known one."""
    places = _overlap(query, known, similarity)
    if places is None:
        return Likeness()
    ours, theirs = _sampled(query, query.brightness, similarity.undo(places)), _sampled(known, known.brightness, places)
    blocks, agreeing = _blocks(ours, theirs)
    return Likeness(blocks, agreeing, contrast=min(float(ours.std()), float(theirs.std())))


def recoloured(query: Small, known: Small, similarity: Similarity) -> float:
    """Return how far the colours of two pictures lie apart there, 0 (the same) to 2 (opposite); 0 where either is grey."""
    places = _overlap(query, known, similarity)
    if places is None:
        return 0.0
    back = similarity.undo(places)
    a, b = [_sampled(query, plane, back) for plane in query.chroma], [_sampled(known, plane, places) for plane in known.chroma]
    colour_a, colour_b = np.hypot(*a), np.hypot(*b)
    strongest = np.maximum(colour_a, colour_b)
    coloured = strongest > COLOURED
    if coloured.mean() <= ENOUGH or min(colour_a.mean(), colour_b.mean()) <= COLOURFUL:
        return 0.0
    apart = np.hypot(a[0] - b[0], a[1] - b[1])
    return min(2.0, float((apart[coloured] / strongest[coloured]).mean()))


def _overlap(query: Small, known: Small, similarity: Similarity) -> Points | None:
    """Return the places of the known picture that are sampled, in sides, (GRID, GRID); None where it hardly overlaps the query."""
    corners = similarity(np.array([0, query.width + 1j * query.height], np.complex128))
    left, right = max(float(corners.real.min()), 0.0), min(float(corners.real.max()), known.width)
    top, bottom = max(float(corners.imag.min()), 0.0), min(float(corners.imag.max()), known.height)
    if right - left < LEAST or bottom - top < LEAST:
        return None
    steps = (np.arange(GRID) + 0.5) / GRID
    return np.asarray((left + steps * (right - left)) + 1j * (top + steps * (bottom - top))[:, None], np.complex128)


def _blocks(a: Plane, b: Plane) -> tuple[int, float]:
    """Return how many blocks show something, and the share of these that agree."""
    a, b = (plane.reshape(_IN_BLOCKS).swapaxes(1, 2).reshape(-1, BLOCK * BLOCK) for plane in (a, b))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    spread_a, spread_b = a.std(axis=1), b.std(axis=1)
    textured = np.maximum(spread_a, spread_b) > TEXTURED
    if not textured.any():
        return 0, 0.0
    alike = (a * b).mean(axis=1) > AGREE * spread_a * spread_b
    agreeing = alike & (np.minimum(spread_a, spread_b) > FLAT)
    return int(np.count_nonzero(textured)), float(agreeing[textured].mean())


def _sampled(small: Small, plane: Plane, places: Points) -> Plane:
    """Return a plane of the small picture at places given in sides."""
    height, width = plane.shape
    x = (places.real * (width / small.width) - 0.5).astype(np.float32)
    y = (places.imag * (height / small.height) - 0.5).astype(np.float32)
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
