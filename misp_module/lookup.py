"""The module `image_lookup`: which known pictures were seen at a place, and what is known of one by its SHA-256."""

import math
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from matcher.errors import BadRequest
from matcher.records import Record
from matcher.source import Source
from misp_module.correlation import ImageCorrelation
from misp_module.disclosure import Policy
from misp_module.fingerprints import FingerprintWriter
from misp_module.known import Known
from misp_module.places import addresses, covered, host
from misp_module.query import Subject, blocks, is_uuid, plain

_URLS = ("url", "link", "uri")
_HOSTS = ("domain", "hostname")
_HASHES = ("sha256", "filename|sha256")
_LONGEST = 4096
_SHARE = 0.8  # of the time, for looking through pictures


class ImageLookup:
    """Answers with at most `max_matches` pictures. correlation: what is said of a picture that is known."""

    name = "image_lookup"

    def __init__(self, known: Known, correlation: ImageCorrelation, policy: Policy, writer: FingerprintWriter, max_matches: int) -> None:
        self._known = known
        self._correlation = correlation
        self._policy = policy
        self._writer = writer
        self._max_matches = max_matches

    def answer(self, request: dict[str, Any], deadline: float = math.inf) -> dict[str, Any]:
        """Return what was seen at the place that the attribute names. Raises BadRequest for an attribute that names none."""
        attribute = request.get("attribute")
        kind, value, uuid = ((attribute or {}).get(key) if isinstance(attribute, dict) else None for key in ("type", "value", "uuid"))
        if kind not in (*_URLS, *_HOSTS, *_HASHES) or not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
            raise BadRequest("image_lookup takes an attribute of type url, link, uri, domain, hostname or sha256, with its value.")
        if uuid is not None and not is_uuid(uuid):
            raise BadRequest(f"{plain(value)}: the attribute's uuid is not a UUID.")
        if blocks(attribute if isinstance(attribute, dict) else {}):
            return {"results": {}, "comment": f'{plain(value)} is not looked up: it is tagged misp:expansion="block".'}
        subject = Subject(str(uuid or "").lower(), plain(value), None)
        if kind in _HASHES:
            return self._by_sha256(value.rpartition("|")[2].strip().lower(), subject, "event_id" in request)
        if kind in _HOSTS:
            return self._by_host(host(value), subject, deadline)
        return self._by_url(value.strip(), subject)

    def _by_sha256(self, sha256: str, subject: Subject, keep: bool) -> dict[str, Any]:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise BadRequest(f"{subject.name} is no SHA-256; it has 64 hexadecimal digits.")
        record = self._known.by_sha256(sha256)
        if record is None or self._policy.conceals(record, subject.uuid):
            return {"results": {}, "comment": "No picture with this SHA-256 is known."}
        found = self._correlation.of_record(record, subject, keep)
        return {"results": {"Object": found} if found else {}}

    def _by_url(self, url: str, subject: Subject) -> dict[str, Any]:
        found = {record.id: record for kind in ("url", "page") for record in self._known.by_source(kind, url)}
        return self._told(found.values(), lambda source: url in addresses(source), subject, complete=True)

    def _by_host(self, name: str, subject: Subject, deadline: float) -> dict[str, Any]:
        if "." not in name:
            raise BadRequest(f"{subject.name} is no domain.")
        now = time.monotonic()
        found, complete = self._known.seen_on(name, now + (deadline - now) * _SHARE)
        return self._told(found, lambda source: any(covered(host(url), [name]) for url in addresses(source)), subject, complete)

    def _told(self, records: Iterable[Record], there: Callable[[Source], bool], subject: Subject, complete: bool) -> dict[str, Any]:
        """Return an answer with the pictures that were seen there, by sources that may be told."""
        shown = [(record, [s for s in self._policy.told(record) if there(s)]) for record in records]
        shown = [(record, places) for record, places in shown if places]
        written = [self._writer.write(record, self._note(record, places), subject.uuid) for record, places in shown[: self._max_matches]]
        results: dict[str, Any] = {}
        for each in written:
            results.setdefault("Object" if "template_uuid" in each else "Attribute", []).append(each)
        reply: dict[str, Any] = {"results": results}
        said = [f"Of {len(shown)} pictures seen there the newest {self._max_matches} are told."] if len(shown) > self._max_matches else []
        said += [] if complete else ["Only the newest pictures were looked through; there may be others."]
        if said:
            reply["error"] = " ".join(said)
        elif not shown:
            reply["comment"] = f"No known picture was seen at {subject.name}."
        return reply

    def _note(self, record: Record, places: list[Source]) -> str:
        told = self._policy.disclose(record)
        first = min(places, key=lambda source: (source.first_seen or math.inf, source.key))
        text = "Seen there" if record.sensitive else f"Seen at {plain((addresses(first) or [first.id])[0], 200)}"
        if first.first_seen:
            text += f", {datetime.fromtimestamp(first.first_seen, timezone.utc):%Y-%m-%d}"
        if told.banks:
            text += f", bank {', '.join(plain(bank) for bank in told.banks)}"
        return text + (", sensitive" if told.sensitive else "")
