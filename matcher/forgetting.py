"""Forgetting what was seen somewhere: at a source, a domain, in a MISP event, too long ago."""

import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from matcher.bank import Bank
from matcher.errors import BadRequest
from matcher.pruning import Forgotten, Gone, Pruner, Tally, Verdict, last_seen
from matcher.records import Record
from matcher.retention import Retention
from matcher.source import Source

if TYPE_CHECKING:
    from matcher.engine import Matcher

# Names of metadata that hold an address or a host, at any depth: "url", "page_url", "final-url", "domains", ..
_ADDRESSES = re.compile(r"(?:.*[_-])?(?:url|page|domain|host|hostname|link)s?|fetched", re.IGNORECASE | re.DOTALL)
_EVENT = ("event_uuid", "event_id")
_AIL_DOMAIN = "domain::"
_LONGEST_HOST = 255


@dataclass(frozen=True)
class Selection:
    """What to forget: sources that are all of what is given, each one of the values given. expired: instead, all over its time.

    sources: kind and id. domains: at these hosts and those below them. events: UUIDs of MISP events, or their numbers, which are
    those of every MISP server. before: last seen before, in seconds since the epoch.
    """

    sources: tuple[tuple[str, str], ...] = ()
    domains: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    before: float | None = None
    expired: bool = False


class Forgetting:
    """Takes away sources, and pictures that have none left.

    A picture that never had a source stays, unless it was added before the time given and nothing else is. clock: seconds since
    the epoch.
    """

    def __init__(self, matcher: "Matcher", clock: Callable[[], float] = time.time) -> None:
        self._matcher = matcher
        self._collection = matcher.collection
        self._clock = clock

    def forget(self, selection: Selection, dry_run: bool = False, told: Callable[[Gone], None] = lambda gone: None) -> Forgotten:
        """Forget what is selected, and return how much that was; in a dry run how much it would be.

        told: called with what is gone of each picture. Once this returns, nothing that is gone is in any record or list of
        sources; lists of the index may still name removed pictures by their numbers. Interrupted, it can simply be repeated.
        Raises BadRequest for a selection that makes no sense, StoreUnavailable.
        """
        wanted = _Wanted(selection)
        if selection.expired:
            return Retention(self._matcher, self._matcher.settings, self._clock).run(dry_run, told)
        tally = Tally()
        for gone in Pruner(self._collection, self._clock).prune(self._candidates(selection), wanted.judge, dry_run):
            tally.count(gone)
            told(gone)
        return tally.forgotten()

    def _candidates(self, selection: Selection) -> Iterable[int]:
        if selection.sources:
            seen = self._collection.lists.seen_at
            return sorted({int(id) for kind, name in selection.sources for id in seen(kind, name)})
        return range(1, self._collection.claims.last_id() + 1)


class _Wanted:
    """Judges by a selection. Raises BadRequest for one that makes no sense."""

    def __init__(self, selection: Selection) -> None:
        others = selection.sources or selection.domains or selection.events or selection.before is not None
        if not others and not selection.expired:
            raise BadRequest("nothing is named that is to be forgotten; give a source, a domain, an event, a time, or what is expired")
        if others and selection.expired:
            raise BadRequest("what is expired is told by the settings alone; ask for it without sources, domains, events and times")
        self._sources = frozenset(selection.sources)
        self._domains = tuple(checked_domain(domain) for domain in selection.domains)
        self._events = frozenset(checked_event(event) for event in selection.events)
        self._before = selection.before

    def judge(self, record: Record, _book: Mapping[int, Bank]) -> Verdict:
        """Return what is to go of a picture."""
        if not record.sources:
            by_time_alone = self._before is not None and not (self._sources or self._domains or self._events)
            return Verdict(removed=by_time_alone and record.last_seen < (self._before or 0))
        gone = tuple(source for source in record.sources if self._wants(source, record))
        return Verdict(removed=len(gone) == len(record.sources), sources=gone)

    def _wants(self, source: Source, record: Record) -> bool:
        return (
            (not self._sources or (source.kind, source.id) in self._sources)
            and (not self._domains or any(within(host, domain) for host in hosts(source) for domain in self._domains))
            and (not self._events or not self._events.isdisjoint(_events(source)))
            and (self._before is None or last_seen(source, record) < self._before)
        )


