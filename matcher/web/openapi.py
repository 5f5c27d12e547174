"""The OpenAPI 3.1 document of the API, made from the declared operations."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

import matcher
from matcher.errors import (
    BadPicture,
    BadRequest,
    DecodeCrash,
    KuatoError,
    NotAPicture,
    NotFound,
    Refused,
    RequestTooLarge,
    StoreUnavailable,
    TooManyRequests,
    Unauthorized,
    UnsupportedMedia,
)
from matcher.shapes import Failure
from matcher.web.operation import Operation, Upload
from matcher.web.reading import DETAILS

BASE = "/api/v1"
_REF = "#/components/schemas/{model}"
_SCHEME = "token"
# What is written between braces in a path: its schema, and what it means.
_PATH_PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "sha256": ({"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}, "SHA-256 of the picture's bytes, in hexadecimal."),
    "name": ({"type": "string", "minLength": 1, "maxLength": 100}, "Name of the bank."),
    "id": ({"type": "string", "pattern": "^[0-9a-f-]{36}$"}, "Id of the job."),
    "file": ({"type": "string"}, "Name of the file."),
    "other": ({"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}, "SHA-256 of the other picture's bytes."),
    "cluster": ({"type": "string", "pattern": "^[0-9a-f-]{36}$"}, "Id of the cluster, or of one that was merged into it."),
    "proposal": ({"type": "string", "pattern": "^[0-9a-f]{16}$"}, "Id of the proposal."),
}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the document that describes these operations."""
    operations = list(operations)
    schemas = _Schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = paths.setdefault(address(operation), {})
        path[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kuato",
            "version": matcher.__version__,
            "description": "Tells whether a picture, or something like it, has been seen before: YES, MAYBE or NO, and why.",
        },
        "servers": [{"url": "../.."}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {_SCHEME: {"type": "http", "scheme": "bearer", "description": "Made by `kuato token create`."}},
        },
    }


def address(operation: Operation) -> str:
    """Return the path of an operation as OpenAPI writes it."""
    return ("" if operation.outside else BASE) + re.sub(r"\{(\w+):path\}", r"{\1}", operation.path)


def errors_of(operation: Operation) -> tuple[type[KuatoError], ...]:
    """Return all errors that an operation may answer with, those that follow from its declaration too."""
    found: list[type[KuatoError]] = []
    if operation.query or operation.body or "{" in operation.path or not operation.outside or operation.role is not None:
        found += [BadRequest, RequestTooLarge]  # too large can be an address, too
    if operation.role is not None:
        found += [Unauthorized, Refused, TooManyRequests, StoreUnavailable]
    if operation.body is not None:
        found += [UnsupportedMedia]
    if isinstance(operation.body, Upload):
        found += [BadPicture, NotAPicture, DecodeCrash]
    if "{" in operation.path:
        found.append(NotFound)
    return tuple(dict.fromkeys((*found, *operation.errors)))


