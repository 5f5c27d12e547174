"""Writing to MISP, one thing at a time: what was written is noted before, counted, and can be taken back.

On events of others these leave everything as it is but sightings, local tags and analyst data; objects are only put into events of
our own organisation that are not locked. Nothing publishes.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from pymisp import MISPRelationship

from matcher.errors import NotFound, Refused
from misp_module.budget import Budget
from misp_module.remote import Lost, Remote, Row
from misp_module.writebook import DONE, PENDING, WriteBook, Written

SIGHTINGS, TAGS, RELATIONS, OBJECTS = "sightings", "tags", "relations", "objects"
WRITES = (SIGHTINGS, TAGS, RELATIONS, OBJECTS)
NEEDS = {SIGHTINGS: "perm_sighting", TAGS: "perm_tagger", RELATIONS: "perm_analyst_data", OBJECTS: "perm_modify"}
_OWN_ORGANISATION = 0
_PATIENCE = 20


class Pen:
    """Writes to one server. told: called with each write, in words; in a dry run that is all that happens."""

    def __init__(self, remote: Remote, book: WriteBook, budget: Budget, told: Callable[[str], None], dry_run: bool = False) -> None:
        self._remote = remote
        self._book = book
        self._budget = budget
        self._told = told
        self._dry_run = dry_run

    def sight(self, entry: Written, when: int) -> Written:
        """Add a sighting of the older attribute, once and never twice."""
        if not self._made(f"sighting of {entry.older}: seen again at {entry.newer}"):
            return entry
        if entry.sighting != PENDING and not self._book.claim(entry):
            return self._noted(replace(entry, sighting=DONE))
        entry = self._noted(replace(entry, sighting=PENDING))
        source = token(entry)
        for left in range(_PATIENCE, -1, -1):
            # A sighting has no key of its own: whether one that went unanswered was made is to be seen only on the server.
            if self._remote.sightings(entry.older, source):
                break
            try:
                self._remote.sight(entry.older, source, when)
            except Lost:
                if not left:
                    raise
        return self._noted(replace(entry, sighting=DONE))

    def relate(self, entry: Written, kind: str) -> Written:
        """Add a relationship from the newer to the older attribute, for our own organisation."""
        if not self._made(f"relationship {kind} from {entry.newer} to {entry.older}"):
            return entry
        entry = self._noted(replace(entry, link=entry.link or str(uuid4()), link_kind=kind))
        link = MISPRelationship()
        link.from_dict(
            uuid=entry.link,
            object_uuid=entry.newer,
            object_type="Attribute",
            related_object_uuid=entry.older,
            related_object_type="Attribute",
            relationship_type=kind,
            distribution=_OWN_ORGANISATION,
            authors="Kuato",
        )
        self._remote.relate(link)
        return self._noted(replace(entry, linked=True))

    def put_object(self, entry: Written, written: Row) -> Written:
        """Add an object to the newer attribute's event, which is our own."""
        if not self._made(f"object image-similarity in event {entry.event}: {entry.newer} matches {entry.older}"):
            return entry
        entry = self._noted(replace(entry, object=entry.object or str(uuid4())))
        self._remote.put_object(entry.event, {**written, "uuid": entry.object})
        return self._noted(replace(entry, placed=True))

    def keep_object(self, entry: Written, uuid: str) -> Written:
        """Note an object that is there already, as the button wrote it."""
        return entry if self._dry_run else self._noted(replace(entry, object=uuid, placed=True))

    def tag(self, attribute: str, target: str, tag: str) -> None:
        """Give a local tag because of an attribute's picture. Raises NotFound, Refused where that cannot be."""
        if not self._made(f"tag {tag} on {target}"):
            return
        before = self._book.tags(attribute)
        self._book.put_tagging(attribute, (target, tag))
        self._book.put_tags(attribute, before | {(target, tag)})
        try:
            self._remote.tag(target, tag, local=True)
        except (NotFound, Refused):
            self._book.put_tags(attribute, before - {(target, tag)})
            self._book.put_tagging(attribute, None)
            raise
        self._book.put_tagging(attribute, None)

    def untag(self, attribute: str, target: str, tag: str) -> None:
        """Take back a tag, unless another attribute wants it."""
        shared = [who for who in self._book.wanted_by(target, tag) if who != attribute]
        if not shared:
            self._budget.spend()
            self._told(f"no tag {tag} on {target}")
        if not self._dry_run:
            if not shared:
                self._remote.untag(target, tag)
            self._book.put_tags(attribute, self._book.tags(attribute) - {(target, tag)})
            self._book.drop_wish(target, tag, attribute)

    def take_back(self, entry: Written, parts: tuple[str, ...] = (SIGHTINGS, RELATIONS, OBJECTS), for_good: int = 0) -> Written:
        """Take back what was written because of two attributes, or parts of it. for_good: when that was decided, 0 for not."""
        if entry.sighting and SIGHTINGS in parts and self._made(f"no sighting of {entry.older} from {entry.newer}"):
            for row in self._sightings(entry):
                self._remote.unsight(str(row["id"]))
            self._book.disclaim(entry)
            entry = self._noted(replace(entry, sighting=""))
        if entry.link and RELATIONS in parts and self._made(f"no relationship from {entry.newer} to {entry.older}"):
            self._remote.unrelate(entry.link)
            entry = self._noted(replace(entry, link="", link_kind="", linked=False))
        if (
            entry.object
            and OBJECTS in parts
            and self._made(f"no object in event {entry.event}: {entry.newer} does not match {entry.older}")
        ):
            self._remote.drop_object(entry.object)
            entry = self._noted(replace(entry, object="", placed=False))
        if self._dry_run:
            return entry
        if for_good:
            return self._noted(replace(entry, retracted=for_good))
        if entry.empty:
            self._book.drop(entry)
        return entry

    def _sightings(self, entry: Written) -> list[Row]:
        try:
            return self._remote.sightings(entry.older, token(entry))
        except NotFound:
            return []

    def _made(self, what: str) -> bool:
        """Count and tell a write; whether it is to be made."""
        self._budget.spend()
        self._told(what)
        return not self._dry_run

    def _noted(self, entry: Written) -> Written:
        self._book.put(entry)
        return entry


def token(entry: Written) -> str:
    """Return the source of a pair's sighting, by which it is known again."""
    return f"kuato image-match {hashlib.sha256(f'{entry.newer} {entry.older}'.encode()).hexdigest()[:16]}"
