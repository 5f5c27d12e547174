"""pHash simple, the perceptual hash with frequencies along the rows only.

Source: ImageHash, github.com/JohannesBuchner/imagehash; one of Douglas-Quaid's algorithms.
"""

from typing import Any

import imagehash
from PIL import Image

from matcher.fingerprints.exchange import ExchangeHash


class PHashSimple(ExchangeHash):
    """Which of frequencies 1 to 8 of the first 8 rows of the picture, shrunk to 32 x 32, lie above their mean.

    compute: 8 bytes, row by row, most significant bit first; None when none does (a flat picture).
    distance: differing bits / 64, in 0..1.
    """

    name, version, family = "phash-simple", 1, "frequency"

    def hash_of(self, image: Image.Image) -> Any:
        return imagehash.phash_simple(image)
