"""Fingerprints of pages that never were: each shows rectangles of two to four real pictures.

A rectangle brings along its local features, in their places and as large as it is shown, and what the small picture has of it. The
descriptor of each feature is blended, bit by bit, from its own and the most alike of two thousand others, so that it differs from every
real one and is as likely as they are: bits flipped at random would be far from all that real pictures have. So two of these have in common
what two crops of one picture saved twice have, and no more with any other picture than its sources have.

Hashes are those of the small pictures of some thousand such pages, and blends: of two that are alike, bit by bit; tiles, each from either.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.detail import pack, steps
from matcher.fingerprints.base import BinaryFingerprint, Fingerprint
from matcher.fingerprints.local import COLOURS, COUNT, FEATURE, FEWEST, HEAD, LEVELS, SMALL, STEP, detail_at, features_in
from matcher.fingerprints.sub_pictures import HASH, ITEM, PLACE
from matcher.picture import Picture

from .stranger import Block, Stranger, divided

PARTS = (2, 3, 4)
OTHERS = 2048
LARGER = 3  # steps of the pyramid by which a rectangle may be shown larger than it has to
DETAILED = 13_000  # pixels of the detail of a page
DRAWN, NEIGHBOURS = 96, 8  # pixels a side of what is hashed, and how many others its hashes are blended with

Bits = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Donor:
    """What a real picture gives.

    size: of the grey in which features were sought, in pixels. points: float32 (n, 2), in these. levels: int64 (n,).
    bits, alike: descriptors, and for each the most alike of other pictures', uint8 (n, 16). small: brightness, 0..255, float32 (48, 48).
    colours: uint8 (12, 12), as stored. detail: its steps, uint8 (rows, columns).
    """

    size: tuple[int, int]
    points: Floats
    levels: NDArray[np.int64]
    bits: Bits
    alike: Bits
    small: Floats
    colours: Bits
    detail: Bits


def donors(values: Sequence[bytes], chance: np.random.Generator) -> list[Donor]:
    """Return what pictures with these local features give."""
    heads = [np.frombuffer(value, HEAD, 1)[0] for value in values]
    features = [features_in(value) for value in values]
    details = [steps(value[detail_at(value) :]) for value in values]
    bits = np.concatenate([some["bits"] for some in features])
    alike = np.split(most_alike(bits, chance), np.cumsum([len(some) for some in features])[:-1])
    return [_donor(*of_one) for of_one in zip(heads, features, alike, details, strict=True)]


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


def _donor(head: np.void, features: NDArray[np.void], alike: Bits, detail: Bits) -> Donor:
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
        detail,
    )


class Mixer:
    """Makes strangers of real pictures.

    algorithms: whose fingerprints they are to have. hashed: how many are drawn and hashed; the hashes of all are blends of theirs.
    """

    def __init__(self, given: Sequence[Donor], algorithms: Mapping[str, Fingerprint], hashed: int) -> None:
        self._donors = given
        self._algorithms = {name: algorithm for name, algorithm in algorithms.items() if name != "local"}
        self._local = "local" in algorithms
        self._random, self._chance = Random(0), np.random.default_rng(0)
        self._hashes = [self._hashed() for _ in range(hashed)]
        self._having = {name: [some[name] for some in self._hashes if name in some] for name in self._algorithms}
        self._near = self._neighbours()

    def strangers(self, count: int, seed: int) -> Iterator[Stranger]:
        """Yield so many."""
        self._random, self._chance = Random(seed), np.random.default_rng(seed)
        for _ in range(count):
            size, features, grey, colours, detail = self._page()
            values = self._blended()
            if self._local and len(features) >= FEWEST:
                features = features[self._chance.permutation(len(features))[:COUNT]]
                values["local"] = _head(size, grey, colours, len(features)) + features.tobytes() + pack(detail)
            yield Stranger("mixed", self._random.randbytes(32).hex(), size, values)

    def _page(self) -> tuple[tuple[int, int], NDArray[np.void], Floats, Bits, Bits]:
        """Return the size, the features, the small picture, brightness and colours, and the detail of one more page."""
        size = self._random.choice(self._donors).size
        grey, colours = np.zeros((SMALL, SMALL), np.float32), np.zeros((COLOURS, COLOURS), np.uint8)
        finer = min(1.0, (DETAILED / (size[0] * size[1])) ** 0.5)
        detail = np.zeros((max(1, round(size[1] * finer)), max(1, round(size[0] * finer))), np.uint8)
        blocks = divided(size, self._random.choice(PARTS), self._random)
        return size, np.concatenate([self._shown(block, size, grey, colours, detail) for block in blocks]), grey, colours, detail

    def _hashed(self) -> dict[str, bytes]:
        pixels = cv2.resize(self._page()[2], (DRAWN, DRAWN), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        picture = Picture(b"", "PNG", (DRAWN, DRAWN), pixels)
        found = {name: algorithm.compute(picture) for name, algorithm in self._algorithms.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _neighbours(self) -> NDArray[np.intp]:
        """Return for each of the hashes which others are most alike by PDQ, (n, NEIGHBOURS)."""
        pdq = np.frombuffer(b"".join(some.get("pdq", bytes(32)) for some in self._hashes), np.uint64).reshape(-1, 4)
        near = []
        for row in pdq:
            apart = np.bitwise_count(pdq ^ row).sum(axis=1)
            near.append(np.argpartition(apart, NEIGHBOURS)[: NEIGHBOURS + 1])
        return np.array(near)

    def _blended(self) -> dict[str, bytes]:
        """Return hashes between those of two pages that are alike; where one lacks a hash, of the other and any that has it."""
        random, first = self._random, self._random.randrange(len(self._hashes))
        alike = self._hashes[int(random.choice(self._near[first]))]
        found = {}
        for name, whole in self._hashes[first].items():
            value, other = whole, alike.get(name) or random.choice(self._having[name])
            if name == "tiles":
                which = random.getrandbits(16)
                mask = which.to_bytes(2, "big") + b"".join((b"\xff" if which >> n & 1 else b"\0") * 4 for n in range(15, -1, -1))
            elif name == "sub-pictures":
                items = min(len(value), len(other)) // ITEM
                value, other = value[: items * ITEM], other[: items * ITEM]
                mask = b"".join(b"\xff" * PLACE + random.randbytes(HASH) for _ in range(items))
            elif isinstance(self._algorithms[name], BinaryFingerprint):
                mask = random.randbytes(len(value))
            else:
                mask = b"\xff" * len(value)
            blend = bytes(a & m | b & ~m for a, b, m in zip(value, other, mask, strict=True))
            found[name] = blend if self._algorithms[name].valid(blend) else value
        return found

    def _shown(self, block: Block, size: tuple[int, int], grey: Floats, colours: Bits, detail: Bits) -> NDArray[np.void]:
        """Show a rectangle of some picture in a block of ours: draw it into the small picture and the detail, and return its features."""
        left, top, width, height = block
        random, donor = self._random, self._random.choice(self._donors)
        least = math.ceil(math.log(max(width / donor.size[0], height / donor.size[1])) / math.log(STEP) - 1e-9)
        steps = least + random.randint(0, LARGER)
        scale = STEP**steps
        seen = width / scale, height / scale
        x, y = (random.uniform(0, max(0.0, whole - part)) for whole, part in zip(donor.size, seen, strict=True))
        start, part = (x / donor.size[0], y / donor.size[1]), (seen[0] / donor.size[0], seen[1] / donor.size[1])
        for small, ours in ((donor.small, grey), (donor.colours, colours), (donor.detail, detail)):
            across, down = _cells(left, width, size[0], ours.shape[1]), _cells(top, height, size[1], ours.shape[0])
            _draw(small, start, part, ours[down, across])
        inside = (donor.points >= (x, y)) & (donor.points < (x + seen[0], y + seen[1]))
        levels = donor.levels + steps
        kept = np.flatnonzero(inside[:, 0] & inside[:, 1] & (levels >= 0) & (levels < LEVELS))
        places = ((donor.points[kept] - (x, y)) * (8 * scale) + (8 * left + 0.5, 8 * top + 0.5)).astype(np.uint32)
        features = np.empty(len(kept), FEATURE)
        features["place"] = places[:, 0] << 18 | places[:, 1] << 4 | levels[kept].astype(np.uint32)
        mask = np.frombuffer(self._chance.bytes(16 * len(kept)), np.uint8).reshape(-1, 16)
        ours, others = donor.bits[kept], donor.alike[kept]
        features["bits"] = ours ^ ((ours ^ others) & mask)
        return features


def _cells(start: int, length: int, whole: int, cells: int) -> slice:
    """Return the cells of a grid that a stretch of the whole lies in, one at least."""
    first = min(round(start / whole * cells), cells - 1)
    return slice(first, max(first + 1, round((start + length) / whole * cells)))


def _draw(small: NDArray[Any], start: tuple[float, float], seen: tuple[float, float], part: NDArray[Any]) -> None:
    """Draw what is seen of a small picture into a part of another. start, seen: its place and size, as shares of the picture's sides."""
    height, width = small.shape
    step = width * seen[0] / part.shape[1], height * seen[1] / part.shape[0]
    matrix = np.array([[step[0], 0, width * start[0] + step[0] / 2 - 0.5], [0, step[1], height * start[1] + step[1] / 2 - 0.5]], np.float32)
    # Colours are two to a byte, and steps names of sizes, which cannot be averaged.
    how = cv2.INTER_LINEAR if small.dtype == np.float32 else cv2.INTER_NEAREST
    part[:] = cv2.warpAffine(small, matrix, part.shape[::-1], flags=how | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


def _head(size: tuple[int, int], grey: Floats, colours: Bits, features: int) -> bytes:
    small = (grey + 0.5).astype(np.int64).ravel()
    dark, bright = int(small.min()), int(small.max())
    nibbles = ((small - dark) * 15 + (bright - dark) // 2) // max(1, bright - dark)
    return np.array([(*size, dark, bright, nibbles[::2] << 4 | nibbles[1::2], colours.ravel(), features)], HEAD).tobytes()
