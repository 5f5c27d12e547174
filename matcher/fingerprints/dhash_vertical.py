"""dHash vertical, the difference hash from top to bottom.

Source: ImageHash, github.com/JohannesBuchner/imagehash; one of Douglas-Quaid's algorithms.
"""

from typing import Any

import imagehash
from PIL import Image

from matcher.fingerprints.exchange import ExchangeHash


class DHashVertical(ExchangeHash):
    """Which pixels of the picture, shrunk to 8 x 9, are darker than the one below.

    compute: 8 bytes, row by row, most significant bit first; None when no pixel is (a flat picture).
    distance: differing bits / 64, in 0..1.
    """

    name, version, family = "dhash-vertical", 1, "gradient"

    def hash_of(self, image: Image.Image) -> Any:
        return imagehash.dhash_vertical(image)
