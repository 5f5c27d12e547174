"""Rules that say which tags a match gives, and to what. They know nothing of who carries them out: MISP, AIL, or a dry run.

A rule is a table of `tagging.rules`. What it asks for must all hold of one match:

    decision  YES (the default), MAYBE, or both           relation  "exact copy", "same picture", "shares content"
    bank      names of the known picture's banks          kind      kinds of these banks
    tag       tags of the known picture
    on        what is tagged: attribute (the default), event, object
    tags      what is given                               propagate true: the known picture's tags that `tag` names, or any,
                                                          as far as `tagging.propagate` allows

Texts may have * and ?; of a list, one is enough.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matcher.bank import KINDS, Bank
from matcher.match import Decision, Match, Relation
from matcher.ruletable import Table, fits

EXACT_COPY = "exact copy"
ATTRIBUTE, EVENT, OBJECT = "attribute", "event", "object"
TARGETS = (ATTRIBUTE, EVENT, OBJECT)
_RELATIONS = (EXACT_COPY, *(relation.value for relation in Relation))
_KNOWN = ("decision", "relation", "bank", "kind", "tag", "on", "tags", "propagate")


@dataclass(frozen=True)
class Seen:
    """What rules are held against: one match. relation: of _RELATIONS. banks: names and kinds. tags: those of the known picture."""

    decision: Decision
    relation: str
    banks: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, match: Match, submitted: str, book: Iterable[Bank], told: bool = True) -> "Seen":
        """Return what is seen of a match. submitted: SHA-256 of the picture asked for. told: whether its banks and tags may be used."""
        relation = EXACT_COPY if match.picture.sha256 == submitted else match.relation.value
        if not told:
            return cls(match.decision, relation)
        banks = tuple((bank.name, bank.kind) for bank in book if bank.id in match.picture.bank_ids)
        return cls(match.decision, relation, banks, match.picture.tags)


@dataclass(frozen=True)
class Tagging:
    """A tag to give. on: one of TARGETS. rule: the number of the rule that says so, from 1."""

    on: str
    tag: str
    rule: int


@dataclass(frozen=True)
class Rule:
    """One rule; what is empty asks nothing."""

    number: int
    decisions: tuple[str, ...]
    relations: tuple[str, ...]
    banks: tuple[str, ...]
    kinds: tuple[str, ...]
    wanted: tuple[str, ...]
    on: tuple[str, ...]
    tags: tuple[str, ...]
    propagate: bool

    @classmethod
    def read(cls, number: int, row: Mapping[str, Any]) -> "Rule":
        """Return the rule that a table tells. Raises BadSettings."""
        table = Table("tagging.rules", number, row, _KNOWN)
        rule = cls(
            number,
            table.among("decision", [Decision.YES.value, Decision.MAYBE.value]) or (Decision.YES.value,),
            table.among("relation", _RELATIONS),
            table.texts("bank"),
            table.among("kind", KINDS),
            table.texts("tag"),
            table.among("on", TARGETS) or (ATTRIBUTE,),
            table.texts("tags"),
            table.flag("propagate"),
        )
        if not rule.tags and not rule.propagate:
            raise table.wrong("it gives nothing; name tags, or let it propagate")
        unfit = [tag for tag in rule.tags if len(tag) > 255 or not tag.isprintable()]
        if unfit:
            raise table.wrong(f"{unfit[0][:80]!r} cannot be a tag: it takes 1 to 255 printable characters")
        return rule

    def admits(self, seen: Seen) -> bool:
        """Whether the rule is for such a match."""
        banks = [name for name, kind in seen.banks if not self.kinds or kind in self.kinds]
        return (
            seen.decision.value in self.decisions
            and (not self.relations or seen.relation in self.relations)
            and (not self.kinds or bool(banks))
            and fits(self.banks, banks)
            and fits(self.wanted, seen.tags)
        )

    def given(self, seen: Seen, allowed: Sequence[str]) -> list[str]:
        """Return the tags that such a match gives. allowed: which may be passed on."""
        passed = [tag for tag in seen.tags if allowed and fits(allowed, [tag]) and fits(self.wanted, [tag])] if self.propagate else []
        return [*self.tags, *passed]


class Tagger:
    """All rules of the settings. Raises BadSettings."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._rules = [Rule.read(number, row) for number, row in enumerate(settings["tagging.rules"], 1)]
        self._allowed: tuple[str, ...] = settings["tagging.propagate"]

    def __bool__(self) -> bool:
        return bool(self._rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in their order."""
        return tuple(self._rules)

    def taggings(self, matches: Iterable[Seen], on: Iterable[str] = TARGETS) -> list[Tagging]:
        """Return what these matches give to those targets: each tag once a target, in the order of the rules."""
        targets, seen = set(on), list(matches)
        found = dict[tuple[str, str], Tagging]()
        for rule in self._rules:
            for match in seen:
                if rule.admits(match):
                    for target in (target for target in rule.on if target in targets):
                        for tag in rule.given(match, self._allowed):
                            found.setdefault((target, tag), Tagging(target, tag, rule.number))
        return list(found.values())
