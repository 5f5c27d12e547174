"""Matches as MISP objects `image-similarity`, one for each known picture."""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pymisp import MISPObject

from matcher.cluster import founded_by
from matcher.match import Decision, Evidence, Match, Relation
from matcher.source import Source
from misp_module.company import Company
from misp_module.disclosure import Disclosed, Policy
from misp_module.given import Given
from misp_module.query import Subject, is_uuid, plain
from misp_module.tags import colours, of_match

TEMPLATE = "image-similarity"
EXACT_COPY = "exact copy"
THUMBNAIL = "thumbnail"
CORRELATING = ("image-cluster", "sha256")
_ORIGINS = {"misp-attribute": "MISP", "ail-object": "AIL", "url": "URL"}
_WORDS = {EXACT_COPY: "exact copy of", Relation.SAME_PICTURE.value: "same picture as", Relation.SHARES_CONTENT.value: "shares content with"}
_REFERENCES = {EXACT_COPY: "same-as", Decision.YES.value: "similar", Decision.MAYBE.value: "related-to"}


class ObjectWriter:
    """Writes matches with the template in `templates`/image-similarity/definition.json.

    link_base: address of the MISP server for links to known attributes, "" for no links. ail_base: the same of AIL, whose
    objects are not named without it. versions: version of each algorithm, for the row `method`. policy: what may be told.
    """

    def __init__(
        self, templates: Path, link_base: str, versions: Mapping[str, int], policy: Policy | None = None, ail_base: str = ""
    ) -> None:
        self._template: dict[str, Any] = json.loads((templates / TEMPLATE / "definition.json").read_text("utf-8"))
        self._link_base = link_base.rstrip("/")
        self._ail_base = ail_base.rstrip("/")
        self._versions = versions
        self._policy = policy or Policy()
        self._colours = colours()

    def values(self, match: Match, submitted: str, asking: str, company: Company, pictured: bool = False) -> Given:
        """Return the values of one object, the same for the same pair as long as nothing changes.

        submitted: the SHA-256 of the file asked for; asking: its attribute, "" where it has none. pictured: whether a
        thumbnail of the known picture goes with them.
        """
        disclosed = self._policy.disclose(match.picture, asking)
        relation = EXACT_COPY if match.picture.sha256 == submitted else match.relation.value
        rows = tuple(self._rows(match, submitted, disclosed, relation, company))
        if pictured:
            rows += ((THUMBNAIL, f"known-{match.picture.sha256[:16]}.webp"),)
        # What a bank emits tells that the picture is in it.
        emitted = () if disclosed.hidden else match.emits
        tags = tuple(dict.fromkeys((*of_match(match.decision, company.verdict), *emitted)))
        loose = CORRELATING if company.crowded else ()
        source = disclosed.source.key if disclosed.source is not None and disclosed.source.id else ""
        return Given(submitted, rows, tags, loose, source, disclosed.banks, disclosed.sensitive)

    def render(self, given: Given, subject: Subject, thumbnail: bytes | None = None) -> dict[str, Any]:
        """Return the object. Its UUIDs are new each time, as MISP demands.

        thumbnail: of the known picture, a WebP file. Without it the row is left out, and MISP still takes the object for the same.

        It refers to the enriched attribute, and to the known one where that is in the same object: MISP refuses any reference
        into another event.
        """
        written = MISPObject(TEMPLATE, strict=True, standalone=False, misp_objects_template_custom=self._template)
        for relation, value in given.rows:
            if relation == THUMBNAIL:
                if thumbnail:
                    data = base64.b64encode(thumbnail).decode()
                    written.add_attribute(relation, value=value, data=data, to_ids=False, distribution=5, disable_correlation=True)
                continue
            correlates = relation in CORRELATING and relation not in given.loose
            tags = [self._tag(tag) for tag in given.tags] if relation == "decision" else []
            written.add_attribute(relation, value=value, to_ids=False, distribution=5, disable_correlation=not correlates, Tag=tags)
        if subject.uuid:
            written.add_reference(subject.uuid, "annotates")
        known = given.row("known-image")
        if known in subject.siblings and known != subject.uuid:
            written.add_reference(known, _REFERENCES.get(given.row("relation")) or _REFERENCES[given.row("decision")])
        found: dict[str, Any] = json.loads(written.to_json())
        return found

    def write(self, match: Match, submitted: str, subject: Subject, company: Company | None = None) -> dict[str, Any]:
        """Return one object from a match; without company the known picture counts as being in none but its cluster's."""
        company = company or Company(match.picture.cluster or founded_by(match.picture.sha256))
        return self.render(self.values(match, submitted, subject.uuid, company), subject)

    def _tag(self, name: str) -> dict[str, str]:
        return {"name": name} | ({"colour": self._colours[name]} if name in self._colours else {})

    def _rows(self, match: Match, submitted: str, disclosed: Disclosed, relation: str, company: Company) -> Iterator[tuple[str, str]]:
        # On hover MISP shows the rows in this order and nothing else: the first must tell the whole story.
        yield "explanation", _explanation(match, relation, disclosed, company, bool(self._ail_base))
        yield "decision", match.decision.value
        yield "relation", relation
        if company.verdict:
            yield "verdict", company.verdict
        if company.brand:
            yield "brand", _safe(company.brand)
        if not disclosed.anonymous:
            yield "image-cluster" if match.decision is Decision.YES else "candidate-cluster", f"imgcluster:{company.cluster}"
        if disclosed.source is not None:
            yield from self._place(disclosed.source)
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
        elif source.kind == "ail-object" and self._ail_base and (link := _ail_link(source.id)):
            yield "link", self._ail_base + link
        yield "origin", _ORIGINS.get(source.kind) or _safe(source.kind)

    def _method(self, match: Match, relation: str) -> str:
        if relation == EXACT_COPY:
            return "SHA-256"
        return ", ".join(f"{e.algorithm} {self._versions.get(e.algorithm, '')}".rstrip() for e in _agreeing(match)) or "unknown"


