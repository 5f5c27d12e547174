"""wHash, the wavelet hash.

Source: ImageHash, github.com/JohannesBuchner/imagehash; D. Petrov, "Wavelet image hash in Python", 2016.
"""

from typing import Any

import imagehash
from PIL import Image

from matcher.fingerprints.exchange import ExchangeHash


class WHash(ExchangeHash):
    """Which of the 8 x 8 lowest Haar coefficients of the picture, its mean taken out, lie above their median.

    compute: 8 bytes, row by row, most significant bit first; None when none does (a flat picture).
    distance: differing bits / 64, in 0..1.
    """

    name, version, family = "whash", 1, "mean"

    def hash_of(self, image: Image.Image) -> Any:
        return imagehash.whash(image)
