"""What every fingerprint is: a name, bytes from a picture, and a distance."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from matcher.match import Region
from matcher.picture import Picture

if TYPE_CHECKING:
    from typing_extensions import Self

Floats = NDArray[np.float64]


class Fingerprint(ABC):
    """What one algorithm computes from a picture.

    name, version: identify the bytes; change the version when the same picture would give others.
    family: algorithms that fail together ("frequency", "gradient", "mean", "colour", "bytes", "local", ..).
    views: how the query is turned before it is asked with this algorithm.
    default: part of the default set.
    space: the algorithm whose stored fingerprints this one is compared with; None: its own.
    exact: equal to another tool's only on full-size pixels, so a picture may not be decoded at a reduced scale for it.
    large: kept beside the record, and read only for the few candidates worth a closer look.
    shows_pixels: something of the picture can be seen in the bytes; they never leave Kuato for a sensitive picture.
    settings: names of the settings that `configured` reads; only these are given to the workers.
    confined: computed where the picture is decoded, without files, threads or other programs. What needs these (models, text
        recognition) is computed in a worker of its own, which is given pixels, never the file.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    family: ClassVar[str]
    views: ClassVar[tuple[str, ...]] = ("as is",)
    default: ClassVar[bool] = False
    space: ClassVar[str | None] = None
    exact: ClassVar[bool] = False
    large: ClassVar[bool] = False
    shows_pixels: ClassVar[bool] = False
    settings: ClassVar[tuple[str, ...]] = ()
    confined: ClassVar[bool] = True

    @classmethod
    def configured(cls, settings: Mapping[str, Any]) -> "Self":  # noqa: ARG003 - of those that have settings
        """Return the algorithm as these settings want it; most have none. Raises BadSettings."""
        return cls()

    @abstractmethod
    def compute(self, picture: Picture) -> bytes | None:
        """Return the fingerprint, or None when the picture is too simple for this algorithm."""

    def compute_views(self, picture: Picture) -> dict[str, bytes]:
        """Return the fingerprint of the picture in each of `views`, without those too simple."""
        found = {view: self.compute(picture.view(view)) for view in self.views}
        return {view: fingerprint for view, fingerprint in found.items() if fingerprint is not None}

    @abstractmethod
    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        """Return the distance of the query to each candidate, float64 (n,), 0 (same) to 1 (nothing in common)."""

    def places(self, query: bytes, known: bytes) -> tuple[Region, Region] | None:  # noqa: ARG002 - of those that compare whole pictures
        """Return what part of the query and of the known picture their distance is about; None where it is about the whole of both."""
        return None

    def valid(self, fingerprint: bytes) -> bool:
        """Whether these bytes, from outside, can be a fingerprint of this algorithm and version."""
        return len(fingerprint) > 0

    def tags(self, fingerprint: bytes) -> tuple[str, ...]:  # noqa: ARG002 - of those that tell none
        """Return what a picture with this fingerprint is tagged with when it is added."""
        return ()


class BinaryFingerprint(Fingerprint):
    """A fixed number of bits, most significant first; distance = differing bits / bits."""

    bits: ClassVar[int]

    def valid(self, fingerprint: bytes) -> bool:
        return len(fingerprint) * 8 == self.bits

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        known = np.frombuffer(b"".join(candidates), np.uint8).reshape(len(candidates), self.bits // 8)
        differing = np.bitwise_count(known ^ np.frombuffer(query, np.uint8)).sum(axis=1, dtype=np.int64)
        return np.asarray(differing / self.bits, np.float64)


class SketchedFingerprint(Fingerprint):
    """A fingerprint found by 256 other bits, its sketch, of which two have the more in common the nearer they are.

    reach: up to which distance the sketch finds nearly all.
    """

    SKETCH_BITS: ClassVar[int] = 256

    reach: ClassVar[float] = 0.0

    @abstractmethod
    def sketch(self, fingerprint: bytes) -> bytes:
        """Return the SKETCH_BITS bits that a fingerprint is found by."""


class VectorFingerprint(SketchedFingerprint):
    """A vector of `dimension` whole numbers from 0 to 255, compared by how far apart two are.

    Two metrics, both in 0..1 of the farthest that two vectors can be apart: "euclidean", which is `distance`, and "manhattan".
    """

    METRICS: ClassVar[tuple[str, ...]] = ("euclidean", "manhattan")

    dimension: ClassVar[int]

    def valid(self, fingerprint: bytes) -> bool:
        return len(fingerprint) == self.dimension and any(fingerprint)

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> Floats:
        return self.measured("euclidean", query, candidates)

    def measured(self, metric: str, query: bytes, candidates: Sequence[bytes]) -> Floats:
        """Return the distance of the query to each candidate by one of METRICS, float64 (n,), 0..1."""
        apart = np.abs(self._vectors(candidates) - self._vectors([query]))
        if metric == "manhattan":
            return np.asarray(apart.sum(axis=1) / (255 * self.dimension), np.float64)
        return np.asarray(np.sqrt((apart**2).sum(axis=1)) / (255 * np.sqrt(self.dimension)), np.float64)

    def sketch(self, fingerprint: bytes) -> bytes:
        """Return the signs of the vector's projections, its mean left out."""
        values = np.frombuffer(fingerprint, np.uint8).astype(np.int64)
        return signs(len(values) * values - values.sum())

    def _vectors(self, values: Sequence[bytes]) -> NDArray[np.int64]:
        return np.frombuffer(b"".join(values), np.uint8).reshape(len(values), self.dimension).astype(np.int64)


def signs(vector: NDArray[np.int64]) -> bytes:
    """Return 256 bits, of which two vectors, int64 (n,), have the more in common the smaller the angle between them.

    Each bit is the sign of a projection; by whole numbers only, so that it is the same everywhere and for ever.
    Source: M. Charikar, "Similarity Estimation Techniques from Rounding Algorithms", STOC 2002.
    """
    return np.packbits(_projections(len(vector), SketchedFingerprint.SKETCH_BITS) @ vector > 0).tobytes()


@lru_cache(maxsize=4)
def _projections(dimension: int, bits: int) -> NDArray[np.int64]:
    """Return directions of 1 and -1, (bits, dimension), as good as random."""
    stream = hashlib.shake_256(b"kuato sketch").digest(bits * dimension // 8)
    return np.unpackbits(np.frombuffer(stream, np.uint8)).astype(np.int64).reshape(bits, dimension) * 2 - 1


class VotingFingerprint(Fingerprint):
    """A fingerprint of many items (tiles, features) that finds candidates by the keys they have in common.

    A key is an integer below 2^24 in a slot below 256; equal keys of different slots mean different things.
    """

    @abstractmethod
    def keys(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the slots and keys, int64 (n,) each, under which a picture is filed."""

    @abstractmethod
    def probes(self, fingerprint: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the slots and keys to ask for, and the item each belongs to, int64 (n,) each."""
