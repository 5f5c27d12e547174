"""PDQ of a picture without its uniform borders: letterbox bars, page margins, an empty desktop around a window."""

import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.pdq import PDQ
from matcher.picture import Picture, Pixels

# The least part of a side whose loss matters, and the least that must be left of it.
NOTHING = 0.02
ENOUGH = 0.25
# How far a border's pixels may lie from its colour, of 255; one in twenty may lie farther.
NOISE = 10


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


def trimmed(picture: Picture) -> Picture | None:
    """Return the picture without its uniform borders, grey; None when there is none, or hardly anything inside."""
    grey = picture.grey(512)
    top, bottom = _inside(grey)
    left, right = _inside(grey.T)
    shares = (bottom - top) / grey.shape[0], (right - left) / grey.shape[1]
    if min(shares) > 1 - NOTHING or min(shares) < ENOUGH:
        return None
    pixels = np.ascontiguousarray(grey[top:bottom, left:right])
    return Picture(b"", picture.format, (round(picture.size[0] * shares[1]), round(picture.size[1] * shares[0])), pixels)


def _inside(grey: Pixels) -> tuple[int, int]:
    """Return the first line that is not part of the border, and the one after the last."""
    return _border(grey), max(len(grey) - _border(grey[::-1]), 0)


def _border(grey: Pixels) -> int:
    """Return how many lines from the first on have all but the same colour as the first."""
    away = np.abs(grey.astype(np.int16) - np.int16(np.median(grey[0])))
    uniform: NDArray[np.bool_] = np.count_nonzero(away > NOISE, axis=1) * 20 <= grey.shape[1]
    return int(np.argmin(uniform)) if not uniform.all() else len(grey)
