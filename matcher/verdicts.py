"""What people said of a picture and others, obeyed: reviewed as different, two never match; reviewed as the same, they do with YES."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matcher.bank import Bank
from matcher.collection import Collection
from matcher.match import Answer, Decision, Evidence, Match, Relation
from matcher.records import Record
from matcher.reviews import Review, Verdict
from matcher.search import Scope

REVIEW = "review"
_NOTE = "a person said that it is the same picture"


class Verdicts:
    """The reviews of one picture, which may itself not be known. reviews: where they were read already, perhaps with others."""

    def __init__(self, collection: Collection, sha256: str, reviews: Sequence[Review] | None = None) -> None:
        self._collection = collection
        about = collection.reviews.of(sha256) if reviews is None else [review for review in reviews if sha256 in (review.a, review.b)]
        self._said = {review.other(sha256): review.verdict for review in about}

    def narrowed(self, scope: Scope) -> Scope:
        """Return the scope without pictures that are no answer, as somebody said."""
        gone = {sha256 for sha256, verdict in self._said.items() if verdict is Verdict.DIFFERENT}
        if not gone:
            return scope
        before = scope.exclude
        return replace(scope, exclude=lambda record: record.sha256 in gone or (before is not None and before(record)))

    def applied(self, answer: Answer, scope: Scope) -> Answer:
        """Return the answer in which what is the same, as somebody said, is a YES, whether it was found or not."""
        same = [sha256 for sha256, verdict in self._said.items() if verdict is Verdict.SAME]
        if not same:
            return answer
        book = {bank.id: bank for bank in self._collection.banks.list()}
        found = {match.picture.sha256: match for match in (*answer.matches, *answer.suppressed)}
        for sha256 in same:
            known = found.get(sha256)
            record = known.picture if known else self._collection.known(sha256)
            if record is not None and scope.admits(record):
                found[sha256] = _confirmed(known, record, book)
        ordered = sorted(found.values(), key=lambda match: (match.decision.rank, match.distance, match.picture.id))
        ignored = {bank.id for bank in book.values() if bank.kind == "ignore"}
        shown = [match for match in ordered if ignored.isdisjoint(match.picture.bank_ids)]
        return replace(
            answer,
            decision=shown[0].decision if shown else Decision.NO,
            matches=tuple(shown[: scope.limit]),
            suppressed=tuple(match for match in ordered if not ignored.isdisjoint(match.picture.bank_ids)),
            truncated=answer.truncated or len(shown) > scope.limit,
        )


def _confirmed(known: Match | None, record: Record, book: Mapping[int, Bank]) -> Match:
    said = Evidence(REVIEW, REVIEW, 0.0, 0.0, Decision.YES, note=_NOTE)
    emits = tuple(dict.fromkeys(tag for id in record.bank_ids if id in book for tag in book[id].tags))
    evidence, distance = (known.evidence, known.distance) if known else ((), 0.0)
    return Match(record, Decision.YES, Relation.SAME_PICTURE, distance, (said, *evidence), emits)
