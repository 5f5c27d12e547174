"""What becomes of one picture that AIL has: remembered with where it was seen, compared, and tags for what is worth them.

The stand-alone consumer, the native module (by HTTP), and the backfill all come through here.
"""

import time
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

from ail_connector.company import banked_company
from ail_connector.daily import Daily
from ail_connector.database import Sighting
from ail_connector.digest import Digest
from ail_connector.ledger import Ledger, Reason
from ail_connector.onward import Onward
from ail_connector.outcome import Outcome
from ail_connector.places import CHAT, DOMAIN, OBJECT, sightings_of
from ail_connector.queue import Tag
from ail_connector.rules import TELLING, Finding, Rule, configured, seen_at, tag
from matcher.bank import Bank
from matcher.checking import check
from matcher.engine import Matcher, checked_tags
from matcher.match import Decision, Match, Relation
from matcher.records import Record
from matcher.sensitivity import Sensitivity
from matcher.source import Source

_DAY = 86400.0
_TOPIC, _UNSAFE = "dark-web:topic=", ("violence", "illicit", "child")
# Matches that are looked at: as many as a search compares.
_MOST = 256


class Processing:
    """Applies the settings of section `ail` to pictures. clock: seconds since the epoch. capped: whether ail.daily counts."""

    def __init__(self, matcher: Matcher, rule: Rule | None = None, clock: Callable[[], float] = time.time, capped: bool = True) -> None:
        settings = matcher.settings
        self._matcher = matcher
        self._rule = rule or configured(settings)
        self._clock = clock
        self._turned = frozenset(settings["ail.turned"])
        self._most_places = settings["ail.max_places"]
        self._seconds = settings["ail.max_seconds"]
        self._sensitivity = Sensitivity(settings["sensitive.tags"])
        self._capped = capped
        self._ledger = Ledger(matcher.collection.store)
        self._onward, self._telling = Onward(matcher.collection.store, clock), settings["ail.onward"]
        self._digest = Digest(matcher.collection.store, clock)
        self._daily = Daily(matcher.collection.store, settings["ail.daily"], clock)

    def process(self, data: bytes, sighting: Sighting, *, again: bool = False) -> Outcome:
        """Remember a picture, compare it, return what it is worth. Can be repeated; nothing is sent from here.

        again: whether this may have been begun before, and must not be taken for seen. Raises BadPicture, StoreUnavailable, Busy.
        """
        digest = sha256(data).hexdigest()
        before = self._matcher.collection.known(digest)
        unsafe = self._unsafe(sighting)
        sources = self._sources(sighting, before)
        if before is not None and not again and self._nothing_new(before, sighting, unsafe):
            self._matcher.collection.note(before, [source for source in sources if self._is_later(before, source)])
            return Outcome("again", digest)
        checked = check(
            self._matcher,
            data,
            sources,
            tags=unsafe,
            limit=_MOST,
            turned=sighting.kind in self._turned,
            name=sighting.gid,
            waiting=self._seconds,
        )
        matches = list(checked.answer.matches)
        if checked.answer.truncated or len(matches) >= _MOST:
            matches += banked_company(self._matcher, checked.record, matches, TELLING)
        if before is not None:
            matches.insert(0, Match(before, Decision.YES, Relation.SAME_PICTURE, 0.0, ()))
        outcome = replace(
            self._judged(sighting, checked.record, matches),
            sensitive=checked.record.sensitive or any(match.picture.sensitive for match in matches),
        )
        if outcome.matches or outcome.same_source:
            self._digest.note(sighting.gid, outcome, {bank.id: bank for bank in self._matcher.banks.list()})
        return outcome

    def judge(self, record: Record, known: Match) -> Outcome:
        """Return what a match of a picture that AIL has, with one that was put into a bank later, is worth."""
        sightings = list(sightings_of(record))
        placed = self._matcher.collection.clustered([record])[0]
        outcomes = [self._judged(one, placed, [known], capped=False) for one in sightings]
        tags = tuple(tag for outcome in outcomes for tag in outcome.tags)
        return replace(outcomes[0], tags=tags) if outcomes else Outcome("new", record.sha256)

    def _judged(self, sighting: Sighting, record: Record, matches: Sequence[Match], capped: bool = True) -> Outcome:
        book = {bank.id: bank for bank in self._matcher.banks.list()}
        places = sighting.places or seen_at(record)
        worth, quiet, same = list[tuple[Finding, tuple[str, ...]]](), list[Match](), 0
        for match in matches:
            finding = Finding(places, match, _banks(match.picture, book), match.picture.id == record.id)
            tags = self._rule(finding)
            if tags:
                worth.append((finding, tags))
            elif finding.same_source:
                same += 1
            elif match.picture.id != record.id:
                quiet.append(match)
        found = tuple(finding.match for finding, _ in worth)
        if not worth:
            return Outcome("quiet" if quiet else "same source" if same else "new", record.sha256, (), tuple(quiet), same)
        if capped and self._capped and not self._daily.admits(self._group(record, found[0]), sighting.gid):
            return Outcome("capped", record.sha256, (), found, same)
        given = dict.fromkeys(Tag(sighting.gid, name) for _, tags in worth for name in tags)
        together = list(self._cluster_tags(sighting, record, found))
        for finding, tags in worth:
            joined = tuple(one.name for one in together if one.gid == sighting.gid)
            reason = Reason.of(sighting.gid, record.sha256, finding, (*tags, *joined))
            # In this order it may be told on twice after a crash, by the same UUID, but never not at all.
            # MISP shows what it has to everybody, so it is not told of sensitive pictures.
            told = self._telling and finding.match.decision is Decision.YES and not (record.sensitive or finding.match.picture.sensitive)
            if told and not self._ledger.has(reason):
                self._onward.put(reason)
            self._ledger.note(reason)
        related = tuple(one for match in found if _same(match) for one in _objects(match.picture, sighting))
        return Outcome("tagged", record.sha256, (*given, *together), (*found, *quiet), same, related)

    def _cluster_tags(self, sighting: Sighting, record: Record, matches: Iterable[Match]) -> Iterator[Tag]:
        """Yield the cluster's tag for the object, and for the objects of AIL that it is the same picture as."""
        if record.cluster:
            name = tag("cluster", record.cluster)
            yield Tag(sighting.gid, name)
            for match in matches:
                if _same(match):
                    yield from (Tag(one.gid, name) for one in sightings_of(match.picture) if one.gid != sighting.gid)

    def _group(self, record: Record, match: Match) -> str:
        return record.cluster or match.picture.cluster or match.picture.sha256

    def _sources(self, sighting: Sighting, before: Record | None) -> list[Source]:
        """Return a source for the object, and one for each place; those that are new only as long as they are not too many."""
        when = _moment(sighting.date) or self._clock()
        seen = {"date": sighting.date} if sighting.date else {}
        itself = {**seen, "seen_in": sighting.link} if sighting.link else seen
        first_item = {domain: item for item in reversed(sighting.items) for domain in sighting.domains if f"/{domain}" in item}
        places = [Source(DOMAIN, name, when, when, _details(sighting, first_item.get(name))) for name in sighting.domains]
        places += [Source(CHAT, name, when, when, _details(sighting, None)) for name in sighting.chats]
        known = {source.key for source in before.sources} if before else set()
        room = self._most_places - len(known)
        kept = [source for source in places if source.key in known]
        new = [source for source in places if source.key not in known]
        return [Source(OBJECT, sighting.gid, when, when, itself), *kept, *new[: max(room, 0)]]

    def _nothing_new(self, record: Record, sighting: Sighting, unsafe: Sequence[str]) -> bool:
        known = {source.key for source in record.sources}
        places = {f"{DOMAIN}:{name}" for name in sighting.domains} | {f"{CHAT}:{name}" for name in sighting.chats}
        full = len(known) >= self._most_places
        return f"{OBJECT}:{sighting.gid}" in known and (full or places <= known) and set(unsafe) <= set(record.tags)

    def _is_later(self, record: Record, source: Source) -> bool:
        last = {known.key: known.last_seen for known in record.sources}.get(source.key)
        return last is not None and source.last_seen - last >= _DAY

    def _unsafe(self, sighting: Sighting) -> tuple[str, ...]:
        """Return those tags of AIL by which a picture is sensitive. Of topics of the dark web only those that AIL calls unsafe."""
        sensitive = (one[:255] for one in sighting.tags if self._sensitivity.covers_any((one,), ()))
        return checked_tags(one for one in sensitive if not one.startswith(_TOPIC) or any(word in one for word in _UNSAFE))


def _same(match: Match) -> bool:
    return match.relation is Relation.SAME_PICTURE and match.decision is Decision.YES


def _objects(record: Record, sighting: Sighting) -> list[str]:
    """Return the objects of the type of a sighting that a known picture is, without the sighting's own."""
    return [one.gid for one in sightings_of(record) if one.kind == sighting.kind and one.gid != sighting.gid]


def _details(sighting: Sighting, item: str | None) -> dict[str, str]:
    return {"object": sighting.gid, **({"item": item} if item else {}), **({"date": sighting.date} if sighting.date else {})}


def _banks(record: Record, book: dict[int, Bank]) -> tuple[Bank, ...]:
    return tuple(book[id] for id in record.bank_ids if id in book)


def _moment(date: str) -> float:
    """Return the beginning of a day, YYYYMMDD, in seconds since the epoch; 0 for what is none."""
    try:
        return float(timegm(time.strptime(date, "%Y%m%d")))
    except ValueError:
        return 0.0
