"""Thumbnails of known pictures, for whoever may see these; never of sensitive ones."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response

from matcher.engine import checked_sha256
from matcher.errors import NotFound
from matcher.tokens import Role
from matcher.ui.pages import Answered, Pages
from matcher.ui.visit import Visit
from matcher.web.access import shown_to

pages = Pages("thumbnails", "/thumbnails")

_NONE = "there is no thumbnail of this picture"


@pages.get("/<sha256>", role=Role.SEARCH)
def show(visit: Visit) -> Answered:
    """Return a thumbnail."""
    record = visit.services.matcher.get(checked_sha256(visit.path["sha256"]))
    shown_to(visit.caller, record)
    found = visit.services.matcher.collection.thumbnails.get(record)
    if found is None:
        raise NotFound(_NONE)
    return Response(found, content_type="image/webp", headers={"Cache-Control": "private, no-store"})


def there(visit: Visit, pictures: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return which of some pictures, as `shapes.picture` has them, have a thumbnail that may be shown."""
    thumbnails = visit.services.matcher.collection.thumbnails
    return thumbnails.there([one["sha256"] for one in pictures if not one["sensitive"]])
