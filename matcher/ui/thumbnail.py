"""The thumbnails that pages show, where the settings let some be kept."""

from flask import Response

from matcher.engine import checked_sha256
from matcher.errors import NotFound
from matcher.tokens import Role
from matcher.ui.pages import Answered, Pages
from matcher.ui.visit import Visit

pages = Pages("thumbnail", "/thumbnail")


@pages.get("/<sha256>", role=Role.SEARCH)
def file(visit: Visit) -> Answered:
    """Return the thumbnail of a known picture; there is none of a sensitive one."""
    collection = visit.services.matcher.collection
    record = collection.known(checked_sha256(visit.path["sha256"]))
    found = collection.thumbnails.get(record) if record is not None and visit.caller.sees(record) else None
    if found is None:
        raise NotFound("no thumbnail is kept of this picture")
    return Response(found, headers={"Cache-Control": "private, max-age=600"}, content_type="image/webp")
