"""pHash, the 64-bit frequency hash.

Source: ImageHash, github.com/JohannesBuchner/imagehash; N. Krawetz, "Looks Like It", 2011.
"""

from typing import Any

import imagehash
from PIL import Image

from matcher.fingerprints.exchange import ExchangeHash


class PHash(ExchangeHash):
    """Which of the 8 x 8 lowest frequencies of the picture, shrunk to 32 x 32, lie above their median.

    compute: 8 bytes, row by row, most significant bit first; None when only the mean does (a flat picture).
    distance: differing bits / 64, in 0..1.
    """

    name, version, family = "phash", 1, "frequency"
    flat = (bytes(8), bytes.fromhex("8000000000000000"))  # black, and any other colour

    def hash_of(self, image: Image.Image) -> Any:
        return imagehash.phash(image)
