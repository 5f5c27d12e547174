"""dHash, the difference hash.

Source: ImageHash, github.com/JohannesBuchner/imagehash; N. Krawetz, "Kind of Like That", 2013.
"""

from typing import Any

import imagehash
from PIL import Image

from matcher.fingerprints.exchange import ExchangeHash


class DHash(ExchangeHash):
    """Which pixels of the picture, shrunk to 9 x 8, are darker than their right neighbour.

    compute: 8 bytes, row by row, most significant bit first; None when no pixel is (a flat picture).
    distance: differing bits / 64, in 0..1.
    """

    name, version, family = "dhash", 1, "gradient"

    def hash_of(self, image: Image.Image) -> Any:
        return imagehash.dhash(image)
