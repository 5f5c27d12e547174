"""Local features: up to 200 small places of the picture, described one by one, found again after crops, turns and edits.

Source: E. Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011. The spreading over picture and
scales, and the exhaustive fitting of a transformation (matcher/geometry.py), are ours.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import VotingFingerprint
from matcher.geometry import fit
from matcher.match import Alignment, Region
from matcher.picture import Picture, Pixels

FEATURE = np.dtype([("x", "<u2"), ("y", "<u2"), ("angle", "u1"), ("octave", "u1"), ("bits", "u1", 16)])
UNIT = 65535

# Pixels of the reduced picture in which features are sought, and its longest side.
AREA = 640 * 400
LONGEST = 2000
COUNT = 200
FEWEST = 12
OCTAVES = 6
STEP = 1.4
CONTRAST = 10
CELLS = 8

# Which bits of a descriptor are a key.
SAMPLES = np.random.default_rng(20).permutation(128)[:40].reshape(2, 20)

# How many of 128 bits may differ between two views of one place.
NEAR = 38
TOLERANCE = 0.008
LOOSE = 0.05
FULL = 40.0


class Local(VotingFingerprint):
    """ORB features, spread over the picture and over scales.

    compute: 4 bytes of width and height (uint16, the longer side is 65535), then 22 a feature: x, y (uint16, in 65535ths
        of the longer side), angle (256ths of a turn), octave, 128 bits; None with fewer than 12 features.
    distance: 1 - the features that obey one transformation / 40, at least 0; 1 without any.
    """

    name, version, family = "local", 1, "local"
    views = ("as is", "mirrored", "negative")
    default = True
    large = True

    def compute(self, picture: Picture) -> bytes | None:
        grey = _working(picture)
        if min(grey.shape) <= 30:  # all border to ORB, whose pyramid of so small a picture ends below one pixel and raises
            return None
        detector = cv2.ORB.create(2000, STEP, OCTAVES, 15, 0, 2, cv2.ORB_HARRIS_SCORE, 31, CONTRAST)
        points = detector.detect(grey)
        if len(points) < FEWEST:
            return None
        points = [points[n] for n in _spread(points, grey.shape)]
        points, bits = detector.compute(grey, points)
        if len(points) < FEWEST:
            return None
        longest = max(grey.shape)
        features = np.zeros(len(points), FEATURE)
        places = np.array([point.pt for point in points])
        features["x"], features["y"] = np.round(places.T * (UNIT / longest)).astype(np.uint16)
        features["angle"] = np.round(np.array([point.angle for point in points]) * 256 / 360).astype(np.int64) % 256
        features["octave"] = [point.octave for point in points]
        features["bits"] = bits[:, :16]
        size = np.round(np.array(grey.shape[::-1]) * (UNIT / longest)).astype("<u2")
        return bytes(size.tobytes() + features.tobytes())

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        return np.array([self._between(query, known) for known in candidates], np.float64)

    def _between(self, a: bytes, b: bytes) -> float:
        # The smaller first, so that the distance does not depend on the order.
        return 0.0 if a == b else self.distance_of(self.align(min(a, b), max(a, b)))

    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        keys = self._keys(fingerprint)
        return np.tile(np.arange(len(SAMPLES)), len(keys)), keys.ravel()

    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        slots, keys = self.keys(fingerprint)
        return slots, keys, np.repeat(np.arange(len(keys) // len(SAMPLES)), len(SAMPLES))

    def _keys(self, fingerprint: bytes) -> NDArray[np.int64]:
        bits = np.unpackbits(np.ascontiguousarray(_features(fingerprint)["bits"]), axis=1)
        return np.asarray(bits[:, SAMPLES].astype(np.int64) @ (1 << np.arange(SAMPLES.shape[1])), np.int64)

    def align(self, query: bytes, known: bytes, rarity: NDArray[np.float64] | None = None) -> Alignment | None:
        """Return the transformation that most features of the query obey, None when hardly any do.

        rarity: how rare each feature of the query is in the store, float64 (n,), 0..1; None: unknown.
        """
        a, b = _features(query), _features(known)
        near, far = _mutual(a["bits"], b["bits"])
        if len(near) < 4:
            return None
        weights = np.ones(len(near)) if rarity is None else np.asarray(rarity[near], np.float64)
        a, b = a[near], b[far]
        points, places = _points(a), _points(b)
        turn = (b["angle"].astype(np.float64) - a["angle"]) * (2 * np.pi / 256)
        longest = _size(query).prod() ** 0.5 / _size(known).prod() ** 0.5
        scale = STEP ** (b["octave"].astype(np.float64) - a["octave"]) * longest
        found = fit(points, places, scale * np.exp(1j * turn), np.ones(len(near)), TOLERANCE, LOOSE)
        if found is None:
            return None
        similarity, agree = found
        agree = _distinct(agree, points, places)
        if np.count_nonzero(agree) < 4:
            return None
        return Alignment(
            inliers=int(np.count_nonzero(agree)),
            weight=float(weights[agree].sum()),
            query_region=_region(points[agree], _size(query)),
            known_region=_region(places[agree], _size(known)),
            matrix=similarity.matrix,
        )

    def distance_of(self, alignment: Alignment | None) -> float:
        """Return 1 - inliers / 40, at least 0; 1 without an alignment."""
        return max(0.0, 1.0 - alignment.inliers / FULL) if alignment is not None else 1.0


def _working(picture: Picture) -> Pixels:
    """Return the grey in which features are sought: of one area whatever the shape, so that long pages keep their details."""
    height, width = picture.grey().shape
    scale = min(1.0, (AREA / (height * width)) ** 0.5, LONGEST / max(height, width))
    return picture.grey(max(1, round(max(height, width) * scale)))


def _spread(points: Sequence[cv2.KeyPoint], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return which features to keep: the best of every cell of a grid and of every octave first, then the second best.."""
    places = np.array([point.pt for point in points])
    octave = np.array([point.octave for point in points])
    response = np.array([point.response for point in points])
    side = (shape[0] * shape[1]) ** 0.5 / CELLS
    cell = ((places // side).astype(np.int64) @ np.array([1, 1000])) * OCTAVES + octave
    order: NDArray[np.intp] = np.lexsort((-response, cell))
    starts = np.concatenate([[True], cell[order][1:] != cell[order][:-1]])
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    best: NDArray[np.intp] = np.lexsort((-response[order], rank))[:COUNT]
    return order[best]


def _features(fingerprint: bytes) -> NDArray[np.void]:
    return np.frombuffer(fingerprint, FEATURE, offset=4)


def _size(fingerprint: bytes) -> NDArray[np.float64]:
    return np.frombuffer(fingerprint, "<u2", 2) / UNIT


def _points(features: NDArray[np.void]) -> NDArray[np.complex128]:
    return np.asarray((features["x"] + 1j * features["y"]) / UNIT, np.complex128)


def _mutual(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the features that are each other's nearest, and near."""
    words_a, words_b = (np.ascontiguousarray(bits).view(np.uint64) for bits in (a, b))
    differing = np.bitwise_count(words_a[:, None, 0] ^ words_b[:, 0]) + np.bitwise_count(words_a[:, None, 1] ^ words_b[:, 1])
    nearest, back = differing.argmin(axis=1), differing.argmin(axis=0)
    own = np.arange(len(a))
    keep = (back[nearest] == own) & (differing[own, nearest] <= NEAR)
    return own[keep], nearest[keep]


def _distinct(agree: NDArray[np.bool_], points: NDArray[np.complex128], places: NDArray[np.complex128]) -> NDArray[np.bool_]:
    """Return the flags with one feature a place: several octaves at one corner are one piece of evidence."""
    taken = np.flatnonzero(agree)
    for cells in (points, places):
        rounded = np.round(cells[taken] * 128)
        taken = taken[np.sort(np.unique(rounded, return_index=True)[1])]
    kept = np.zeros(len(agree), np.bool_)
    kept[taken] = True
    return kept


def _region(points: NDArray[np.complex128], size: NDArray[np.float64]) -> Region:
    x, y = points.real / size[0], points.imag / size[1]
    return Region(*(float(min(max(v, 0.0), 1.0)) for v in (x.min(), y.min(), x.max(), y.max())))
