"""`kuato evaluate`: how well the settings do on a folder of pictures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from matcher.commands import tables
from matcher.commands.inputs import as_text
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest, NotFound


@click.command()
@click.argument("images", metavar="IMAGES_DIR", type=click.Path())
@click.option("--out", metavar="FILE", type=click.Path(), help="Where the answers go, one JSON document a picture.")
@click.option("--report", metavar="DIR", type=click.Path(), help="Write a report: report.html, charts, graphs, all figures.")
@click.option(
    "--ground-truth",
    metavar="FILE",
    type=click.Path(),
    help="What belongs together, for the report: JSON (ours or VisJS-Classificator's), or a folder with a subfolder a cluster. "
    "By default ground_truth.json in or beside the pictures, else their subfolders.",
)
@click.option(
    "--compare",
    metavar="NAME=WHAT",
    multiple=True,
    help="Set other settings beside these in the report: a settings file, a file of rules, or SETTING=VALUE;...",
)
@click.option("--growth/--no-growth", default=True, help="Measure in the report how time grows with the store (as by default), or not.")
@json_option
@pass_invocation
def evaluate(
    invocation: Invocation,
    images: str,
    out: str | None,
    report: str | None,
    ground_truth: str | None,
    compare: tuple[str, ...],
    growth: bool,
    as_json: bool,
) -> None:
    """Search each picture of a folder among all the others; write who was found, or a report on how good that is.

    Works in a store of its own, deleted afterwards; what is known stays untouched. A report looks at the pictures that the ground truth
    names, also in subfolders; without one, at all files directly in the folder.
    """
    from matcher.evaluation import evaluate as run

    if not Path(images).is_dir():
        raise NotFound(f"{as_text(images)} is no folder; name one that holds pictures")
    if out is not None and (not Path(out).absolute().parent.is_dir() or Path(out).is_dir()):
        raise BadRequest(f"{as_text(out)} cannot be written; name a file in a folder that exists (--out)")
    if report is not None:
        _report(invocation, images, out, report, ground_truth, compare, growth, as_json)
        return
    if ground_truth is not None or compare:
        raise BadRequest("--ground-truth and --compare are for a report; name its folder (--report)")
    if out is None:
        raise BadRequest("nothing is asked for; name a file for the answers (--out), or a folder for a report (--report)")
    with _progress() as step:
        found = run(Path(images), Path(out), invocation.settings, step)
    if as_json:
        tables.emit({"out": as_text(out), **asdict(found)})
    else:
        tables.say(f"{found.pictures} pictures searched, {found.refused} refused, {found.matches} matches; see {as_text(out)}")


def _report(
    invocation: Invocation,
    images: str,
    out: str | None,
    report: str,
    ground_truth: str | None,
    compare: Sequence[str],
    growth: bool,
    as_json: bool,
) -> None:
    from matcher.labelled import read
    from matcher.report import plots
    from matcher.report.comparing import as_settings
    from matcher.report.making import Asked, find, located
    from matcher.report.writing import write

    plots.available()
    if Path(report).exists() and not Path(report).is_dir():
        raise BadRequest(f"{as_text(report)} is no folder; name one for the report (--report)")
    settings = invocation.settings
    others = [as_settings(one, settings) for one in compare]
    if len({name for name, _ in others}) < len(others):
        raise BadRequest("two settings are compared under one name; give each its own (--compare)")
    labelled = read(Path(images), Path(ground_truth) if ground_truth is not None else located(Path(images)))
    with _progress() as step:
        findings = find(labelled, settings, Asked(dict(others), growth), step)
        page = write(Path(report), findings, labelled.path_of, settings.limits(), step)
    if out is not None:
        findings.trial.write(Path(out))
    if as_json:
        tables.emit({"report": as_text(str(page)), **findings.document()})
        return
    figures = findings.trial.figures
    tables.say(f"{figures.pictures} pictures searched, {figures.refused} refused, {figures.matches} matches; see {as_text(str(page))}")
    tables.show(tables.table(("figure", "all", "screenshot", "photo"), _rows(findings.document()["scores"])))


def _rows(scores: dict[str, Any]) -> list[tuple[str, ...]]:
    kinds = ("all", "screenshot", "photo")
    return [(figure, *("-" if scores[kind][figure] is None else f"{scores[kind][figure]:g}" for kind in kinds)) for figure in scores["all"]]


@contextmanager
def _progress() -> "Iterator[Any]":
    """Show how far the work is; yields what takes a step's name, how many are done, and of how many."""
    with tables.progress("evaluating", None) as advance:
        totals: dict[str, int] = {}

        def step(name: str, done: int, _total: int) -> None:
            totals[name] = done
            advance(sum(totals.values()))

        yield step