def _ail_link(id: str) -> str:
    """Return the path of an AIL object's page, "" for what names none."""
    kind, _, rest = id.partition(":")
    subtype, _, name = rest.partition(":")
    plain_id = all(part.replace("-", "").replace("_", "").isalnum() for part in (kind, name)) and (subtype or "x").isalnum()
    return f"/correlation/show?type={kind}&subtype={subtype}&id={name}" if plain_id else ""


def _agreeing(match: Match) -> list[Evidence]:
    """Return the evidence that speaks for the match: YES before MAYBE, then by name, however the engine ordered it."""
    return sorted((e for e in match.evidence if e.decision is not Decision.NO), key=lambda e: (e.decision.rank, e.algorithm))


def _explanation(match: Match, relation: str, disclosed: Disclosed, company: Company, ail: bool) -> str:
    text = f"{match.decision.value}: {_WORDS[relation]} {_named(disclosed, ail)}"
    if disclosed.seen:
        text += f", seen {datetime.fromtimestamp(disclosed.seen, timezone.utc):%Y-%m-%d}"
    if company.crowded and company.events > 1:
        text += f", seen in {company.events} events"
    if disclosed.banks:
        text += f", bank {', '.join(plain(bank) for bank in disclosed.banks)}"
    if company.verdict:
        text += f"; {company.verdict}: {plain(company.brand)} on {plain(company.host)}"
    if disclosed.sensitive:
        text += ", sensitive"
    said = [] if relation == EXACT_COPY else _said(_agreeing(match))
    return text + (f" ({'; '.join(said)})" if said else "")


def _said(evidence: list[Evidence]) -> list[str]:
    """Return who says YES, who says MAYBE, and how the submitted picture had to be turned for that."""
    names = {decision: [e.algorithm for e in evidence if e.decision is decision] for decision in (Decision.YES, Decision.MAYBE)}
    views = sorted({e.view for e in evidence} - {"as is"})
    return [f"{', '.join(found)}: {decision.value}" for decision, found in names.items() if found] + views


def _named(disclosed: Disclosed, ail: bool) -> str:
    source = disclosed.source
    if source is None:
        return "one whose source may not be told" if disclosed.hidden else "a known picture"
    if not source.id or (source.kind == "ail-object" and not ail):
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
