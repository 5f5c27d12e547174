"""What is to be said on MISP of an attribute's picture: which older attributes it was seen at before.

Of each known picture that matches, that is the oldest attribute; so the same follows whatever came to Kuato first. Nothing is
said where either of the two may not be told of: a sighting tells everybody who sees the one that there is the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matcher.match import Decision, Match, Relation
from matcher.records import Record
from matcher.source import Source
from matcher.tagging import EXACT_COPY
from misp_module.disclosure import Policy
from misp_module.found import KIND

if TYPE_CHECKING:
    from matcher.engine import Matcher


@dataclass(frozen=True)
class Claim:
    """The picture of an attribute matches that of an older one."""

    newer: Source
    older: Source
    submitted: Record
    match: Match

    @property
    def relation(self) -> str:
        """How: an exact copy, the same picture, or shared content."""
        return EXACT_COPY if self.match.picture.sha256 == self.submitted.sha256 else self.match.relation.value


class Claims:
    """Finds what is to be said of attributes of one server."""

    def __init__(self, matcher: "Matcher", settings: Mapping[str, Any], server: str) -> None:
        self._matcher = matcher
        self._limit: int = settings["misp.max_matches"]
        self._server = server
        self._policy = Policy(settings["misp.max_disclosure"])

    def of(self, uuid: str) -> tuple[list[Claim], list[str]]:
        """Return what is to be said of an attribute, and which attributes newer than it match: what is said of them may change."""
        record = next(iter(self._matcher.by_source(KIND, uuid)), None)
        mine = next((source for source in record.sources if source.kind == KIND and source.id == uuid), None) if record else None
        if record is None or mine is None or not self._tellable(mine) or self._ignored(record):
            return [], []
        exact = Match(record, Decision.YES, Relation.SAME_PICTURE, 0.0, ())
        found = self._matcher.search_sha256(record.sha256, limit=self._limit, exclude=lambda known: not self._told(known))
        claims, later = list[Claim](), list[str]()
        for match in (exact, *found.matches):
            told = [source for source in self._told(match.picture) if source.id != uuid]
            before = [source for source in told if _age(source) < _age(mine)]
            later += [source.id for source in told if _age(source) > _age(mine)]
            if before:
                claims.append(Claim(mine, min(before, key=_age), record, match))
        return claims[: self._limit], later

    def _told(self, record: Record) -> list[Source]:
        return [source for source in record.sources if self._tellable(source)]

    def _tellable(self, source: Source) -> bool:
        return source.kind == KIND and source.metadata.get("server") == self._server and self._policy.may_tell(source)

    def _ignored(self, record: Record) -> bool:
        return bool(record.bank_ids) and any(bank.kind == "ignore" and bank.id in record.bank_ids for bank in self._matcher.banks.list())


def _age(source: Source) -> tuple[float, str]:
    return source.first_seen, source.id
