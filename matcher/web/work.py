"""What jobs do: the same as the routes, for many pictures, when there is time."""

from typing import Any

from matcher.engine import Matcher
from matcher.job import Item, Job
from matcher.jobrun import Work
from matcher.settings import Settings
from matcher.tokens import Role
from matcher.web.access import Caller
from matcher.web.acts import Acts
from matcher.web.parts import Details

ADD, SEARCH = "add", "search"


def handlers(matcher: Matcher, _settings: Settings) -> dict[str, Work]:
    """Return what to do with each item, by kind of job."""

    def add(job: Job, item: Item) -> dict[str, Any]:
        details = Details.model_validate(job.parameters["details"])
        sources = [one.source() for one in details.sources]
        limit = job.parameters["search"]
        added = _acts(matcher, job).add(item.data, item.name, sources=sources, tags=details.tags, banks=details.banks, search=limit)
        return dict(added)

    def search(job: Job, item: Item) -> dict[str, Any]:
        found = _acts(matcher, job).search(item.data, item.name, limit=job.parameters["limit"], banks=job.parameters["banks"])
        return dict(found)

    return {ADD: add, SEARCH: search}


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
    caller = Caller(asked["name"], Role.named(asked["role"]), asked["token"], frozenset(asked["banks"]), frozenset(asked["orgs"]))
    return Acts(matcher, caller)
