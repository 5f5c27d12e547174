"""Banks: the named collections of pictures."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from matcher import shapes
from matcher.errors import Conflict
from matcher.tokens import Role
from matcher.web.operation import Call, Model, Reply, Routes
from matcher.web.parts import BankName, Tag

routes = Routes("banks")

Kind = Literal["baseline", "known-bad", "ignore", "observed"]
_Tags = Annotated[tuple[Tag, ...], Field(max_length=200)]
_Domains = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(max_length=1000)]
_Bounds = Annotated[dict[str, Annotated[float, Field(ge=0, le=1)]], Field(max_length=100)]
_Note = Annotated[str, Field(max_length=10_000)]
_Days = Annotated[int, Field(ge=0, le=36_500)]


class NewBank(Model):
    """A bank. tags: what a match with a member emits. domains: who may show a baseline. keep_days: retention of its own."""

    name: BankName
    kind: Kind = "observed"
    tags: _Tags = ()
    domains: _Domains = ()
    thresholds: _Bounds = Field(default_factory=dict)
    sensitive: bool = False
    note: _Note = ""
    keep_days: _Days | None = None


class BankChange(Model):
    """What of a bank changes; what is not given stays."""

    name: BankName | None = None
    kind: Kind | None = None
    tags: _Tags | None = None
    domains: _Domains | None = None
    thresholds: _Bounds | None = None
    sensitive: bool | None = None
    note: _Note | None = None
    keep_days: _Days | None = None


class Banks(TypedDict):
    """All banks that the caller may see, by name."""

    banks: list[shapes.Bank]


@routes.get("/banks", role=Role.SEARCH, returns=Banks)
def list_banks(call: Call) -> Banks:
    """List the banks."""
    found = call.services.matcher.banks.list()
    return {"banks": [shapes.bank(bank) for bank in found if not call.caller.banks or bank.name in call.caller.banks]}


@routes.post("/banks", role=Role.ADMIN, body=NewBank, returns={201: shapes.Bank}, errors=(Conflict,), audit="bank.create")
def create_bank(call: Call) -> Reply:
    """Create a bank."""
    call.caller.check_unlimited()
    details = call.body.model_dump()
    call.audited["bank"] = details["name"]
    return Reply(shapes.bank(call.services.matcher.banks.create(details.pop("name"), **details)), 201)


@routes.get("/banks/{name:path}", role=Role.SEARCH, returns=shapes.Bank)
def get_bank(call: Call) -> shapes.Bank:
    """Return a bank."""
    call.caller.searched_banks((call.path["name"],))
    return shapes.bank(call.services.matcher.banks.get(call.path["name"]))


@routes.patch("/banks/{name:path}", role=Role.ADMIN, body=BankChange, returns=shapes.Bank, errors=(Conflict,), audit="bank.change")
def change_bank(call: Call) -> shapes.Bank:
    """Change a bank, or its name; its pictures come along."""
    call.caller.check_unlimited()
    banks, name = call.services.matcher.banks, call.path["name"]
    call.audited["bank"] = name
    changes = call.body.model_dump(exclude_unset=True)
    new_name = changes.pop("name", None)
    given = {field: value for field, value in changes.items() if value is not None or field == "keep_days"}
    bank = banks.update(name, **given) if given else banks.get(name)
    return shapes.bank(banks.rename(name, new_name) if new_name and new_name != name else bank)


@routes.delete("/banks/{name:path}", role=Role.ADMIN, returns={204: None}, audit="bank.delete")
def delete_bank(call: Call) -> Reply:
    """Delete a bank; its pictures stay, without it."""
    call.caller.check_unlimited()
    call.audited["bank"] = call.path["name"]
    call.services.matcher.banks.delete(call.path["name"])
    return Reply(None, 204)
