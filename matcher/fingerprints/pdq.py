"""PDQ, Meta's 256-bit frequency hash.

Source: PDQ reference, github.com/facebook/ThreatExchange, folder pdq; matches are suggested at 31 bits or fewer.
Equal to the pdqhash package up to 512 pixels a side, turned pictures included, and a few bits from it beyond. Its own
code, because nine views cost less here than one does there: blurring and picking every n-th pixel are one matrix for
the rows and one for the columns, and the turns share their products.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import BinaryFingerprint
from matcher.picture import VIEWS, Picture

Matrix = NDArray[np.float32]

LONGEST = 512
SIDE = 64
MIN_QUALITY = 50
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
DCT: Matrix = (np.sqrt(2 / SIDE) * np.cos(np.pi / (2 * SIDE) * np.outer(np.arange(1, 17), 2 * np.arange(SIDE) + 1))).astype(np.float32)

# A turned picture is a mirrored one (top to bottom, left to right), transposed or not.
TURNS = {
    "as is": (0, 0, False),
    "rotated 90": (0, 1, True),
    "rotated 180": (1, 1, False),
    "rotated 270": (1, 0, True),
    "flipped": (1, 0, False),
    "mirrored": (0, 1, False),
    "transposed": (0, 0, True),
    "antitransposed": (1, 1, True),
}


class PDQ(BinaryFingerprint):
    """Which of the 16 x 16 lowest frequencies of the picture's luminance, its mean left out, lie above their median.

    compute: 32 bytes, most significant bit first; None when the picture is too simple (quality < 50 or a side < 64 px).
    distance: differing bits / 256, in 0..1; unrelated pictures lie near 0.5.
    """

    name, version, family, bits = "pdq", 1, "frequency", 256
    views = tuple(VIEWS)
    default = True

    def compute(self, picture: Picture) -> bytes | None:
        if min(picture.size) < SIDE:
            return None
        grid = grids(picture, mirrored=False)[0, 0]
        return signs(grid).tobytes() if steepness(grid) >= MIN_QUALITY else None

    def compute_views(self, picture: Picture) -> dict[str, bytes]:
        if min(picture.size) < SIDE:
            return {}
        four = grids(picture, mirrored=True)
        if steepness(four[0, 0]) < MIN_QUALITY:
            return {}
        hashes = signs(np.stack([four[down, right].T if transposed else four[down, right] for down, right, transposed in TURNS.values()]))
        views = {view: row.tobytes() for view, row in zip(TURNS, hashes, strict=True)}
        # Inverting the brightness changes the sign of every frequency and of their median.
        return views | {"negative": (~hashes[0]).tobytes()}

    def quality(self, picture: Picture) -> int:
        """Return how much gradient the picture has, 0 (flat) to 100."""
        return steepness(grids(picture, mirrored=False)[0, 0])


def luminance(picture: Picture) -> Matrix:
    """Return the luminance, 0..255, of at most 512 pixels a side; not rounded where the picture is that small already."""
    if max(picture.pixels.shape[:2]) > LONGEST or picture.pixels.ndim == 2:
        return picture.grey(LONGEST).astype(np.float32)
    return picture.pixels.astype(np.float32) @ LUMA


def grids(picture: Picture, mirrored: bool) -> Matrix:
    """Return the picture reduced to 64 x 64, with its mirrored forms or alone: (2, 2, 64, 64) or (1, 1, 64, 64)."""
    pixels = luminance(picture)
    sides = [_reduction(*lengths) for lengths in zip(picture.size[::-1], pixels.shape, strict=True)]
    rows, columns = (np.concatenate([side, side[:, ::-1]]) if mirrored else side for side in sides)
    both = np.asarray(rows @ pixels @ columns.T, np.float32)
    return both.reshape(-1, SIDE, both.shape[1] // SIDE, SIDE).swapaxes(1, 2)


@lru_cache(maxsize=32)
def _reduction(size: int, shrunk: int) -> Matrix:
    """Return the (64, shrunk) matrix that does to a shrunk line what PDQ does to the full one: box-filter twice, keep 64 pixels.

    Where PDQ's windows lie depends on the full size by some hundredths of their width: enough for 20 bits.
    """
    window = -(-size // (2 * SIDE))
    before, after = (window - 1) // 2, window // 2 + 1
    kept = ((np.arange(SIDE) + 0.5) * size / SIDE).astype(np.intp)
    # For each pixel kept, all that the two filters reach from it; windows are cut, and weigh more, at the ends of the line.
    offsets = np.arange(-2 * before, 2 * after - 1)
    at = kept[:, None] + offsets
    inside = (at >= 0) & (at < size)
    pixels_in_window = np.maximum(np.minimum(at + after, size) - np.maximum(at - before, 0), 1)
    reached = inside & (offsets >= -before) & (offsets < after)
    once = reached / pixels_in_window[:, 2 * before, None]
    totals = np.pad(np.cumsum(once / pixels_in_window, axis=1), ((0, 0), (1, 0)))
    column = np.arange(len(offsets))
    last, first = np.minimum(column + before + 1, len(offsets)), np.maximum(column - after + 1, 0)
    twice = np.where(inside, totals[:, last] - totals[:, first], 0)
    # A full pixel lies in one shrunk pixel, or across two.
    start, end = np.clip(at, 0, size - 1) * (shrunk / size), np.clip(at + 1, 1, size) * (shrunk / size)
    left, right = start.astype(np.intp), np.minimum(end.astype(np.intp), shrunk - 1)
    part = np.where(left == right, 1, np.clip((left + 1 - start) / (shrunk / size), 0, 1))
    line = np.zeros((SIDE, shrunk))
    row = np.broadcast_to(np.arange(SIDE)[:, None], at.shape)
    np.add.at(line, (row, left), twice * part)
    np.add.at(line, (row, right), twice * (1 - part))
    return line.astype(np.float32)


def signs(grid: Matrix) -> NDArray[np.uint8]:
    """Return which of the 256 lowest frequencies of (.., 64, 64) lie above their median, highest first, as (.., 32)."""
    frequencies = (DCT @ grid @ DCT.T).reshape(*grid.shape[:-2], -1)[..., ::-1]
    return np.packbits(frequencies > np.median(frequencies, axis=-1, keepdims=True), axis=-1)


def steepness(grid: Matrix) -> int:
    """Return PDQ's quality, 0..100, of (64, 64): the sum of the steps between neighbours, those below 3 of 255 left out."""
    steps = sum(int(np.abs(np.trunc(np.diff(grid, axis=axis) * 100 / 255)).sum()) for axis in (0, 1))
    return min(100, steps // 90)
