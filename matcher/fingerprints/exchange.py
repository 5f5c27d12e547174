"""What the four hashes of ImageHash share: they equal that library's, bit for bit, so they can be exchanged with others."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from matcher.fingerprints.base import BinaryFingerprint
from matcher.picture import Picture


class ExchangeHash(BinaryFingerprint):
    """A 64-bit hash as ImageHash 4.3 computes it from the full-size picture, where its cost lies: on request only.

    flat: the hashes of pictures of one colour, and of many nearly blank pages: they identify nothing.
    """

    bits = 64
    exact = True
    flat: ClassVar[tuple[bytes, ...]] = (bytes(8),)

    def compute(self, picture: Picture) -> bytes | None:
        found = np.packbits(self.hash_of(Image.fromarray(picture.pixels)).hash).tobytes()
        return None if found in self.flat else found

    @abstractmethod
    def hash_of(self, image: Image.Image) -> Any:
        """Return the ImageHash of the image, 8 x 8 bits."""
