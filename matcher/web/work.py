"""What jobs do: the same as the routes, for many pictures, when there is time."""

from collections.abc import Callable, Mapping
from typing import Any

from matcher import shapes
from matcher.engine import Matcher
from matcher.errors import BadPicture, BadRequest, Unauthorized
from matcher.job import Item, Job
from matcher.jobrun import Work
from matcher.pages import Embedded, Page, PageLimits, is_page, read_page
from matcher.settings import Settings
from matcher.source import Source
from matcher.tokens import Role, Tokens
from matcher.web.access import Caller
from matcher.web.acts import Acts
from matcher.web.parts import Details

ADD, SEARCH = "add", "search"


def handlers(matcher: Matcher, settings: Settings) -> dict[str, Work]:
    """Return what to do with each item, by kind of job."""
    limits = PageLimits.of(settings)

    def add(job: Job, item: Item) -> dict[str, Any]:
        details = Details.model_validate(job.parameters["details"])
        given, limit, acts = [one.source(job.created) for one in details.sources], job.parameters["search"], _acts(matcher, job)

        def one(data: bytes, name: str, sources: list[Source]) -> Mapping[str, Any]:
            return acts.add(data, name, sources=[*sources, *given], tags=details.tags, banks=details.banks, search=limit)

        return _each(item, limits, job.created, one)

    def search(job: Job, item: Item) -> dict[str, Any]:
        acts = _acts(matcher, job)

        def one(data: bytes, name: str, _sources: list[Source]) -> Mapping[str, Any]:
            return acts.search(data, name, limit=job.parameters["limit"], banks=job.parameters["banks"])

        return _each(item, limits, job.created, one)

    return {ADD: add, SEARCH: search}


def _each(item: Item, limits: PageLimits, seen: float, act: Callable[[bytes, str, list[Source]], Mapping[str, Any]]) -> dict[str, Any]:
    """Do something with a picture, or with each picture of a saved page, seen then; of these one error does not hinder the others."""
    if not is_page(item.data, item.name):
        return dict(act(item.data, item.name, []))
    page = read_page(item.data, item.name, limits)
    found: list[dict[str, Any]] = []
    for picture in page.pictures:
        result, error = None, None
        try:
            result = dict(act(picture.data, picture.name, [_seen_in(page, picture, item.name, seen)]))
        except (BadPicture, BadRequest) as refusal:
            error = shapes.failure(refusal)
        found.append({"name": picture.name, "url": picture.url, "result": result, "error": error})
    return {"page": page.url, "truncated": page.truncated, "pictures": found}


def _seen_in(page: Page, picture: Embedded, name: str, seen: float) -> Source:
    return Source("page", picture.page_url or page.url or name, seen, seen, {"url": picture.url} if picture.url else {})


def caller_details(caller: Caller) -> dict[str, Any]:
    """Return who asked for a job as JSON."""
    return {
        "token": caller.token,
        "name": caller.name,
        "role": caller.role.label,
        "banks": sorted(caller.banks),
        "orgs": sorted(caller.orgs),
    }


def _acts(matcher: Matcher, job: Job) -> Acts:
    asked = job.caller
    if asked["token"] and not Tokens(matcher.collection.store).still_valid(asked["token"]):
        raise Unauthorized("the token that this job was given with is no longer valid")
    caller = Caller(asked["name"], Role.named(asked["role"]), asked["token"], frozenset(asked["banks"]), frozenset(asked["orgs"]))
    return Acts(matcher, caller, begun=job.started if job.resumed else None)
