"""The fine detail of a picture, and whether another picture shows the same.

Two pages of one kit differ in a name, a logo, a few lines: too small for blocks of a thumbnail. What tells them apart is where brightness
rises and falls along each row, in some hundred pixels a side; that survives recompression, recolouring and scaling.
Comparison: normalised correlation of small blocks, each allowed to lie a pixel or two beside its place. Source: J. P. Lewis, "Fast
Normalized Cross-Correlation", Vision Interface 1995.
"""

import math
import zlib
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.geometry import Similarity
from matcher.match import Detail

Plane = NDArray[np.float32]

# Pixels that the detail may have, the most that can be kept in so many bytes; the fewest always can.
AREAS = (32_000, 24_000, 18_000, 13_000, 9_000, 5_000)
MOST_BYTES = 2_000
THINNER = 0.75  # how the bytes grow with the pixels, as a power: finer detail has fewer steps for each
# Along how many pixels of a row brightness is averaged to tell rises and falls; from which difference on, of 255, one counts, and as a
# large one; how much more a large one weighs.
ALONG = 5
SLIGHT, LARGE = 3, 12
WEIGHTS = np.array([0, 1, 2.5, -2.5, -1], np.float32)

# Pixels a side of a block; how far one may lie beside its place, across and down.
BLOCK = 8
ACROSS, DOWN = 2, 1
# Root mean square from which on a block shows something, and below which it shows nothing; correlation from which on two agree, and below
# which they contradict each other.
SHOWS, EMPTY = 0.6, 0.2
AGREE, CONTRADICT = 0.6, 0.35
FEW = 3  # of so few blocks no part is told
LEAST = 0.02  # sides: a smaller overlap is none
_LARGEST = AREAS[0] + 4096


def encode(grey: NDArray[np.uint8]) -> bytes:
    """Return the detail of a picture: rows and columns, uint16 each, and its steps, compressed; at most MOST_BYTES.

    grey: uint8 (height, width).
    """

    @cache
    def packed(place: int) -> bytes:
        return _packed(grey, AREAS[place])

    # The fewest pixels cost least to try, and tell about how many will fit.
    fewest = len(AREAS) - 1
    place = next(n for n, area in enumerate(AREAS) if n == fewest or _expected(packed(fewest), area) <= MOST_BYTES)
    while place < fewest and len(packed(place)) > MOST_BYTES:
        place += 1
    while place and len(packed(place - 1)) <= MOST_BYTES:
        place -= 1
    return packed(place)


def valid(packed: bytes) -> bool:
    """Whether these bytes, from outside, are a detail."""
    try:
        decode(packed)
    except ValueError:
        return False
    return True


def decode(packed: bytes) -> Plane:
    """Return the detail as float32 (rows, columns), -2.5..2.5. Raises ValueError for other bytes."""
    return np.asarray(WEIGHTS[steps(packed)], np.float32)


