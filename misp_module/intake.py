"""What becomes of an attribute that MISP tells of: its picture is added, changed, or loses its source."""

import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from matcher.errors import NotAPicture, NotFound, TooLarge
from matcher.forgetting import Forgetting, Selection
from matcher.records import Record
from matcher.source import Source
from misp_module.bankrules import BankRules
from misp_module.found import KIND, Found, known_versions, named
from misp_module.sealed import opened

if TYPE_CHECKING:
    from matcher.engine import Matcher

_UNPACKING = 60.0  # seconds


class Outcome(str, Enum):
    """What became of an attribute."""

    NEW = "new pictures"
    SEEN = "seen again"  # the picture was known from elsewhere
    CHANGED = "changed"
    SAME = "unchanged"
    GONE = "gone"
    PASSED = "no pictures"
    FAILED = "failed"


class Intake:
    """Takes attributes into the store, in any order and as often as one likes. fetch: returns the bytes of one; raises NotFound."""

    def __init__(self, matcher: "Matcher", settings: Mapping[str, Any], fetch: Callable[[Found], bytes]) -> None:
        self._matcher = matcher
        self._names: tuple[str, ...] = settings["misp.names"]
        self._most: int = settings["picture.max_bytes"]
        self._fetch = fetch
        self._rules = BankRules(settings["misp.banks"], [bank.name for bank in matcher.banks.list()])
        self._forgetting = Forgetting(matcher)

    def current(self, found: Found) -> bool:
        """Whether nothing has changed since the attribute was last taken."""
        return any(self._current(source, found) for source in self._sources(self._known(found)) if source.id == found.uuid)

    def take(self, found: Found) -> Outcome:
        """Take one attribute. Raises BadPicture for a picture that cannot be read, Late, StoreUnavailable, and what `fetch` does."""
        if not found.uuid:
            return Outcome.PASSED
        records = self._known(found)
        if found.deleted:
            return self.forget(found.uuid, found.server)
        if records and self.current(found):
            return Outcome.SAME
        if records and known_versions(_of(records[0], found.uuid))[0] == found.versions[0] != 0:
            # The file is as it was; who may know of it, or what is said of it, may not be.
            return self._change(records[0], found)
        if not found.wanted(self._names):
            return self.forget(found.uuid, found.server) if records else Outcome.PASSED
        try:
            return self._add(found, self._file(found), records)
        except (NotAPicture, TooLarge) as error:
            if records:
                return self.forget(found.uuid, found.server)
            if isinstance(error, TooLarge):
                raise
            return Outcome.PASSED
        except NotFound:
            return self.forget(found.uuid, found.server)

    def forget(self, uuid: str, server: str = "") -> Outcome:
        """Take the source that an attribute was from its picture, which goes with its last one.

        What only a file says is not believed of a server's attribute.
        """
        records = self._matcher.by_source(KIND, uuid)
        if not records or (not server and _of(records[0], uuid).metadata.get("server")):
            return Outcome.SAME
        for record in records:
            self._take_back(record, _of(record, uuid), keep=(), kept_tags=())
        self._forgetting.forget(Selection(sources=((KIND, uuid),)))
        return Outcome.GONE

    def known(self, uuid: str) -> Record | None:
        """Return the picture that is known from an attribute."""
        return next(iter(self._matcher.by_source(KIND, uuid)), None)

    def _add(self, found: Found, data: bytes, records: list[Record]) -> Outcome:
        banks, tags = self._rules.banks(found), found.tags
        self._clear(found, records)
        added = self._matcher.add(data, sources=[found.source(banks, tags)], tags=tags, banks=banks, name=found.name or found.uuid)
        for record in records:
            old = _of(record, found.uuid)
            if record.sha256 != added.record.sha256:
                self._take_back(record, old, keep=(), kept_tags=())
                self._matcher.change(record, fewer_sources=[old])
            else:
                self._take_back(added.record, old, banks, tags)
        return Outcome.NEW if added.new else Outcome.CHANGED if records else Outcome.SEEN

    def _change(self, record: Record, found: Found) -> Outcome:
        banks, tags = self._rules.banks(found), found.tags
        old, new = _of(record, found.uuid), found.source(banks, tags)
        self._clear(found, [record])
        changed = self._matcher.change(record, sources=[new], tags=tags, banks=banks)
        self._take_back(changed, old, banks, tags)
        return Outcome.SAME if _said(old) == _said(new) else Outcome.CHANGED

    def _clear(self, found: Found, records: list[Record]) -> None:
        """Forget what is known of the attribute as of no organisation, or another: as when the button remembered it."""
        org = found.source().org
        for record in records:
            stale = [source for source in record.sources if source.kind == KIND and source.id == found.uuid and source.org != org]
            if stale and found.server:
                self._matcher.change(record, fewer_sources=stale)

    def _take_back(self, record: Record, old: Source, keep: tuple[str, ...], kept_tags: tuple[str, ...]) -> None:
        """Take from a picture the banks and tags that a source gave it, and that neither it nor another one gives any more."""
        others = [source for source in record.sources if source.key != old.key]
        banks = set(named(old, "banks")) - set(keep) - {name for source in others for name in named(source, "banks")}
        tags = set(named(old, "tags")) - set(kept_tags) - {name for source in others for name in named(source, "tags")}
        there = {bank.name for bank in self._matcher.banks.list()} if banks else set()
        if tags or banks & there:
            try:
                self._matcher.change(record, fewer_tags=sorted(tags), fewer_banks=sorted(banks & there))
            except NotFound:
                return

    def _file(self, found: Found) -> bytes:
        data = self._fetch(found)
        if not data:
            raise NotAPicture(f"MISP has lost the file of {found.uuid}")
        if found.attribute.get("type") != "malware-sample":
            return data
        return opened(data, found.name, self._most, time.monotonic() + _UNPACKING)

    def _known(self, found: Found) -> list[Record]:
        return self._matcher.by_source(KIND, found.uuid) if found.uuid else []

    def _sources(self, records: list[Record]) -> list[Source]:
        return [source for record in records for source in record.sources if source.kind == KIND]

    def _current(self, source: Source, found: Found) -> bool:
        server = source.metadata.get("server", "")
        if not found.server and server:
            return True  # the server knows better than a file
        return server == found.server and known_versions(source) == found.versions != (0, 0)


def _said(source: Source) -> object:
    """Return what a source says, but for the version it says it of: an event changes with anything that is put into it."""
    return source.visibility, {name: value for name, value in source.metadata.items() if name != "versions"}


def _of(record: Record, uuid: str) -> Source:
    return next(source for source in record.sources if source.kind == KIND and source.id == uuid)
