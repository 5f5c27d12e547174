"""What a caller gives beside a picture, as the API takes it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

# Where a picture was seen: "kind:id", or an object with kind, id, and what else the API's NewSource takes.
Source: TypeAlias = str | Mapping[str, Any]
Moment: TypeAlias = str | datetime


def gained(sources: Iterable[Source] = (), tags: Iterable[str] = (), banks: Iterable[str] = (), **more: Any) -> dict[str, Any]:
    """Return what a picture gains; what is empty is left out."""
    found = {"sources": [source(one) for one in sources], "tags": listed(tags), "banks": listed(banks), **more}
    return {name: value for name, value in found.items() if value not in (None, False, [])}


def source(given: Source) -> dict[str, Any]:
    """Return a source as an object."""
    if isinstance(given, str):
        kind, _, id = given.partition(":")
        return {"kind": kind, "id": id}
    return {name: moment(value) if isinstance(value, datetime) else value for name, value in given.items()}


def moment(given: Moment | None) -> str | None:
    """Return a time as ISO 8601; one without a zone is the local time, as everywhere in Python."""
    return given.astimezone().isoformat() if isinstance(given, datetime) else given


def listed(given: Iterable[str]) -> list[str]:
    """Return some names; a single one that was given as a string is one name, not its letters."""
    return [given] if isinstance(given, str) else list(given)
