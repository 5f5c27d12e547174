"""`kuato add`: remember pictures."""

import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import click

from matcher import shapes
from matcher.collection import Added
from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, STDIN, Input, as_text, collected, exit_code, in_parallel
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.sources import SOURCE
from matcher.errors import KuatoError, NotAPicture
from matcher.source import Source

_NAMED = 20


@dataclass
class Tally:
    """How far the work is. Counted where it is done, so that it is right when it is interrupted."""

    new: int = 0
    known: int = 0
    errors: list[KuatoError] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, outcome: Added | KuatoError) -> None:
        """Count one outcome."""
        with self._lock:
            if isinstance(outcome, KuatoError):
                self.errors.append(outcome)
            elif outcome.new:
                self.new += 1
            else:
                self.known += 1

    @property
    def done(self) -> int:
        """Pictures that are remembered now."""
        return self.new + self.known

    def __str__(self) -> str:
        failed = f", {len(self.errors)} failed" if self.errors else ""
        return f"{self.new} added, {self.known} known already{failed}"


@click.command()
@click.argument("paths", metavar="FILE|FOLDER|-...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Put the pictures into this bank.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Give the pictures this tag.")
@click.option("--source", "sources", metavar="KIND:ID", type=SOURCE, multiple=True, help="Where they were seen; default: file:PATH.")
@click.option("--jobs", metavar="N", type=click.IntRange(1, 256), help="Pictures in work at once; default: workers.count.")
@json_option
@pass_invocation
def add(
    invocation: Invocation,
    paths: tuple[str, ...],
    banks: tuple[str, ...],
    tags: tuple[str, ...],
    sources: tuple[Source, ...],
    jobs: int | None,
    as_json: bool,
) -> None:
    """Remember pictures: files, folders with all that is in them, or standard input (-).

    What is known already only gains the banks, tags and sources, so an interrupted call can simply be repeated. Files in
    folders that are no pictures are passed over; any other file that cannot be added is reported, and the rest goes on.
    """
    if jobs is not None:
        invocation.override("workers.count", jobs)
    most, matcher = invocation.settings["picture.max_bytes"], invocation.matcher
    for bank in banks:
        matcher.banks.get(bank)
    inputs = list(collected(paths))
    if not inputs:
        raise NotAPicture(f"there are no files in {', '.join(map(as_text, paths))}; name pictures, or folders that hold some")
    tally = Tally()

    def remember(one: Input) -> tuple[Input, Added | KuatoError | None]:
        if not one.is_picture():
            return one, None
        outcome: Added | KuatoError
        try:
            name = tables.visible(one.name)
            outcome = matcher.add(one.read(most), sources=_sources(one, sources), tags=tags, banks=banks, name=name)
        except ONE_PICTURE as error:
            outcome = error
        tally.count(outcome)
        return one, outcome

    passed_over, rows = 0, []
    bar = tables.progress("adding", len(inputs), not (as_json and tables.on_terminal()))
    try:
        with bar as advance, closing(in_parallel(remember, inputs, invocation.threads)) as outcomes:
            for done, (one, outcome) in enumerate(outcomes, 1):
                advance(done)
                if outcome is None:
                    passed_over += 1
                elif isinstance(outcome, KuatoError):
                    tables.failed(outcome, {"file": one.name}, as_json)
                elif as_json:
                    tables.emit(_shape(one, outcome))
                elif len(inputs) <= _NAMED:
                    rows.append((outcome.record.sha256, "added" if outcome.new else "known", one.name))
    except (KeyboardInterrupt, SystemExit, KuatoError) as stop:
        if tally.done or not isinstance(stop, KuatoError):
            tables.complain(f"stopped: {tally}, of {len(inputs)} files; the same command goes on from here")
        raise
    if passed_over == len(inputs):
        raise NotAPicture(f"there are no pictures in {', '.join(map(as_text, paths))}; {passed_over} other files were passed over")
    if not as_json:
        tables.show(tables.table(("picture", "", "file"), rows, fold=("file",)))
        tables.say(f"{tally}" + (f", {passed_over} other files passed over" if passed_over else ""))
    click.get_current_context().exit(exit_code(tally.errors))


def _sources(one: Input, given: tuple[Source, ...]) -> tuple[Source, ...]:
    now = time.time()
    if not given and one.path != STDIN:
        given = (Source("file", as_text(str(Path(one.path).absolute()))),)
    return tuple(Source(source.kind, source.id, first_seen=now, last_seen=now) for source in given)


def _shape(one: Input, outcome: Added) -> shapes.Shape:
    return {"file": one.name, "new": outcome.new, "picture": shapes.picture(outcome.record)}
