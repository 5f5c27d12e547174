"""The module `image_correlation`: whether an attachment, or something like it, has been seen before."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from matcher.errors import BadPicture, Late
from matcher.match import Answer, Decision, Match, Relation
from matcher.records import Record
from misp_module.company import Memo, Surroundings
from misp_module.disclosure import Policy, only_known_from
from misp_module.given import Ledger
from misp_module.known import Known
from misp_module.objects import ObjectWriter
from misp_module.query import Subject, is_uuid, subjects
from misp_module.sealed import opened

# An object seldom holds more than a picture or two; the deadline is for all of them together.
_MAX_SUBJECTS = 8
# Bytes of a thumbnail: it rides in a hidden field of MISP's form.
_MAX_THUMBNAIL = 64 << 10
# Further matches that are looked for where those that may not be told of are to be counted.
_COUNTED = 20
_WITHOUT_BYTES = "{} came without its bytes (is the file on MISP's disk?), and its attribute is not known to Kuato."

Remember = Callable[[Subject, bytes, dict[str, Any]], None]


@dataclass(frozen=True)
class Limits:
    """max_matches: objects for an attachment. max_bytes: the largest file looked at. count_hidden: say how many matches may not be told.

    thumbnails: whether a match that goes into an event brings the known picture's.
    """

    max_matches: int = 5
    max_bytes: int = 32 << 20
    count_hidden: bool = False
    thumbnails: bool = False


class ImageCorrelation:
    """Answers with the best matches of an attachment, one object each.

    ledger: where what was said is kept, so that it is said again; None: nowhere. remember: called with what was looked up,
    where that is to become known.
    """

    name = "image_correlation"

    def __init__(
        self,
        known: Known,
        writer: ObjectWriter,
        policy: Policy,
        surroundings: Surroundings,
        limits: Limits,
        ledger: Ledger | None = None,
        remember: Remember | None = None,
    ) -> None:
        self._known = known
        self._writer = writer
        self._policy = policy
        self._surroundings = surroundings
        self._limits = limits
        self._ledger = ledger
        self._remember = remember

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Return the objects of all matches; where there is none, why, in `error` or `comment`. Past the deadline no search is begun."""
        found = _Found()
        asked = subjects(request, self._limits.max_bytes)
        if len(asked) > _MAX_SUBJECTS:
            found.errors.append(f"Only the first {_MAX_SUBJECTS} of {len(asked)} attachments were looked up.")
        for subject in asked[:_MAX_SUBJECTS]:
            if time.monotonic() > deadline:
                break
            try:
                self._look_up(subject, request, deadline, found)
            except (BadPicture, Late) as error:
                found.errors.append(str(error))
        return found.reply(always="object" in request)

    def of_data(self, subject: Subject, data: bytes) -> tuple[Answer, list[dict[str, Any]]]:
        """Return the answer for a picture that is no attribute yet, and its objects. Raises BadPicture."""
        answer, _ = self._searched(lambda limit, exclude: self._known.search(data, limit=limit, exclude=exclude, name=subject.name), "")
        return answer, self._objects(answer.matches, answer.sha256, subject, (), keep=False)

    def of_record(self, record: Record, subject: Subject, keep: bool) -> list[dict[str, Any]]:
        """Return the objects for a picture in the store. keep: what is said goes into an event."""
        answer, _ = self._like(record, subject)
        hosts = self._surroundings.seen(record, subject.uuid)
        return self._objects(answer.matches, record.sha256, subject, hosts, keep)

    def attribute_of(self, match: Match, asking: str) -> str:
        """Return the UUID of the attribute that a known picture is told by, "" where it is told by another place or none."""
        source = self._policy.disclose(match.picture, asking).source
        return source.id.lower() if source is not None and source.kind == "misp-attribute" and is_uuid(source.id) else ""

    def answer_of(self, subject: Subject, deadline: float) -> Answer | None:
        """Return the matches for an attribute, None where neither it nor its bytes are known. Raises BadPicture, Late."""
        data = opened(subject.data, subject.name, self._limits.max_bytes, deadline) if subject.data and subject.sealed else subject.data
        outcome = self._search(subject, data)
        return None if outcome is None else outcome[0]

    def _look_up(self, subject: Subject, request: dict[str, Any], deadline: float, found: "_Found") -> None:
        if subject.blocked:
            found.comments.append(f'{subject.name} is not looked up: it is tagged misp:expansion="block".')
            return
        data = subject.data
        if data and subject.sealed:
            data = opened(data, subject.name, self._limits.max_bytes, deadline)
        outcome = self._search(subject, data)
        if outcome is None:
            # On hover MISP sends no bytes, which is no mistake of anybody's.
            hovering = subject.data is None and subject.uuid
            (found.comments if hovering else found.errors).append(_WITHOUT_BYTES.format(subject.name))
            return
        answer, hidden = outcome
        itself = self._known.by_sha256(answer.sha256) if answer.matches else None
        hosts = tuple(dict.fromkeys((*subject.hosts, *self._surroundings.seen(itself, subject.uuid))))
        # What is shown on hover, or to a workflow alone, goes into no event.
        keep = "event_id" in request and "user" not in request
        found.objects += self._objects(answer.matches, answer.sha256, subject, hosts, keep)
        reason = silence(answer, subject.name, self._policy)
        if reason:
            found.errors.append(reason)
        elif not answer.matches and not hidden:
            found.comments.append(f"No known picture is like {subject.name}.")
        if hidden:
            pictures = "pictures" if hidden > 1 else "picture"
            found.errors.append(f"{subject.name} matches {hidden} known {pictures} that may not be told of here.")
        if data and self._remember is not None:
            self._remember(subject, data, request)

    def _search(self, subject: Subject, data: bytes | None) -> tuple[Answer, int] | None:
        """Return the answer to show, and how many matches it withholds; None where nothing is known to search by."""
        if data:
            return self._searched(
                lambda limit, exclude: self._known.search(data, limit=limit, exclude=exclude, name=subject.name), subject.uuid
            )
        known = self._known.by_source("misp-attribute", subject.uuid) if subject.uuid else []
        return self._like(known[0], subject) if known else None

    def _like(self, itself: Record, subject: Subject) -> tuple[Answer, int]:
        """Return the answer for a picture in the store: itself, where it is known from elsewhere, and others."""
        answer, hidden = self._searched(
            lambda limit, exclude: self._known.search_sha256(itself.sha256, limit=limit, exclude=exclude), subject.uuid
        )
        if only_known_from(itself, subject.uuid) or self._policy.conceals(itself, subject.uuid):
            return answer, hidden
        exact = Match(itself, Decision.YES, Relation.SAME_PICTURE, 0.0, ())
        matches = (exact, *answer.matches)[: self._limits.max_matches]
        return replace(answer, decision=Decision.YES, matches=matches), hidden

    def _searched(self, search: Callable[[int, Callable[[Record], bool]], Answer], asking: str) -> tuple[Answer, int]:
        def is_itself(record: Record) -> bool:
            return only_known_from(record, asking)

        def is_nobodys(record: Record) -> bool:
            return is_itself(record) or self._policy.conceals(record, asking)

        most = self._limits.max_matches
        if not self._limits.count_hidden:
            return search(most, is_nobodys), 0
        answer = search(most + _COUNTED, is_itself)
        shown = [match for match in answer.matches if not self._policy.conceals(match.picture, asking)]
        suppressed = tuple(match for match in answer.suppressed if not self._policy.conceals(match.picture, asking))
        decision = shown[0].decision if shown else Decision.NO
        hidden = len(answer.matches) - len(shown)
        return replace(answer, matches=tuple(shown[:most]), suppressed=suppressed, decision=decision), hidden

    def _objects(
        self, matches: Iterable[Match], submitted: str, subject: Subject, hosts: tuple[str, ...], keep: bool
    ) -> list[dict[str, Any]]:
        """Return an object for each match, with the values given before while they may still be told. keep: those that are new."""
        before = self._ledger.all(subject.uuid) if self._ledger is not None and subject.uuid else {}
        objects, memo = list[dict[str, Any]](), Memo()
        for match in matches:
            disclosed = self._policy.disclose(match.picture, subject.uuid)
            thumbnail = self._thumbnail(match.picture) if keep and not disclosed.hidden else None
            given = before.get(match.picture.sha256)
            if given is None or not given.holds(submitted, disclosed):
                company = self._surroundings.of(match, hosts, subject.uuid, memo)
                given = self._writer.values(match, submitted, subject.uuid, company, pictured=thumbnail is not None)
                if self._ledger is not None and subject.uuid and keep:
                    self._ledger.put(subject.uuid, match.picture.sha256, given)
            objects.append(self._writer.render(given, subject, thumbnail))
        return objects

    def _thumbnail(self, picture: Record) -> bytes | None:
        found = self._known.thumbnail(picture) if self._limits.thumbnails else None
        return found if found is not None and len(found) <= _MAX_THUMBNAIL else None


