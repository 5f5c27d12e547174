"""The search page: whether a picture has been seen before, and why one may think so."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import request

from matcher import shapes
from matcher.errors import BadRequest, FetchRefused, NotFound
from matcher.records import Record
from matcher.tokens import Role
from matcher.ui import sentences
from matcher.ui.links import Links
from matcher.ui.lookup import known_as, looks_like_address, refanged
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.thumbnails import there
from matcher.ui.visit import Visit
from matcher.ui.words import N_
from matcher.web.acts import Acts
from matcher.web.reading import content, name_of
from matcher.web.search import note_answer

pages = Pages("search", "/search", menu=Menu(N_("Search"), place=10, icon="M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l5 5"))

_MOST_SOURCES = 8


@pages.get("", role=Role.SEARCH)
def show(visit: Visit) -> Answered:
    """Show where to drop a picture, and what is asked for by `what`."""
    banks = [bank for bank in visit.services.matcher.banks.list() if not visit.caller.banks or bank.name in visit.caller.banks]
    return visit.render("search.html", what=visit.query.get("what", "")[:4200], banks=banks)


@pages.post("/picture", role=Role.SEARCH, audit="search")
def picture(visit: Visit) -> Answered:
    """Answer whether a picture is known; it is not remembered."""
    file = request.files.get("picture")
    if file is None:
        raise BadRequest("no picture was sent")
    data = content(file, visit.services.settings)
    return _answered(visit, _acts(visit).search(data, name_of(file), limit=_limit(visit)))


@pages.post("/known", role=Role.SEARCH, audit="search")
def known(visit: Visit) -> Answered:
    """Answer what is known of a picture by its SHA-256, address, MISP uuid or AIL id; an address is fetched where that is allowed."""
    what = visit.form.get("what", "").strip()
    found = [record for record in known_as(visit.services.matcher, what) if visit.caller.sees(record)]
    if len(found) > 1:
        shown = [shapes.picture(visit.caller.part(record)) for record in found]
        return visit.render("search_choice.html", what=what, pictures=shown, thumbnails=there(visit, shown))
    if found:
        return _of_known(visit, found[0])
    if not looks_like_address(what):
        raise NotFound(
            visit.words.gettext("nothing is known by this; give a SHA-256, an address, a MISP uuid or an AIL id, or the picture")
        )
    try:
        data = visit.services.fetcher.fetch(refanged(what)).data
    except FetchRefused as error:
        told = visit.words.gettext("no picture is known from this address, and it is not fetched: {why}")
        raise NotFound(told.format(why=error)) from None
    name = visit.words.gettext("the picture at this address")
    return _answered(visit, _acts(visit).search(data, name, limit=_limit(visit)), address=refanged(what))


def match_of(visit: Visit, match: Mapping[str, Any], links: Links) -> dict[str, Any]:
    """Return a match as the templates show it."""
    picture = match["picture"]
    return {
        **match,
        "said": sentences.said(match["evidence"], visit.words),
        "relation_told": sentences.relation(match, visit.words),
        "regions": sentences.regions(match["evidence"]),
        "known": told(visit, picture, links),
    }


def told(visit: Visit, picture: Mapping[str, Any], links: Links) -> dict[str, Any]:
    """Return a known picture as the templates show it: with links, and the size of its cluster."""
    sources = [links.seen(source) for source in picture["sources"]]
    size = 0
    if picture["cluster"]:
        size = len(visit.services.matcher.collection.clusters.get(picture["cluster"]).members)
    newest = sorted(sources, key=lambda one: (not one.link, -one.last))
    return {**picture, "seen": newest[:_MOST_SOURCES], "more_sources": max(0, len(sources) - _MOST_SOURCES), "cluster_size": size}


def _of_known(visit: Visit, record: Record) -> Answered:
    acts = _acts(visit)
    found = visit.services.matcher.search_sha256(record.sha256, limit=_limit(visit), banks=acts.searched_banks(()), exclude=acts.hidden)
    return _answered(visit, acts.answer(record.sha256, found), asked=record)


def _answered(visit: Visit, answer: shapes.Answer, asked: Record | None = None, address: str = "") -> Answered:
    note_answer(visit.services, visit.audited, answer)
    matcher = visit.services.matcher
    record = asked or matcher.collection.known(answer["sha256"])
    shown = visit.caller.shown(matcher.collection.clustered([record])[0]) if record else None
    links = Links(visit.services.settings)
    query = shapes.picture(shown) if shown else None
    pictures: Iterable[Mapping[str, Any]] = [match["picture"] for match in answer["matches"]] + ([query] if query else [])
    return visit.render(
        "answer.html",
        answer=answer,
        headline=sentences.headline(answer, visit.words),
        matches=[match_of(visit, match, links) for match in answer["matches"]],
        query=told(visit, query, links) if query else None,
        by_itself=asked is not None and not visit.form.get("own"),
        thumbnails=there(visit, pictures),
        address=address,
        hidden=bool(query and query["sensitive"])
        or any(one["picture"]["sensitive"] and one["decision"] == "YES" for one in answer["matches"]),
    )


def _acts(visit: Visit) -> Acts:
    return Acts(visit.services.matcher, visit.caller, visit.services.settings["web.busy_seconds"])


def _limit(visit: Visit) -> int:
    return int(visit.services.settings["search.limit"])
