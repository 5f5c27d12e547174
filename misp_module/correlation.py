"""The module `image_correlation`: whether an attachment, or something like it, has been seen before."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from matcher import __version__
from matcher.errors import BadPicture
from matcher.match import Answer, Decision, Match, Relation
from matcher.records import Record
from misp_module.disclosure import disclose, only_known_from
from misp_module.objects import ObjectWriter
from misp_module.query import Subject, subjects

# An object seldom holds more than a picture or two; the deadline is for all of them together.
_MAX_SUBJECTS = 8
_WITHOUT_BYTES = "{} came without its bytes (is the file on MISP's disk?), and its attribute is not known to Kuato."


class Known(Protocol):
    """What this module needs of the matcher."""

    def search(self, data: bytes, *, limit: int = ..., exclude: Callable[[Record], bool] | None = ..., name: str = ...) -> Answer:
        """Return the known pictures that resemble these bytes; nothing is remembered."""

    def search_sha256(self, sha256: str, *, limit: int = ..., exclude: Callable[[Record], bool] | None = ...) -> Answer:
        """Return the same for a picture in the store, which is not among them."""

    def by_source(self, kind: str, id: str) -> list[Record]:
        """Return the pictures seen at a place."""


class ImageCorrelation:
    """Answers with at most `max_matches` objects an attachment, the best first.

    max_bytes: the largest file looked at.
    """

    name = "image_correlation"

    def __init__(self, matcher: Known, writer: ObjectWriter, max_matches: int, max_bytes: int) -> None:
        self._matcher = matcher
        self._writer = writer
        self._max_matches = max_matches
        self._max_bytes = max_bytes

    def introspection(self) -> dict[str, Any]:
        """Return the types it takes and gives."""
        return {"input": ["attachment"], "output": ["text", "uuid", "link", "float", "sha256"], "format": "misp_standard"}

    def version(self) -> dict[str, Any]:
        """Return the description that MISP shows. `config` is empty: all settings are Kuato's own."""
        return {
            "version": __version__,
            "author": "Kuato",
            "module-type": ["expansion", "hover"],
            "name": "Image correlation",
            "description": "Tells whether a picture, or something like it, has been seen before: YES or MAYBE, with the reason.",
            "logo": "",
            "requirements": ["A running Kuato"],
            "features": (
                "The module takes an attachment with a picture and compares it with all pictures Kuato knows: copies that were"
                " recompressed, resized, cropped, mirrored or edited are found. Each known picture gives one image-similarity"
                " object. On hover, where MISP does not send the file, pictures are answered for that Kuato knows by the UUID of"
                " their attribute. A query is not remembered."
            ),
            "references": [],
            "input": "An attachment with a picture (PNG, JPEG, GIF, WebP, BMP, TIFF, ICO).",
            "output": "An image-similarity object for each known picture, the best match first.",
            "config": [],
        }

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Return the objects of all matches; where there is none, why, in `error` or `comment`. Past the deadline no search is begun."""
        objects: list[dict[str, Any]] = []
        errors: list[str] = []
        comments: list[str] = []
        asked = subjects(request, self._max_bytes)
        if len(asked) > _MAX_SUBJECTS:
            errors.append(f"Only the first {_MAX_SUBJECTS} of {len(asked)} attachments were looked up.")
        for subject in asked[:_MAX_SUBJECTS]:
            if time.monotonic() > deadline:
                break
            try:
                found = self._search(subject)
            except BadPicture as error:
                errors.append(str(error))
                continue
            if found is None:
                # On hover MISP sends no bytes, which is no mistake of anybody's.
                hovering = subject.data is None and subject.uuid
                (comments if hovering else errors).append(_WITHOUT_BYTES.format(subject.name))
                continue
            objects += [self._writer.write(match, found.sha256, subject) for match in found.matches[: self._max_matches]]
            reason = silence(found, subject.name)
            if reason:
                errors.append(reason)
            elif not found.matches:
                comments.append(f"No known picture is like {subject.name}.")
        reply: dict[str, Any] = {"results": {"Object": objects} if objects else {}}
        if errors:
            reply["error"] = " ".join(errors)
        # With objects, MISP would write our comment on each of them instead of its own.
        if comments and not objects:
            reply["comment"] = " ".join(comments)
        return reply

    def _search(self, subject: Subject) -> Answer | None:
        def is_itself(record: Record) -> bool:
            return only_known_from(record, subject.uuid)

        if subject.data:
            return self._matcher.search(subject.data, limit=self._max_matches, exclude=is_itself, name=subject.name)
        known = self._matcher.by_source("misp-attribute", subject.uuid) if subject.uuid else []
        if not known:
            return None
        answer = self._matcher.search_sha256(known[0].sha256, limit=self._max_matches, exclude=is_itself)
        if is_itself(known[0]):
            return answer
        exact = Match(known[0], Decision.YES, Relation.SAME_PICTURE, 0.0, ())
        return replace(answer, decision=Decision.YES, matches=(exact, *answer.matches))


def silence(answer: Answer, name: str) -> str:
    """Return why there is no match although the picture was not simply unknown, "" otherwise.

    MISP shows the analyst nothing but `error` where there are no objects, so this is where it must go.
    """
    if answer.matches:
        return ""
    if answer.suppressed:
        banks = sorted({bank for match in answer.suppressed for bank in disclose(match.picture, "").banks})
        return f"{name} matches only pictures that are to be ignored{' (bank ' + ', '.join(banks) + ')' if banks else ''}."
    if answer.too_simple:
        return f"{name} is too simple to match by content (blank or nearly so); no exact copy of it is known."
    return ""
