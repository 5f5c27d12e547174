"""`kuato list`: known pictures."""

import itertools

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.sources import MOMENT


@click.command("list")
@click.option("--tag", metavar="TAG", help="Only pictures with this tag.")
@click.option("--bank", metavar="NAME", help="Only pictures of this bank.")
@click.option("--source", metavar="KIND[:ID]", help="Only pictures seen at this source, or at any of this kind.")
@click.option("--since", metavar="TIME", type=MOMENT, help="Added then or later: 2026-05-01, 2026-05-01T12:00 (UTC), 24h, 7d.")
@click.option("--until", metavar="TIME", type=MOMENT, help="Added before then.")
@click.option("--limit", metavar="N", type=click.IntRange(1), default=100, show_default=True, help="Most pictures to list.")
@json_option
@pass_invocation
def list_pictures(
    invocation: Invocation,
    tag: str | None,
    bank: str | None,
    source: str | None,
    since: float | None,
    until: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List known pictures, the newest first."""
    found = iter(invocation.matcher.find(tag=tag, bank=bank, source=source, since=since, until=until, limit=limit + 1))
    listed = itertools.islice(found, limit)
    if as_json:
        for record in listed:
            tables.emit(shapes.picture(record))
    else:
        tables.records(list(listed))
    if next(found, None) is not None:
        tables.complain(f"there are more than {limit:,}; see --limit")
