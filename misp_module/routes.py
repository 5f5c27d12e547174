"""MISP's questions through the API: for a module file that reaches Kuato over HTTPS, with a token."""

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from matcher.errors import BadRequest, BadSettings
from matcher.tokens import Role
from matcher.web.acts import Acts
from matcher.web.operation import Call, Reply, Routes, Upload

if TYPE_CHECKING:
    from misp_module.answering import Answering

routes = Routes("misp")
_REQUEST = "request"


class ModuleEntry(BaseModel):
    """A module as misp-modules lists it."""

    model_config = ConfigDict(extra="allow")

    name: str
    type: str
    mispattributes: dict[str, Any]
    meta: dict[str, Any]


class ModuleAnswer(BaseModel):
    """What MISP reads of an answer. results: as misp-modules writes them, empty for none. error: why there is none."""

    model_config = ConfigDict(extra="allow")

    results: Any = None
    error: str | None = None
    comment: str | None = None


@routes.get("/misp/modules", role=Role.SEARCH, returns=list[ModuleEntry])
def list_misp_modules(call: Call) -> list[dict[str, Any]]:
    """List the modules that MISP can ask for, as misp-modules does."""
    return _answering(call).entries()


@routes.post(
    "/misp/query",
    role=Role.SEARCH,
    body=Upload(files={_REQUEST: (1, 1)}, raw=True),
    returns=ModuleAnswer,
    audit="misp.query",
)
def query_misp_module(call: Call) -> Reply:
    """Answer MISP's request, as it sends it to misp-modules; whatever is wrong with it is told in `error`."""
    body = call.files[_REQUEST][0].stream.read()
    if body[:100].lstrip()[:1] != b"{":
        raise BadRequest("the request is no JSON object; send what MISP sends to a misp-modules server")
    answer = _answering(call).reply(body)
    # A lone surrogate, from a file name say, is refused by PHP.
    return Reply(json.loads(json.dumps(answer).encode("utf-8", "replace")))


def _answering(call: Call) -> "Answering":
    try:
        # Imported here because PyMISP, which writes objects, is an extra.
        from misp_module.assembly import served
    except ImportError as error:
        raise BadSettings(f"MISP is not answered without PyMISP: {error}; pip install 'kuato[misp]'") from None
    limited = Acts(call.services.matcher, call.caller).hidden if call.caller.limited else None
    may_write = call.caller.role >= Role.WRITE and not call.caller.limited
    return served(call.services.matcher, call.services.settings, limited, may_write)
