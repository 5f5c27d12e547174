"""`kuato quarantine`: what matches so much that it is held, and letting it go."""

import click

from matcher import shapes
from matcher.audit import Audit
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.person import user
from matcher.quarantine import Cause, Held, checked_hash, told


@click.group()
def quarantine() -> None:
    """Quarantine: pictures and hashes that match so much that somebody may have made them to.

    A picture that is held yields at most MAYBE and joins no cluster; a hash that is held finds nobody by itself. Settings
    quarantine.clusters and quarantine.pictures say from when on Kuato holds one by itself; what was released stays free.
    """


@quarantine.command(name="list")
@click.option("--released", is_flag=True, help="Also what was released.")
@json_option
@pass_invocation
def list_held(invocation: Invocation, released: bool, as_json: bool) -> None:
    """List what is held."""
    _show([one for one in invocation.matcher.collection.quarantine.all() if released or not one.released], as_json)


@quarantine.command()
@click.argument("sha256", metavar="SHA")
@json_option
@pass_invocation
def hold(invocation: Invocation, sha256: str, as_json: bool) -> None:
    """Hold a known picture, named by its SHA-256."""
    record = invocation.matcher.get(sha256)
    held = invocation.matcher.collection.quarantine.hold(record.sha256, record.id, Cause.PERSON, 0, user())
    _note(invocation, "quarantine.hold", record.sha256)
    _show([held] if held else [], as_json)


@quarantine.command()
@click.argument("subject", metavar="SHA|HASH")
@json_option
@pass_invocation
def release(invocation: Invocation, subject: str, as_json: bool) -> None:
    """Let a picture (its SHA-256) or a hash (such as pdq:0f..) answer again; Kuato does not hold it again by itself."""
    name = checked_hash(subject) if ":" in subject else subject
    released = invocation.matcher.collection.quarantine.release(name, user())
    _note(invocation, "quarantine.release", released.subject)
    _show([released], as_json)


def _note(invocation: Invocation, action: str, subject: str) -> None:
    Audit.of(invocation.settings).note(action, status="done", caller=user(), subject=subject)


def _show(found: list[Held], as_json: bool) -> None:
    if as_json:
        for one in found:
            tables.emit(told(one))
        return
    if not found:
        tables.say("nothing is in quarantine")
        return
    rows = [
        (one.subject, one.kind, one.cause.value, f"{one.count:,}", shapes.moment(one.when) or "", shapes.moment(one.released) or "")
        for one in found
    ]
    tables.show(tables.table(("what", "kind", "cause", "of", "since", "released"), rows, fold=("what",)))
