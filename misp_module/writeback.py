"""Writing back to MISP what follows from matches, and taking back what follows no longer.

Each attribute whose picture is new or changed is looked at: what should be said of it is held against what was said. So it can be
done again at any time, and the same way leads in both directions.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matcher.errors import BadSettings, NotFound, Refused
from matcher.match import Decision
from matcher.settings import Settings
from matcher.source import Source
from matcher.tagging import ATTRIBUTE, EVENT, Seen, Tagger
from misp_module.assembly import writer
from misp_module.budget import Budget, Spent
from misp_module.claims import Claim, Claims
from misp_module.company import Surroundings
from misp_module.disclosure import Policy
from misp_module.found import KIND, text
from misp_module.given import Given, Ledger
from misp_module.known import Pictures
from misp_module.objects import EXACT_COPY, TEMPLATE
from misp_module.pen import NEEDS, OBJECTS, RELATIONS, SIGHTINGS, TAGS, WRITES, Pen
from misp_module.places import hosts_of
from misp_module.query import Subject
from misp_module.remote import Remote, Row
from misp_module.syncstate import SyncState
from misp_module.tags import of_match
from misp_module.writebook import DONE, WriteBook, Written

if TYPE_CHECKING:
    from matcher.engine import Matcher

_MANY = 1000
_LINKS = {EXACT_COPY: "same-as", Decision.YES: "similar", Decision.MAYBE: "related-to"}


class WriteBack:
    """Writes what misp.write names. told: called with each write, and with what is in the way, in words. Raises BadSettings."""

    def __init__(
        self, matcher: "Matcher", remote: Remote, state: SyncState, settings: Settings, told: Callable[[str], None], dry_run: bool = False
    ) -> None:
        strange = sorted(set(settings["misp.write"]) - set(WRITES))
        if strange:
            raise BadSettings(f"misp.write has {strange[0]!r}; choose from {', '.join(WRITES)}")
        self._matcher = matcher
        self._remote = remote
        self._state = state
        self._told = told
        self._dry_run = dry_run
        self.budget = Budget(state, settings, dry_run)
        self.book = WriteBook(matcher.collection.store, state)
        self.pen = Pen(remote, self.book, self.budget, told, dry_run)
        self._kinds = set(settings["misp.write"])
        self._refused = set[str]()
        self._claims = Claims(matcher, settings, remote.url)
        self._tagger = Tagger(settings)
        self._policy = Policy(settings["misp.max_disclosure"])
        self._surroundings = Surroundings(Pictures(matcher), self._policy, settings["misp.max_correlations"])
        self._objects = writer(settings, self._policy)
        self._ledger = Ledger(matcher.collection.store)

    def run(self) -> int:
        """Look at all that waits; return how many writes were made. What is too much for one run waits for the next."""
        self._check_rights()
        try:
            while waiting := self._state.queued():
                for uuid, mark in waiting:
                    self._state.keep()
                    self.settle(uuid, echo=mark > 0)
                    if not self._dry_run and not self._lacking():
                        self._state.unqueue(uuid, mark)
                if self._dry_run or self._lacking():
                    break
        except Spent as spent:
            self._told(f"{spent}; {len(self._state.queued())} attributes wait for the next run")
        return self.budget.made

    def recheck(self) -> None:
        """Let all known attributes of the server wait."""
        some = list[str]()
        for record in self._matcher.find(source=KIND, limit=None):
            some += [source.id for source in record.sources if source.kind == KIND and source.metadata.get("server") == self._remote.url]
            if len(some) >= _MANY:
                self._state.queue(some)
                some = []
        self._state.queue(some)

    def settle(self, uuid: str, echo: bool = False) -> None:
        """Bring what is said of an attribute up to date. echo: those that it may change something for wait then. Raises Spent."""
        claims, later = self._claims.of(uuid)
        if echo and not self._dry_run:
            self._state.echo([*later, *([] if claims else self.book.about(uuid))])
        wanted = {claim.older.id: claim for claim in claims}
        written = {entry.older: entry for entry in self.book.of(uuid)}
        for older, entry in written.items():
            if older not in wanted and not entry.retracted:
                self.pen.take_back(entry)
        live = list[Claim]()
        for older, claim in wanted.items():
            before = written.get(older)
            if before is None or not before.retracted:
                live.append(claim)
                self._write(claim, before)
        if TAGS in self._kinds or self.book.tags(uuid):
            self._tag(uuid, live)

    def untag(self, uuid: str) -> None:
        """Take back the tags that were given because of an attribute's picture and are wanted no longer. Raises Spent."""
        gone = {entry.older for entry in self.book.of(uuid) if entry.retracted}
        claims = [claim for claim in self._claims.of(uuid)[0] if claim.older.id not in gone]
        for target, tag in sorted(self.book.tags(uuid) - self._wanted_tags(uuid, claims)):
            self.pen.untag(uuid, target, tag)

    def _write(self, claim: Claim, before: Written | None) -> None:
        fresh = _entry(claim)
        entry = fresh if before is None else replace(before, decision=fresh.decision, submitted=fresh.submitted, known=fresh.known)
        if not entry.when:
            entry = replace(entry, when=self._state.now())
        kind = _LINKS[EXACT_COPY if claim.relation == EXACT_COPY else claim.match.decision]
        if entry.sighting and claim.match.decision is not Decision.YES:
            entry = self.pen.take_back(entry, (SIGHTINGS,))
        if entry.link and entry.link_kind != kind:
            entry = self.pen.take_back(entry, (RELATIONS,))
        try:
            if claim.match.decision is Decision.YES and entry.sighting != DONE:
                entry = self._trying(SIGHTINGS, entry, lambda entry: self.pen.sight(entry, int(claim.newer.first_seen)))
            if not entry.linked:
                entry = self._trying(RELATIONS, entry, lambda entry: self.pen.relate(entry, kind))
            if not entry.placed:
                self._trying(OBJECTS, entry, lambda entry: self._put_object(claim, entry))
        except NotFound:
            return  # one of the two has gone; the next sync learns of it

    def _put_object(self, claim: Claim, entry: Written) -> Written:
        event = self._own_event(claim.newer)
        if event is None:
            return entry
        there = "" if entry.object else self._written_before(claim, event)
        if there:
            return self.pen.keep_object(entry, there)
        given = self.given(claim)
        subject = Subject(claim.newer.id, text(claim.newer.metadata.get("filename")), None)
        entry = self.pen.put_object(entry, self._objects.render(given, subject))
        if entry.placed:
            self._ledger.put(claim.newer.id, claim.match.picture.sha256, given)
        return entry

    def given(self, claim: Claim) -> Given:
        """Return the values of a claim's object as they are now."""
        company = self._surroundings.of(claim.match, hosts_of(self._policy.told(claim.submitted)), claim.newer.id)
        return self._objects.values(claim.match, claim.submitted.sha256, claim.newer.id, company)

    def _own_event(self, source: Source) -> Row | None:
        """Return the event of an attribute where it is our organisation's and not locked."""
        event = self._remote.events([text(source.metadata.get("event_id"))]).get(text(source.metadata.get("event_id")))
        return event if event is not None and is_own(event, self._remote) else None

    def _written_before(self, claim: Claim, event: Row) -> str:
        """Return the UUID of an object that says so already, "" where there is none."""
        for row in self._remote.objects_in(text(event.get("id")), TEMPLATE):
            values = rows_of(row)
            if values.get("known-image") == claim.older.id and values.get("sha256") == claim.submitted.sha256 and not deleted(row):
                return text(row.get("uuid"))
        return ""

    def _tag(self, uuid: str, claims: Iterable[Claim]) -> None:
        wanted = self._wanted_tags(uuid, list(claims)) if TAGS in self._kinds else set()
        had, begun = self.book.tags(uuid), self.book.tagging(uuid)
        for target, tag in sorted(had - wanted):
            self.pen.untag(uuid, target, tag)
        if begun is not None and begun not in wanted:
            self.book.put_tagging(uuid, None)
        fresh = sorted(wanted - had | ({begun} if begun in wanted else set()))
        if not fresh or TAGS not in self._kinds:
            return
        there = self._there(uuid, {target for target, _ in fresh})
        for target, tag in fresh:
            # What somebody else gave is left to them.
            ours = (target, tag) == begun or self.book.wanted_by(target, tag)
            if target in there and (tag not in there[target] or ours):
                self._give(uuid, target, tag)

    def _give(self, uuid: str, target: str, tag: str) -> None:
        if TAGS not in self._kinds:
            return
        try:
            self.pen.tag(uuid, target, tag)
        except NotFound as error:
            self._told(f"{error}; does the tag exist, or may the user create tags? (kuato misp install)")
        except Refused as error:
            self._refuse(TAGS, error)

    def _wanted_tags(self, uuid: str, claims: list[Claim]) -> set[tuple[str, str]]:
        if not claims:
            return set()
        book = self._matcher.banks.list()
        best = min(claims, key=lambda claim: (claim.match.decision.rank, claim.match.distance))
        event = text(best.newer.metadata.get("event_uuid"))
        targets = {ATTRIBUTE: uuid, EVENT: event}
        seen = []
        for claim in claims:
            told = not self._policy.disclose(claim.match.picture, uuid).hidden
            seen.append(Seen.of(claim.match, claim.submitted.sha256, book, told))
        given = {(uuid, tag) for tag in of_match(best.match.decision)}
        given |= {(targets[one.on], one.tag) for one in self._tagger.taggings(seen, targets) if targets[one.on]}
        return given

    def _there(self, uuid: str, targets: set[str]) -> dict[str, set[str]]:
        """Return the tags that an attribute and its event have, by their UUIDs; what is not there is absent."""
        rows = [row for row in self._remote.attributes(uuid=uuid) if not row.get("deleted")]
        found = {uuid: tags_on(rows[0])} if rows else {}
        if targets - {uuid} and rows:
            events = self._remote.events([text(rows[0].get("event_id"))])
            found |= {text(event.get("uuid")).lower(): tags_on(event) for event in events.values()}
        return found

    def _trying(self, kind: str, entry: Written, write: Callable[[Written], Written]) -> Written:
        """Return an entry as it is after a write; where MISP refuses that, nothing of its kind is tried again in this run."""
        if kind not in self._kinds:
            return entry
        try:
            return write(entry)
        except Refused as error:
            self._refuse(kind, error)
            return entry

    def _refuse(self, kind: str, error: Refused) -> None:
        self._kinds.discard(kind)
        self._refused.add(kind)
        self._told(f"{error}; no {kind} are written in this run")

    def _check_rights(self) -> None:
        for kind in sorted(self._kinds):
            if self._remote.lacks(NEEDS[kind]):
                self._kinds.discard(kind)
                self._refused.add(kind)
                self._told(f"the user of misp.key has no right {NEEDS[kind]}; no {kind} are written")

    def _lacking(self) -> bool:
        return bool(self._refused)


def is_own(event: Mapping[str, Any], remote: Remote) -> bool:
    """Whether an event is our organisation's, and not locked: one that came from another server is theirs to change."""
    locked = event.get("locked") is True or text(event.get("locked")).lower() in ("1", "true")
    return text(event.get("orgc_id")) == remote.org["id"] and not locked


def rows_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of an object by relation."""
    parts = row.get("Attribute")
    found = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return {text(part.get("object_relation")): text(part.get("value")) for part in found if not deleted(part)}


def _entry(claim: Claim) -> Written:
    event = text(claim.newer.metadata.get("event_uuid"))
    known, decision = claim.match.picture.sha256, claim.match.decision
    return Written(claim.newer.id, claim.older.id, claim.submitted.sha256, known, event, decision)


def tags_on(row: Mapping[str, Any]) -> set[str]:
    """Return the names of the tags that a row has."""
    tags = row.get("Tag")
    return {text(tag.get("name")) for tag in tags if isinstance(tag, dict)} if isinstance(tags, list) else set()


def deleted(row: Mapping[str, Any]) -> bool:
    """Whether a row is marked as deleted."""
    return row.get("deleted") is True or text(row.get("deleted")).lower() in ("1", "true")
