"""The text on a picture, as Tesseract reads it.

Source: R. Smith, "An Overview of the Tesseract OCR Engine", ICDAR 2007; the program is the system's (Debian: tesseract-ocr).
"""

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from matcher.errors import BadSettings
from matcher.fingerprints.words import Words, normalised, words
from matcher.models.tesseract import Tesseract
from matcher.picture import Picture

if TYPE_CHECKING:
    from typing_extensions import Self

# Fewer letters are a logo, or noise.
FEWEST = 6


class Text(Words):
    """The words that can be read on a picture.

    compute: the text, normalised, in UTF-8, lines as they are on the picture; None with fewer than 6 letters.
        Raises BadSettings without the program or a language; NotRead when it fails or takes too long.
    distance: of `Words`.
    """

    name, version, family = "text", 1, "text"
    confined = False

    def __init__(self, reader: Tesseract | None = None, longest: int = 4000) -> None:
        self._reader = reader or Tesseract()
        self._longest = longest

    @classmethod
    def configured(cls, settings: Mapping[str, Any]) -> "Self":
        program = settings["text.program"]
        if shutil.which(program) is None:
            raise BadSettings(f"fingerprint text needs Tesseract, and there is no {program} (text.program; Debian, Ubuntu: tesseract-ocr)")
        if find_spec("rapidfuzz") is None:
            raise BadSettings("fingerprint text needs the extra `ocr`: pip install 'kuato[ocr]'")
        if not settings["text.languages"]:
            raise BadSettings("fingerprint text needs a language, such as eng (text.languages)")
        data = settings["text.data"]
        reader = Tesseract(
            program,
            tuple(settings["text.languages"]),
            str(data) if data else None,
            settings["text.max_seconds"],
            settings["text.confidence"],
        )
        return cls(reader, settings["text.max_chars"])

    def compute(self, picture: Picture) -> bytes | None:
        text = normalised(self._reader.read(picture.grey()), self._longest)
        return text.encode() if sum(map(len, words(text))) >= FEWEST else None
