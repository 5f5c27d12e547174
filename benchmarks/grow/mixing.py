"""Fingerprints of pages that never were: each shows rectangles of two to four real pictures.

A rectangle brings along its local features, in their places and as large as it is shown, and what the small picture has of it. The
descriptor of each feature is blended, bit by bit, from its own and the most alike of two thousand others, so that it differs from every
real one and is as likely as they are: bits flipped at random would be far from all that real pictures have. Hashes are computed from the
small picture that comes of it. So two of these have in common what two crops of one picture saved twice have, and no more with any other
picture than its sources have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.local import COLOURS, COUNT, FEATURE, FEWEST, HEAD, LEVELS, SMALL, STEP
from matcher.picture import Picture

from .stranger import Block, Stranger, divided

PARTS = (2, 3, 4)
OTHERS = 2048
LARGER = 3  # steps of the pyramid by which a rectangle may be shown larger than it has to
DRAWN = 96  # pixels a side of what is hashed

Bits = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Donor:
    """What a real picture gives.

    size: of the grey in which features were sought, in pixels. points: float32 (n, 2), in these. levels: int64 (n,).
    bits, alike: descriptors, and for each the most alike of other pictures', uint8 (n, 16). small: brightness, 0..255, float32 (48, 48).
    colours: uint8 (12, 12), as stored.
    """

    size: tuple[int, int]
    points: Floats
    levels: NDArray[np.int64]
    bits: Bits
    alike: Bits
    small: Floats
    colours: Bits


def donors(values: Sequence[bytes], chance: np.random.Generator) -> list[Donor]:
    """Return what pictures with these local features give."""
    heads = [np.frombuffer(value, HEAD, 1)[0] for value in values]
    features = [np.frombuffer(value, FEATURE, offset=HEAD.itemsize) for value in values]
    bits = np.concatenate([some["bits"] for some in features])
    alike = np.split(most_alike(bits, chance), np.cumsum([len(some) for some in features])[:-1])
    return [_donor(*of_one) for of_one in zip(heads, features, alike, strict=True)]


def most_alike(bits: Bits, chance: np.random.Generator) -> Bits:
    """Return for each descriptor, uint8 (n, 16), the nearest of a few thousand that are not the same."""
    some = bits[chance.permutation(len(bits))[:OTHERS]]
    words, others = np.ascontiguousarray(bits).view(np.uint64), np.ascontiguousarray(some).view(np.uint64)
    nearest = []
    for start in range(0, len(words), 1024):
        part = words[start : start + 1024]
        apart = np.bitwise_count(part[:, None, 0] ^ others[:, 0]) + np.bitwise_count(part[:, None, 1] ^ others[:, 1])
        nearest.append(np.where(apart == 0, 129, apart).argmin(axis=1))
    return some[np.concatenate(nearest)]


def _donor(head: np.void, features: NDArray[np.void], alike: Bits) -> Donor:
    place = features["place"].astype(np.int64)
    nibbles = np.stack([head["small"] >> 4, head["small"] & 15], axis=1).reshape(SMALL, SMALL).astype(np.float32)
    dark, bright = float(head["dark"]), float(head["bright"])
    return Donor(
        (int(head["width"]), int(head["height"])),
        np.stack([place >> 18, place >> 4 & 0x3FFF], axis=1).astype(np.float32) / 8,
        place & 15,
        features["bits"].copy(),
        alike,
        nibbles * np.float32((bright - dark) / 15) + np.float32(dark),
        head["colours"].reshape(COLOURS, COLOURS).copy(),
    )


class Mixer:
    """Makes strangers of real pictures.

    algorithms: whose fingerprints they are to have; all but local features are computed from a drawing.
    """

    def __init__(self, given: Sequence[Donor], algorithms: Mapping[str, Fingerprint], seed: int) -> None:
        self._donors = given
        self._algorithms = algorithms
        self._chance = np.random.default_rng(seed)

    def stranger(self) -> Stranger:
        """Return one more."""
        chance = self._chance
        size = self._any().size
        grey, colours = np.zeros((SMALL, SMALL), np.float32), np.zeros((COLOURS, COLOURS), np.uint8)
        found = [self._shown(block, size, grey, colours) for block in divided(size, int(chance.choice(PARTS)), chance)]
        features = np.concatenate(found)
        features = features[chance.permutation(len(features))[:COUNT]]
        values = {}
        pixels = np.clip(cv2.resize(grey, (DRAWN, DRAWN), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
        picture = Picture(b"", "PNG", (DRAWN, DRAWN), pixels)
        for name, algorithm in self._algorithms.items():
            if name == "local":
                value = _head(size, grey, colours) + features.tobytes() if len(features) >= FEWEST else None
            else:
                value = algorithm.compute(picture)
            if value is not None:
                values[name] = value
        return Stranger("mixed", chance.bytes(32).hex(), size, values)

    def _any(self) -> Donor:
        return self._donors[int(self._chance.integers(len(self._donors)))]

    def _shown(self, block: Block, size: tuple[int, int], grey: Floats, colours: Bits) -> NDArray[np.void]:
        """Show a rectangle of some picture in a block of ours: draw it into the small picture, and return its features."""
        left, top, width, height = block
        donor, chance = self._any(), self._chance
        least = np.ceil(np.log(max(width / donor.size[0], height / donor.size[1])) / np.log(STEP) - 1e-9)
        steps = int(least) + int(chance.integers(LARGER + 1))
        scale = STEP**steps
        seen = width / scale, height / scale
        start = np.array([chance.uniform(0, max(0.0, whole - part)) for whole, part in zip(donor.size, seen, strict=True)], np.float32)
        across, down = (slice(*_cells(at, long, whole, SMALL)) for at, long, whole in zip((left, top), (width, height), size, strict=True))
        _draw(donor, start, seen, grey[down, across])
        across, down = (
            slice(*_cells(at, long, whole, COLOURS)) for at, long, whole in zip((left, top), (width, height), size, strict=True)
        )
        _colour(donor, start, seen, colours[down, across])
        points = (donor.points - start) * np.float32(scale)
        levels = donor.levels + steps
        kept = ((points >= 0) & (points < [width, height])).all(axis=1) & (levels >= 0) & (levels < LEVELS)
        places = np.round((points[kept] + [left, top]) * 8).astype(np.uint32)
        features = np.zeros(len(places), FEATURE)
        features["place"] = places[:, 0] << 18 | places[:, 1] << 4 | levels[kept].astype(np.uint32)
        mask = np.frombuffer(chance.bytes(16 * len(places)), np.uint8).reshape(-1, 16)
        features["bits"] = donor.bits[kept] & mask | donor.alike[kept] & ~mask
        return features


def _cells(start: int, length: int, whole: int, cells: int) -> tuple[int, int]:
    """Return the first cell of a grid that a stretch of the whole lies in, and the one after its last."""
    first = min(round(start / whole * cells), cells - 1)
    return first, max(first + 1, round((start + length) / whole * cells))


def _draw(donor: Donor, start: Floats, seen: tuple[float, float], part: Floats) -> None:
    """Draw what is seen of a picture into a part of a small one."""
    step = [SMALL * length / whole / cells for length, whole, cells in zip(seen, donor.size, part.shape[::-1], strict=True)]
    first = [SMALL * at / whole + s / 2 - 0.5 for at, whole, s in zip(start, donor.size, step, strict=True)]
    matrix = np.array([[step[0], 0, first[0]], [0, step[1], first[1]]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part[:] = cv2.warpAffine(donor.small, matrix, part.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _colour(donor: Donor, start: Floats, seen: tuple[float, float], part: Bits) -> None:
    at = [
        np.clip((first + (np.arange(cells) + 0.5) / cells * length) / whole * COLOURS, 0, COLOURS - 1).astype(np.intp)
        for first, length, whole, cells in zip(start, seen, donor.size, part.shape[::-1], strict=True)
    ]
    part[:] = donor.colours[np.ix_(at[1], at[0])]


def _head(size: tuple[int, int], grey: Floats, colours: Bits) -> bytes:
    small = np.clip(np.rint(grey), 0, 255).astype(np.int64).ravel()
    dark, bright = int(small.min()), int(small.max())
    nibbles = ((small - dark) * 15 + (bright - dark) // 2) // max(1, bright - dark)
    return np.array([(*size, dark, bright, nibbles[::2] << 4 | nibbles[1::2], colours.ravel())], HEAD).tobytes()
