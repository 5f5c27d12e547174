"""What MISP asks, made from bytes that may be anything."""

import base64
import json
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from matcher.errors import BadRequest, TooLarge
from misp_module.places import hosts

# A body of 64 MiB can hold twenty million empty lists, which would cost gigabytes once parsed; MISP sends some hundred parts.
MAX_PARTS = 100_000
# An event with thousands of attributes has more.
MAX_EVENT_PARTS = 2_000_000
ATTACHMENT, SAMPLE = "attachment", "malware-sample"
BLOCK = 'misp:expansion="block"'


@dataclass(frozen=True)
class Subject:
    """An attachment to look up.

    uuid: of the attribute, "" when the request does not name it. name: the file name, made fit to be shown.
    data: the file; None when MISP did not send it, as on hover; empty when it is missing on MISP's disk.
    sealed: `data` is the encrypted zip of a malware-sample. blocked: its tags say that it is not to be enriched.
    hosts: where it was seen, as the object tells that it is part of. siblings: UUIDs of that object's attributes.
    """

    uuid: str
    name: str
    data: bytes | None
    sealed: bool = False
    blocked: bool = False
    hosts: tuple[str, ...] = ()
    siblings: frozenset[str] = frozenset()


def parse(body: bytes, most: int = MAX_PARTS) -> dict[str, Any]:
    """Return the JSON object in `body`; numbers come as floats, which nobody here needs but which stay small.

    most: parts it may have. Raises BadRequest for anything else.
    """
    if sum(map(body.count, (b"{", b"[", b","))) > most:
        raise BadRequest(f"The request has more than {most} parts; send one attribute at a time.")
    try:
        request = json.loads(body, parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadRequest("The request is not valid JSON; send an object with `module` and `attribute`.") from None
    if not isinstance(request, dict):
        raise BadRequest("The request is not a JSON object; send one with `module` and `attribute`.")
    return request


def subjects(request: dict[str, Any], max_bytes: int) -> list[Subject]:
    """Return the attachments that a request brings: its `attribute`, or those of its `object`.

    Raises BadRequest when there is none or it makes no sense, TooLarge for more than `max_bytes`.
    """
    attribute, whole = request.get("attribute"), request.get("object")
    if isinstance(attribute, dict):
        if not _pictured(attribute):
            kind = plain(attribute.get("type"), 40)
            raise BadRequest(f"An attribute of type attachment is needed, or malware-sample; this one is of type {kind}.")
        return [_subject(attribute, max_bytes)]
    if isinstance(whole, dict) and isinstance(whole.get("Attribute"), list):
        if found := within(whole, max_bytes):
            return found
        raise BadRequest("The object has no attribute of type attachment.")
    raise BadRequest('This module requires an "attribute" field as input, an attribute of type attachment.')


def within(whole: dict[str, Any], max_bytes: int, inherited: bool = False) -> list[Subject]:
    """Return the attachments among the attributes of an object, or of an event. inherited: none of them is to be enriched.

    Raises BadRequest, TooLarge.
    """
    listed = whole.get("Attribute")
    parts = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    blocked = inherited or blocks(whole)
    seen = hosts(parts) if "template_uuid" in whole or "name" in whole else ()
    uuids = frozenset(str(part["uuid"]).lower() for part in parts if is_uuid(part.get("uuid")))
    return [_subject(part, max_bytes, blocked, seen, uuids) for part in parts if _pictured(part)]


def blocks(part: dict[str, Any]) -> bool:
    """Whether the tags of an attribute, object or event say that it is not to be enriched."""
    return BLOCK in names_of_tags(part)


def names_of_tags(part: dict[str, Any]) -> set[str]:
    """Return the tags of a part of an event, in whichever of its forms MISP sent them."""
    lists = [part.get(key) for key in ("Tag", "AttributeTag", "EventTag", "_allTags")]
    tags: Iterable[Any] = (each for one in lists if isinstance(one, list) for each in one if isinstance(each, dict))
    named = (tag["Tag"].get("name") if isinstance(tag.get("Tag"), dict) else tag.get("name") for tag in tags)
    return {name for name in named if isinstance(name, str)}


def plain(value: object, longest: int = 80) -> str:
    """Return `value` as one line without control, direction and other invisible characters; long texts lose their middle."""
    text = value if isinstance(value, str) else "unknown" if value is None else str(type(value).__name__)
    text = " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[:4096]).split())
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[-(longest // 2 - 1) :]}"
    return text or "unnamed"


def is_uuid(value: object) -> bool:
    """Whether `value` is a UUID in the form MISP writes."""
    try:
        return isinstance(value, str) and len(value) == 36 and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _pictured(attribute: dict[str, Any]) -> bool:
    return attribute.get("type") in (ATTACHMENT, SAMPLE)


def _subject(
    attribute: dict[str, Any],
    max_bytes: int,
    blocked: bool = False,
    seen: tuple[str, ...] = (),
    siblings: frozenset[str] = frozenset(),
) -> Subject:
    value, named, sealed = attribute.get("value"), attribute.get("uuid"), attribute["type"] == SAMPLE
    name = plain(value.rpartition("|")[0] or value if sealed and isinstance(value, str) else value)
    if named is not None and not is_uuid(named):
        raise BadRequest(f"{name}: the attribute's uuid is not a UUID.")
    data = _decoded(attribute.get("data"), name, max_bytes)
    return Subject(str(named or "").lower(), name, data, sealed, blocked or blocks(attribute), seen, siblings)


def _decoded(data: object, name: str, max_bytes: int) -> bytes | None:
    if data is None:
        return None
    if not isinstance(data, str):
        raise BadRequest(f"{name}: `data` is not a text in base64.")
    if len(data) > 4 * -(-max_bytes // 3):
        raise TooLarge(f"{name} has more than {max_bytes / 2**20:.0f} MiB, the limit (picture.max_bytes).")
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise BadRequest(f"{name}: `data` is not valid base64.") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