def hosts(source: Source) -> Iterator[str]:
    """Yield the hosts that a source names: in its id where that is an address, in metadata called url, page, domain or the like."""
    if source.kind == "url" or "://" in source.id:
        yield host_of(source.id)
    elif source.kind == "ail-object" and source.id.startswith(_AIL_DOMAIN):
        yield host_of(source.id.removeprefix(_AIL_DOMAIN))
    elif source.kind == "domain":
        yield host_of(source.id)
    yield from (host_of(text) for text in _addresses(source.metadata))


def within(host: str, domain: str) -> bool:
    """Whether a host is a domain or below it; both as `host_of` gives them."""
    return bool(host) and (host == domain or host.endswith(f".{domain}"))


def host_of(text: str) -> str:
    """Return the host of an address, or of what stands for one without its scheme, in the one form that is compared; "" for none.

    That is lower case, Unicode, without port, user or dot at its end. Addresses written harmlessly (hxxp://a[.]b) are understood.
    """
    text = text.strip().replace("[.]", ".").replace("\\", "/")
    scheme, separator, rest = text.partition("://")
    if scheme.lower() == "file" or (scheme.startswith("/") and not scheme.startswith("//")):
        return ""
    try:
        host = urlsplit(f"//{(rest if separator else text).lstrip('/')}").hostname or ""
    except ValueError:
        return ""
    return _plain(host)


def checked_domain(text: str) -> str:
    """Return a domain, or an IP address, in the form of `host_of`. Raises BadRequest for what is none."""
    name = text.strip().removeprefix("[").removesuffix("]").removeprefix("*.").removeprefix(".").replace("[.]", ".")
    plain = _plain(name)
    if not plain or "://" in name or re.search(r"[\s/\\@?#*]", name) or (":" in name and not _is_address(plain)) or ".." in plain:
        raise BadRequest(f"{text[:80]!r} is no domain; give one such as example.org, without scheme, port and path")
    return plain


def checked_event(text: str) -> str:
    """Return the UUID or the number of a MISP event as it is compared. Raises BadRequest for what is neither."""
    plain = text.strip().lower()
    if plain.isascii() and plain.isdecimal() and len(plain) < 20:
        return str(int(plain))
    try:
        return str(UUID(plain))
    except ValueError:
        raise BadRequest(f"{text[:80]!r} is no event; give its UUID, or its number in MISP") from None


def _events(source: Source) -> Iterator[str]:
    """Yield UUID and number of the MISP event that a source is in, where it tells."""
    for told in (source.metadata, source.visibility):
        for name in _EVENT:
            value = told.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                yield str(value).strip().lower()


def _addresses(value: Any, name: str = "") -> Iterator[str]:
    """Yield the texts of metadata that are called an address, at any depth."""
    pending = [(name, value)]
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += [(str(key), each) for key, each in value.items()]
        elif isinstance(value, list | tuple):
            pending += [(name, each) for each in value]
        elif isinstance(value, str) and _ADDRESSES.fullmatch(name):
            yield value


def _plain(host: str) -> str:
    if len(host) > _LONGEST_HOST:
        return ""
    host = unicodedata.normalize("NFKC", host).replace("。", ".").rstrip(".").lower()
    if _is_address(host):
        return str(ip_address(host))
    return ".".join(map(_label, host.split(".")))


def _label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return unicodedata.normalize("NFKC", label[4:].encode("ascii").decode("punycode")).lower()
    except (UnicodeError, ValueError):
        return label


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
