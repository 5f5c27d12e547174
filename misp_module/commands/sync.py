"""`kuato misp sync`: take over the pictures of a MISP server, and write back what follows."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.stopping import until_told
from matcher.errors import BadRequest, FetchFailed, StoreMismatch, StoreUnavailable
from misp_module.estimate import Estimate, estimate
from misp_module.exports import Exports
from misp_module.feedback import Feedback
from misp_module.hints import Hints
from misp_module.pen import OBJECTS
from misp_module.pull import DAY, Pull, Tally
from misp_module.refresh import Refresh
from misp_module.remote import Remote
from misp_module.syncstate import SyncState
from misp_module.writeback import WriteBack

_log = logging.getLogger(__name__)


@click.command()
@click.option("--days", metavar="N", type=click.IntRange(1), help="Go back so many days; the first time no further than that.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Tell what there is and what it would cost; keep nothing.")
@click.option("--sweep", is_flag=True, help="Hold all known attributes against those MISP still has, also before misp.sweep_days.")
@click.option("--recheck", is_flag=True, help="Look again at all that is known for what is to be written: after a change of rules.")
@click.option("--dry-run", is_flag=True, help="Read as always, but only tell what would be written to MISP.")
@click.option("--every", metavar="MINUTES", type=click.FloatRange(0.01), help="Go on until told to end, with a sync so often.")
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
def sync(
    invocation: Invocation,
    days: int | None,
    only_estimate: bool,
    sweep: bool,
    recheck: bool,
    dry_run: bool,
    every: float | None,
    files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Take over the pictures in a MISP server's events: all of them the first time, then what changed.

    Attachments and malware samples that are pictures are added, with their attribute as source, and go when that is deleted.
    What misp.write names is then written back for pictures that match, within misp.max_writes_run and misp.max_writes_day.
    Interrupted, it goes on from where it was. Where the server is, who we are there, and into which banks pictures go is set
    by misp.*; with --days N --estimate one sees first what comes.
    """
    if files and (days or only_estimate or sweep or recheck or dry_run or every):
        raise BadRequest("--from takes in files; the other options are about a server")
    if files:
        exports = Exports(invocation.matcher, invocation.settings)
        for path in files:
            exports.take(path)
        _tell(exports.tally, as_json)
        return
    run = _Run(invocation, int(time.time()) - days * DAY if days else 0, dry_run, as_json)
    if only_estimate:
        _tell_estimate(run.estimate(), as_json)
    elif every is None:
        run.once(sweep, recheck)
    else:
        with until_told() as stop, Hints(invocation.settings["misp.zmq"]) as hints:
            while not stop.is_set():
                try:
                    run.once(sweep, recheck)
                except StoreMismatch:
                    raise
                except (FetchFailed, StoreUnavailable) as error:
                    tables.complain(f"{error} [{error.code}]; tried again in {every:g} minutes")
                sweep = recheck = False
                hints.wait(60 * every, stop)


class _Run:
    """Syncs with the server that the settings name. since: where the first one begins, seconds since the epoch."""

    def __init__(self, invocation: Invocation, since: int, dry_run: bool, as_json: bool) -> None:
        self._settings = invocation.settings
        self._remote = Remote(self._settings, tables.complain)
        self._matcher = invocation.matcher
        self._state = SyncState(self._matcher.collection.store, self._remote.url)
        self._since = since
        self._dry_run = dry_run
        self._as_json = as_json
        self._writes: tuple[str, ...] = self._settings["misp.write"]
        # Made here, so that rules that make no sense stop it before anything is read.
        self._back = WriteBack(self._matcher, self._remote, self._state, self._settings, self._told, dry_run)

    def estimate(self) -> Estimate:
        """Return what the first sync would cost."""
        return estimate(self._matcher, self._remote, Pull(self._matcher, self._remote, self._state, self._settings), self._since)

    def once(self, sweep: bool, recheck: bool) -> None:
        """Sync once, and tell what was done."""
        self._state.hold()
        try:
            with _bar(self._state.position.until or self._since, not self._as_json) as told:
                noted = self._state.queue if self._writes else _nothing
                pull = Pull(self._matcher, self._remote, self._state, self._settings, noted=noted, told=told)
                try:
                    pull.run(self._since)
                    if sweep or pull.due():
                        pull.sweep()
                finally:
                    _tell(pull.tally, self._as_json)
            if self._writes:
                if recheck:
                    self._back.recheck()
                self._write()
        finally:
            self._state.free()

    def _write(self) -> None:
        if not self._dry_run:
            Feedback(self._matcher, self._remote, self._state, self._settings, self._back.book, self._told).read()
        back = WriteBack(self._matcher, self._remote, self._state, self._settings, self._told, self._dry_run)
        back.run()
        if OBJECTS in self._writes:
            Refresh(self._matcher, self._remote, self._settings, back.budget, self._told, self._dry_run).run()
        if self._as_json:
            tables.emit({"writes": back.budget.made, "dry_run": self._dry_run})
        elif back.budget.made:
            tables.say(f"{back.budget.made} writes to MISP" + (" would be made" if self._dry_run else ""))

    def _told(self, text: str) -> None:
        if self._dry_run and not self._as_json:
            tables.say(text)
        else:
            _log.info("%s", text)


def _nothing(_uuids: list[str]) -> None:
    """Note nothing."""


@contextmanager
def _bar(since: int, wanted: bool) -> Iterator[Callable[[int], None]]:
    """Show how far through the time since then it is."""
    with tables.progress("syncing", max(1, int(time.time()) - since), wanted) as advance:
        yield lambda until: advance(max(0, until - since))


def _tell(tally: Tally, as_json: bool) -> None:
    for place, why in tally.failed:
        tables.complain(f"{place}: {why}")
    if as_json:
        counted = {outcome.name.lower(): count for outcome, count in tally.outcomes.items()}
        tables.emit(counted | {"failures": [{"what": place, "why": why} for place, why in tally.failed]})
    else:
        tables.say(str(tally))


def _tell_estimate(found: Estimate, as_json: bool) -> None:
    if as_json:
        tables.emit(found.as_dict())
        return
    kinds = ", ".join(f"{count} {kind or 'without ending'}" for kind, count in found.kinds.most_common())
    tables.say(f"{found.attributes} attachments that may be pictures, in {found.events} events" + (f": {kinds}" if kinds else ""))
    if found.tried:
        tables.say(
            f"{found.pictures} of {found.tried} that were tried are pictures; all: about {found.bytes / 1e6:,.0f} MB to fetch,"
            f" {found.seconds / 60:,.0f} minutes, {found.memory / 1e6:,.0f} MB of Redis"
        )
