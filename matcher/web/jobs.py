"""Jobs: many pictures at once, answered when they are done."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from matcher import shapes
from matcher.engine import check_sources, checked_tags
from matcher.errors import Busy, NotFound, StoreFull, TooLarge
from matcher.job import Item, Job, State
from matcher.shapes import moment
from matcher.tokens import Role
from matcher.web.operation import PICTURE, Call, Model, Reply, Routes, Upload
from matcher.web.parts import BankName, Details, Limit
from matcher.web.reading import content, name_of
from matcher.web.search import check_limit
from matcher.web.work import ADD, SEARCH, caller_details

routes = Routes("jobs")


class JobState(TypedDict):
    """A job. total: items; done: how many of them have a result; failed: how many of those an error. expires: when it is forgotten.

    cancelling: to be cancelled; what is in work is finished first.
    """

    id: str
    kind: str
    state: State
    total: int
    done: int
    failed: int
    cancelling: bool
    created: str | None
    started: str | None
    ended: str | None
    expires: str | None
    error: shapes.Failure | None


class JobResult(TypedDict):
    """What became of one item: what the route for one picture would have answered, or the error.

    Of a saved page the result is its address (`page`), whether there was more than the limits allow (`truncated`), and
    `pictures`: for each picture in it its own address (`url`), and again name, result and error.
    """

    index: int
    name: str
    result: dict[str, Any] | None
    error: shapes.Failure | None


class JobResults(TypedDict):
    """Results in the order of the items. next: what to ask for those that follow with (`after`), null when there will be none."""

    job: JobState
    results: list[JobResult]
    next: int | None


class JobList(TypedDict):
    """Jobs, newest first. next: what to ask the following page with (`after`), null at the end."""

    jobs: list[JobState]
    next: str | None


class AddMany(Details):
    """What all the pictures gain. search: look for each of them first."""

    search: bool = False
    limit: Limit | None = None


class SearchMany(Model):
    """How to search for each of the pictures."""

    limit: Limit | None = None
    banks: Annotated[tuple[BankName, ...], Field(max_length=50)] = ()


class Waiting(Model):
    """How long to wait."""

    wait: Annotated[float, Field(ge=0, le=3600, description="Seconds to wait for its end at most; at most web.wait_seconds.")] = 0


class Results(Model):
    """Which results."""

    after: Annotated[int, Field(ge=-1, le=1 << 32, description="The `next` of the page before.")] = -1
    limit: Annotated[int, Field(ge=1, le=1000, description="Most results in the answer.")] = 100


class Jobs(Model):
    """Which jobs."""

    after: Annotated[str, Field(max_length=36, pattern="^([0-9a-f-]{36})?$", description="The `next` of the page before.")] = ""
    limit: Annotated[int, Field(ge=1, le=1000, description="Most jobs in the answer.")] = 100


_MANY = Upload({PICTURE: (1, None)}, details=AddMany)


@routes.post(
    "/pictures/many", role=Role.WRITE, body=_MANY, returns={202: JobState}, errors=(NotFound, TooLarge, Busy, StoreFull), audit="add.many"
)
def add_many(call: Call) -> Reply:
    """Remember many pictures, in a job.

    Saved pages (HTML, MHTML, HAR) are taken apart: each picture in them gains the page as a source.
    """
    asked = call.body
    banks = call.caller.written_banks(asked.banks)
    check_sources(call.caller.written_sources(one.source() for one in asked.sources))
    _check_banks(call, banks)
    details = Details(sources=asked.sources, tags=checked_tags(asked.tags), banks=banks).model_dump(mode="json")
    return _submitted(call, ADD, {"details": details, "search": check_limit(call, asked.limit) if asked.search else None})


@routes.post(
    "/search/many",
    role=Role.SEARCH,
    body=Upload({PICTURE: (1, None)}, details=SearchMany),
    returns={202: JobState},
    errors=(NotFound, TooLarge, Busy, StoreFull),
    audit="search.many",
)
def search_many(call: Call) -> Reply:
    """Search for many pictures, in a job.

    Saved pages (HTML, MHTML, HAR) are taken apart: each picture in them is searched for.
    """
    call.caller.searched_banks(call.body.banks)
    _check_banks(call, call.body.banks)
    return _submitted(call, SEARCH, {"limit": check_limit(call, call.body.limit), "banks": list(call.body.banks)})


@routes.get("/jobs", role=Role.SEARCH, query=Jobs, returns=JobList)
def list_jobs(call: Call) -> JobList:
    """List the caller's jobs, newest first; an admin's list has everybody's."""
    page = call.services.jobs.list(call.query.limit, call.query.after, None if _sees_all(call) else call.caller.token)
    return {"jobs": [shape(job) for job in page.jobs], "next": page.next or None}


@routes.get("/jobs/{id}", role=Role.SEARCH, query=Waiting, returns=JobState)
def get_job(call: Call) -> JobState:
    """Tell how a job stands, at once or when it has ended."""
    job = _own(call)
    seconds = min(call.query.wait, call.services.settings["web.wait_seconds"])
    return shape(call.services.jobs.wait(job.id, seconds) if seconds else job)


@routes.get("/jobs/{id}/results", role=Role.SEARCH, query=Results, returns=JobResults)
def get_results(call: Call) -> JobResults:
    """Return what a job has come to so far."""
    job = _own(call)
    found = call.services.jobs.results(job.id, call.query.after, call.query.limit)
    results: list[JobResult] = [
        {"index": one.index, "name": one.name, "result": one.result, "error": _failure(one.error)} for one in found.results
    ]
    return {"job": shape(job), "results": results, "next": found.next}


@routes.delete("/jobs/{id}", role=Role.SEARCH, returns=JobState, audit="job.cancel")
def cancel_job(call: Call) -> JobState:
    """Cancel a job: no further picture is begun; what is done stays done."""
    job = _own(call)
    call.audited["job"] = job.id
    return shape(call.services.jobs.cancel(job.id))


def shape(job: Job) -> JobState:
    """Return how a job stands."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "cancelling": job.cancelling,
        "created": moment(job.created),
        "started": moment(job.started),
        "ended": moment(job.ended),
        "expires": moment(job.expires),
        "error": _failure(job.error),
    }


def _submitted(call: Call, kind: str, parameters: dict[str, Any]) -> Reply:
    job = call.services.jobs.submit(kind, _items(call), parameters=parameters, caller=caller_details(call.caller))
    call.audited |= {"job": job.id, "pictures": job.total}
    return Reply(shape(job), 202, {"Location": f"../jobs/{job.id}"})


def _items(call: Call) -> Iterator[Item]:
    settings = call.services.settings
    largest = max("picture.max_bytes", "pages.max_bytes", key=lambda setting: settings[setting])
    for file in call.files[PICTURE]:
        try:
            yield Item(name_of(file), content(file, settings, largest))
        except TooLarge as error:
            raise TooLarge(f"{error}; nothing was begun") from None


def _check_banks(call: Call, names: tuple[str, ...]) -> None:
    for name in names:
        call.services.matcher.banks.get(name)


def _own(call: Call) -> Job:
    job = call.services.jobs.get(call.path["id"])
    if not _sees_all(call) and job.token != call.caller.token:
        raise NotFound(f"there is no job {call.path['id'][:80]!r}, or its results are no longer kept (jobs.keep_hours)")
    return job


def _sees_all(call: Call) -> bool:
    return call.caller.role >= Role.ADMIN and not call.caller.limited


def _failure(error: dict[str, str] | None) -> shapes.Failure | None:
    return {"code": error["code"], "message": error["message"]} if error else None
