"""From a request to what a handler is given: checked against the declaration, or refused."""

from collections.abc import Iterable
from typing import Any

from flask import Request
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from werkzeug.datastructures import FileStorage

from matcher.errors import BadRequest, RequestTooLarge, TooLarge, UnsupportedMedia
from matcher.settings import Settings
from matcher.web.operation import Operation, Upload
from matcher.wire import printable

DETAILS = "details"
_JSON = "application/json"
_MULTIPART = "multipart/form-data"
_NAMELESS = "picture"


def check_size(request: Request, most: int) -> None:
    """Refuse a body that is too large, or compressed: what it would become could not be told before. Raises RequestTooLarge."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("compressed requests are not taken; send the body as it is")
    if (request.content_length or 0) > most:
        raise RequestTooLarge(f"the request has {(request.content_length or 0) / 1e6:.1f} MB, the limit is {most / 1e6:.1f} (web.max_body)")


def query_of(operation: Operation, request: Request) -> BaseModel | None:
    """Return the query of the URL as the declared model. Raises BadRequest."""
    given = request.args
    if operation.query is None:
        if given:
            raise BadRequest(f"{next(iter(given))!r} is no parameter of this address; it takes none")
        return None
    values: dict[str, Any] = {}
    for name, found in given.lists():
        field = operation.query.model_fields.get(name)
        if field is not None and not _takes_many(field) and len(found) > 1:
            raise BadRequest(f"{name} is given {len(found)} times; give it once")
        values[name] = found if field is not None and _takes_many(field) else found[0]
    return _checked(operation.query, values)


def body_of(operation: Operation, request: Request) -> tuple[BaseModel | None, dict[str, list[FileStorage]]]:
    """Return the body as the declared model, and its files by part. Raises BadRequest, UnsupportedMedia."""
    declared = operation.body
    if declared is None:
        return None, {}
    if not isinstance(declared, Upload):
        if request.mimetype != _JSON:
            raise UnsupportedMedia(f"this address takes {_JSON}, not {request.mimetype or 'a body without a content type'}")
        return _parsed(declared, request.get_data(cache=False)), {}
    if request.mimetype == _MULTIPART:
        return _details(declared, request), _files(declared, request)
    if declared.raw and request.mimetype != _JSON:
        name = next(iter(declared.files))
        file = FileStorage(request.stream, filename=_NAMELESS, name=name)
        return declared.details() if declared.details else None, {name: [file]}
    also = " or the file itself" if declared.raw else ""
    raise UnsupportedMedia(f"this address takes {_MULTIPART} with the parts {', '.join(declared.files)}{also}")


def content(file: FileStorage, settings: Settings, setting: str = "picture.max_bytes") -> bytes:
    """Return the bytes of an uploaded file, as many as a setting allows. Raises TooLarge."""
    most = settings[setting]
    data = file.stream.read(most + 1)
    if len(data) > most:
        raise TooLarge(f"{name_of(file)} has more than {most / 1e6:.1f} MB, the limit ({setting})")
    return data


def name_of(file: FileStorage) -> str:
    """Return the name of an uploaded file as it may be shown: printable, short, without folders."""
    return printable((file.filename or _NAMELESS).replace("\\", "/").rpartition("/")[2], 120) or _NAMELESS


def _takes_many(field: FieldInfo) -> bool:
    return "list" in str(field.annotation) or "tuple" in str(field.annotation)


def _details(declared: Upload, request: Request) -> BaseModel | None:
    given = request.form.getlist(DETAILS)
    files = request.files.getlist(DETAILS)  # a part with a content type of its own comes as a file
    unknown = [name for name in request.form if name != DETAILS]
    if unknown or (declared.details is None and (given or files)):
        raise BadRequest(f"{(unknown or [DETAILS])[0]!r} is no part of this request; it takes {', '.join(_parts(declared))}")
    if declared.details is None:
        return None
    if len(given) + len(files) > 1:
        raise BadRequest(f"the part {DETAILS} is given more than once")
    text = given[0].encode() if given else files[0].stream.read(1 << 20) if files else b"{}"
    return _parsed(declared.details, text)


def _files(declared: Upload, request: Request) -> dict[str, list[FileStorage]]:
    found: dict[str, list[FileStorage]] = {}
    for name in request.files:
        if name not in declared.files and name != DETAILS:
            raise BadRequest(f"{name[:80]!r} is no part of this request; it takes {', '.join(_parts(declared))}")
    for name, (least, most) in declared.files.items():
        found[name] = request.files.getlist(name)
        if len(found[name]) < least or (most is not None and len(found[name]) > most):
            wanted = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
            raise BadRequest(f"the request has {len(found[name])} files in its part {name!r}; give {wanted}")
    return found


def _parts(declared: Upload) -> Iterable[str]:
    return (*declared.files, *((DETAILS,) if declared.details else ()))


def _parsed(model: type[BaseModel], text: bytes) -> BaseModel:
    try:
        # Strictly: a keep_days of false is a mistake, and not 0.
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise _explained(error) from None


def _checked(model: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explained(error) from None


def _explained(error: ValidationError) -> BadRequest:
    problems = []
    for each in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        where = ".".join(str(part) for part in each["loc"])
        problems.append(f"{printable(where, 80)}: {printable(each['msg'], 200)}" if where else printable(each["msg"], 200))
    return BadRequest("; ".join(problems))
