"""`kuato compare`: what two pictures have to do with each other."""

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.inputs import Input
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest


@click.command()
@click.argument("first", metavar="A", type=click.Path(allow_dash=True))
@click.argument("second", metavar="B", type=click.Path(allow_dash=True))
@json_option
@pass_invocation
def compare(invocation: Invocation, first: str, second: str, as_json: bool) -> None:
    """Compare two pictures; needs no Redis."""
    if first == second == "-":
        raise BadRequest("standard input (-) can be read once; name a file for the other picture")
    a, b = Input(first), Input(second)
    names = (a.name, b.name)
    most = invocation.settings["picture.max_bytes"]
    found = invocation.matcher.compare(a.read(most), b.read(most), names=(tables.visible(a.name), tables.visible(b.name)))
    if as_json:
        tables.emit(shapes.comparison(names, found))
        return
    reason = "too simple to compare by content" if found.too_simple else f"{found.relation.value}, distance {found.distance:.3f}"
    tables.say(f"{found.decision.value}: {reason}" if found.decision != "NO" or found.too_simple else f"NO: distance {found.distance:.3f}")
    columns = ("algorithm", "family", "decision", "distance", "in words")
    rows = [(one.algorithm, one.family, tables.coloured(one.decision), f"{one.distance:.3f}", tables.words(one)) for one in found.evidence]
    tables.show(tables.table(columns, rows, fold=("in words",)))
