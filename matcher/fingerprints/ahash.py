"""aHash, the average hash.

Source: ImageHash, github.com/JohannesBuchner/imagehash; N. Krawetz, "Looks Like It", 2011.
"""

from typing import Any

import imagehash
from PIL import Image

from matcher.fingerprints.exchange import ExchangeHash


class AHash(ExchangeHash):
    """Which pixels of the picture, shrunk to 8 x 8, are brighter than their mean.

    compute: 8 bytes, row by row, most significant bit first; None when no pixel is (a flat picture).
    distance: differing bits / 64, in 0..1.
    """

    name, version, family = "ahash", 1, "mean"

    def hash_of(self, image: Image.Image) -> Any:
        return imagehash.average_hash(image)
