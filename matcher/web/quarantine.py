"""Quarantine: what matches so much that it is held, and letting it go."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from matcher.errors import NotFound
from matcher.quarantine import Cause, Told, checked_hash, told
from matcher.tokens import Role
from matcher.web.clusters import Sha256
from matcher.web.operation import Call, Model, Routes

routes = Routes("quarantine")


class Holding(Model):
    """A known picture that is to be held."""

    sha256: Sha256


class Releasing(Model):
    """What is to answer again: a picture by its SHA-256, or a hash such as pdq:0f.."""

    subject: Annotated[str, Field(min_length=1, max_length=1000)]


class Quarantined(TypedDict):
    """What is held, and what was released, the oldest first."""

    held: list[Told]


@routes.get("/quarantine", role=Role.REVIEW, returns=Quarantined)
def list_held(call: Call) -> Quarantined:
    """List the pictures and hashes that are held because they match too much, and those that were released."""
    call.caller.check_unlimited()
    return {"held": [told(one) for one in call.services.matcher.collection.quarantine.all()]}


@routes.post("/quarantine", role=Role.REVIEW, body=Holding, returns=Told, errors=(NotFound,), audit="quarantine.hold")
def hold(call: Call) -> Told:
    """Hold a known picture: it yields at most MAYBE, and joins no cluster, until it is released."""
    call.caller.check_unlimited()
    record = call.services.matcher.get(call.body.sha256)
    call.audited |= {"sensitive": True} if record.sensitive else {"subject": record.sha256}
    held = call.services.matcher.collection.quarantine.hold(record.sha256, record.id, Cause.PERSON, 0, call.caller.name)
    if held is None:
        raise NotFound(f"no picture {record.sha256} is known")
    return told(held)


@routes.post("/quarantine/release", role=Role.REVIEW, body=Releasing, returns=Told, errors=(NotFound,), audit="quarantine.release")
def release(call: Call) -> Told:
    """Let a picture or a hash answer again; it is not held again but by a person."""
    call.caller.check_unlimited()
    subject = call.body.subject
    name = checked_hash(subject) if ":" in subject else subject
    hidden = ":" not in subject and call.services.matcher.get(subject).sensitive
    call.audited |= {"sensitive": True} if hidden else {"subject": subject[:200]}
    return told(call.services.matcher.collection.quarantine.release(name, call.caller.name))
