"""What kind of scene a picture shows, as a classifier of the operator's choice says; told as tags when a picture is added."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import BadSettings
from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.embedding import required
from matcher.models.description import Description
from matcher.models.network import ImageNetwork
from matcher.picture import Picture

if TYPE_CHECKING:
    from typing_extensions import Self

TAG = "kuato-scene"


class Scene(Fingerprint):
    """The likeliest labels.

    compute: a line each, its percent and the label, the likeliest first; None where none is likely enough.
    distance: 1 - weighted Jaccard similarity of the percents.
    """

    name, version, family = "scene", 1, "embedding"
    shows_pixels = True  # what is to be seen
    confined = False

    def __init__(self, described: Description | None = None) -> None:
        self._described = described.labels if described else None
        if described is None:
            return
        if self._described is None:
            raise BadSettings(f"{described.image.where}: a table [labels] is missing; it names their file (embedding.scene)")
        self.version = 1 + int.from_bytes(described.digest, "little") % 255  # type: ignore[misc]
        self._image = ImageNetwork(described.image)
        self._labels = self._described.file.read_text(encoding="utf-8").splitlines()

    @classmethod
    def configured(cls, settings: Mapping[str, Any]) -> "Self":
        return cls(required(settings, "embedding.scene", cls.name))

    def compute(self, picture: Picture) -> bytes | None:
        described = self._described
        if described is None:
            raise BadSettings("fingerprint scene has no model; name its description (embedding.scene)")
        scores = self._image.vector(picture.rgb()).astype(np.float64)
        if len(scores) != len(self._labels):
            raise BadSettings(f"{described.where}: the model tells {len(scores)} labels apart, {described.file} has {len(self._labels)}")
        shares = _shares(scores, described.activation)
        best = [n for n in np.argsort(-shares, kind="stable")[: described.most].tolist() if shares[n] >= described.least]
        lines = [f"{min(100, max(1, round(100 * shares[n])))} {' '.join(self._labels[n].split())}" for n in best]
        return "\n".join(lines).encode() if lines else None

    def tags(self, fingerprint: bytes) -> tuple[str, ...]:
        slugs = (re.sub(r"[^\w]+", "-", label.casefold()).strip("-") for label in _read(fingerprint))
        return tuple(f"{TAG}:{slug[:200]}" for slug in slugs if slug)

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        asked = _read(query)
        return np.array([_apart(asked, _read(one)) for one in candidates], np.float64)

    def valid(self, fingerprint: bytes) -> bool:
        return bool(_read(fingerprint))


def _shares(scores: NDArray[np.float64], activation: str) -> NDArray[np.float64]:
    if activation == "softmax":
        raised = np.exp(scores - scores.max())
        return np.asarray(raised / raised.sum())
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -500, 500))) if activation == "sigmoid" else scores)


def _read(fingerprint: bytes) -> dict[str, int]:
    rows = (line.partition(" ") for line in fingerprint.decode(errors="replace").splitlines())
    return {label: int(percent) for percent, _, label in rows if percent.isascii() and percent.isdigit() and label}


def _apart(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    either = sum(max(a.get(label, 0), b.get(label, 0)) for label in {*a, *b})
    return 1 - sum(min(a[label], b[label]) for label in a if label in b) / either if either else 1.0
