"""`kuato forget`: take away where pictures were seen, and pictures that were seen nowhere else."""

from typing import TYPE_CHECKING

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.sources import MOMENT, SOURCE
from matcher.shapes import Shape
from matcher.source import Source

if TYPE_CHECKING:
    from matcher.pruning import Forgotten, Gone


@click.command()
@click.option("--source", "sources", metavar="KIND:ID", type=SOURCE, multiple=True, help="This source; several: any of them.")
@click.option("--domain", "domains", metavar="DOMAIN", multiple=True, help="Sources at this domain or below it, told by their addresses.")
@click.option("--event", "events", metavar="UUID", multiple=True, help="Sources in this MISP event, by UUID, or by its number.")
@click.option("--older-than", metavar="TIME", type=MOMENT, help="Sources last seen before: 90d, 24h, 2026-05-01, 2026-05-01T12:00 (UTC).")
@click.option("--expired", is_flag=True, help="What is over its time by retention.banks, retention.sources and the banks' own.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be forgotten.")
@click.option("--compact", is_flag=True, help="Then also clear the index of the removed pictures' numbers, as `kuato doctor` does.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_invocation
def forget(
    invocation: Invocation,
    sources: tuple[Source, ...],
    domains: tuple[str, ...],
    events: tuple[str, ...],
    older_than: float | None,
    expired: bool,
    dry_run: bool,
    compact: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Forget sources, and pictures that are left without any, after asking. Of different options a source must fit all.

    Pictures that never had a source are only forgotten by --older-than alone, or when they are expired. What is forgotten
    is in no record any more; lists of the index may name removed pictures by their numbers until --compact or `kuato
    doctor`. Backups, exports, results of jobs and the audit file go on holding what they hold. After Ctrl-C the same
    command goes on.
    """
    from matcher.doctor import Doctor
    from matcher.forgetting import Forgetting, Selection
    from matcher.pruning import Tally

    selection = Selection(tuple((one.kind, one.id) for one in sources), domains, events, older_than, expired)
    forgetting = Forgetting(invocation.matcher)
    if not yes and not dry_run:
        found = forgetting.forget(selection, dry_run=True)
        if not (found.pictures_removed or found.sources_removed):
            _report(found, dry_run, as_json)
            return
        if not click.confirm(f"Forget {tables.visible(_counts(found))}?", err=True):
            tables.complain("nothing was forgotten")
            return
    tally = Tally()

    def tell(gone: "Gone") -> None:
        tally.count(gone)
        if as_json:
            tables.emit(_shape(gone))

    try:
        found = forgetting.forget(selection, dry_run, tell)
        if compact and not dry_run:
            Doctor(invocation.matcher.collection).run()
    finally:
        # Also of what was forgotten before Ctrl-C: the next call would not know of it.
        if not dry_run and (tally.pictures or tally.sources):
            _leave_nothing(invocation)
    _report(found, dry_run, as_json)


def _leave_nothing(invocation: Invocation) -> None:
    if invocation.settings["redis.url"]:
        tables.complain("the files of your Redis hold it until they are written anew (BGREWRITEAOF, BGSAVE)")
    elif not invocation.matcher.scrub():
        tables.complain("the file of our Redis could not be begun anew, it was busy; it holds what was forgotten until it has grown")


def _shape(gone: "Gone") -> Shape:
    return {"sha256": gone.record.sha256, "removed": gone.removed, "sources": [source.key for source in gone.sources]}


def _report(found: "Forgotten", dry_run: bool, as_json: bool) -> None:
    if as_json:
        counts = {"pictures_removed": found.pictures_removed, "sources_removed": found.sources_removed, "banks": found.banks}
        tables.emit({**counts, "dry_run": dry_run})
    else:
        tables.say(f"{_counts(found)} {'would be ' if dry_run else ''}forgotten")


def _counts(found: "Forgotten") -> str:
    """Say in words how much it is: what people want to know before they agree is whether pictures of their banks are among it."""
    banks = ", ".join(f"{count:,} in {name}" for name, count in found.banks.items())
    return f"{found.sources_removed:,} sources and {found.pictures_removed:,} pictures{f' ({banks})' if banks else ''}"
