"""A caption: what a model of the operator's choice says a picture shows, in words that can be searched."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matcher.errors import BadSettings
from matcher.fingerprints.embedding import required
from matcher.fingerprints.words import Words, normalised, words
from matcher.models.captioner import Captioner
from matcher.models.description import Description
from matcher.picture import Picture

if TYPE_CHECKING:
    from typing_extensions import Self

LONGEST = 500


class Caption(Words):
    """A sentence of a captioning model.

    compute: the sentence in UTF-8; None where the model has nothing to say.
    distance: of `Words`.
    """

    name, version, family = "caption", 1, "embedding"
    confined = False

    def __init__(self, described: Description | None = None) -> None:
        self._captioner: Captioner | None = None
        if described is None:
            return
        if described.decoder is None:
            raise BadSettings(f"{described.image.where}: a table [decoder] is missing; it names the model that writes (embedding.caption)")
        self.version = 1 + int.from_bytes(described.digest, "little") % 255  # type: ignore[misc]
        self._captioner = Captioner(described, described.decoder)

    @classmethod
    def configured(cls, settings: Mapping[str, Any]) -> "Self":
        return cls(required(settings, "embedding.caption", cls.name))

    def compute(self, picture: Picture) -> bytes | None:
        if self._captioner is None:
            raise BadSettings("fingerprint caption has no model; name its description (embedding.caption)")
        text = normalised(self._captioner(picture.rgb()), LONGEST)
        return text.encode() if words(text) else None
