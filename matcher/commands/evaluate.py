"""`kuato evaluate`: how well the settings do on a folder of pictures."""

from dataclasses import asdict
from pathlib import Path

import click

from matcher.commands import tables
from matcher.commands.inputs import as_text
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest, NotFound


@click.command()
@click.argument("images", metavar="IMAGES_DIR", type=click.Path())
@click.option("--out", metavar="FILE", required=True, type=click.Path(), help="Where the answers go, one JSON document a picture.")
@json_option
@pass_invocation
def evaluate(invocation: Invocation, images: str, out: str, as_json: bool) -> None:
    """Search each picture of a folder among all the others, and write who was found.

    Works in a store of its own, deleted afterwards; what is known stays untouched.
    """
    from matcher.evaluation import evaluate as run

    if not Path(images).is_dir():
        raise NotFound(f"{as_text(images)} is no folder; name one that holds pictures")
    if not Path(out).absolute().parent.is_dir() or Path(out).is_dir():
        raise BadRequest(f"{as_text(out)} cannot be written; name a file in a folder that exists (--out)")
    with tables.progress("adding, then searching", None) as advance:
        totals: dict[str, int] = {}

        def step(name: str, done: int, _total: int) -> None:
            totals[name] = done
            advance(sum(totals.values()))

        found = run(Path(images), Path(out), invocation.settings, step)
    if as_json:
        tables.emit({"out": as_text(out), **asdict(found)})
    else:
        tables.say(f"{found.pictures} pictures searched, {found.refused} refused, {found.matches} matches; see {as_text(out)}")
