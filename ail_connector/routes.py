"""The native front's way in: a picture that AIL has, and where it was seen; back come the tags that it is worth."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from ail_connector.database import Sighting
from ail_connector.processing import Processing
from matcher.errors import BadRequest
from matcher.tokens import Role
from matcher.web.operation import PICTURE, Call, Model, Routes, Upload
from matcher.web.reading import content

routes = Routes("ail")

_Name = Annotated[str, Field(min_length=1, max_length=1000)]
_Names = Annotated[tuple[_Name, ...], Field(max_length=1000)]


class AilObject(Model):
    """An object of AIL, and where it was seen. date: YYYYMMDD. chats: type:subtype:id. tags: those that AIL gave it.

    again: it may have been sent before, and no answer have come; then it is not taken for one that was seen.
    """

    object: Annotated[str, Field(max_length=200, pattern="^(image|screenshot|favicon)::[0-9a-f-]+$")]
    date: Annotated[str, Field(pattern="^([0-9]{8})?$")] = ""
    items: _Names = ()
    domains: _Names = ()
    chats: _Names = ()
    tags: _Names = ()
    link: Annotated[str, Field(max_length=1000)] = ""
    again: bool = False


class AilTag(TypedDict):
    """A tag that an object of AIL is to have."""

    object: str
    tag: str


class AilOutcome(TypedDict):
    """What came of a picture, and the tags that are to be sent: of this object, and of others that it turns out to be the same as."""

    outcome: str
    sha256: str
    tags: list[AilTag]
    matches: int
    same_source: int


@routes.post("/ail/objects", role=Role.WRITE, body=Upload(details=AilObject), returns=AilOutcome, audit="ail.object")
def check_ail_object(call: Call) -> AilOutcome:
    """Remember a picture that AIL has, compare it, and tell which tags it is worth.

    The module that runs in AIL asks this (docs/ail.md); a tag that was told before is told again.
    """
    call.caller.check_unlimited()
    told = call.body
    if not isinstance(told, AilObject) or not told.object:
        raise BadRequest("the part details says which object of AIL this is")
    sighting = Sighting(told.object, told.date, told.items, tuple(map(str.lower, told.domains)), told.chats, told.tags, told.link)
    matcher = call.services.matcher
    outcome = Processing(matcher).process(content(call.files[PICTURE][0], call.services.settings), sighting, again=told.again)
    matcher.tally.message(len(outcome.tags))
    # A picture that was seen before comes without its matches.
    known = matcher.collection.known(outcome.sha256)
    hidden = outcome.sensitive or (known is not None and known.sensitive)
    call.audited |= {"sensitive": True} if hidden else {"object": told.object}
    call.audited |= {"outcome": outcome.name, "tags": len(outcome.tags)}
    return {
        "outcome": outcome.name,
        "sha256": outcome.sha256,
        "tags": [{"object": tag.gid, "tag": tag.name} for tag in outcome.tags],
        "matches": len(outcome.matches),
        "same_source": outcome.same_source,
    }
