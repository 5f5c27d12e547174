"""RGB histogram: how much of the picture has each of 512 colours, wherever it has them.

Source: the color_web service of ambience, github.com/scenery: 8 steps a channel, compared by the sum of differences.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import Fingerprint
from matcher.picture import Picture, Pixels

BINS = 512
WHOLE = 65_535
MASK = BINS // 8


class RGBHistogram(Fingerprint):
    """The share of pixels in each of 8 x 8 x 8 equal boxes of red, green and blue.

    compute: 64 bytes telling which boxes hold any, most significant bit first, then the share of each of these in 65,535ths
        (uint16), red box first; None when one box holds all (a flat picture).
    distance: half the sum of differences of the shares, 0 (same colours, same amounts) to 1 (no colour in common). Rounding
        shifts it by less than 0.002 in real pictures.
    """

    name, version, family = "rgb-histogram", 1, "colour"
    exact = True

    def compute(self, picture: Picture) -> bytes | None:
        found = counts(picture.rgb())
        shares = np.round(found * (WHOLE / found.sum())).astype("<u2")
        held = shares > 0
        return np.packbits(held).tobytes() + shares[held].tobytes() if np.count_nonzero(held) > 1 else None

    def valid(self, fingerprint: bytes) -> bool:
        held = int(np.bitwise_count(np.frombuffer(fingerprint[:MASK], np.uint8)).sum())
        if held < 2 or len(fingerprint) != MASK + 2 * held:
            return False
        shares = np.frombuffer(fingerprint, "<u2", offset=MASK)
        return bool(shares.all() and abs(int(shares.sum(dtype=np.int64)) - WHOLE) <= BINS // 2)

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        differences = np.abs(_shares(candidates) - _shares([query])).sum(axis=1)
        return np.asarray(np.minimum(differences / (2 * WHOLE), 1.0), np.float64)


def counts(pixels: Pixels) -> NDArray[np.int64]:
    """Return how many of the pixels, uint8 (height, width, 3), lie in each box, int64 (512,): red * 64 + green * 8 + blue."""
    boxes = (pixels >> 5).astype(np.uint16)
    return np.bincount((boxes[..., 0] << 6 | boxes[..., 1] << 3 | boxes[..., 2]).ravel(), minlength=BINS)


def _shares(fingerprints: Sequence[bytes]) -> NDArray[np.int64]:
    """Return the shares of fingerprints, in 65,535ths, int64 (n, 512)."""
    held = np.unpackbits(np.frombuffer(b"".join(one[:MASK] for one in fingerprints), np.uint8)).reshape(-1, BINS) > 0
    shares = np.zeros(held.shape, np.int64)
    shares[held] = np.frombuffer(b"".join(one[MASK:] for one in fingerprints), "<u2")
    return shares
