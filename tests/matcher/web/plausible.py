"""Requests as the OpenAPI document describes them, one for each operation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

# What stands for the parts of paths. A new part of a path needs a value here.
_ID = "00000000-0000-4000-8000-000000000000"
PLACES = {"sha256": "0" * 64, "other": "1" * 64, "name": "a bank", "id": _ID, "file": "begin.js", "cluster": _ID, "proposal": "0" * 16}
# What makes a plausible value where a type alone does not.
_VALUES = {"url": "https://pictures.example/a.png", "name": "a new bank"}


@dataclass(frozen=True)
class Described:
    """An operation of the document."""

    method: str
    path: str
    role: str | None
    details: Mapping[str, Any] = field(repr=False)
    components: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def address(self, places: Mapping[str, str] | None = None) -> str:
        """The path with its parts filled in."""
        return self.path.format(**PLACES | dict(places or {}))

    def body(self, picture: bytes, **given: Any) -> dict[str, Any]:
        """A body as the document wants it, for a client of werkzeug; given: fields of its JSON beyond the required ones."""
        content = self.details.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            return {
                "json": self._example(content["application/json"]["schema"]) | self._known(content["application/json"]["schema"], given)
            }
        if "multipart/form-data" not in content:
            return {}
        form = content["multipart/form-data"]["schema"]
        parts = {name: [(BytesIO(picture), "a.png")] * self._count(form["properties"][name]) for name in form["required"]}
        return {"data": parts, "content_type": "multipart/form-data"}

    def _count(self, schema: Mapping[str, Any]) -> int:
        return int(schema.get("minItems", 1))

    def _known(self, schema: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name in self._whole(schema).get("properties", {})}

    def _whole(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self.components["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _example(self, schema: Mapping[str, Any], name: str = "") -> Any:
        schema = self._whole(schema)
        kind = schema.get("type")
        if kind == "object":
            return {each: self._example(schema["properties"][each], each) for each in schema.get("required", ())}
        if kind == "array":
            return [self._example(schema["items"], name)] * max(1, schema.get("minItems", 1))
        if kind == "string":
            return _VALUES.get(name) or "x" * max(1, schema.get("minLength", 1))
        raise AssertionError(f"{self}: there is no example of {name} ({schema})")


def operations(document: Mapping[str, Any]) -> Iterator[Described]:
    """All operations of a document."""
    for path, item in document["paths"].items():
        for method, details in item.items():
            role = details.get("x-kuato-role")
            assert bool(role) == bool(details["security"]), f"{method} {path} says two things of who may ask"
            yield Described(method.upper(), path, role, details, document["components"])
