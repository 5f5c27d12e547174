"""`kuato misp sync`: take over the pictures of a MISP server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest
from misp_module.estimate import Estimate, estimate
from misp_module.exports import Exports
from misp_module.pull import DAY, Pull, Tally
from misp_module.remote import Remote
from misp_module.syncstate import SyncState


@click.command()
@click.option("--days", metavar="N", type=click.IntRange(1), help="The first time: only what changed within so many days.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Tell what there is and what it would cost; keep nothing.")
@click.option("--sweep", is_flag=True, help="Hold all known attributes against those MISP still has, also before misp.sweep_days.")
@click.option(
    "--from",
    "files",
    metavar="FILE|FOLDER",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Take in exported events or a feed instead; needs no server.",
)
@json_option
@pass_invocation
def sync(invocation: Invocation, days: int | None, only_estimate: bool, sweep: bool, files: tuple[Path, ...], as_json: bool) -> None:
    """Take over the pictures in a MISP server's events: all of them the first time, then what changed.

    Attachments and malware samples that are pictures are added, with their attribute as source, and go when that is deleted.
    Interrupted, it goes on from where it was. Where the server is, who we are there, and into which banks pictures go is set
    by misp.*; with --days N --estimate one sees first what comes.
    """
    if files and (days or only_estimate or sweep):
        raise BadRequest("--from takes in files; --days, --estimate and --sweep are about a server")
    matcher, settings = invocation.matcher, invocation.settings
    if files:
        exports = Exports(matcher, settings)
        for path in files:
            exports.take(path)
        _tell(exports.tally, as_json)
        return
    remote = Remote(settings, tables.complain)
    state = SyncState(matcher.collection.store, remote.url)
    since = int(time.time()) - days * DAY if days else 0
    with _bar(since, as_json) as told:
        pull = Pull(matcher, remote, state, settings, told=told)
        if only_estimate:
            _tell_estimate(estimate(matcher, remote, pull, since), as_json)
            return
        state.hold()
        try:
            pull.run(since)
            if sweep or pull.due():
                pull.sweep()
        finally:
            state.free()
    _tell(pull.tally, as_json)


@contextmanager
def _bar(since: int, as_json: bool) -> Iterator[object]:
    yield None


def _tell(tally: Tally, as_json: bool) -> None:
    for place, why in tally.failed:
        tables.complain(f"{place}: {why}")
    if as_json:
        tables.emit({outcome.name.lower(): count for outcome, count in tally.outcomes.items()} | {"failures": len(tally.failed)})
    else:
        tables.say(str(tally))


def _tell_estimate(found: Estimate, as_json: bool) -> None:
    tables.say(str(found))
