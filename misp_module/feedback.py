"""What people say on MISP of what was written there, read back: it becomes reviews of pictures.

A false-positive sighting of an object that was written for two attributes, or of an attribute that matches just one other; an
opinion below 50 on the relationship of two. Only of organisations that misp.feedback names.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from matcher.errors import NotFound
from matcher.reviews import Verdict
from matcher.settings import Settings
from misp_module.found import KIND, seconds, text
from misp_module.objects import TEMPLATE
from misp_module.remote import Remote, Row
from misp_module.syncstate import SyncState
from misp_module.writebook import WriteBook, Written

if TYPE_CHECKING:
    from matcher.engine import Matcher

_DOUBT = 50
_OVERLAP = 600
_LONGEST = 30 * 86_400  # seconds in which opinions on a relationship are looked for


class Feedback:
    """Reads what people said on one server. told: called with what was heard, and what could not be understood, in words."""

    def __init__(
        self,
        matcher: "Matcher",
        remote: Remote,
        state: SyncState,
        settings: Settings,
        book: WriteBook,
        told: Callable[[str], None],
    ) -> None:
        self._matcher = matcher
        self._remote = remote
        self._state = state
        self._book = book
        self._told = told
        self._heard = {name.lower() for name in settings["misp.feedback"]}

    def read(self) -> int:
        """Turn what was said since the last time into reviews; return how many there are of them. All attributes concerned wait then."""
        begun = self._state.now()
        since = max(1, self._state.position.feedback - _OVERLAP)
        given = sum(self._sighted(row) for row in self._remote.false_positives(since) if self._counts(row))
        given += sum(self._doubted(entry) for entry in self._book.all() if entry.linked and entry.when + _LONGEST > begun)
        self._reviewed(since)
        self._state.move(feedback=begun)
        return given

    def _sighted(self, row: Row) -> bool:
        attribute = row.get("Attribute")
        uuid = (text(row.get("attribute_uuid")) or text(attribute.get("uuid") if isinstance(attribute, dict) else "")).lower()
        if not uuid:
            return False
        entries = self._of_object(uuid) if not self._of_attribute(uuid) else self._of_attribute(uuid)
        if not entries:
            return False
        if len({(entry.submitted, entry.known) for entry in entries}) > 1:
            self._told(f"the false positive on {uuid} may be about {len(entries)} matches; say so on the object of the one that is meant")
            return False
        return self._reject(entries[0], self._who(row), seconds(row.get("date_sighting")))

    def _of_attribute(self, uuid: str) -> list[Written]:
        """Return what was written because of an attribute, or another because of it."""
        return [*self._book.of(uuid), *(entry for newer in self._book.about(uuid) for entry in self._book.of(newer) if entry.older == uuid)]

    def _of_object(self, uuid: str) -> list[Written]:
        """Return what was written with the object that an attribute is part of."""
        try:
            rows = self._remote.attributes_of_any_type(uuid)
            number = text(rows[0].get("object_id")) if rows else ""
            found = self._remote.object(number) if number not in ("", "0") else {}
        except NotFound:
            return []
        if text(found.get("name")) != TEMPLATE:
            return []
        return [entry for entry in self._book.all() if entry.object == text(found.get("uuid"))]

    def _doubted(self, entry: Written) -> bool:
        try:
            opinions = self._remote.relation(entry.link).get("Opinion")
        except NotFound:
            return False
        for row in opinions if isinstance(opinions, list) else ():
            said = text(row.get("opinion")) if isinstance(row, dict) else ""
            if said.isdecimal() and int(said) < _DOUBT and self._counts(row):
                return self._reject(entry, self._who(row), seconds(row.get("modified")) or seconds(row.get("created")))
        return False

    def _counts(self, row: Mapping[str, Any]) -> bool:
        """Whether what an organisation says is heard."""
        org = row.get("Organisation") or row.get("Orgc")
        named = {text(org.get(key)).lower() for key in ("name", "uuid")} if isinstance(org, dict) else set()
        named |= {text(row.get("orgc_uuid")).lower()}
        named.discard("")
        if self._heard:
            return bool(named & self._heard)
        return self._remote.org["uuid"].lower() in named or text(row.get("org_id")) == self._remote.org["id"]

    def _who(self, row: Mapping[str, Any]) -> str:
        org = row.get("Organisation") or row.get("Orgc")
        name = text(org.get("name")) if isinstance(org, dict) else ""
        return f"misp:{text(row.get('authors')) or name or self._remote.org['name'] or 'unknown'}"[:100]

    def _reject(self, entry: Written, who: str, when: int) -> bool:
        """Review two pictures as different; False where they are one, gone, or somebody said something of them since."""
        if entry.submitted == entry.known:
            self._told(f"{entry.newer} and {entry.older} hold the same file; that it is a false positive is no review")
            return False
        before = self._matcher.collection.reviews.get(entry.submitted, entry.known)
        if before is not None and (before.verdict is Verdict.DIFFERENT or before.when >= when):
            return False
        records = [self._matcher.collection.known(sha256) for sha256 in (entry.submitted, entry.known)]
        if records[0] is None or records[1] is None:
            return False
        self._matcher.clustering.review(records[0], records[1], Verdict.DIFFERENT, who)
        self._told(f"{who} says that {entry.newer} does not match {entry.older}: reviewed as different")
        return True

    def _reviewed(self, since: int) -> None:
        """Let the attributes wait whose pictures were reviewed since a time, here or there."""
        for review in self._matcher.collection.reviews.all():
            if review.when >= since:
                self._state.queue(self._attributes((review.a, review.b)))

    def _attributes(self, pictures: Iterable[str]) -> list[str]:
        records = [record for record in map(self._matcher.collection.known, pictures) if record is not None]
        return [source.id for record in records for source in record.sources if self._ours(source.kind, source.metadata)]

    def _ours(self, kind: str, metadata: Mapping[str, Any]) -> bool:
        return kind == KIND and metadata.get("server") == self._remote.url
