"""The module `image_export`: the pictures of events, with their clusters, as one JSON document."""

import base64
import hashlib
import json
import math
import time
from collections.abc import Iterator
from typing import Any

from matcher.errors import BadRequest
from matcher.match import Decision, Match, Relation
from matcher.records import Record
from misp_module.company import Surroundings
from misp_module.disclosure import Policy, is_attribute
from misp_module.known import Known
from misp_module.query import Subject, within

FORMAT = "kuato-misp-pictures"
_MOST = 5000


class ImageExport:
    """Answers with a file: what is known of the pictures of some events, as far as everybody at that server may know it."""

    name = "image_export"

    def __init__(self, known: Known, policy: Policy, surroundings: Surroundings, max_bytes: int) -> None:
        self._known = known
        self._policy = policy
        self._surroundings = surroundings
        self._max_bytes = max_bytes

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Return `data`, a JSON document in base64. Raises BadRequest."""
        pictures, whole = list[dict[str, Any]](), True
        for number, (event, subject) in enumerate(self._subjects(request)):
            if number == _MOST or time.monotonic() > deadline:
                whole = False
                break
            pictures.append(self._picture(event, subject))
        document = {"format": FORMAT, "version": 1, "complete": whole, "pictures": pictures}
        text = json.dumps(document, indent=1, ensure_ascii=False).encode("utf-8", "replace")
        return {"response": [], "data": base64.b64encode(text).decode("ascii"), "results": {}}

    def _subjects(self, request: dict[str, Any]) -> Iterator[tuple[str, Subject]]:
        given = request.get("data")
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise BadRequest("The request has no events; export one, or the result of a search.")
        for one in given:
            event = one.get("Event", one)
            if not isinstance(event, dict):
                continue
            objects = event.get("Object")
            uuid = event.get("uuid")
            for part in (event, *(each for each in (objects if isinstance(objects, list) else ()) if isinstance(each, dict))):
                named = uuid if isinstance(uuid, str) else ""
                yield from ((named, subject) for subject in within(part, self._max_bytes) if not subject.blocked)

    def _picture(self, event: str, subject: Subject) -> dict[str, Any]:
        told: dict[str, Any] = {"event": event, "attribute": subject.uuid, "name": subject.name, "known": False}
        record = self._record(subject)
        if record is None:
            return told
        # Whoever brings the bytes may know what is made of them; who brings no more than a UUID, only where all may.
        brought = bool(subject.data) and not subject.sealed
        if not brought and not any(is_attribute(source, subject.uuid) for source in self._policy.told(record)):
            return told
        disclosed = self._policy.disclose(record, subject.uuid)
        match = Match(record, Decision.YES, Relation.SAME_PICTURE, 0.0, ())
        shown = ("pdq", "pdq-trimmed")
        return told | {
            "known": True,
            "sha256": record.sha256,
            "fingerprints": {name: record.fingerprints[name].hex() for name in shown if name in record.fingerprints},
            "cluster": f"imgcluster:{self._surroundings.of(match, (), subject.uuid).cluster}",
            "banks": list(disclosed.banks),
            "sensitive": disclosed.sensitive,
            "also": sorted(self._others(record, subject.uuid)),
        }

    def _record(self, subject: Subject) -> Record | None:
        if subject.data and not subject.sealed:
            found = self._known.by_sha256(hashlib.sha256(subject.data).hexdigest())
            return None if found is None or self._policy.conceals(found, subject.uuid) else found
        known = self._known.by_source("misp-attribute", subject.uuid) if subject.uuid else []
        return known[0] if known else None

    def _others(self, record: Record, asking: str) -> set[str]:
        """Return the attributes that show the same picture, of those that may be told of."""
        members = (self._known.members(record.cluster) if record.cluster else ()) or (record,)
        told = (source for one in members for source in self._policy.told(one, asking) if source.kind == "misp-attribute")
        return {source.id.lower() for source in told}
