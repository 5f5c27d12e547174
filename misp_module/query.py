"""What MISP asks, made from bytes that may be anything."""

import base64
import json
import unicodedata
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

from matcher.errors import BadRequest, TooLarge

# A body of 64 MiB can hold twenty million empty lists, which would cost gigabytes once parsed; MISP sends some hundred parts.
_MAX_PARTS = 100_000


@dataclass(frozen=True)
class Subject:
    """An attachment to look up.

    uuid: of the attribute, "" when the request does not name it. name: the file name, made fit to be shown.
    data: the file; None when MISP did not send it, as on hover; empty when it is missing on MISP's disk.
    """

    uuid: str
    name: str
    data: bytes | None


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`; numbers come as floats, which nobody here needs but which stay small.

    Raises BadRequest for anything else.
    """
    if sum(map(body.count, (b"{", b"[", b","))) > _MAX_PARTS:
        raise BadRequest(f"The request has more than {_MAX_PARTS} parts; send one attribute at a time.")
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
        if attribute.get("type") != "attachment":
            raise BadRequest(f"An attribute of type attachment is needed, this one is of type {plain(attribute.get('type'), 40)}.")
        return [_subject(attribute, max_bytes)]
    if isinstance(whole, dict) and isinstance(whole.get("Attribute"), list):
        found = [_subject(part, max_bytes) for part in whole["Attribute"] if isinstance(part, dict) and part.get("type") == "attachment"]
        if found:
            return found
        raise BadRequest("The object has no attribute of type attachment.")
    raise BadRequest('This module requires an "attribute" field as input, an attribute of type attachment.')


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


def _subject(attribute: dict[str, Any], max_bytes: int) -> Subject:
    name, named = plain(attribute.get("value")), attribute.get("uuid")
    if named is not None and not is_uuid(named):
        raise BadRequest(f"{name}: the attribute's uuid is not a UUID.")
    return Subject(str(named or "").lower(), name, _decoded(attribute.get("data"), name, max_bytes))


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
