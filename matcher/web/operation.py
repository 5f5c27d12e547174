"""How a route is declared: what it takes and gives, who may ask, what can go wrong.

The checks before a handler is called, and the OpenAPI document, both follow from the declaration:

    routes = Routes("pictures")

    @routes.get("/pictures/{sha256}", role=Role.SEARCH, returns=shapes.WholePicture, errors=(NotFound,))
    def get_picture(call: Call) -> shapes.WholePicture:
        "Return a known picture."

A package offers routes by a line in its pyproject.toml:

    [project.entry-points."kuato.blueprints"]
    stamps = "my_package.web:routes"
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from matcher.errors import KuatoError
from matcher.tokens import Role

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage

    from matcher.web.access import Caller
    from matcher.web.services import Services

PICTURE = "picture"


class Model(BaseModel):
    """A part of a request; what is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Upload:
    """A multipart body: files, and JSON in a part called "details".

    files: names of the parts, each with how many files it takes at least and at most (None: as many as web.max_parts).
    details: model of the JSON, None where there is none. raw: a body that is itself the one file is taken, too.
    """

    files: Mapping[str, tuple[int, int | None]] = field(default_factory=lambda: {PICTURE: (1, 1)})
    details: type[BaseModel] | None = None
    raw: bool = False


@dataclass(frozen=True)
class Reply:
    """An answer other than plain 200: value is turned into JSON, None for an empty body; a stream of bytes is sent as it comes."""

    value: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass
class Call:
    """One request, checked: what a handler is given.

    query, body: instances of the declared models, None where none was declared; body is an upload's details.
    files: by part. audited: what the audit line says beyond who, what and when.
    """

    services: "Services"
    caller: "Caller"
    path: Mapping[str, str]
    query: Any = None
    body: Any = None
    files: Mapping[str, list["FileStorage"]] = field(default_factory=dict)
    audited: dict[str, Any] = field(default_factory=dict)


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Operation:
    """A declared route.

    role: the least a caller must have, None for a route open to all. returns: status -> type of the JSON, None for an empty
    body, str for text. errors: what may be raised beyond what follows from the other fields. audit: the action as the audit
    file names it, "" where nothing is noted.
    """

    method: str
    path: str
    handler: Handler
    tag: str
    role: Role | None
    returns: Mapping[int, Any]
    content_type: str = "application/json"
    query: type[BaseModel] | None = None
    body: type[BaseModel] | Upload | None = None
    errors: tuple[type[KuatoError], ...] = ()
    audit: str = ""
    outside: bool = False

    @property
    def name(self) -> str:
        """The name of the handler, unique within the API."""
        return self.handler.__name__


class Routes:
    """Some operations, under one heading. They lie below /api/v1 unless declared `outside`."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.operations: list[Operation] = []

    def get(self, path: str, **details: Any) -> Callable[[Handler], Handler]:
        """Declare a GET; keywords are the fields of Operation."""
        return self._declare("GET", path, details)

    def post(self, path: str, **details: Any) -> Callable[[Handler], Handler]:
        """Declare a POST."""
        return self._declare("POST", path, details)

    def patch(self, path: str, **details: Any) -> Callable[[Handler], Handler]:
        """Declare a PATCH."""
        return self._declare("PATCH", path, details)

    def delete(self, path: str, **details: Any) -> Callable[[Handler], Handler]:
        """Declare a DELETE."""
        return self._declare("DELETE", path, details)

    def _declare(self, method: str, path: str, details: dict[str, Any]) -> Callable[[Handler], Handler]:
        returns = details.pop("returns")
        answers = returns if isinstance(returns, Mapping) else {200: returns}

        def declare(handler: Handler) -> Handler:
            self.operations.append(Operation(method, path, handler, self.tag, returns=answers, **details))
            return handler

        return declare
