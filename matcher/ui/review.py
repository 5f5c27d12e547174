"""The review page: pairs that wait for a person, the most useful first, and who decided what when."""

from collections.abc import Mapping
from typing import Any

from matcher.records import Record
from matcher.tokens import Role
from matcher.ui import sentences
from matcher.ui.links import Links
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.search import told
from matcher.ui.thumbnails import there
from matcher.ui.visit import Visit
from matcher.ui.words import N_
from matcher.web.waiting import shape_of, waiting_for

_ICON = "M3 5h8v14H3zM13 5h8v14h-8M15 13l2 2 3-4"
pages = Pages("review", "/review", menu=Menu(N_("Review"), place=20, icon=_ICON, role=Role.REVIEW))

_AT_ONCE = 4  # pairs that a browser holds ready, so that the next one is there at once
_DECIDED = 50


@pages.get("", role=Role.REVIEW)
def show(visit: Visit) -> Answered:
    """Show where pairs are judged."""
    return visit.render("review.html", count=_count(visit))


@pages.get("/next", role=Role.REVIEW)
def next_pairs(visit: Visit) -> Answered:
    """Return the next pairs, for the script: `skip` the most useful ones that were passed over."""
    text = visit.query.get("skip", "0")
    skip = min(int(text), 100_000) if text.isascii() and text.isdigit() else 0
    waiting = waiting_for(visit.services.matcher, visit.caller)
    pairs = [shape_of(pair, visit.caller) for pair in waiting.next(skip, _AT_ONCE)]
    links = Links(visit.services.settings)
    shown = [_shown(visit, pair, links) for pair in pairs]
    thumbnails = there(visit, [picture for pair in pairs for picture in (pair["one"], pair["other"])])
    return visit.render("review_pairs.html", pairs=shown, thumbnails=thumbnails, count=_count(visit))


@pages.get("/decided", role=Role.REVIEW)
def decided(visit: Visit) -> Answered:
    """Show who decided what when."""
    collection = visit.services.matcher.collection
    found = []
    for review in collection.reviews.latest(_DECIDED):
        records = [collection.known(sha256) for sha256 in (review.a, review.b)]
        if all(record is not None and visit.caller.sees(record) for record in records):
            who = review.who if not visit.caller.limited or review.who == visit.caller.name else ""
            found.append({"review": review, "who": who, "names": [_name(record) for record in records if record]})
    return visit.render("review_decided.html", decided=found)


def _shown(visit: Visit, pair: Mapping[str, Any], links: Links) -> dict[str, Any]:
    return {
        **pair,
        "one": told(visit, pair["one"], links),
        "other": told(visit, pair["other"], links),
        "said": sentences.said(pair["evidence"], visit.words),
        "relation_told": sentences.relation(pair, visit.words),
        "regions": sentences.regions(pair["evidence"]),
    }


def _name(record: Record) -> str:
    """Return what tells a picture from others at a glance."""
    return f"{record.sources[0].kind}: {record.sources[0].id}" if record.sources and not record.sensitive else record.sha256[:16]


def _count(visit: Visit) -> int | None:
    """Return how many pairs wait, about; None for whom that is not to be known."""
    return None if visit.caller.limited else waiting_for(visit.services.matcher, visit.caller).count()
