"""ORB with RANSAC: the features of two pictures matched one by one, and how many matches one perspective explains.

Source: Douglas-Quaid's RANSAC_ORB, as it was meant. (It kept only identical descriptors, and threw the perspective away.)
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import Fingerprint
from matcher.orb import BYTES, MOST, Keypoints, keypoints
from matcher.picture import Picture

FEWEST = 5  # four points fix a perspective, so that five are the fewest that can agree on one
NEAR = 64  # bits of 256 that the descriptors of one place may differ by
PIXELS = 5.0
# Unrelated pictures have up to so many inliers; beyond, so many more halve what is left of the distance.
CHANCE = 10
HALF = 10
FEATURE = np.dtype([("x", "<u2"), ("y", "<u2"), ("bits", "u1", BYTES)])
PARTS = 32  # of a pixel, in which places are kept


class ORBRansac(Fingerprint):
    """500 ORB features with their places (at most 1,000, where many are equally strong).

    compute: 36 bytes a feature: x and y in 32nds of a pixel of the picture at most 2,048 a side (uint16), 256 bits; None
        with fewer than 5 features.
    distance: 1 / (1 + (inliers - 10) / 10), 1 for 10 or fewer: pairs of features that are each other's nearest and differ
        in less than 64 bits, and lie within 5 pixels of one perspective (RANSAC). 0 for equal bytes.
    """

    name, version, family = "orb-ransac", 1, "local"
    large = True
    shows_pixels = True  # descriptors can be turned back into something like the picture

    def compute(self, picture: Picture) -> bytes | None:
        found = keypoints(picture)
        return packed(found) if len(found) >= FEWEST else None

    def valid(self, fingerprint: bytes) -> bool:
        features, rest = divmod(len(fingerprint), FEATURE.itemsize)
        return rest == 0 and FEWEST <= features <= MOST

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        return np.array([_between(query, known) for known in candidates], np.float64)


def packed(found: Keypoints) -> bytes:
    """Return features as bytes."""
    features = np.zeros(len(found), FEATURE)
    places = np.round(found.points * PARTS).astype(np.uint16)
    features["x"], features["y"], features["bits"] = places[:, 0], places[:, 1], found.descriptors
    return features.tobytes()


def unpacked(fingerprint: bytes) -> Keypoints:
    """Return the features that `packed` was given, places to a 64th of a pixel."""
    features = np.frombuffer(fingerprint, FEATURE)
    points = np.stack([features["x"], features["y"]], axis=1).astype(np.float32) / PARTS
    return Keypoints(np.asarray(points, np.float32), np.ascontiguousarray(features["bits"]))


def matches(a: Keypoints, b: Keypoints) -> NDArray[np.int64]:
    """Return the pairs of features that are each other's nearest: index in a, index in b, differing bits, int64 (n, 3)."""
    if not len(a) or not len(b):
        return np.zeros((0, 3), np.int64)
    found = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(a.descriptors, b.descriptors)
    return np.array([(m.queryIdx, m.trainIdx, m.distance) for m in found], np.int64).reshape(-1, 3)


def inliers(a: Keypoints, b: Keypoints) -> int:
    """Return how many matches of less than 64 bits one perspective explains to 5 pixels; 0 where there is none."""
    near = matches(a, b)
    near = near[near[:, 2] < NEAR]
    if len(near) < FEWEST:
        return 0
    found, agreeing = cv2.findHomography(a.points[near[:, 0]], b.points[near[:, 1]], cv2.RANSAC, PIXELS)
    return int(agreeing.sum()) if found is not None else 0


def _between(a: bytes, b: bytes) -> float:
    if a == b:
        return 0.0
    # The smaller first: RANSAC draws other samples of the same matches in another order.
    first, second = (unpacked(fingerprint) for fingerprint in sorted((a, b)))
    return 1 / (1 + max(inliers(first, second) - CHANCE, 0) / HALF)
