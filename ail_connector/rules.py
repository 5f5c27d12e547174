"""Which matches are worth a tag: signal, not noise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matcher.bank import Bank
from matcher.forgetting import hosts, within
from matcher.match import Decision, Match, Relation
from matcher.records import Record
from matcher.source import Source
from matcher.tagging import OBJECT, Seen, Tagger

NAMESPACE = "image-match"
TELLING = ("known-bad", "baseline")  # kinds of banks a match with which is worth a tag
Places = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Finding:
    """A match of an object of AIL, as a rule sees it.

    places: where the object was seen. match: with a known picture, whose banks are `banks`. itself: the known picture is the object's
    own, which was known before.
    """

    places: Places
    match: Match
    banks: tuple[Bank, ...]
    itself: bool = False

    @property
    def same_source(self) -> bool:
        """Whether all that is known of where the known picture was seen is where the object was."""
        known = [places_of(source) for source in self.match.picture.sources if source.kind != "ail-object"]
        return bool(known) and all(not places.isdisjoint(self.places) for places in known)

    @property
    def domains(self) -> frozenset[str]:
        """The domains at which the object was seen."""
        return frozenset(name for what, name in self.places if what == "domain")

    def elsewhere(self, what: str) -> bool:
        """Whether object and known picture were both seen at places of a kind, and these differ."""
        ours = {place for place in self.places if place[0] == what}
        theirs = {place for place in seen_at(self.match.picture) if place[0] == what}
        return bool(ours) and bool(theirs - ours)


# Returns the tags that a match is worth, none where it is worth no tag.
Rule = Callable[[Finding], tuple[str, ...]]


def default_rule(observed: tuple[str, ...] = ("domain",), maybe: bool = False) -> Rule:
    """Return the rule that comes with Kuato: matches with `known-bad`, with `baseline` away from its own domains, and with what was
    observed elsewhere, as the same picture.

    observed: kinds of places ("domain", "ail-chat") that count as elsewhere. maybe: whether a MAYBE with a bank is worth a tag, too.
    """

    def rule(finding: Finding) -> tuple[str, ...]:
        match = finding.match
        if finding.same_source and not (finding.itself and finding.banks):
            return ()
        if match.decision is not Decision.YES and not maybe:
            return ()
        telling = [bank for bank in finding.banks if _tells(bank, finding.domains)]
        if telling:
            named = [tag("bank", bank.name) for bank in telling]
            emitted = [emits for bank in telling for emits in bank.tags] if match.decision is Decision.YES else []
            return (tag("decision", match.decision.value), *(tag("kind", bank.kind) for bank in telling), *named, *emitted)
        if finding.banks and any(bank.kind == "baseline" for bank in finding.banks):
            return ()
        same = match.decision is Decision.YES and match.relation is Relation.SAME_PICTURE
        if same and any(finding.elsewhere(what) for what in observed):
            return (tag("decision", match.decision.value), tag("kind", "observed"))
        return ()

    return rule


def configured(settings: Mapping[str, Any], observed: tuple[str, ...] | None = None) -> Rule:
    """Return the rule that the settings make: Kuato's own, and what `tagging.rules` give to objects.

    observed: in place of `ail.observed`. Raises BadSettings.
    """
    own = default_rule(settings["ail.observed"] if observed is None else observed, settings["ail.maybe"])
    tagger = Tagger(settings)

    def rule(finding: Finding) -> tuple[str, ...]:
        tags = own(finding)
        if not tags and (finding.same_source or finding.itself):
            return ()
        submitted = finding.match.picture.sha256 if finding.itself else ""
        given = tagger.taggings([Seen.of(finding.match, submitted, finding.banks)], [OBJECT])
        # AIL splits a message at commas, so a tag with one would arrive as two.
        return tuple(dict.fromkeys((*tags, *(one.tag for one in given if "," not in one.tag))))

    return rule


def tag(predicate: str, value: str) -> str:
    """Return a tag of our namespace. What AIL cannot have in one is left out: it splits at commas, and quotes end a value."""
    plain = value.lower() if predicate in ("decision", "kind") else value
    kept = "".join(" " if c in ",\n" else "'" if c == '"' else c for c in plain if c.isprintable() or c == "\n")
    return f'{NAMESPACE}:{predicate}="{kept[:150]}"'


def places_of(source: Source) -> Places:
    """Return where a source says that a picture was seen: domains, chats, items. Empty for a file, or an attribute of MISP."""
    found = {("domain", host) for host in hosts(source) if host}
    if source.kind == "ail-chat":
        found.add(("ail-chat", source.id))
    if item := source.metadata.get("item"):
        found.add(("ail-item", str(item)))
    return frozenset(found)


def seen_at(record: Record) -> Places:
    """Return all places that are known of a picture."""
    return frozenset(place for source in record.sources for place in places_of(source))


def _tells(bank: Bank, domains: frozenset[str]) -> bool:
    if bank.kind == "known-bad":
        return True
    own = [domain for domain in domains for allowed in bank.domains if within(domain, allowed.lower())]
    return bank.kind == "baseline" and not (domains and len(set(own)) == len(domains))
