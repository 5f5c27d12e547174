"""What people read: tables that fit 80 columns on a terminal; in a pipe one line a row, nothing cut, nothing coloured."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from matcher import shapes
from matcher.errors import KuatoError
from matcher.match import Answer, Decision, Evidence, Match
from matcher.shapes import moment

if TYPE_CHECKING:
    from matcher.records import Record

_COLOURS = {"YES": "bold red", "MAYBE": "bold yellow", "NO": "green"}
_PIPE_WIDTH = 1_000_000
_SOURCES = 3

_log = logging.getLogger(__name__)


def visible(text: str) -> str:
    """Return `text` with everything escaped that could move the cursor, turn the writing direction or hide itself."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def emit(document: Mapping[str, Any]) -> None:
    """Print one JSON document on a line, in ASCII."""
    click.echo(json.dumps(document))


def say(text: str) -> None:
    """Print a line for people."""
    click.echo(visible(text))


def complain(text: str) -> None:
    """Print a line on stderr."""
    click.echo(f"kuato: {visible(text)}", err=True)


def failed(error: KuatoError, what: Mapping[str, str], as_json: bool) -> None:
    """Tell what went wrong with one input of several: on stderr, and for programs in its place among the answers."""
    _log.debug("%s", error, exc_info=error)
    complain(f"{error} [{error.code}]")
    if as_json:
        emit({**what, "error": shapes.failure(error)})


def show(table: Table) -> None:
    """Print a table; without rows nothing."""
    if not table.row_count:
        return
    console = Console(file=sys.stdout, width=None if on_terminal() else _PIPE_WIDTH, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    # Through click, so that a reader who left is noticed in one place.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def on_terminal() -> bool:
    """Whether a person reads the answer as it comes."""
    return sys.stdout.isatty()


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]], fold: Sequence[str] = ()) -> Table:
    """Return a table with a line of headings. fold: columns that may be wrapped when the terminal is narrow."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold" if on_terminal() else "")
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column not in fold)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(visible(cell)) for cell in row))
    return made


def pairs(rows: Sequence[tuple[str, str]]) -> Table:
    """Return a table of names and values."""
    made = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(Text(visible(name), "bold" if on_terminal() else ""), Text(visible(value)))
    return made


def answer(query: str, found: Answer) -> None:
    """Print the answer to a search."""
    say(f"{query}: {found.decision.value}{_remarks(found)}")
    matches(found.matches)
    if found.suppressed:
        say(f"withheld, because these are in a bank of the kind ignore: {len(found.suppressed)}")
        matches(found.suppressed)
    for warning in found.warnings:
        complain(f"{query}: {warning}")


def matches(found: Sequence[Match]) -> None:
    """Print matches, best first."""
    if on_terminal():
        made = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        made.add_column(no_wrap=True)
        made.add_column(overflow="fold")
        for one in found:
            left = Text.assemble(coloured(one.decision), f" {one.distance:.3f}\n{one.relation.value}")
            known = [*_about(one.picture), *reasons(one.evidence)]
            made.add_row(left, Text("\n".join(map(visible, known))))
        show(made)
        return
    columns = ("decision", "distance", "relation", "picture", "cluster", "banks", "tags", "sources", "evidence")
    rows = [
        (
            one.decision.value,
            f"{one.distance:.3f}",
            one.relation.value,
            one.picture.sha256,
            one.picture.cluster,
            ", ".join(one.picture.banks),
            ", ".join(one.picture.tags),
            " ".join(source.key for source in one.picture.sources),
            "; ".join(reasons(one.evidence)),
        )
        for one in found
    ]
    show(table(columns, rows))


def records(found: Sequence["Record"]) -> None:
    """Print known pictures."""
    if on_terminal():
        made = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        made.add_column(no_wrap=True)
        made.add_column(overflow="fold")
        for record in found:
            date, _, time = (moment(record.added) or "").rstrip("Z").partition("T")
            made.add_row(Text(f"{date}\n{time}"), Text("\n".join(map(visible, _about(record)))))
        show(made)
        return
    columns = ("picture", "added", "format", "size", "banks", "tags", "sources")
    rows = [
        (
            record.sha256,
            moment(record.added) or "",
            record.format,
            f"{record.size[0]}x{record.size[1]}",
            ", ".join(record.banks),
            ", ".join(record.tags),
            " ".join(source.key for source in record.sources),
        )
        for record in found
    ]
    show(table(columns, rows))


def reasons(evidence: Sequence[Evidence]) -> list[str]:
    """Return what speaks for a match, in words."""
    return [f"{one.algorithm}: {words(one)}" for one in evidence if one.decision is not Decision.NO]


def words(one: Evidence) -> str:
    """Say in words what one algorithm found."""
    if one.note:
        return one.note
    view = "" if one.view == "as is" else f", {one.view}"
    if one.alignment:
        ours, theirs = one.alignment.query_region.area, one.alignment.known_region.area
        return f"{one.alignment.inliers} features agree, over {ours:.0%} of it and {theirs:.0%} of the known{view}"
    where = f"{one.places[0].area:.0%} of it and {one.places[1].area:.0%} of the known, " if one.places else ""
    bound = f"YES up to {one.threshold:.3f}" if one.threshold >= 0 else "has no say"
    return f"{where}distance {one.distance:.3f}, {bound}{view}"


def coloured(decision: Decision) -> Text:
    """Return a decision in its colour."""
    return Text(decision.value, _COLOURS[decision.value] if on_terminal() else "")


@contextmanager
def progress(what: str, total: int | None, wanted: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr where that is a terminal; yields a function that takes how many are done."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda done: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # stdout is left alone: it may be a file that wants nothing but the answer.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=on_terminal(), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _about(record: "Record") -> list[str]:
    """Return what is known of a picture, a line each."""
    lines = [record.sha256, f"{record.format} {record.size[0]}x{record.size[1]}, {record.bytes_size:,} bytes"]
    seen = [source.key for source in record.sources]
    if len(seen) > _SOURCES:
        seen = [*seen[:_SOURCES], f"and {len(seen) - _SOURCES} more"]
    lines += [f"seen at {key}" if not key.startswith("and ") else key for key in seen]
    if record.banks:
        lines.append(f"in {', '.join(record.banks)}")
    if record.tags:
        lines.append(f"tagged {', '.join(record.tags)}")
    if record.cluster:
        lines.append(f"of cluster {record.cluster}")
    return lines


def _remarks(found: Answer) -> str:
    remarks = []
    if found.too_simple:
        remarks.append("too simple to match by content; only its SHA-256 was looked up")
    if found.truncated:
        remarks.append("there may be more")
    return f" ({'; '.join(remarks)})" if remarks else ""