class _Schemas:
    """The JSON schemas of all types that operations name, with their common definitions."""

    def __init__(self, operations: list[Operation]) -> None:
        inputs: list[Any] = [Failure]
        outputs: list[Any] = [Failure]
        for operation in operations:
            outputs += [kind for kind in operation.returns.values() if kind not in (None, str)]
            inputs += [kind for kind in (operation.query, _model(operation)) if kind is not None]
        wanted: dict[tuple[str, JsonSchemaMode], tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = {}
        for mode, kinds in (("validation", inputs), ("serialization", outputs)):
            for kind in kinds:
                side: JsonSchemaMode = "validation" if mode == "validation" else "serialization"
                wanted[str(kind), side] = (str(kind), side, TypeAdapter(kind))
        self._schemas, common = TypeAdapter.json_schemas(wanted.values(), ref_template=_REF)
        self.definitions: dict[str, Any] = common.get("$defs", {})

    def taken(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a part of a request."""
        return dict(self._schemas[str(kind), "validation"])

    def given(self, kind: Any) -> dict[str, Any]:
        """Return the schema of an answer."""
        return dict(self._schemas[str(kind), "serialization"])

    def properties(self, kind: type[BaseModel]) -> tuple[dict[str, Any], list[str]]:
        """Return the fields of a model and the names of the required ones."""
        schema = self.taken(kind)
        if "$ref" in schema:
            schema = self.definitions[schema["$ref"].rpartition("/")[2]]
        return schema.get("properties", {}), schema.get("required", [])


def _model(operation: Operation) -> type[BaseModel] | None:
    return operation.body.details if isinstance(operation.body, Upload) else operation.body


def _described(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    summary, _, description = (operation.handler.__doc__ or "").strip().partition("\n")
    found: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": summary.rstrip("."),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, schemas)],
        "responses": _responses(operation, schemas),
        "security": [] if operation.role is None else [{_SCHEME: []}],
    }
    text = " ".join(description.split())
    role = f"Needs the role {operation.role.label}." if operation.role is not None else "Open to all."
    found["description"] = f"{text} {role}".strip()
    if operation.role is not None:
        found["x-kuato-role"] = operation.role.label
    if operation.body is not None:
        found["requestBody"] = {"required": True, "content": _content(operation, schemas)}
    return found


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    found = []
    for name in re.findall(r"\{(\w+)(?::path)?\}", operation.path):
        schema, meaning = _PATH_PARAMETERS[name]
        found.append({"name": name, "in": "path", "required": True, "schema": schema, "description": meaning})
    return found


def _query_parameters(operation: Operation, schemas: _Schemas) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    properties, required = schemas.properties(operation.query)
    found = []
    for name, schema in properties.items():
        kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
        plain = {
            **{key: value for key, value in schema.items() if key not in ("anyOf", "description", "title")},
            **(kinds[0] if kinds else {}),
        }
        if plain.get("default", ...) is None:
            del plain["default"]
        meaning = schema.get("description", "")
        found.append({"name": name, "in": "query", "required": name in required, "schema": plain, "description": meaning})
    return found


def _content(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    declared = operation.body
    if not isinstance(declared, Upload):
        return {"application/json": {"schema": schemas.taken(declared)}}
    binary = {"type": "string", "format": "binary"}
    properties: dict[str, Any] = {}
    for name, (least, most) in declared.files.items():
        bounds = {"minItems": least, **({"maxItems": most} if most is not None else {})}
        properties[name] = binary if most == 1 else {"type": "array", "items": binary, **bounds}
    required = [name for name, (least, _) in declared.files.items() if least]
    form: dict[str, Any] = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    encoding = {}
    if declared.details is not None:
        properties[DETAILS] = schemas.taken(declared.details)
        encoding[DETAILS] = {"contentType": "application/json"}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form, **({"encoding": encoding} if encoding else {})}}
    if declared.raw:
        content["application/octet-stream"] = {"schema": binary}
    return content


def _responses(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, kind in operation.returns.items():
        answer: dict[str, Any] = {"description": "Done." if kind is None else _meaning(kind)}
        if kind is str:
            answer["content"] = {operation.content_type: {"schema": {"type": "string"}}}
        elif kind is not None:
            answer["content"] = {operation.content_type: {"schema": schemas.given(kind)}}
        found[str(status)] = answer
    failure = schemas.given(Failure)
    by_status: dict[int, list[type[KuatoError]]] = {}
    for error in errors_of(operation):
        by_status.setdefault(error.status, []).append(error)
    for status, errors in sorted(by_status.items()):
        meaning = " ".join(f"`{error.code}`: {' '.join((error.__doc__ or '').split())}" for error in errors)
        if str(status) in found:
            found[str(status)]["description"] += f" {meaning}"
            continue
        found[str(status)] = {"description": meaning, "content": {"application/json": {"schema": failure}}}
    return found


def _meaning(kind: Any) -> str:
    text = " ".join((getattr(kind, "__doc__", "") or "").split())
    return text if text and getattr(kind, "__module__", "").startswith(("matcher", "misp_module", "ail_connector")) else "Done."
