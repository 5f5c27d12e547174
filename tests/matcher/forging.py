"""Pictures and fingerprints that somebody made so that they collide."""

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.extraction import Fingerprints
from tests.matcher.pictures import photo


def hybrid(seen: NDArray[np.uint8], hidden: NDArray[np.uint8], strength: float = 1.0) -> NDArray[np.uint8]:
    """A picture that shows the fine detail of one, and has all the low frequencies, and so the PDQ, of another; uint8 as `seen`."""
    low = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), 7)
    high = seen.astype(np.float32) - cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 5)
    return np.asarray(np.clip(low + strength * high, 0, 255), np.uint8)


def detailed(seed: int) -> NDArray[np.uint8]:
    """A picture full of sharp detail, as a page of text is, uint8 (384, 512, 3)."""
    chance = np.random.default_rng(seed)
    picture = photo(512, 384, seed)
    for _ in range(160):
        x, y = (int(chance.integers(0, most)) for most in (500, 370))
        colour = [int(value) for value in chance.integers(0, 256, 3)]
        cv2.rectangle(picture, (x, y), (x + int(chance.integers(3, 40)), y + int(chance.integers(3, 12))), colour, -1)
    return picture


def forged(number: int, hash: bytes) -> Fingerprints:
    """Fingerprints of a picture with this PDQ and otherwise nothing in common with any other."""
    data = np.random.default_rng(10_000 + number).bytes(32 + 64)
    values = {"pdq": hash, "tiles": b"\xff\xff" + data[32:]}
    return Fingerprints(data[:32].hex(), "PNG", (640, 480), 1234, {"as is": values})
