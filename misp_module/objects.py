"""Matches as MISP objects `image-similarity`, one for each known picture."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pymisp import MISPObject

from matcher.cluster import founded_by
from matcher.match import Decision, Evidence, Match, Relation
from matcher.source import Source
from misp_module.disclosure import Disclosed, disclose
from misp_module.query import Subject, is_uuid, plain

TEMPLATE = "image-similarity"
EXACT_COPY = "exact copy"
_ORIGINS = {"misp-attribute": "MISP", "ail-object": "AIL", "url": "URL"}
_WORDS = {EXACT_COPY: "exact copy of", Relation.SAME_PICTURE.value: "same picture as", Relation.SHARES_CONTENT.value: "shares content with"}
_UNSUPERVISED = {"name": 'misp:automation-level="unsupervised"', "colour": "#0088cc"}
_TAGS = {
    Decision.YES: [{"name": 'image-match:decision="yes"', "colour": "#b5121b"}, _UNSUPERVISED],
    Decision.MAYBE: [
        {"name": 'image-match:decision="maybe"', "colour": "#e08600"},
        _UNSUPERVISED,
        {"name": 'workflow:todo="review"', "colour": "#850048"},
    ],
}


class ObjectWriter:
    """Writes matches with the template in `templates`/image-similarity/definition.json.

    link_base: address of the MISP server for links to known attributes, "" for no links.
    versions: version of each algorithm, for the row `method`.
    """

    def __init__(self, templates: Path, link_base: str, versions: Mapping[str, int]) -> None:
        self._template: dict[str, Any] = json.loads((templates / TEMPLATE / "definition.json").read_text("utf-8"))
        self._link_base = link_base.rstrip("/")
        self._versions = versions

    def write(self, match: Match, submitted: str, subject: Subject) -> dict[str, Any]:
        """Return one object. submitted: the SHA-256 of the subject's bytes.

        Its UUIDs are new each time, as MISP demands; all values are the same for the same pair, so that MISP reuses
        an object it already has. It refers to the enriched attribute only: MISP refuses any reference into another event.
        """
        known = MISPObject(TEMPLATE, strict=True, standalone=False, misp_objects_template_custom=self._template)
        disclosed = disclose(match.picture, subject.uuid)
        # What a bank emits tells that the picture is in it.
        emitted = [] if disclosed.hidden else [{"name": tag} for tag in match.emits]
        for relation, value in self._rows(match, submitted, disclosed):
            correlates = relation in ("image-cluster", "sha256")
            tags = _TAGS[match.decision] + emitted if relation == "decision" else []
            known.add_attribute(relation, value=value, to_ids=False, distribution=5, disable_correlation=not correlates, Tag=tags)
        if subject.uuid:
            known.add_reference(subject.uuid, "annotates")
        written: dict[str, Any] = json.loads(known.to_json())
        return written

    def _rows(self, match: Match, submitted: str, disclosed: Disclosed) -> Iterator[tuple[str, str]]:
        picture, source = match.picture, disclosed.source
        relation = EXACT_COPY if picture.sha256 == submitted else match.relation.value
        # On hover MISP shows the rows in this order and nothing else: the first must tell the whole story.
        yield "explanation", _explanation(match, relation, disclosed)
        yield "decision", match.decision.value
        yield "relation", relation
        if not disclosed.anonymous:
            # That of a picture in no cluster is the one it would found, so that the value stays when it does.
            cluster = picture.cluster or founded_by(picture.sha256)
            yield "image-cluster" if match.decision is Decision.YES else "candidate-cluster", f"imgcluster:{cluster}"
        if source is not None:
            yield from self._place(source)
        for bank in disclosed.banks:
            yield "bank", _safe(bank)
        # Always two decimals: MISP takes a value of "0" for none at all.
        yield "distance", f"{match.distance:.2f}"
        yield "method", self._method(match, relation)
        yield "sha256", submitted

    def _place(self, source: Source) -> Iterator[tuple[str, str]]:
        if source.kind == "misp-attribute" and is_uuid(source.id):
            yield "known-image", source.id.lower()
            event = source.metadata.get("event_uuid")
            if is_uuid(event):
                yield "known-event", str(event).lower()
            if self._link_base:
                yield "link", f"{self._link_base}/attributes/view/{source.id.lower()}"
        yield "origin", _ORIGINS.get(source.kind) or _safe(source.kind)

    def _method(self, match: Match, relation: str) -> str:
        if relation == EXACT_COPY:
            return "SHA-256"
        return ", ".join(f"{e.algorithm} {self._versions.get(e.algorithm, '')}".rstrip() for e in _agreeing(match)) or "unknown"


def _agreeing(match: Match) -> list[Evidence]:
    """Return the evidence that speaks for the match: YES before MAYBE, then by name, however the engine ordered it."""
    return sorted((e for e in match.evidence if e.decision is not Decision.NO), key=lambda e: (e.decision.rank, e.algorithm))


def _explanation(match: Match, relation: str, disclosed: Disclosed) -> str:
    text = f"{match.decision.value}: {_WORDS[relation]} {_named(disclosed)}"
    if disclosed.seen:
        text += f", seen {datetime.fromtimestamp(disclosed.seen, timezone.utc):%Y-%m-%d}"
    if disclosed.banks:
        text += f", bank {', '.join(plain(bank) for bank in disclosed.banks)}"
    if disclosed.sensitive:
        text += ", sensitive"
    said = [] if relation == EXACT_COPY else _said(_agreeing(match))
    return text + (f" ({'; '.join(said)})" if said else "")


def _said(evidence: list[Evidence]) -> list[str]:
    """Return who says YES, who says MAYBE, and how the submitted picture had to be turned for that."""
    names = {decision: [e.algorithm for e in evidence if e.decision is decision] for decision in (Decision.YES, Decision.MAYBE)}
    views = sorted({e.view for e in evidence} - {"as is"})
    return [f"{', '.join(found)}: {decision.value}" for decision, found in names.items() if found] + views


def _named(disclosed: Disclosed) -> str:
    source = disclosed.source
    if source is None:
        return "one whose source may not be told" if disclosed.hidden else "a known picture"
    if not source.id:
        return f"a picture known from {_ORIGINS.get(source.kind) or plain(source.kind)}"
    if source.kind == "misp-attribute":
        return f"attribute {plain(source.id)}"
    if source.kind == "file":
        # The folder is the operator's own business.
        return f"file {plain(source.id.replace(chr(92), '/').rsplit('/', 1)[-1])}"
    return f"{_ORIGINS.get(source.kind) or plain(source.kind)} {plain(source.id, 200)}"


def _safe(text: str) -> str:
    """Return a text that MISP's review page keeps a text: it would read true, false, null, numbers, lists and objects as such."""
    text = plain(text, 200)
    return f"“{text}”" if text[0] in "{[" or text in ("true", "false", "null") else text
