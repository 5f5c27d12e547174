"""The workflow actions: what is done, in a workflow of MISP, about pictures that are known.

What changes anything, here or in MISP, is off until `misp.actions` names it.
"""

import math
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from matcher.errors import BadPicture, BadRequest, Late, NotAPicture, NotFound, Refused
from matcher.match import Decision, Match
from matcher.source import Source
from misp_module.correlation import ImageCorrelation
from misp_module.known import Known
from misp_module.memory import Adding, source_of
from misp_module.query import Subject, plain, within
from misp_module.sealed import opened
from misp_module.tags import tag

_MOST = 50
_OFF = "{} is off; the operator of Kuato can allow it (misp.actions)."


class Marking(Protocol):
    """What tags and sights at MISP."""

    def tag(self, uuid: str, name: str) -> None:
        """Give an attribute a local tag; it may have it already."""

    def sight(self, known: str, attribute: str) -> bool:
        """Add a sighting to a known attribute for another one, once; return whether it was added now."""


@dataclass(frozen=True)
class Part:
    """A picture of an event: the attachment, its attribute and object as MISP sent them."""

    subject: Subject
    attribute: Mapping[str, Any]
    whole: Mapping[str, Any]


class Event:
    """The event that a workflow hands over. Raises BadRequest where there is none."""

    def __init__(self, request: Mapping[str, Any], max_bytes: int) -> None:
        data = request.get("data")
        event = data.get("Event", data) if isinstance(data, dict) else None
        if not isinstance(event, dict):
            raise BadRequest("The request has no event; use the action in a workflow whose trigger hands one over.")
        given = request.get("params")
        self.row: Mapping[str, Any] = event
        self._given: Mapping[str, Any] = given if isinstance(given, dict) else {}
        self._max_bytes = max_bytes

    def parameter(self, name: str) -> str:
        """Return a parameter of the node, "" where it is not given."""
        value = self._given.get(name)
        return value.strip() if isinstance(value, str) else ""

    def parts(self) -> Iterator[Part]:
        """Yield its pictures. Raises BadRequest, TooLarge."""
        objects = self.row.get("Object")
        for whole in (self.row, *(one for one in (objects if isinstance(objects, list) else ()) if isinstance(one, dict))):
            rows = {str(row.get("uuid")).lower(): row for row in whole.get("Attribute") or () if isinstance(row, dict)}
            for subject in within(dict(whole), self._max_bytes):
                if not subject.blocked:
                    yield Part(subject, rows.get(subject.uuid, {}), whole if whole is not self.row else {})


