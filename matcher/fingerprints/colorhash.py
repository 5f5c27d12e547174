"""Colorhash: how much of the picture is black, grey, and of each of six hues, faint and bright.

Source: ImageHash, github.com/JohannesBuchner/imagehash. That library writes levels 4 and 6 with the same three bits, and 5
and 7, so its hexadecimal form cannot be read back; we keep the levels themselves.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matcher.fingerprints.base import Fingerprint
from matcher.picture import Picture

LEVELS = 14
HIGHEST = 7
# No two pictures differ by more levels in all: black and grey together reach 8, hues that are absent in the other 8 more.
FARTHEST = 30
DARK = 32
PALE, VIVID = 85, 170
SIZE = 6


class ColorHash(Fingerprint):
    """14 levels, 0 to 7, of: black; grey; six hues of faint colour; six hues of bright colour (shares of what is coloured).

    compute: 6 bytes, the levels as 3 bits each, most significant first, and 6 zero bits; None without a hue of an eighth.
    distance: the sum of differences of the levels / 30, 0 (same) to 1 (nothing in common). Not the differing bits of
        ImageHash: there, levels 3 and 4 differ in three bits, and 4 and 6 in none.
    """

    name, version, family = "colorhash", 1, "colour"
    exact = True

    def compute(self, picture: Picture) -> bytes | None:
        found = levels(Image.fromarray(picture.rgb()))
        return _packed(found) if found[2:].any() else None

    def valid(self, fingerprint: bytes) -> bool:
        return len(fingerprint) == SIZE and fingerprint[-1] & 0x3F == 0 and bool(_unpacked([fingerprint])[0, 2:].any())

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        differences = np.abs(_unpacked(candidates) - _unpacked([query])).sum(axis=1)
        return np.asarray(np.minimum(differences / FARTHEST, 1.0), np.float64)


def levels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the 14 levels of an RGB image."""
    brightness = np.asarray(image.convert("L"))
    hue, saturation, _ = cv2.split(np.asarray(image.convert("HSV")))
    black = brightness < DARK
    grey = ~black & (saturation < PALE)
    coloured = ~black & ~grey
    # A saturation of exactly 170 counts in neither.
    hues = [np.histogram(hue[coloured & some], np.linspace(0, 255, 7))[0] for some in (saturation < VIVID, saturation > VIVID)]
    shares = np.concatenate([[black.mean(), grey.mean()], *(counts / max(1, coloured.sum()) for counts in hues)])
    return np.asarray(np.minimum(shares * (HIGHEST + 1), HIGHEST), np.uint8)


def imagehash_hex(fingerprint: bytes) -> str:
    """Return the 11 hexadecimal digits that ImageHash prints for this picture."""
    bits = np.array([[level >= 4, level >= 2, level % 2] for level in _unpacked([fingerprint])[0]], np.uint8)
    return f"{int(''.join(map(str, bits.ravel().tolist())), 2):011x}"


def _packed(levels: NDArray[np.uint8]) -> bytes:
    return np.packbits(np.unpackbits(levels[:, None], axis=1)[:, -3:]).tobytes()


def _unpacked(fingerprints: Sequence[bytes]) -> NDArray[np.int64]:
    """Return the levels of fingerprints, int64 (n, 14)."""
    raw = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(len(fingerprints), SIZE)
    bits = np.unpackbits(raw, axis=1)[:, : 3 * LEVELS].reshape(len(fingerprints), LEVELS, 3)
    return np.asarray(bits.astype(np.int64) @ np.array([4, 2, 1]))
