"""The PhotoDNA-like vector: 144 numbers that tell where the picture gets darker and lighter.

Source: github.com/adulau/photodna, which restates a published analysis of PhotoDNA; it is not Microsoft's PhotoDNA, whose
hashes cannot be compared with it. Equal to that program's integers on the same pixels. It takes no notice of EXIF's
orientation and drops transparency, so of a turned or transparent file its vector is another one than ours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import Floats, VectorFingerprint
from matcher.picture import NEGATIVE, VIEWS, Picture

GRID = 26
CELLS = 6
# Half the side of each square around a grid point, in steps of the grid, and how much it counts.
SQUARES = (
    (0.2, float.fromhex("0x1.936398bf0aae3p-3")),
    (0.4, float.fromhex("0x1.caddcd96f4881p-2")),
    (0.8, float.fromhex("0x1.1cb5cf620ef1dp-2")),
)
SCALE = float.fromhex("0x1.07b3705abb25cp0")
LARGEST = 0.25
ROUNDS = 10
# The length of the vector before it is made 1: flat pictures with noise have 4 to 13, real ones 2,000 and more.
FAINTEST = 100.0


def _spread() -> Floats:
    """Return how much each of the 24 inner grid lines counts in each of the 6 cells, (6, 24)."""
    at = (np.arange(1, GRID - 1) - 2.5) / 4
    first = np.floor(at).astype(np.int64)
    cells, rest = np.arange(CELLS)[:, None], at - first
    return np.asarray(np.where(cells == first, 1 - rest, np.where(cells == first + 1, rest, 0.0)), np.float64)


SPREAD = _spread()


class PhotoDNA(VectorFingerprint):
    """Gradients to the left, right, top, bottom in each of 6 x 6 cells, as a vector of one length for all pictures.

    compute: 144 bytes, cell by cell, row by row; None for a side of one pixel, and when the gradients are so faint that
        the vector would be magnified noise.
    distance: Euclidean distance / 3060 (255 times the root of 144), in 0..1; similarity = 1 - distance. Unrelated pictures
        lie from 0.2 to 0.45. By "manhattan": sum of the differences / 36720.
    """

    name, version, family, dimension = "photodna", 1, "gradient", 144
    views = tuple(VIEWS)
    exact = True
    reach = 0.14

    def compute(self, picture: Picture) -> bytes | None:
        blocks = Blocks.of(brightness(picture))
        return vector(blocks) if blocks is not None else None

    def compute_views(self, picture: Picture) -> dict[str, bytes]:
        blocks = Blocks.of(brightness(picture))
        found = {view: vector(blocks.seen(view)) for view in self.views} if blocks is not None else {}
        return {view: value for view, value in found.items() if value is not None}


@dataclass(frozen=True)
class Blocks:
    """The picture cut into a few hundred blocks a side, at all lines of pixels that matter in any of its turns.

    sums: brightness of each block, int64 (m, n). heights, widths: of the rows and columns of blocks in pixels, int64 (m,) and (n,).
    """

    sums: NDArray[np.int64]
    heights: NDArray[np.int64]
    widths: NDArray[np.int64]

    @classmethod
    def of(cls, pixels: NDArray[np.uint16]) -> "Blocks | None":
        """Return the blocks of the brightness of each pixel, uint16 (height, width); None for one row of pixels."""
        if min(pixels.shape) < 2:
            return None
        rows, columns = (_cuts(length) for length in pixels.shape)
        bands = np.add.reduceat(pixels, rows, axis=0, dtype=np.uint32)
        sums = np.add.reduceat(bands, columns, axis=1, dtype=np.int64)
        return cls(sums, np.diff(rows, append=pixels.shape[0]), np.diff(columns, append=pixels.shape[1]))

    def seen(self, view: str) -> "Blocks":
        """Return the blocks of the picture turned, mirrored or inverted."""
        if view == NEGATIVE:
            return Blocks(3 * 255 * np.outer(self.heights, self.widths) - self.sums, self.heights, self.widths)
        shape = self.sums.shape
        turn = VIEWS[view]
        heights, widths = (turn(np.broadcast_to(one, shape)) for one in (self.heights[:, None], self.widths))
        upright = turn(np.empty((1, 2))).shape == (1, 2)
        down, across = (heights, widths) if upright else (widths, heights)
        return Blocks(turn(self.sums), down[:, 0], across[0])


def brightness(picture: Picture) -> NDArray[np.uint16]:
    """Return R + G + B of each pixel, uint16 (height, width)."""
    if picture.pixels.ndim == 2:
        return picture.pixels.astype(np.uint16) * 3
    total = picture.pixels[..., 0].astype(np.uint16)
    total += picture.pixels[..., 1]
    total += picture.pixels[..., 2]
    return total


def vector(blocks: Blocks) -> bytes | None:
    """Return the vector of a picture, None for one too simple."""
    values = gradients(blocks)
    if float(np.sqrt(values @ values)) < FAINTEST:
        return None
    for step in range(1, ROUNDS + 1):
        values = values / np.sqrt(1e-8 + values @ values)
        if step == ROUNDS or values.max() < LARGEST:
            break
        values = np.minimum(values, LARGEST)
    return np.clip(values * 256 / LARGEST, 0, 255).astype(np.uint8).tobytes()


def gradients(blocks: Blocks) -> Floats:
    """Return the 144 sums of gradients, float64, before they are brought to one length."""
    rows, columns = blocks.heights.cumsum() - 1, blocks.widths.cumsum() - 1
    height, width = int(rows[-1]) + 1, int(columns[-1]) + 1
    sums = blocks.sums.cumsum(axis=0).cumsum(axis=1).astype(np.float64)
    grid = np.zeros((GRID, GRID))
    for (_, weight), (top, bottom), (left, right) in zip(SQUARES, _lines(height), _lines(width), strict=True):
        corners = [_interpolated(sums, rows, columns, y, x) for y, x in ((top, left), (top, right), (bottom, left), (bottom, right))]
        a, b, c, d = (corner * weight for corner in corners)
        grid += a - b - c + d
    across = grid[1:-1, :-2] - grid[1:-1, 2:]
    along = grid[:-2, 1:-1] - grid[2:, 1:-1]
    parts = np.stack([np.maximum(across, 0), np.maximum(-across, 0), np.maximum(along, 0), np.maximum(-along, 0)], axis=-1)
    cells = np.einsum("ay,bx,yxk->abk", SPREAD, SPREAD, parts)
    return np.asarray(cells.ravel() / (width / 28 * SCALE * (height / 28) * 3), np.float64)


def _lines(length: int) -> list[tuple[Floats, Floats]]:
    """Return where the squares of each size begin and end along a side, float64 (26,), inside the picture but for its last pixel."""
    step = length / 28
    at = (np.arange(GRID) + 1.5) * step
    return [(np.clip(at + (-r * step - 1), 0, length - 2), np.clip(at + r * step, 0, length - 2)) for r, _ in SQUARES]


def _cuts(length: int) -> NDArray[np.int64]:
    """Return where blocks begin along a side: behind each line of pixels that is asked for, from either end."""
    whole = np.concatenate([line for lines in _lines(length) for line in lines]).astype(np.int64)
    behind = np.concatenate([whole, whole + 1]) + 1
    cuts = np.unique(np.concatenate([[0], behind, length - behind]))
    return cuts[cuts < length]


def _interpolated(sums: Floats, rows: NDArray[np.int64], columns: NDArray[np.int64], y: Floats, x: Floats) -> Floats:
    """Return the sums up to places between pixels, (26, 26)."""
    row, column = y.astype(np.int64), x.astype(np.int64)
    ry, rx = (y - row)[:, None], x - column
    r, c = np.searchsorted(rows, row)[:, None], np.searchsorted(columns, column)
    below, beside = np.searchsorted(rows, row + 1)[:, None], np.searchsorted(columns, column + 1)
    return np.asarray(
        ((1 - rx) * (1 - ry)) * sums[r, c]
        + ((1 - rx) * ry) * sums[below, c]
        + (rx * (1 - ry)) * sums[r, beside]
        + (rx * ry) * sums[below, beside],
        np.float64,
    )