def steps(packed: bytes) -> NDArray[np.uint8]:
    """Return the detail as places in WEIGHTS, uint8 (rows, columns). Raises ValueError for other bytes."""
    if len(packed) < 4:
        raise ValueError("a detail has at least four bytes")
    rows, columns = np.frombuffer(packed, "<u2", 2).tolist()
    if not 0 < rows * columns <= _LARGEST:
        raise ValueError(f"a detail has {rows} x {columns} pixels")
    opened = zlib.decompressobj()
    try:
        text = opened.decompress(packed[4:], -(-rows * columns // 3) + 1)
    except zlib.error as error:
        raise ValueError(f"a detail cannot be read: {error}") from None
    if len(text) != -(-rows * columns // 3) or not opened.eof:
        raise ValueError("a detail has not as many steps as pixels")
    three = np.frombuffer(text, np.uint8)
    digits = np.stack([three % 5, three // 5 % 5, three // 25 % 5], axis=1)
    return digits.ravel()[: rows * columns].reshape(rows, columns)


def pack(plane: NDArray[np.uint8]) -> bytes:
    """Return the bytes that `steps` reads these from, uint8 (rows, columns), 0..4."""
    flat = np.pad(plane.ravel(), (0, -plane.size % 3))
    three = flat[::3] + flat[1::3] * np.uint8(5) + flat[2::3] * np.uint8(25)
    return np.array(plane.shape, "<u2").tobytes() + zlib.compress(three.tobytes(), 6)


def compare(query: Plane, known: Plane, sides: tuple[complex, complex], similarity: Similarity) -> Detail:
    """Compare the details of two pictures where the similarity, in sides, lays the query upon the known one.

    sides: width and height of the query and of the known picture, as complex numbers, in sides of a square as large.
    """
    corners = similarity(np.array([0, sides[0]], np.complex128))
    left, right = max(float(corners.real.min()), 0.0), min(float(corners.real.max()), sides[1].real)
    top, bottom = max(float(corners.imag.min()), 0.0), min(float(corners.imag.max()), sides[1].imag)
    if right - left < LEAST or bottom - top < LEAST:
        return Detail()
    # The coarser of both tells how fine the comparison can be.
    pitches = similarity.scale / query.size**0.5, 1 / known.size**0.5
    pitch = max(pitches)
    across = max(1, int((right - left) / pitch) // BLOCK)
    down = max(1, int((bottom - top) / pitch) // BLOCK)
    x = left + (np.arange(across * BLOCK) + 0.5) / (across * BLOCK) * (right - left)
    y = top + (np.arange(down * BLOCK) + 0.5) / (down * BLOCK) * (bottom - top)
    places = np.asarray(x + 1j * y[:, None], np.complex128)
    ours = _sampled(query, sides[0], similarity.undo(places), pitch / pitches[0])
    theirs = _sampled(known, sides[1], places, pitch / pitches[1])
    return replace(_compare(ours, theirs, (across, down)), finer=math.log(pitch / min(pitches)))


def _expected(packed: bytes, area: int) -> float:
    """Return about how many bytes a picture takes with so many pixels, from what it takes with the fewest."""
    return float(len(packed) * (area / AREAS[-1]) ** THINNER)


def _packed(grey: NDArray[np.uint8], area: int) -> bytes:
    height, width = grey.shape
    scale = min(1.0, (area / (height * width)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    plane = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    rises = plane - cv2.blur(plane, (ALONG, 1))
    risen = (rises >= SLIGHT).view(np.uint8) + (rises >= LARGE).view(np.uint8)
    fallen = (rises <= -SLIGHT).view(np.uint8) * np.uint8(4) - (rises <= -LARGE).view(np.uint8)
    return pack(risen + fallen)


def _sampled(plane: Plane, sides: complex, places: NDArray[np.complex128], coarser: float) -> Plane:
    """Return a plane at places given in sides, smoothed where it is that much finer than they are."""
    if coarser > 1.2:
        plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), 0.4 * coarser), np.float32)
    height, width = plane.shape
    x = (places.real * (width / sides.real) - 0.5).astype(np.float32)
    y = (places.imag * (height / sides.imag) - 0.5).astype(np.float32)
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _compare(a: Plane, b: Plane, blocks: tuple[int, int]) -> Detail:
    height, width = a.shape

    def averages(plane: Plane) -> Plane:
        return np.asarray(cv2.resize(plane, blocks, interpolation=cv2.INTER_AREA), np.float32)

    beside = np.asarray(cv2.copyMakeBorder(b, DOWN, DOWN, ACROSS, ACROSS, cv2.BORDER_REPLICATE), np.float32)
    squared, energy = beside * beside, averages(a * a)
    correlations = []
    for dy in range(2 * DOWN + 1):
        for dx in range(2 * ACROSS + 1):
            there = slice(dy, dy + height), slice(dx, dx + width)
            correlations.append(averages(a * beside[there]) / np.sqrt(np.maximum(energy * averages(squared[there]), 1e-6)))
    stronger, weaker = np.sqrt(np.maximum(energy, averages(b * b))), np.sqrt(np.minimum(energy, averages(b * b)))
    shows = stronger > SHOWS
    if not shows.any():
        return Detail()
    table = np.array(correlations)
    best = np.where(weaker < EMPTY, 0, table.max(axis=0))
    of_all, of_both = best[shows], best[shows & (weaker > SHOWS / 2)]
    _, _, patches, _ = cv2.connectedComponentsWithStats((shows & (best < CONTRADICT)).astype(np.uint8), connectivity=8)
    lower, median = np.quantile(of_all, (0.25, 0.5)).tolist()
    both_lowest, both_lower = np.quantile(of_both, (0.1, 0.25)).tolist() if len(of_both) > FEW else (0.5, 0.5)
    return Detail(
        blocks=len(of_all),
        agreeing=float((of_all > AGREE).mean()),
        lower=lower,
        median=median,
        both=len(of_both) / len(of_all),
        both_lowest=both_lowest,
        both_lower=both_lower,
        patch=max(patches[1:, cv2.CC_STAT_AREA].tolist(), default=0) / len(of_all),
        together=float(table[:, shows].mean(axis=1).max()),
    )
