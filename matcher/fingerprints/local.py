"""Local features: up to 200 small places of the picture, described one by one, found again after crops, banners and edits.

Source: E. Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011. Ours: equal shares for all scales and
parts of the picture, descriptors that are not turned (screens stand upright, and upright ones tell more apart), and the
picture in a few pixels kept with them.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.alignment import Features, align, beyond
from matcher.detail import encode, valid
from matcher.fingerprints.base import VotingFingerprint
from matcher.likelihood import strength
from matcher.match import Alignment, Region
from matcher.overlay import Small
from matcher.picture import Picture, Pixels

# Pixels of the reduced picture in which features are sought, whatever its shape, and its longest side; how many are
# sought, and how many kept.
AREA = 200_000
LONGEST = 2000
SOUGHT = 1400
COUNT = 200
FEWEST = 12
LEVELS = 12
STEP = 1.2
CONTRAST = 10
BORDER = 15  # pixels along each edge in which no feature is sought
CELLS = 5
# Pixels a side that are kept of the brightness, and of the colours.
SMALL, COLOURS = 48, 12
# A step of the 4 bits that keep a colour, of 8-bit Cb and Cr.
COLOUR_STEP = 10

HEAD = np.dtype(
    [
        *(("width", "<u2"), ("height", "<u2"), ("dark", "u1"), ("bright", "u1")),
        *(("small", "u1", SMALL * SMALL // 2), ("colours", "u1", COLOURS * COLOURS), ("features", "<u2")),
    ]
)
# place: x and y in eighths of a pixel, 14 bits each, and the level, 4 bits.
FEATURE = np.dtype([("place", "<u4"), ("bits", "u1", 16)])

# Which bits of a descriptor make a key: 28, because ORB's are far from independent, hashed to 20.
SAMPLES = np.random.default_rng(20).permutation(128)[:56].reshape(2, 28)
KEY_BITS = 20
SCATTER = np.uint64(0x9E3779B97F4A7C15)


class Local(VotingFingerprint):
    """ORB features, spread over the picture and over scales.

    compute: width and height of the reduced picture (uint16), its darkest and brightest value, 48 x 48 pixels of 4 bits
        between those, 12 x 12 of Cb and Cr, 4 bits each, how many features (uint16), and for each 20 bytes: place and level (uint32),
        128 bits; then the detail, as `detail.encode` gives it. None with fewer than 12 features.
    distance: 1 / (1 + odds that the pictures show the same); 1 without an alignment, 0 for equal bytes.
    """

    name, version, family = "local", 3, "local"
    views = ("as is", "mirrored", "negative")
    default = True
    large = True
    shows_pixels = True  # the small picture

    def compute(self, picture: Picture) -> bytes | None:
        grey = _working(picture)
        if min(grey.shape) <= 2 * BORDER:  # of a few pixels OpenCV cannot make its smaller scales
            return None
        detector = cv2.ORB.create(SOUGHT, STEP, LEVELS, BORDER, 0, 2, cv2.ORB_HARRIS_SCORE, 31, CONTRAST)
        points = detector.detect(grey)
        if len(points) < FEWEST:
            return None
        points = [points[n] for n in _spread(points, grey.shape)]
        for point in points:
            point.angle = 0.0
        points, bits = detector.compute(grey, points)
        if len(points) < FEWEST:
            return None
        features = np.zeros(len(points), FEATURE)
        places = np.round(_places(points) * 8).astype(np.uint32)
        features["place"] = places[:, 0] << 18 | places[:, 1] << 4 | np.array([point.octave for point in points], np.uint32)
        features["bits"] = bits[:, :16]
        return bytes(_head(grey, picture, len(features)).tobytes() + features.tobytes() + encode(grey))

    def valid(self, fingerprint: bytes) -> bool:
        if len(fingerprint) < HEAD.itemsize:
            return False
        head = np.frombuffer(fingerprint, HEAD, 1)[0]
        sound = FEWEST <= head["features"] <= COUNT and 0 < head["width"] <= LONGEST and 0 < head["height"] <= LONGEST
        return bool(sound and valid(fingerprint[detail_at(fingerprint) :]))

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        return np.array([self._between(query, known) for known in candidates], np.float64)

    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        keys = _keys(fingerprint)
        return np.tile(np.arange(len(SAMPLES)), len(keys)), keys.ravel()

    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        slots, keys = self.keys(fingerprint)
        return slots, keys, np.repeat(np.arange(len(keys) // len(SAMPLES)), len(SAMPLES))

    def align(self, query: bytes, known: bytes, rarity: NDArray[np.float64] | None = None) -> Alignment | None:
        """Return the transformation that most features of the query obey, None when hardly any do.

        rarity: how rare each feature of the query is in the store, float64 (n,), 0..1; None: unknown.
        """
        return align(_features(query), _features(known), rarity)

    def beyond(self, query: bytes, known: bytes, alignment: Alignment, spots: Sequence[Region]) -> tuple[int, int]:
        """Return how many features of aligned pictures agree that lie outside some regions of the query, and how many could."""
        return beyond(_features(query), _features(known), alignment, spots)

    def distance_of(self, alignment: Alignment | None) -> float:
        """Return 1 / (1 + odds that two pictures with this alignment show the same); 1 without one."""
        return 1.0 if alignment is None else 1.0 / (1.0 + math.exp(strength(alignment)))

    def _between(self, a: bytes, b: bytes) -> float:
        # The smaller first, so that the distance does not depend on the order.
        return 0.0 if a == b else self.distance_of(self.align(min(a, b), max(a, b)))


def _working(picture: Picture) -> Pixels:
    """Return the grey in which features are sought: of one area whatever the shape, so that long pages keep their details."""
    grey = picture.grey()
    height, width = grey.shape
    scale = min(1.0, (AREA / (height * width)) ** 0.5, LONGEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Halving is many times faster than any other step, and leaves it less to do.
    while grey.shape[1] >= 2 * size[0] and grey.shape[0] >= 2 * size[1]:
        even = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
        grey = np.asarray(cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8)
    return grey if scale == 1.0 else np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _spread(points: Sequence[cv2.KeyPoint], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return which features to keep: of every level as many, and there the best of every cell, then the second best .."""
    level = np.array([point.octave for point in points], np.uint16)
    side = (shape[0] * shape[1]) ** 0.5 / CELLS
    across, down = (_places(points) // side).astype(np.uint16).T
    best_first = np.argsort(-np.array([point.response for point in points]), kind="stable")
    round_of_cell = _ranks(best_first, (down << 10 | across << 4 | level))
    in_level = _ordered(best_first, round_of_cell)
    return _ordered(_ordered(np.arange(len(points)), level), _ranks(in_level, level))[:COUNT]


def _places(points: Sequence[cv2.KeyPoint]) -> NDArray[np.float64]:
    """Return x and y of each feature, (n, 2)."""
    return np.asarray(cv2.KeyPoint.convert(points), np.float64)


def _ordered(order: NDArray[np.intp], by: NDArray[np.uint16]) -> NDArray[np.intp]:
    """Return an order of all in which first counts what they are sorted by, then the order given."""
    return order[np.argsort(by[order], kind="stable")]  # of 16 bits in linear time


def _ranks(order: NDArray[np.intp], groups: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the rank of each of all in its group, 0 for the first in order."""
    grouped = _ordered(order, groups)
    starts = np.diff(groups[grouped], prepend=~groups[grouped[:1]]) != 0
    places = np.arange(len(order))
    ranks = np.empty(len(order), np.uint16)
    ranks[grouped] = places - np.maximum.accumulate(np.where(starts, places, 0))
    return ranks


def detail_at(fingerprint: bytes) -> int:
    """Return at which byte the features end and the detail begins."""
    return HEAD.itemsize + int(np.frombuffer(fingerprint, HEAD, 1)[0]["features"]) * FEATURE.itemsize


def features_in(fingerprint: bytes) -> NDArray[np.void]:
    """Return the features as they are kept, FEATURE (n,)."""
    return np.frombuffer(fingerprint[HEAD.itemsize : detail_at(fingerprint)], FEATURE)


def _head(grey: Pixels, picture: Picture, features: int) -> NDArray[np.void]:
    small = cv2.resize(grey, (SMALL, SMALL), interpolation=cv2.INTER_AREA).astype(np.int64).ravel()
    dark, bright = int(small.min()), int(small.max())
    nibbles = ((small - dark) * 15 + (bright - dark) // 2) // max(1, bright - dark)
    colours = np.clip(np.rint(_chroma(picture) / COLOUR_STEP) + 8, 0, 15).astype(np.uint8)
    size = grey.shape[1], grey.shape[0]
    return np.array([(*size, dark, bright, nibbles[::2] << 4 | nibbles[1::2], colours[:, 0] << 4 | colours[:, 1], features)], HEAD)


def _chroma(picture: Picture) -> NDArray[np.float64]:
    """Return Cb and Cr of the picture in a few pixels, row by row, (n, 2), 0 for grey."""
    if picture.pixels.ndim == 2:
        return np.zeros((COLOURS * COLOURS, 2))
    # What averages cost is the pixels read: every third or so of a large picture tells its colours as well.
    step = max(1, min(picture.pixels.shape[:2]) // 256)
    some = np.ascontiguousarray(picture.pixels.view("V3")[::step, ::step, 0])  # three bytes at a time
    few = cv2.resize(some.view(np.uint8).reshape(*some.shape, 3), (COLOURS, COLOURS), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(few, cv2.COLOR_RGB2YCrCb).reshape(-1, 3)[:, :0:-1].astype(np.float64) - 128


@lru_cache(maxsize=8)  # a query is compared with one candidate after the other
def _features(fingerprint: bytes) -> Features:
    head = np.frombuffer(fingerprint, HEAD, 1)[0]
    found = features_in(fingerprint)
    place = found["place"].astype(np.int64)
    return Features(
        width=int(head["width"]),
        height=int(head["height"]),
        points=np.asarray(((place >> 18) + 1j * (place >> 4 & 0x3FFF)) / 8, np.complex128),
        levels=(place & 15).astype(np.float64),
        bits=np.ascontiguousarray(found["bits"]),
        step=STEP,
        small=_small(head),
        detail=fingerprint[detail_at(fingerprint) :],
    )


def _small(head: np.void) -> Small:
    side = (float(head["width"]) * float(head["height"])) ** 0.5
    dark, range = float(head["dark"]), float(head["bright"]) - float(head["dark"])
    packed, colours = head["small"], head["colours"]
    small = np.stack([packed >> 4, packed & 15], axis=1).reshape(SMALL, SMALL).astype(np.float32)
    cb, cr = ((half.reshape(COLOURS, COLOURS).astype(np.float32) - 8) * COLOUR_STEP for half in (colours >> 4, colours & 15))
    return Small(head["width"] / side, head["height"] / side, small * np.float32(range / 15) + np.float32(dark), (cb, cr))


def _keys(fingerprint: bytes) -> NDArray[np.int64]:
    """Return the key of each feature in each sample, (features, samples)."""
    bits = np.unpackbits(np.ascontiguousarray(features_in(fingerprint)["bits"]), axis=1)
    sampled = bits[:, SAMPLES].astype(np.uint64) @ (np.uint64(1) << np.arange(SAMPLES.shape[1], dtype=np.uint64))
    return np.asarray((sampled * SCATTER) >> np.uint64(64 - KEY_BITS), np.int64)
