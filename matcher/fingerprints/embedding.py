"""An embedding: what a neural network of the operator's choice sees in a picture, as a vector.

Any image encoder in ONNX will do; docs/algorithms-optional.md tells how SSCD, DINOv2 and CLIP are described.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import BadRequest, BadSettings
from matcher.fingerprints.base import SketchedFingerprint, signs
from matcher.models.description import Description
from matcher.models.expansion import expanded
from matcher.models.network import ImageNetwork, Vector, extra, unit
from matcher.models.textencoder import TextEncoder
from matcher.models.whitening import Whitening
from matcher.picture import Picture

if TYPE_CHECKING:
    from typing_extensions import Self

_DIGEST = 4
_MOST = 16_384  # dimensions


class Embedding(SketchedFingerprint):
    """The direction of a network's output vector, whitened if so described.

    compute: 4 bytes that tell the model, then a number of -127 to 127 for each dimension; None where the vector is zero.
    distance: (1 - cosine) / 2; 1 between vectors of two models. Unrelated pictures lie near 0.5.
    version: follows from the model, so that a store with vectors of another is told by `kuato upgrade` and never mixed.
    """

    name, version, family = "embedding", 1, "embedding"
    shows_pixels = True  # networks have been trained that draw from a vector what was seen
    confined = False

    def __init__(self, described: Description | None = None) -> None:
        self._described = described
        if described is not None:
            self.version = 1 + int.from_bytes(described.digest, "little") % 255  # type: ignore[misc]
            self._image = ImageNetwork(described.image)
            self._text = TextEncoder(described.text) if described.text else None
            self._whitening = Whitening.load(described.image.whitening) if described.image.whitening else None

    @classmethod
    def configured(cls, settings: Mapping[str, Any]) -> "Self":
        return cls(required(settings, "embedding.model", cls.name))

    @property
    def whitened(self) -> bool:
        """Whether the vectors are whitened."""
        return self._described is not None and self._whitening is not None

    def compute(self, picture: Picture) -> bytes | None:
        if self._described is None:
            raise BadSettings("fingerprint embedding has no model; name its description (embedding.model)")
        return self._packed(self._image.vector(picture.rgb()))

    def describe(self, text: str) -> bytes:
        """Return the fingerprint that a picture would have which shows what the text says. Raises BadRequest, BadSettings."""
        if self._described is None or self._text is None:
            raise BadRequest("the embedding's model takes no descriptions in words; it needs a table [text] (embedding.model)")
        found = self._packed(self._text(text))
        if found is None:
            raise BadRequest("the model makes nothing of this text")
        return found

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        asked = _numbers(query)
        distances = np.ones(len(candidates))
        like = [n for n, one in enumerate(candidates) if len(one) == len(query) and one[:_DIGEST] == query[:_DIGEST]]
        if like:
            known = np.stack([_numbers(candidates[n]) for n in like])
            # Of whole numbers, so that the product of equal lengths is a square, and the distance of equals exactly 0.
            lengths = np.sqrt((known**2).sum(axis=1).astype(np.float64) * float((asked**2).sum()))
            distances[like] = np.clip((1 - (known @ asked) / np.maximum(lengths, 1.0)) / 2, 0.0, 1.0)
        return distances

    def valid(self, fingerprint: bytes) -> bool:
        return _DIGEST < len(fingerprint) <= _DIGEST + _MOST and any(fingerprint[_DIGEST:])

    def sketch(self, fingerprint: bytes) -> bytes:
        return signs(_numbers(fingerprint))

    def expanded(self, query: bytes, known: Sequence[bytes], n: int, alpha: float) -> bytes:
        """Return the query moved towards its `n` nearest of these fingerprints: alpha query expansion."""
        like = [one for one in known if len(one) == len(query) and one[:_DIGEST] == query[:_DIGEST]]
        if not like:
            return query
        vector = expanded(_numbers(query), np.stack([_numbers(one) for one in like]), n, alpha)
        return query[:_DIGEST] + packed(vector)

    def _packed(self, vector: Vector) -> bytes | None:
        if self._described is None or not np.any(vector):
            return None
        seen = unit(vector)
        if self._whitening is not None:
            if seen.shape != self._whitening.mean.shape:
                sizes = f"{len(self._whitening.mean)} dimensions, the model's output has {len(seen)}"
                raise BadSettings(f"{self._described.image.where}: the whitening has {sizes}")
            seen = unit(self._whitening(seen))
        return self._described.digest + packed(seen) if np.any(seen) else None


def vector_of(fingerprint: bytes) -> Vector:
    """Return the vector of a fingerprint at length 1, float32 (n,)."""
    return unit(_numbers(fingerprint))


def packed(vector: NDArray[Any]) -> bytes:
    """Return a vector as a number of -127 to 127 a dimension; the largest becomes 127 or -127."""
    return bytes(np.round(vector * (127 / np.abs(vector).max())).astype(np.int8).tobytes())


def required(settings: Mapping[str, Any], setting: str, name: str) -> Description:
    """Return the description that a setting names. Raises BadSettings where there is none, or the extra is missing."""
    if not settings[setting]:
        raise BadSettings(f"fingerprint {name} has no model; name its description ({setting})")
    extra("onnxruntime")
    return Description.load(settings[setting], setting)


def _numbers(fingerprint: bytes) -> NDArray[np.int64]:
    return np.frombuffer(fingerprint, np.int8, offset=_DIGEST).astype(np.int64)
