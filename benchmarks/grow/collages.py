"""Pixels that nobody ever saw: crops of two to four real pictures side by side on a ground of their own."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.decode import Limits, decode
from matcher.errors import BadPicture
from matcher.fingerprints.base import Fingerprint
from matcher.picture import Picture

from .stranger import Stranger, divided

SIZES = ((1280, 800), (1366, 768), (1024, 1300), (800, 600), (640, 800), (500, 375))
PARTS = (2, 3, 4)
GAPS = (0, 0, 4, 16)
LONGEST = 1400
# Pictures that are decoded together, and collages that are made of them.
DECODED, EACH = 150, 3

Pixels = NDArray[np.uint8]


def collages(files: Sequence[Path], count: int, algorithms: Mapping[str, Fingerprint], limits: Limits, seed: int) -> Iterator[Stranger]:
    """Yield so many."""
    chance = Random(seed)
    made = 0
    while made < count:
        some = chance.sample(files, min(DECODED, len(files)))
        pictures = [pixels for path in some if (pixels := _pixels(path, limits)) is not None]
        for _ in range(min(count - made, EACH * len(pictures))):
            yield _collage(pictures, algorithms, chance)
            made += 1


def _pixels(path: Path, limits: Limits) -> Pixels | None:
    try:
        return decode(path.read_bytes(), limits, name=path.name).rgb(LONGEST)
    except BadPicture:
        return None


def _collage(pictures: Sequence[Pixels], algorithms: Mapping[str, Fingerprint], chance: Random) -> Stranger:
    size = chance.choice(SIZES)
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    pixels[:] = [chance.randrange(256) for _ in range(3)] if chance.random() < 0.5 else 255
    gap = chance.choice(GAPS)
    for left, top, width, height in divided(size, chance.choice(PARTS), chance):
        width, height = max(1, width - gap), max(1, height - gap)
        given = chance.choice(pictures)
        scale = max(width / given.shape[1], height / given.shape[0]) * chance.uniform(1, 1.7)
        seen = [max(1, round(length / scale)) for length in (height, width)]
        y, x = (chance.randrange(max(1, whole - part + 1)) for whole, part in zip(given.shape, seen, strict=False))
        part = given[y : y + seen[0], x : x + seen[1]]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pixels[top : top + height, left : left + width] = cv2.resize(part, (width, height), interpolation=how)
    picture = Picture(b"", "PNG", size, pixels)
    values = {name: value for name, algorithm in algorithms.items() if (value := algorithm.compute(picture)) is not None}
    return Stranger("collage", chance.randbytes(32).hex(), size, values)
