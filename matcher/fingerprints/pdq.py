"""PDQ, Meta's 256-bit frequency hash.

Source: PDQ reference, github.com/facebook/ThreatExchange, folder pdq; matches are suggested at 31 bits or fewer.
Equal to the pdqhash package, turned pictures included, at a seventh of its time: blurring and picking every n-th pixel
are one matrix for the rows and one for the columns, so the eight turns share most of the products.
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

# A turned picture is a mirrored one (rows step, columns step), transposed or not.
TURNS = {
    "as is": ((1, 1), False),
    "rotated 90": ((1, -1), True),
    "rotated 180": ((-1, -1), False),
    "rotated 270": ((-1, 1), True),
    "flipped": ((-1, 1), False),
    "mirrored": ((1, -1), False),
    "transposed": ((1, 1), True),
    "antitransposed": ((-1, -1), True),
}


class PDQ(BinaryFingerprint):
    """The signs, against their median, of the 16 x 16 lowest frequencies of the picture's luminance.

    compute: 32 bytes, most significant bit first; None when the picture is too simple (quality < 50 or a side < 64 px).
    distance: differing bits / 256, in 0..1; unrelated pictures lie near 0.5.
    """

    name, version, family, bits = "pdq", 1, "frequency", 256
    views = tuple(VIEWS)
    default = True

    def compute(self, picture: Picture) -> bytes | None:
        if min(picture.size) < SIDE:
            return None
        grid = reduce(luminance(picture), picture.size, (1, 1))
        return signs(grid) if steepness(grid) >= MIN_QUALITY else None

    def compute_views(self, picture: Picture) -> dict[str, bytes]:
        as_is = self.compute(picture)
        if as_is is None:
            return {}
        pixels = luminance(picture)
        grids = {mirror: reduce(pixels, picture.size, mirror) for mirror, _ in TURNS.values()}
        turned = {view: signs(grids[mirror].T if transposed else grids[mirror]) for view, (mirror, transposed) in TURNS.items()}
        # Inverting the brightness changes the sign of every coefficient and of their median.
        return turned | {"negative": (~np.frombuffer(as_is, np.uint8)).tobytes()}

    def quality(self, picture: Picture) -> int:
        """Return how much gradient the picture has, 0 (flat) to 100."""
        return steepness(reduce(luminance(picture), picture.size, (1, 1)))


def luminance(picture: Picture) -> Matrix:
    """Return the luminance, 0..255, of at most 512 pixels a side: to the last bit where the picture is that small already."""
    if max(picture.pixels.shape[:2]) > LONGEST or picture.pixels.ndim == 2:
        return picture.grey(LONGEST).astype(np.float32)
    return picture.pixels.astype(np.float32) @ LUMA


def reduce(pixels: Matrix, size: tuple[int, int], mirror: tuple[int, int]) -> Matrix:
    """Return the picture of this full size (width, height), mirrored as told by the steps along rows and columns, as (64, 64)."""
    (width, height), (down, right) = size, mirror
    rows, columns = _reduction(height, pixels.shape[0])[:, ::down], _reduction(width, pixels.shape[1])[:, ::right]
    return np.asarray(rows @ pixels @ columns.T, np.float32)


@lru_cache(maxsize=256)
def _reduction(size: int, shrunk: int) -> Matrix:
    """Return the (64, shrunk) matrix that does to a shrunk line what PDQ does to the full one: box-filter twice, keep 64 pixels.

    Where PDQ's windows lie depends on the full size by some hundredths of their width: enough for 20 bits.
    """
    window = -(-size // (2 * SIDE))
    before, after = (window - 1) // 2, window // 2 + 1
    at = np.arange(size)
    start, end = np.maximum(at - before, 0), np.minimum(at + after, size)
    kept = ((np.arange(SIDE) + 0.5) * size / SIDE).astype(np.intp)
    once = ((at >= start[kept, None]) & (at < end[kept, None])) / (end - start)[kept, None]
    # Whose windows hold pixel j: those from j - window + before + 1 to j + before.
    twice = _sums(once / (end - start), np.maximum(at - after + 1, 0), np.minimum(at + before + 1, size))
    if size == shrunk:
        return twice.astype(np.float32)
    edges = np.arange(shrunk + 1) * (size / shrunk)
    whole = np.minimum(edges.astype(np.intp), size - 1)
    return np.diff(_totals(twice)[:, whole] + twice[:, whole] * (edges - whole), axis=1).astype(np.float32)


def _totals(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of the first 0, 1, .. n - 1, n of each row."""
    return np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))


def _sums(values: NDArray[np.float64], start: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[np.float64]:
    totals = _totals(values)
    return totals[:, end] - totals[:, start]


def signs(grid: Matrix) -> bytes:
    """Return which of the 256 lowest frequencies of (64, 64) lie above their median, highest frequency first."""
    frequencies = (DCT @ grid @ DCT.T).ravel()[::-1]
    return np.packbits(frequencies > np.median(frequencies)).tobytes()


def steepness(grid: Matrix) -> int:
    """Return PDQ's quality, 0..100: the sum of the steps between neighbours in (64, 64), steps below 3 of 255 not counted."""
    steps = sum(int(np.abs(np.trunc(np.diff(grid, axis=axis) * 100 / 255)).sum()) for axis in (0, 1))
    return min(100, steps // 90)
