"""Reviews: what people say of pairs of pictures."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from matcher import shapes
from matcher.engine import checked_sha256
from matcher.errors import NotFound
from matcher.records import Record
from matcher.reviews import Review, Verdict
from matcher.tokens import Role
from matcher.web.access import shown_to
from matcher.web.clusters import Sha256
from matcher.web.operation import Call, Model, Reply, Routes
from matcher.web.parts import Limit
from matcher.web.search import check_limit

routes = Routes("reviews")


class Listing(Model):
    """Which reviews to list."""

    picture: Annotated[Sha256 | None, Field(description="Only those of this picture and others.")] = None
    limit: Limit = 100
    after: Annotated[str | None, Field(max_length=200, description="The `next` of the page before.")] = None


class Judging(Model):
    """A verdict on two known pictures, by SHA-256."""

    a: Sha256
    b: Sha256
    verdict: Verdict


class Reviews(TypedDict):
    """Verdicts, by the SHA-256 of their pictures. next: what to ask the following page with (`after`), null at the end."""

    reviews: list[shapes.Review]
    next: str | None


@routes.get("/reviews", role=Role.REVIEW, query=Listing, returns=Reviews)
def list_reviews(call: Call) -> Reviews:
    """List what people said of pairs of pictures, page by page."""
    kept, asked = call.services.matcher.collection.reviews, call.query
    limit = check_limit(call, asked.limit)
    some = kept.of(asked.picture.lower()) if asked.picture else kept.all()
    ordered = sorted((one for one in some if _cursor(one) > (asked.after or "")), key=_cursor)
    found = list[shapes.Review]()
    for one in ordered:
        if len(found) == limit:
            return {"reviews": found, "next": f"{found[-1]['a']}-{found[-1]['b']}"}
        if not call.caller.limited or _seen(call, one):
            shape = shapes.review(one)
            # Who else works here is not told to one who is limited.
            found.append(shape if not call.caller.limited or one.who == call.caller.name else {**shape, "who": ""})
    return {"reviews": found, "next": None}


@routes.post("/reviews", role=Role.REVIEW, body=Judging, returns=shapes.Review, errors=(NotFound,), audit="review")
def give_review(call: Call) -> shapes.Review:
    """Say whether two pictures are the same: then they always match with YES, or never again; in place of what was said before."""
    matcher, asked = call.services.matcher, call.body
    one, other = (matcher.get(sha256) for sha256 in (asked.a, asked.b))
    _check(call, one, other)
    call.audited |= {"sensitive": True} if one.sensitive or other.sensitive else {"a": one.sha256, "b": other.sha256}
    call.audited["verdict"] = asked.verdict.value
    return shapes.review(matcher.clustering.review(one, other, asked.verdict, call.caller.name))


@routes.delete("/reviews/{sha256}/{other}", role=Role.REVIEW, returns={204: None}, errors=(NotFound,), audit="review.withdraw")
def withdraw_review(call: Call) -> Reply:
    """Withdraw what was said of two pictures; what it alone tied is parted."""
    matcher = call.services.matcher
    one, other = (matcher.get(checked_sha256(call.path[name])) for name in ("sha256", "other"))
    _check(call, one, other)
    call.audited |= {"sensitive": True} if one.sensitive or other.sensitive else {"a": one.sha256, "b": other.sha256}
    matcher.clustering.withdraw(one.sha256, other.sha256)
    return Reply(None, 204)


def _check(call: Call, *pictures: Record) -> None:
    """Raise NotFound for what does not exist for the caller, Refused for what others know too: a verdict holds for all."""
    for record in pictures:
        shown_to(call.caller, record)
        call.caller.check_owns(record)


def _seen(call: Call, review: Review) -> bool:
    """Whether both pictures exist for the caller."""
    known = [call.services.matcher.collection.known(sha256) for sha256 in (review.a, review.b)]
    return all(record is not None and call.caller.sees(record) for record in known)


def _cursor(review: Review) -> str:
    return f"{review.a}-{review.b}"
