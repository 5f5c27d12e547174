"""`kuato stats`: figures of the store."""

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation

_BOUNDS = {
    "maxmemory": "until Redis' maxmemory",
    "machine": "on this machine",
    "container": "until the limit of Redis' control group",
    "elsewhere": "on its machine at most, where nothing else needs memory",
}


@click.command()
@json_option
@pass_invocation
def stats(invocation: Invocation, as_json: bool) -> None:
    """Print how many pictures are known, what memory they take, for how many more there is room, and until when.

    Figures of large stores are estimated from samples, so that the answer comes at once.
    """
    figures = invocation.matcher.stats()
    if as_json:
        tables.emit(figures)
    else:
        tables.show(tables.pairs(_rows(figures)))


def _rows(figures: shapes.Stats) -> list[tuple[str, str]]:
    memory, growth, about = figures["memory"], figures["growth"], figures["estimated_banks"]
    rows = [("pictures", f"{figures['pictures']:,}"), ("banks", f"{figures['banks']:,}")]
    rows += [(f"  {bank}", f"{'about ' if bank in about else ''}{count:,}") for bank, count in figures["pictures_by_bank"].items()]
    if memory["kinds"]:
        kinds = ", ".join(f"{kind.replace('_', ' ')} {_mega(size)}" for kind, size in memory["kinds"].items())
        rows += [("memory", f"{_mega(memory['bytes'])} MB ({kinds})"), ("of each picture", f"{memory['bytes_per_picture']:,} bytes")]
    rows.append(("of all in Redis", f"{_mega(figures['redis_bytes'])} MB"))
    if memory["free_bytes"] is not None:
        rows.append(("free", f"{_mega(memory['free_bytes'])} MB {_BOUNDS[memory['bound']]}"))
    if memory["more_pictures"] is not None:
        rows.append(("room for", f"{memory['more_pictures']:,} more pictures"))
    days = "last day" if growth["days"] == 1 else f"last {growth['days']:g} days"
    rows.append((days, f"{growth['pictures']:,} pictures added, {growth['pictures_per_day']:,} a day"))
    if growth["full_on"]:
        rows.append(("full on", f"{growth['full_on']}, if it goes on like this"))
    return [*rows, ("algorithms", ", ".join(f"{name} {version}" for name, version in figures["algorithms"].items()))]


def _mega(size: int) -> str:
    return f"{size / 1e6:,.1f}"
