"""Pictures: add, get, list, change, remove, count."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from matcher import shapes
from matcher.engine import Wanted, checked_sha256
from matcher.errors import NotFound
from matcher.records import Record
from matcher.tokens import Role
from matcher.web.access import shown_to
from matcher.web.acts import AddedPicture
from matcher.web.operation import PICTURE, Call, Model, Reply, Routes, Upload
from matcher.web.parts import BankName, Details, FullSourceName, Limit, Moment, NewSource, SourceName, Tag, named_source
from matcher.web.reading import content, name_of
from matcher.web.search import FETCHING, acts_of, check_limit

routes = Routes("pictures")


class Adding(Model):
    """search: look for the picture first, and answer what was found before it was added."""

    search: bool = False
    limit: Limit | None = None
    tag: Annotated[tuple[Tag, ...], Field(max_length=200, description="A tag that the picture gains.")] = ()
    bank: Annotated[tuple[BankName, ...], Field(max_length=50, description="A bank that the picture goes into.")] = ()
    source: Annotated[tuple[FullSourceName, ...], Field(max_length=100, description="Where it was seen, kind:id.")] = ()


class Listing(Model):
    """Which pictures to list."""

    tag: Annotated[Tag | None, Field(description="Only with this tag.")] = None
    bank: Annotated[BankName | None, Field(description="Only in this bank.")] = None
    source: Annotated[SourceName | None, Field(description="Only seen there: kind, or kind:id.")] = None
    since: Annotated[Moment | None, Field(description="Only added then or later.")] = None
    until: Annotated[Moment | None, Field(description="Only added before.")] = None
    limit: Limit = 100
    after: Annotated[int | None, Field(ge=1, le=1 << 32, description="The `next` of the page before.")] = None


class Pictures(TypedDict):
    """Known pictures, newest first. next: what to ask the following page with (`after`), null at the end; a page can be short."""

    pictures: list[shapes.Picture]
    next: int | None


class Fetching(Details):
    """A picture on another server, and what it gains."""

    url: Annotated[str, Field(min_length=8, max_length=4096)]
    search: bool = False
    limit: Limit | None = None


class Change(Model):
    """What a picture gains and loses. sources are added or seen again."""

    add_tags: Annotated[tuple[Tag, ...], Field(max_length=200)] = ()
    remove_tags: Annotated[tuple[Tag, ...], Field(max_length=200)] = ()
    add_banks: Annotated[tuple[BankName, ...], Field(max_length=50)] = ()
    remove_banks: Annotated[tuple[BankName, ...], Field(max_length=50)] = ()
    add_sources: Annotated[tuple[NewSource, ...], Field(max_length=100)] = ()
    remove_sources: Annotated[tuple[FullSourceName, ...], Field(max_length=100)] = ()


@routes.post(
    "/pictures",
    role=Role.WRITE,
    query=Adding,
    body=Upload(details=Details, raw=True),
    returns={201: AddedPicture, 200: AddedPicture},
    errors=(NotFound,),
    audit="add",
)
def add_picture(call: Call) -> Reply:
    """Remember a picture.

    Known already, it gains the sources, tags and banks, and the status is 200. Only its fingerprints are kept.
    """
    asked, details, file = call.query, call.body, call.files[PICTURE][0]
    added = acts_of(call).add(
        content(file, call.services.settings),
        name_of(file),
        sources=[one.source() for one in details.sources] + [named_source(name) for name in asked.source],
        tags=[*details.tags, *asked.tag],
        banks=[*details.banks, *asked.bank],
        search=check_limit(call, asked.limit) if asked.search else None,
    )
    return _added(call, added)


@routes.post(
    "/pictures/fetch",
    role=Role.WRITE,
    body=Fetching,
    returns={201: AddedPicture, 200: AddedPicture},
    errors=(NotFound, *FETCHING),
    audit="add",
)
def fetch_picture(call: Call) -> Reply:
    """Fetch a picture from another server and remember it.

    Off unless the operator allows hosts (fetch.allow); what is not public is never asked.
    """
    asked = call.body
    fetched = call.services.fetcher.fetch(asked.url)
    seen = NewSource(kind="url", id=asked.url, metadata={"fetched": fetched.url} if fetched.url != asked.url else {}).source()
    added = acts_of(call).add(
        fetched.data,
        "the file at this URL",
        sources=[seen, *(one.source() for one in asked.sources)],
        tags=asked.tags,
        banks=asked.banks,
        search=check_limit(call, asked.limit) if asked.search else None,
    )
    return _added(call, added)


@routes.get("/pictures", role=Role.SEARCH, query=Listing, returns=Pictures, errors=(NotFound,))
def list_pictures(call: Call) -> Pictures:
    """List known pictures, newest first, page by page."""
    asked, caller = call.query, call.caller
    if asked.bank is not None:
        caller.searched_banks((asked.bank,))
    wanted = Wanted(asked.tag, asked.bank, asked.source, _seconds(asked.since), _seconds(asked.until))
    limit = check_limit(call, asked.limit)

    def wanted_by_caller(record: Record) -> bool:
        # By what the caller may know of it: where else it was seen is not to be found out by asking for that.
        return caller.sees(record) and wanted.admits(caller.part(record))

    page = call.services.matcher.page(wanted, limit=limit, after=asked.after, shown=wanted_by_caller)
    return {"pictures": [shapes.picture(caller.part(record)) for record in page.records], "next": page.next}


@routes.get("/pictures/{sha256}", role=Role.SEARCH, returns=shapes.WholePicture)
def get_picture(call: Call) -> shapes.WholePicture:
    """Return a known picture with its fingerprints."""
    matcher = call.services.matcher
    record = matcher.get(call.path["sha256"])
    return shapes.whole_picture(shown_to(call.caller, record), matcher.shown_fingerprints(record), matcher.text_on(record))


@routes.patch("/pictures/{sha256}", role=Role.WRITE, body=Change, returns=shapes.Picture, audit="change")
def change_picture(call: Call) -> shapes.Picture:
    """Change where a picture was seen, its tags, and its banks."""
    matcher, change, caller = call.services.matcher, call.body, call.caller
    record = shown_to(caller, matcher.get(call.path["sha256"]))
    caller.searched_banks([*change.add_banks, *change.remove_banks])
    gained = caller.written_sources(one.source() for one in change.add_sources)
    lost = {(kind, id) for kind, _, id in (name.partition(":") for name in change.remove_sources)}
    changed = matcher.change(
        record,
        sources=gained,
        tags=change.add_tags,
        banks=change.add_banks,
        fewer_sources=[source for source in record.sources if (source.kind, source.id) in lost],
        fewer_tags=change.remove_tags,
        fewer_banks=change.remove_banks,
    )
    call.audited |= _audited(changed.sha256, record.sensitive or changed.sensitive)
    return shapes.picture(caller.part(changed))


@routes.delete("/pictures/{sha256}", role=Role.WRITE, returns={204: None}, audit="remove")
def remove_picture(call: Call) -> Reply:
    """Forget a picture: from now on it answers nowhere."""
    sha256 = checked_sha256(call.path["sha256"])
    record = call.services.matcher.get(sha256)
    shown_to(call.caller, record)
    call.caller.check_owns(record)
    call.services.matcher.remove(sha256)
    call.audited |= _audited(sha256, record.sensitive)
    return Reply(None, 204)


@routes.get("/stats", role=Role.SEARCH, returns=shapes.Stats)
def get_stats(call: Call) -> shapes.Stats:
    """Return how much is known, what it takes, and for how many more there is room."""
    call.caller.check_unlimited()
    return call.services.matcher.stats()


def _added(call: Call, added: AddedPicture) -> Reply:
    picture = added["picture"]
    call.audited |= _audited(picture["sha256"], picture["sensitive"]) | {"new": added["new"]}
    return Reply(added, 201 if added["new"] else 200)


def _audited(sha256: str, sensitive: bool) -> dict[str, Any]:
    return {"sensitive": True} if sensitive else {"sha256": sha256}


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None