class _Action:
    """Looks at the pictures of an event. allowed: the actions that may change something."""

    name = ""

    def __init__(self, known: Known, correlation: ImageCorrelation, max_bytes: int, allowed: Collection[str] = ()) -> None:
        self._known = known
        self._correlation = correlation
        self._max_bytes = max_bytes
        self._allowed = allowed

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Return `data` for what was done, `error` for what was not, and stops a workflow. Raises BadRequest, Refused."""
        raise NotImplementedError

    def _check_allowed(self) -> None:
        if self.name not in self._allowed:
            raise Refused(_OFF.format(self.name))

    def _matched(self, event: Event, deadline: float, unclear: list[str]) -> Iterator[tuple[Part, Match]]:
        """Yield the pictures of an event with the best of their matches that count. unclear: gains what could not be looked up."""
        wanted, counts = self._decision(event), self._counting(event.parameter("bank"))
        for number, part in enumerate(event.parts()):
            if number == _MOST or time.monotonic() > deadline:
                unclear.append("not all pictures of the event were looked up in time")
                return
            try:
                answer = self._correlation.answer_of(part.subject, deadline)
            except NotAPicture:
                continue
            except (BadPicture, Late) as error:
                unclear.append(str(error))
                continue
            found = (match for match in (answer.matches if answer else ()) if match.decision.rank <= wanted.rank and counts(match))
            best = next(found, None)
            if best is not None:
                yield part, best

    def _decision(self, event: Event) -> Decision:
        text = event.parameter("decision").upper() or Decision.YES.value
        if text not in (Decision.YES.value, Decision.MAYBE.value):
            raise BadRequest(f"The parameter Decision is {plain(text, 40)}; write YES or MAYBE.")
        return Decision(text)

    def _counting(self, bank: str) -> Any:
        kinds = {one.name: one.kind for one in self._known.book()}
        if bank and bank not in kinds:
            raise BadRequest(f"There is no bank {plain(bank)}; `kuato bank list` shows those there are.")
        if bank:
            return lambda match: bank in match.picture.banks
        return lambda match: all(kinds.get(name) != "baseline" for name in match.picture.banks)


class ImageStop(_Action):
    """Stops a workflow when a picture of the event is known."""

    name = "image_stop"

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """As an error, which stops the workflow, tell the first match that counts."""
        event, unclear = Event(request, self._max_bytes), list[str]()
        for part, match in self._matched(event, deadline, unclear):
            return _failed(f"{part.subject.name}: {match.decision.value}, {match.relation.value} as a known one; the workflow stops here.")
        if unclear and event.parameter("on_failure") != "continue":
            return _failed(f"Kuato cannot tell, so the workflow stops here: {unclear[0]}")
        return _done()


class ImageRegister(_Action):
    """Remembers the pictures of an event."""

    name = "image_register"

    def __init__(
        self, known: Known, correlation: ImageCorrelation, max_bytes: int, allowed: Collection[str], adding: Adding | None
    ) -> None:
        super().__init__(known, correlation, max_bytes, allowed)
        self._adding = adding

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Add each picture with its attribute as a source, into the bank of the node."""
        self._check_allowed()
        event, failures = Event(request, self._max_bytes), list[str]()
        bank = event.parameter("bank")
        self._counting(bank)
        for part in event.parts():
            if time.monotonic() > deadline:
                failures.append("not all pictures of the event were added in time; `kuato misp sync` adds the others")
                break
            try:
                self._add(part, event, [bank] if bank else [], deadline)
            except NotAPicture:
                continue
            except (BadPicture, Late) as error:
                failures.append(str(error))
        return _failed(" ".join(failures)) if failures else _done()

    def _add(self, part: Part, event: Event, banks: list[str], deadline: float) -> None:
        subject = part.subject
        if self._adding is None:
            raise Refused(_OFF.format(self.name))
        if not subject.data or not subject.uuid:
            return
        data = opened(subject.data, subject.name, self._max_bytes, deadline) if subject.sealed else subject.data
        self._adding.remember(data, [_source(part, event)], banks, subject.name)


class ImageTag(_Action):
    """Tags the attributes of an event whose picture is known."""

    name = "image_tag"

    def __init__(
        self, known: Known, correlation: ImageCorrelation, max_bytes: int, allowed: Collection[str], marking: Marking | None
    ) -> None:
        super().__init__(known, correlation, max_bytes, allowed)
        self._at_misp = marking

    @property
    def _marking(self) -> Marking:
        if self._at_misp is None:
            raise NotFound("Kuato knows no MISP server to mark anything at; its operator can name one (misp.url, misp.key).")
        return self._at_misp

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Tag each attribute with a match that counts."""
        self._check_allowed()
        marking, event, failures = self._marking, Event(request, self._max_bytes), list[str]()
        name = event.parameter("tag")
        for part, match in self._matched(event, deadline, failures):
            if part.subject.uuid:
                marking.tag(part.subject.uuid, name or tag("decision", match.decision.value))
        return _failed(" ".join(failures)) if failures else _done()


class ImageSighting(ImageTag):
    """Adds sightings to the attributes of known pictures that an event shows again."""

    name = "image_sighting"

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Sight the known attribute of each YES."""
        self._check_allowed()
        marking, event, failures = self._marking, Event(request, self._max_bytes), list[str]()
        for part, match in self._matched(event, deadline, failures):
            known = self._correlation.attribute_of(match, part.subject.uuid)
            if match.decision is Decision.YES and known and part.subject.uuid:
                marking.sight(known, part.subject.uuid)
        return _failed(" ".join(failures)) if failures else _done()


def _source(part: Part, event: Event) -> Source:
    seen = part.attribute.get("timestamp")
    when = float(seen) if isinstance(seen, str) and seen.isdecimal() and len(seen) < 12 else time.time()
    return source_of(part.subject.uuid, part.attribute, event.row, when, part.whole)


def _done() -> dict[str, Any]:
    return {"data": True, "results": {}}


def _failed(text: str) -> dict[str, Any]:
    return {"error": text, "results": {}}


def actions(
    known: Known,
    correlation: ImageCorrelation,
    max_bytes: int,
    allowed: Collection[str],
    adding: Adding | None,
    marking: Marking | None,
) -> Iterable[_Action]:
    """Return the modules for workflows."""
    return (
        ImageTag(known, correlation, max_bytes, allowed, marking),
        ImageSighting(known, correlation, max_bytes, allowed, marking),
        ImageRegister(known, correlation, max_bytes, allowed, adding),
        ImageStop(known, correlation, max_bytes),
    )
