"""What the modules need of the matcher, and who may see what of it."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from matcher.bank import Bank
from matcher.errors import NotFound
from matcher.match import Answer
from matcher.records import Record
from matcher.source import Source
from misp_module.places import covered, hosts_of

if TYPE_CHECKING:
    from matcher.engine import Matcher

# Pictures that are looked through for those of a host, which no list leads to, and those that are kept of them.
_LOOKED_AT, _MOST = 50_000, 100

Exclude = Callable[[Record], bool]


class Known(Protocol):
    """What the modules need of the matcher."""

    def search(
        self, data: bytes, *, limit: int = ..., banks: Iterable[str] | None = ..., exclude: Exclude | None = ..., name: str = ...
    ) -> Answer:
        """Return the known pictures that resemble these bytes; nothing is remembered."""

    def search_sha256(self, sha256: str, *, limit: int = ..., banks: Iterable[str] | None = ..., exclude: Exclude | None = ...) -> Answer:
        """Return the same for a picture in the store, which is not among them."""

    def by_source(self, kind: str, id: str) -> list[Record]:
        """Return the pictures seen at a place."""

    def by_sha256(self, sha256: str) -> Record | None:
        """Return the picture with this SHA-256, None where none is known."""

    def seen_on(self, host: str, deadline: float) -> tuple[list[Record], bool]:
        """Return the pictures seen on a host or below it, newest first, and whether all were looked through by the deadline."""

    def members(self, cluster: str) -> Sequence[Record]:
        """Return the pictures of a cluster, in the order in which they joined; none where there is no such cluster."""

    def book(self) -> Sequence[Bank]:
        """Return all banks."""

    def thumbnail(self, record: Record) -> bytes | None:
        """Return the thumbnail of a picture, a WebP file, None where there is none."""


class Pictures:
    """The pictures of a matcher. hidden: says which of them do not exist for whoever asks."""

    def __init__(self, matcher: "Matcher", hidden: Exclude = lambda record: False) -> None:
        self._matcher = matcher
        self._hidden = hidden

    def search(
        self, data: bytes, *, limit: int = 10, banks: Iterable[str] | None = None, exclude: Exclude | None = None, name: str = "picture"
    ) -> Answer:
        """As Known."""
        found = self._matcher.search(data, limit=limit, banks=banks, exclude=self._either(exclude), name=name)
        self._matcher.tally.decided(found.decision)
        return found

    def search_sha256(self, sha256: str, *, limit: int = 10, banks: Iterable[str] | None = None, exclude: Exclude | None = None) -> Answer:
        """As Known."""
        return self._matcher.search_sha256(sha256, limit=limit, banks=banks, exclude=self._either(exclude))

    def by_source(self, kind: str, id: str) -> list[Record]:
        """As Known."""
        return [record for record in self._matcher.by_source(kind, id) if not self._hidden(record)]

    def by_sha256(self, sha256: str) -> Record | None:
        """As Known."""
        found = self._matcher.collection.known(sha256)
        return None if found is None or self._hidden(found) else self._matcher.collection.clustered([found])[0]

    def seen_on(self, host: str, deadline: float) -> tuple[list[Record], bool]:
        """As Known."""
        found = list[Record]()
        for looked_at, record in enumerate(self._matcher.collection.newest(), 1):
            if not self._hidden(record) and any(covered(seen, [host]) for seen in hosts_of(record.sources)):
                found.append(record)
            if looked_at == _LOOKED_AT or len(found) == _MOST or (looked_at % 100 == 0 and time.monotonic() > deadline):
                return found, False
        return found, True

    def members(self, cluster: str) -> Sequence[Record]:
        """As Known."""
        collection = self._matcher.collection
        try:
            ids = collection.clusters.get(cluster).members
        except NotFound:
            return ()
        return [record for record in collection.named(collection.records.live(ids).values()) if not self._hidden(record)]

    def book(self) -> Sequence[Bank]:
        """As Known."""
        return self._matcher.banks.list()

    def thumbnail(self, record: Record) -> bytes | None:
        """As Known."""
        return self._matcher.collection.thumbnails.get(record)

    def remember(self, data: bytes, sources: Sequence[Source], banks: Iterable[str], name: str) -> Any:
        """Add a picture. Raises what Matcher.add does."""
        return self._matcher.add(data, sources=sources, banks=banks, name=name)

    def _either(self, exclude: Exclude | None) -> Exclude:
        return self._hidden if exclude is None else lambda record: self._hidden(record) or exclude(record)
