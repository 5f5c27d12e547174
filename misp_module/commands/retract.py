"""`kuato retract`: take back what was written to MISP."""

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.sources import MOMENT
from matcher.engine import checked_sha256
from matcher.errors import BadRequest
from misp_module.remote import Remote
from misp_module.retraction import Retraction, Selection
from misp_module.syncstate import SyncState
from misp_module.writeback import WriteBack


@click.command()
@click.option("--picture", metavar="SHA", help="What was written because of this picture and others.")
@click.option("--bank", metavar="NAME", help="What was written because of pictures in this bank.")
@click.option("--since", metavar="TIME", type=MOMENT, help="What was written since then: a date, a time, or 24h, 7d, 2w ago.")
@click.option("--dry-run", is_flag=True, help="Tell what would be taken back.")
@json_option
@pass_invocation
def retract(invocation: Invocation, picture: str | None, bank: str | None, since: float | None, dry_run: bool, as_json: bool) -> None:
    """Take back what a sync wrote to MISP: sightings, tags, relationships, objects; it is not written again.

    Given more than one of the options, only what is all of it. Known pictures and banks stay as they are.
    """
    if not picture and not bank and since is None:
        raise BadRequest("nothing is named that is to be taken back; give --picture, --bank or --since")
    matcher, settings = invocation.matcher, invocation.settings
    if bank:
        matcher.banks.get(bank)
    selection = Selection(checked_sha256(picture) if picture else "", bank or "", since)
    remote = Remote(settings, tables.complain)
    state = SyncState(matcher.collection.store, remote.url)

    def told(text: str) -> None:
        (tables.complain if as_json else tables.say)(text)

    back = WriteBack(matcher, remote, state, settings, told, dry_run)
    state.hold()
    try:
        count = Retraction(matcher, back, told, dry_run).run(selection, state.now())
    finally:
        state.free()
    if as_json:
        tables.emit({"matches": count, "dry_run": dry_run})
    else:
        tables.say(f"{count} matches {'would be ' if dry_run else ''}taken back")
