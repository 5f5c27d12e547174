"""`kuato stats`: figures of the store."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation


@click.command()
@json_option
@pass_invocation
def stats(invocation: Invocation, as_json: bool) -> None:
    """Print how many pictures and banks are known, and what Redis needs for them."""
    figures = invocation.matcher.stats()
    if as_json:
        tables.emit(figures)
    else:
        tables.show(tables.pairs(list(_flat(figures))))


def _flat(figures: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield f"{before}{name}".replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)
