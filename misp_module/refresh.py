"""Objects that say that pictures match, brought up to date where they are: after reviews, merges of clusters, and upgrades.

Only in events of our own organisation that are not locked, whoever pressed the button there. What is then known is also what the
button answers next time, so MISP keeps one object.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from matcher.cluster import founded_by
from matcher.match import Decision, Match, Relation
from matcher.records import Record
from matcher.reviews import Verdict
from matcher.settings import Settings
from misp_module.assembly import writer
from misp_module.budget import Budget, Spent
from misp_module.company import Surroundings
from misp_module.disclosure import Policy
from misp_module.found import KIND, text
from misp_module.given import Given, Ledger
from misp_module.known import Pictures
from misp_module.objects import CORRELATING, TEMPLATE, THUMBNAIL
from misp_module.places import hosts_of
from misp_module.query import Subject
from misp_module.remote import Remote, Row
from misp_module.writeback import deleted, is_own, rows_of, tags_on

if TYPE_CHECKING:
    from matcher.engine import Matcher

_OURS = ("image-match:", "workflow:todo=", "misp:automation-level=")
_CLUSTERS = ("image-cluster", "candidate-cluster")


class Refresh:
    """Updates the objects on one server. told: called with each change, in words; in a dry run that is all that happens."""

    def __init__(
        self,
        matcher: "Matcher",
        remote: Remote,
        settings: Settings,
        budget: Budget,
        told: Callable[[str], None],
        dry_run: bool = False,
    ) -> None:
        self._matcher = matcher
        self._remote = remote
        self._limit: int = settings["misp.max_matches"]
        self._page: int = settings["misp.page"]
        self._budget = budget
        self._told = told
        self._dry_run = dry_run
        self._policy = Policy(settings["misp.max_disclosure"])
        self._surroundings = Surroundings(Pictures(matcher), self._policy, settings["misp.max_correlations"])
        self._writer = writer(settings, self._policy)
        self._ledger = Ledger(matcher.collection.store)

    def run(self) -> int:
        """Look at all objects that may be changed; return how many were."""
        changed = 0
        try:
            for row in self._mine():
                changed += self._one(row)
        except Spent as spent:
            self._told(f"{spent}; other objects are looked at in the next run")
        return changed

    def _mine(self) -> Iterator[Row]:
        page = 1
        while rows := self._remote.objects(TEMPLATE, page, self._page):
            events = self._remote.events(text(row.get("event_id")) for row in rows)
            for row in rows:
                event = events.get(text(row.get("event_id")))
                if event is not None and is_own(event, self._remote) and not deleted(row):
                    yield row
            page += 1
            if len(rows) < self._page:
                return

    def _one(self, row: Row) -> bool:
        values = rows_of(row)
        submitted, known = values.get("sha256", ""), self._picture(values.get("known-image", ""))
        if known is None or len(submitted) != 64:
            return False
        uuid = _annotated(row)
        review = self._matcher.collection.reviews.get(submitted, known.sha256) if submitted != known.sha256 else None
        if review is not None and review.verdict is Verdict.DIFFERENT:
            return self._drop(row, uuid, known)
        match = self._match(submitted, known)
        if match is not None:
            mine = self._matcher.collection.known(submitted)
            hosts = hosts_of(self._policy.told(mine)) if mine is not None else ()
            given = self._writer.values(match, submitted, uuid, self._surroundings.of(match, hosts, uuid))
        else:
            before = self._ledger.all(uuid).get(known.sha256) if uuid else None
            cluster = f"imgcluster:{known.cluster or founded_by(known.sha256)}"
            given = (before or _read(row)).replacing({name: cluster for name in _CLUSTERS if name in values})
        if self._policy.conceals(known, uuid) or not self._write(row, given):
            return False
        if uuid and not self._dry_run:
            self._ledger.put(uuid, known.sha256, given)
        return True

    def _drop(self, row: Row, uuid: str, known: Record) -> bool:
        self._budget.spend()
        self._told(f"no object {row.get('uuid')} in event {row.get('event_id')}: its pictures were reviewed as different")
        if not self._dry_run:
            self._remote.drop_object(text(row.get("uuid")))
            if uuid:
                self._ledger.drop(uuid, known.sha256)
        return True

    def _match(self, submitted: str, known: Record) -> Match | None:
        """Return how a picture matches a known one now; None where that cannot be told: it is not known itself, or was not found."""
        if submitted == known.sha256:
            return Match(known, Decision.YES, Relation.SAME_PICTURE, 0.0, ())
        if self._matcher.collection.known(submitted) is None:
            return None
        found = self._matcher.search_sha256(submitted, limit=1, exclude=lambda record: record.id != known.id)
        return next(iter(found.matches), None)

    def _write(self, row: Row, given: Given) -> bool:
        """Bring an object to these values; False where it has them already."""
        had: dict[str, list[Row]] = {}
        for part in row.get("Attribute", []):
            if not deleted(part):
                had.setdefault(text(part.get("object_relation")), []).append(part)
        rendered = self._writer.render(given, Subject("", "", None))["Attribute"]
        parts, changed = list[Row](), False
        for part in rendered:
            same = had.get(part["object_relation"], [])
            old = next((one for one in same if one.get("value") == part["value"]), same[0] if same else None)
            if old is not None:
                same.remove(old)
            part.pop("Tag", None)
            changed |= old is None or old.get("value") != part["value"] or _otherwise_correlating(old, part)
            parts.append({**part, "uuid": old["uuid"]} if old is not None else part)
        # A thumbnail is kept for some days only: what MISP has of it stays as it is.
        parts += had.pop(THUMBNAIL, [])
        changed |= any(had.values())
        if changed:
            self._budget.spend()
            self._told(f"object {row.get('uuid')} in event {row.get('event_id')}: {given.row('explanation')}")
            if not self._dry_run:
                kept = {key: value for key, value in row.items() if key not in ("Attribute", "ObjectReference", "timestamp")}
                self._remote.edit_object(text(row["uuid"]), {**kept, "Attribute": parts})
        return self._retag(parts, row, given) or changed

    def _retag(self, parts: list[Row], row: Row, given: Given) -> bool:
        """Give the row `decision` its tags, and take from it those of ours that no longer hold."""
        decided = next((part for part in parts if part["object_relation"] == "decision"), None)
        old = next((part for part in row.get("Attribute", []) if decided and part.get("uuid") == decided["uuid"]), None)
        if decided is None or old is None:
            return False
        has, wanted = tags_on(old), set(given.tags)
        gone = {tag for tag in has - wanted if tag.startswith(_OURS)}
        for tag in sorted(gone | (wanted - has)):
            self._budget.spend()
            self._told(f"{'no ' if tag in gone else ''}tag {tag} on {decided['uuid']}")
            if not self._dry_run:
                if tag in gone:
                    self._remote.untag(decided["uuid"], tag)
                else:
                    self._remote.tag(decided["uuid"], tag, local=False)
        return bool(gone or wanted - has)

    def _picture(self, uuid: str) -> Record | None:
        return next(iter(self._matcher.by_source(KIND, uuid)), None) if uuid else None


def _otherwise_correlating(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return new["object_relation"] in CORRELATING and bool(old.get("disable_correlation")) != bool(new["disable_correlation"])


def _annotated(row: Mapping[str, Any]) -> str:
    """Return the attribute that an object is about, "" where it does not say."""
    references = row.get("ObjectReference")
    for one in references if isinstance(references, list) else ():
        if isinstance(one, dict) and one.get("relationship_type") == "annotates":
            return text(one.get("referenced_uuid")).lower()
    return ""


def _read(row: Mapping[str, Any]) -> Given:
    """Return the values that an object has."""
    parts = [part for part in row.get("Attribute", []) if not deleted(part)]
    rows = tuple((text(part.get("object_relation")), text(part.get("value"))) for part in parts)
    tags = tuple(sorted(tag for part in parts if part.get("object_relation") == "decision" for tag in tags_on(part)))
    loose = tuple(name for part in parts if (name := text(part.get("object_relation"))) in CORRELATING and part.get("disable_correlation"))
    return Given(rows_of(row).get("sha256", ""), rows, tags, loose)
