"""Crop-resistant hash: the difference hash of each bright or dark region, so that what a crop leaves can be found.

Source: M. Steinebach, H. Liu, Y. Yannikos, "Efficient Cropping-Resistant Robust Image Hashing", ARES 2014; the regions and
hashes are those of ImageHash, github.com/JohannesBuchner/imagehash. The comparison is ours: that library says yes for one
region in common, and its difference depends on the order.
"""

from collections.abc import Sequence

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from matcher.fingerprints.base import VotingFingerprint
from matcher.picture import Picture

SIDE = 300
BRIGHT = 128
SMALLEST = 500  # pixels of 300 x 300 that a region must exceed
MOST = SIDE * SIDE // SMALLEST
# ImageHash stops looking for dark regions when all but so many pixels are dealt with.
LEFT_OVER = 4 * SIDE
NEAR = 16  # bits of 64 that two hashes of one region may differ by
FEWEST = 2

Box = tuple[int, int, int, int]


class CropResistant(VotingFingerprint):
    """The dHash of the box around each region of at least 1/180 of the picture that is bright, then of each that is dark.

    compute: 8 bytes a region; None when no region has a gradient (a flat picture).
    distance: a region counts that has its like in the other picture: each is the other's nearest, and they differ in at most
        16 bits. It weighs 1 - differing bits / 64, and the distance is 1 - their weight, in the picture where that is less, / regions
        of the picture that has fewer, but at least 2: a crop is near to the whole, and one region in common is never enough by
        itself. 0 for equal bytes, 1 without anything in common.
    """

    name, version, family = "crop-resistant", 1, "gradient"
    exact = True

    def compute(self, picture: Picture) -> bytes | None:
        image = Image.fromarray(picture.pixels)
        grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        smooth = np.asarray(grey.filter(ImageFilter.GaussianBlur()).filter(ImageFilter.MedianFilter()))
        scale = np.array([image.width, image.height] * 2) / SIDE
        parts = [image.crop(tuple(np.array(box) * scale)) for box in regions(smooth)]
        # Where nothing is darker than its right neighbour, the hash is zero, and alike for all such regions.
        hashes = [found for part in parts if any(found := np.packbits(imagehash.dhash(part).hash).tobytes())]
        return b"".join(hashes) or None

    def valid(self, fingerprint: bytes) -> bool:
        return len(fingerprint) % 8 == 0 and 0 < len(fingerprint) <= 8 * MOST

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        if not candidates:
            return np.zeros(0)
        lengths = np.array([len(known) // 8 for known in candidates])
        starts = np.cumsum(lengths) - lengths
        ours, theirs = np.frombuffer(query, np.uint64), np.frombuffer(b"".join(candidates), np.uint64)
        differing = np.bitwise_count(ours[:, None] ^ theirs).astype(np.int64)
        of_ours, of_theirs = np.minimum.reduceat(differing, starts, axis=1), differing.min(axis=0)
        alike = (differing == of_theirs) & (differing == np.repeat(of_ours, lengths, axis=1)) & (differing <= NEAR)
        weights = (
            ((1 - of_ours / 64) * np.logical_or.reduceat(alike, starts, axis=1)).sum(axis=0),
            np.add.reduceat((1 - of_theirs / 64) * alike.any(axis=0), starts),
        )
        found = 1 - np.minimum(*weights) / np.maximum(FEWEST, np.minimum(len(ours), lengths))
        equal = np.array([known == query for known in candidates])
        return np.asarray(np.where(equal, 0.0, np.clip(found, 0, 1)), np.float64)

    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        words = np.frombuffer(fingerprint, ">u2").astype(np.int64)
        slots = np.tile(np.arange(4), len(words) // 4)
        return slots[words > 0], words[words > 0]

    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        words = np.frombuffer(fingerprint, ">u2")
        slots, keys = self.keys(fingerprint)
        return slots, keys, np.repeat(np.arange(len(words) // 4), 4)[words > 0]


def regions(grey: NDArray[np.uint8]) -> list[Box]:
    """Return left, top, right, bottom of each region of a grey (300, 300), bright ones first; of the whole if there is none."""
    bright = _connected(grey > BRIGHT)
    found = [box for size, box in bright if size > SMALLEST]
    seen = sum(size for size, _ in bright if size > 1)
    for size, box in _connected(grey <= BRIGHT):
        if seen >= SIDE * SIDE - LEFT_OVER:
            break
        found += [box] if size > SMALLEST else []
        seen += size if size > 1 else 0
    return found or [(0, 0, SIDE, SIDE)]


def _connected(mask: NDArray[np.bool_]) -> list[tuple[int, Box]]:
    """Return size and box of each part of a mask that hangs together, the one met first from the top left first."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    numbers, first = np.unique(labels, return_index=True)
    ordered = [n for n in numbers[np.argsort(first)].tolist() if n > 0]
    return [(int(size), (int(x), int(y), int(x + w), int(y + h))) for x, y, w, h, size in stats[ordered]]
