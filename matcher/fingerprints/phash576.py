"""The pHash of 576 bits: as pHash, but of the 24 x 24 lowest frequencies, which tell near duplicates from look-alikes.

Source: github.com/qwertyforce/ambience and phash_web; equal to ImageHash's phash(hash_size=24).
"""

from typing import Any

import imagehash
import numpy as np
from PIL import Image

from matcher.fingerprints.base import BinaryFingerprint
from matcher.picture import Picture

SIDE = 24
SHRUNK = 96
# Black, and any other one colour: nothing but the mean.
FLAT = (bytes(SIDE * SIDE // 8), b"\x80" + bytes(SIDE * SIDE // 8 - 1))


class PHash576(BinaryFingerprint):
    """Which of the 24 x 24 lowest frequencies of the picture, shrunk to 96 x 96, are above their median.

    compute: 72 bytes, row by row, most significant bit first; None for a flat picture.
    distance: differing bits / 576, in 0..1; ambience takes 64 bits or fewer for a duplicate, unrelated pictures differ in 260 to 318.
    The mirrored query is the shrunk picture mirrored, as ambience has it.
    """

    name, version, family, bits = "phash-576", 1, "frequency", SIDE * SIDE
    views = ("as is", "mirrored")
    exact = True

    def compute(self, picture: Picture) -> bytes | None:
        return _signs(_shrunk(picture))

    def compute_views(self, picture: Picture) -> dict[str, bytes]:
        small = _shrunk(picture)
        found = {"as is": _signs(small), "mirrored": _signs(small.transpose(Image.Transpose.FLIP_LEFT_RIGHT))}
        return {view: value for view, value in found.items() if value is not None}


def _shrunk(picture: Picture) -> Image.Image:
    return Image.fromarray(picture.pixels).convert("L").resize((SHRUNK, SHRUNK), Image.Resampling.LANCZOS)


def _signs(small: Image.Image) -> bytes | None:
    # Of a picture of 96 x 96 ImageHash takes the pixels as they are.
    found: Any = imagehash.phash(small, hash_size=SIDE, highfreq_factor=SHRUNK // SIDE).hash
    value = np.packbits(found).tobytes()
    return None if value in FLAT else value
