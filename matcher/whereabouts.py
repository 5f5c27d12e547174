"""Where pictures were seen, as pages tell it: domains, events of MISP, objects of AIL, each with how many of the pictures."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from matcher.addresses import host_of
from matcher.records import Record
from matcher.source import Source

DOMAIN, EVENT, OBJECT, CHAT, FILE = "domain", "event", "object", "chat", "file"
_MISP, _AIL = "misp-attribute", "ail-object"
_KINDS = {"domain": DOMAIN, _AIL: OBJECT, "ail-chat": CHAT, "file": FILE}
_PAGES = ("url", "page")


@dataclass(frozen=True)
class Place:
    """Somewhere pictures were seen.

    kind: one of the above. name: what tells it from others of its kind. label: for people. link: where it can be looked at, "" where
    that is not known. pictures: how many were seen there.
    """

    kind: str
    name: str
    label: str
    link: str = ""
    pictures: int = 1

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"{self.kind}:{self.name}"


class Whereabouts:
    """Tells where pictures were seen. misp, ail: addresses of their pages, for links, "" for none."""

    def __init__(self, misp: str = "", ail: str = "") -> None:
        self._misp = misp.rstrip("/")
        self._ail = ail.rstrip("/")

    def of(self, record: Record) -> list[Place]:
        """Return where one picture was seen, each place once; of a sensitive one without what the details of its sources tell."""
        found = {place.key: place for source in record.sources for place in self._places(source, record.sensitive)}
        return list(found.values())

    def of_many(self, records: Iterable[Record]) -> list[Place]:
        """Return where pictures were seen, the places of most of them first."""
        known: dict[str, Place] = {}
        counts: Counter[str] = Counter()
        for record in records:
            for place in self.of(record):
                known.setdefault(place.key, place)
                counts[place.key] += 1
        return [replace(known[key], pictures=count) for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]

    def link(self, source: Source) -> str:
        """Return where a source can be looked at, "" where that is not known."""
        if source.kind == _MISP:
            return f"{self._misp}/attributes/view/{quote(source.id, safe='')}" if self._misp else ""
        if source.kind == _AIL:
            return self._of_ail(source.id)
        return ""

    def _places(self, source: Source, sensitive: bool) -> Iterator[Place]:
        kind = _KINDS.get(source.kind)
        if kind is not None:
            yield Place(kind, source.id, _short(kind, source.id), self.link(source))
        if sensitive:
            return
        event = source.metadata.get("event_uuid")
        if source.kind == _MISP and isinstance(event, str):
            info = source.metadata.get("event_info")
            label = info if isinstance(info, str) and info else f"event {source.metadata.get('event_id') or event}"
            yield Place(EVENT, event, label, f"{self._misp}/events/view/{quote(event, safe='')}" if self._misp else "")
        for text in (source.id if source.kind in _PAGES else None, source.metadata.get("url")):
            host = _host(text) if isinstance(text, str) else ""
            if host:
                yield Place(DOMAIN, host, host)

    def _of_ail(self, gid: str) -> str:
        kind, _, id = gid.partition("::")
        plain = kind.isalnum() and id and all(letter.isalnum() or letter in "-_." for letter in id)
        return f"{self._ail}/correlation/show?type={kind}&subtype=&id={id}" if self._ail and plain else ""


def _host(text: str) -> str:
    try:
        found = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""
    return host_of(found) or "" if "." in found else ""


def _short(kind: str, name: str) -> str:
    if kind == FILE:
        return name.replace("\\", "/").rstrip("/").rpartition("/")[2] or name
    if kind == OBJECT:
        head, _, id = name.partition("::")
        return f"{head} {id[:12]}" if id else name
    return name
