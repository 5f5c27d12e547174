"""A picture without its uniform borders (frames, letterbox bars, page margins, a bar with a caption): its PDQ and its tiles."""

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.pdq import LONGEST, PDQ
from matcher.fingerprints.tiles import Tiles, TileSigns
from matcher.picture import Picture, Pixels

ROWS, COLUMNS = 0, 1  # the axes
# The least part of a side whose loss matters, and the least that must be left of it.
NOTHING = 0.02
ENOUGH = 0.25
# How far a border's pixels may lie from its colour, of 255, for JPEG's sake.
NOISE = 10
# The part of a line that has the border's colour: where nothing is written on it, and at least where something is.
BLANK = 0.95
WRITTEN = 0.15
# The largest part of the picture that a bar with a caption takes.
CAPTION = 0.35


class TrimmedPDQ(PDQ):
    """PDQ of what uniform borders enclose; compared with the PDQ of whole pictures, and the other way round.

    compute: 32 bytes, most significant bit first; None when no side has a border, too little is left, or PDQ gives None.
    distance: differing bits / 256, in 0..1.
    """

    name, version = "pdq-trimmed", 1
    space = "pdq"

    def compute(self, picture: Picture) -> bytes | None:
        inner = trimmed(picture)
        return super().compute(inner) if inner is not None else None

    def compute_views(self, picture: Picture) -> dict[str, bytes]:
        inner = trimmed(picture)
        return PDQ().compute_views(inner) if inner is not None else {}


class TrimmedTiles(TileSigns):
    """The tiles of what uniform borders enclose, compared with those of whole pictures, and the other way round.

    It finds no candidates: what the trimmed PDQ has found, this compares place by place.
    compute: as that of tiles; None when no side has a border, or too little is left.
    """

    name, version = "tiles-trimmed", 1
    space = "tiles"

    def compute(self, picture: Picture) -> bytes | None:
        inner = trimmed(picture)
        return super().compute(inner) if inner is not None else None

    def compute_views(self, picture: Picture) -> dict[str, bytes]:
        inner = trimmed(picture)
        return Tiles().compute_views(inner) if inner is not None else {}


def trimmed(picture: Picture) -> Picture | None:
    """Return the picture without its borders, grey, at most 512 pixels a side; None when it has none, or little inside."""
    return picture.once("trimmed", lambda: _trimmed(picture))


def _trimmed(picture: Picture) -> Picture | None:
    grey = picture.grey(LONGEST)
    (top, bottom), (left, right) = _inside(grey, ROWS), _inside(grey, COLUMNS)
    tall, wide = (bottom - top) / grey.shape[0], (right - left) / grey.shape[1]
    if min(tall, wide) > 1 - NOTHING or min(tall, wide) < ENOUGH:
        return None
    size = max(1, round(picture.size[0] * wide)), max(1, round(picture.size[1] * tall))
    return Picture(b"", picture.format, size, np.ascontiguousarray(grey[top:bottom, left:right]))


def _inside(grey: Pixels, axis: int) -> tuple[int, int]:
    """Return the first of the ROWS or COLUMNS inside the borders, and the one after the last."""
    return _border(grey, axis, 1), grey.shape[axis] - _border(grey, axis, -1)


def _border(grey: Pixels, axis: int, step: int) -> int:
    """Return how many lines from one end on are border: a blank run, or as far as the end of the caption written on it.

    step: 1 from the first line on, -1 from the last one.
    """
    outermost = np.asarray(grey.take(0 if step > 0 else -1, axis), np.uint8)
    colour = int(np.median(outermost))
    bounds = max(colour - NOISE, 0), min(colour + NOISE, 255)
    if np.count_nonzero((outermost >= bounds[0]) & (outermost <= bounds[1])) / len(outermost) < BLANK:
        return 0
    like = cv2.reduce(cv2.inRange(grey, *bounds), 1 - axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() // 255
    share = like[::step] / len(outermost)
    blank = share >= BLANK
    end = _first(share < WRITTEN)
    if end > CAPTION * len(share):  # a page on a ground of this colour: its text is no caption
        return _first(~blank)
    return int(np.flatnonzero(blank[:end])[-1]) + 1


def _first(found: NDArray[np.bool_]) -> int:
    return int(np.argmax(found)) if found.any() else len(found)
