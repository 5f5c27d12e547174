"""What waits for a person: pairs of which a search said MAYBE, the most useful first."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from typing_extensions import TypedDict

from matcher import shapes
from matcher.errors import NotFound, Refused
from matcher.match import Decision, Relation
from matcher.records import Record
from matcher.reviews import Verdict
from matcher.tokens import Role
from matcher.waiting import Pair, Waiting
from matcher.web.access import Caller, shown_to
from matcher.web.clusters import Sha256
from matcher.web.operation import Call, Model, Routes

if TYPE_CHECKING:
    from matcher.engine import Matcher

routes = Routes("reviews")


class Asking(Model):
    """Which pairs to list."""

    skip: Annotated[int, Field(ge=0, le=100_000, description="Pass over so many of the most useful.")] = 0
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Judging(Model):
    """A verdict on two known pictures, by SHA-256, and on all pairs that wait between their clusters."""

    a: Sha256
    b: Sha256
    verdict: Verdict


class WaitingPair(TypedDict):
    """Two known pictures that may be the same, and why. sizes: pictures in the cluster of each. usefulness: only its order counts."""

    one: shapes.Picture
    other: shapes.Picture
    decision: Decision
    relation: Relation
    distance: float
    evidence: list[shapes.Evidence]
    usefulness: float
    sizes: list[int]


class WaitingPairs(TypedDict):
    """Pairs that wait, the most useful first. count: of all, about: those decided another way count until they are met."""

    pairs: list[WaitingPair]
    count: int


class Given(TypedDict):
    """The verdicts that were given."""

    reviews: list[shapes.Review]


@routes.get("/reviews/waiting", role=Role.REVIEW, query=Asking, returns=WaitingPairs)
def list_waiting(call: Call) -> WaitingPairs:
    """List the pairs that wait for a verdict, the most useful first."""
    waiting = waiting_for(call.services.matcher, call.caller)
    pairs = [shape_of(pair, call.caller) for pair in waiting.next(call.query.skip, call.query.limit)]
    return {"pairs": pairs, "count": waiting.count() if not call.caller.limited else len(pairs)}


@routes.post("/reviews/clusters", role=Role.REVIEW, body=Judging, returns=Given, errors=(NotFound,), audit="review.clusters")
def review_clusters(call: Call) -> Given:
    """Say of two pictures, and of all pairs that wait between their clusters, whether they are the same."""
    matcher, asked = call.services.matcher, call.body
    one, other = (matcher.get(sha256) for sha256 in (asked.a, asked.b))
    for record in (one, other):
        shown_to(call.caller, record)
        call.caller.check_owns(record)
    given = waiting_for(matcher, call.caller).judge(one, other, asked.verdict, call.caller.name)
    call.audited |= {"sensitive": True} if one.sensitive or other.sensitive else {"a": one.sha256, "b": other.sha256}
    call.audited |= {"verdict": asked.verdict.value, "pairs": len(given)}
    return {"reviews": [shapes.review(one) for one in given]}


def waiting_for(matcher: "Matcher", caller: Caller) -> Waiting:
    """Return the pairs that wait, as far as a caller may judge them: a verdict holds for all."""

    def judges(record: Record) -> bool:
        try:
            caller.check_owns(record)
        except Refused:
            return False
        return caller.sees(record)

    return Waiting(matcher, judges)


def shape_of(pair: Pair, caller: Caller) -> WaitingPair:
    """Return a pair as the caller may see it."""
    return {
        "one": shapes.picture(caller.part(pair.one)),
        "other": shapes.picture(caller.part(pair.other)),
        "decision": pair.decision,
        "relation": pair.relation,
        "distance": round(float(pair.distance), 6),
        "evidence": [shapes.evidence(each) for each in pair.evidence],
        "usefulness": pair.usefulness,
        "sizes": list(pair.sizes) if not caller.limited else [1, 1],
    }
