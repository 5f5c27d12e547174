"""Why AIL was told which tags: kept, so that they can be taken back when the reason is gone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from ail_connector.rules import Finding
from matcher.collection import Collection
from matcher.match import Evidence, Match
from matcher.reviews import Verdict
from matcher.store import Store
from matcher.verdicts import REVIEW

_KIND = b"e"  # as the caps, see daily.py: under "told", hash: object, tab, SHA-256 of the known picture -> JSON
_DROP = "return redis.call('HDEL', KEYS[1], ARGV[1])"


@dataclass(frozen=True)
class Reason:
    """An object of AIL was given tags because its picture, `sha256`, matched a known one.

    banks: ids of those by which the known picture counted. reviewed: a person had said that the two are the same.
    """

    gid: str
    sha256: str
    known: str
    tags: tuple[str, ...]
    banks: tuple[int, ...] = ()
    reviewed: bool = False

    @classmethod
    def of(cls, gid: str, sha256: str, finding: Finding, tags: tuple[str, ...]) -> "Reason":
        """Return why a finding is worth tags."""
        telling = tuple(bank.id for bank in finding.banks)
        return cls(gid, sha256, finding.match.picture.sha256, tags, telling, _reviewed(finding.match))


@dataclass(frozen=True)
class Withdrawn:
    """Tags that an object should not have any more, and why."""

    gid: str
    tags: tuple[str, ...]
    why: str


class Ledger:
    """All reasons of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, reason: Reason) -> None:
        """Keep a reason, in place of what was kept of the same two pictures."""
        value = json.dumps([reason.sha256, reason.tags, reason.banks, reason.reviewed])
        self._store.set_field(self._key, _field(reason.gid, reason.known), value.encode())

    def has(self, reason: Reason) -> bool:
        """Whether something is kept of the same two pictures."""
        return self._store.field(self._key, _field(reason.gid, reason.known)) is not None

    def drop(self, gid: str, known: str) -> None:
        """Forget a reason."""
        self._store.run(_DROP, self._key, _field(gid, known))

    def all(self) -> Iterator[Reason]:
        """Yield all reasons, by object."""
        for field, value in sorted(self._store.fields(self._key).items()):
            gid, _, known = field.decode("utf-8", "replace").partition("\t")
            sha256, tags, banks, reviewed = json.loads(value)
            yield Reason(gid, sha256, known, tuple(tags), tuple(banks), reviewed)

    def withdrawn(self, collection: Collection) -> Iterator[tuple[Withdrawn, list[Reason]]]:
        """Yield which objects have tags for which no reason is left, with the reasons that are gone."""
        grouped = dict[str, list[Reason]]()
        for reason in self.all():
            grouped.setdefault(reason.gid, []).append(reason)
        for gid, reasons in grouped.items():
            gone = {reason: why for reason in reasons if (why := _why_gone(reason, collection))}
            left = {tag for reason in reasons if reason not in gone for tag in reason.tags}
            tags = tuple(dict.fromkeys(tag for reason in gone for tag in reason.tags if tag not in left))
            if gone:
                yield Withdrawn(gid, tags, "; ".join(dict.fromkeys(gone.values()))), list(gone)

    @property
    def _key(self) -> bytes:
        return self._store.key(_KIND, b"told")


def _why_gone(reason: Reason, collection: Collection) -> str:
    """Return why a reason does not hold any more, "" when it does."""
    known = collection.known(reason.known)
    if known is None:
        return f"the known picture {reason.known} was removed"
    if reason.banks and not set(reason.banks) & set(known.bank_ids):
        return f"the known picture {reason.known} is in none of the banks any more"
    review = collection.reviews.get(reason.sha256, reason.known) if reason.sha256 != reason.known else None
    if review is not None and review.verdict is Verdict.DIFFERENT:
        return f"{review.who} said that it is not {reason.known}"
    if reason.reviewed and review is None:
        return f"it was said to be {reason.known}, and that was withdrawn"
    return ""


def _reviewed(match: Match) -> bool:
    """Whether a match is one because somebody said so."""
    found: tuple[Evidence, ...] = match.evidence
    return any(one.algorithm == REVIEW for one in found)


def _field(gid: str, known: str) -> bytes:
    return f"{gid}\t{known}".encode("utf-8", "replace")
