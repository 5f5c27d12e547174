"""Fingerprints that are found by a sketch: 256 bits of which two have the more in common the smaller the angle between them."""

import hashlib
from abc import abstractmethod
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.base import Fingerprint


class SketchedFingerprint(Fingerprint):
    """A fingerprint filed, in a band index, under bits other than its own."""

    SKETCH_BITS: ClassVar[int] = 256

    @abstractmethod
    def sketch(self, fingerprint: bytes) -> bytes:
        """Return the SKETCH_BITS bits that a fingerprint is found by."""


def signs(vector: NDArray[np.int8]) -> bytes:
    """Return 256 bits, each the sign of a projection of a vector, int8 (n,); by whole numbers, so the same everywhere.

    Source: M. Charikar, "Similarity Estimation Techniques from Rounding Algorithms", STOC 2002.
    """
    return np.packbits(_projections(len(vector), SketchedFingerprint.SKETCH_BITS) @ vector.astype(np.int64) > 0).tobytes()


@lru_cache(maxsize=4)
def _projections(dimension: int, bits: int) -> NDArray[np.int64]:
    """Return directions of 1 and -1, (bits, dimension), as good as random."""
    stream = hashlib.shake_256(b"kuato sketch").digest(bits * dimension // 8)
    return np.unpackbits(np.frombuffer(stream, np.uint8)).astype(np.int64).reshape(bits, dimension) * 2 - 1