class _Found:
    """What a request found so far."""

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.comments: list[str] = []

    def reply(self, always: bool) -> dict[str, Any]:
        """Return the answer. always: MISP fails where neither an object nor an attribute comes back, as it does for an object's button."""
        results: dict[str, Any] = {"Object": self.objects} if self.objects else {}
        said = [*self.errors, *self.comments]
        if always and said and not self.objects:
            results = {"Attribute": [_remark(" ".join(said))]}
        reply: dict[str, Any] = {"results": results}
        if self.errors:
            reply["error"] = " ".join(self.errors)
        # With objects, MISP would write our comment on each of them instead of its own.
        if self.comments and not self.objects:
            reply["comment"] = " ".join(self.comments)
        return reply


def _remark(text: str) -> dict[str, Any]:
    """Return an attribute that says what there is to say, and is no indicator; the analyst need not keep it."""
    about: dict[str, Any] = {"type": "comment", "category": "Other", "value": text, "to_ids": False, "distribution": "5"}
    return about | {"uuid": str(uuid4()), "disable_correlation": True}


def silence(answer: Answer, name: str, policy: Policy) -> str:
    """Return why there is no match although the picture was not simply unknown, "" otherwise.

    MISP shows the analyst nothing but `error` where there are no objects, so this is where it must go.
    """
    if answer.matches:
        return ""
    if answer.suppressed:
        banks = sorted({bank for match in answer.suppressed for bank in policy.disclose(match.picture).banks})
        return f"{name} matches only pictures that are to be ignored{' (bank ' + ', '.join(banks) + ')' if banks else ''}."
    if answer.too_simple:
        return f"{name} is too simple to match by content (blank or nearly so); no exact copy of it is known."
    return ""
