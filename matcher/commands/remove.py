"""`kuato remove`: forget pictures."""

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation


@click.command()
@click.argument("digests", metavar="SHA...", nargs=-1, required=True)
@json_option
@pass_invocation
def remove(invocation: Invocation, digests: tuple[str, ...], as_json: bool) -> None:
    """Forget pictures, named by their SHA-256: from then on they answer nowhere. One that is not known stops all."""
    matcher = invocation.matcher
    known = dict.fromkeys(matcher.get(sha256).sha256 for sha256 in digests)
    for sha256 in known:
        matcher.remove(sha256)
        if as_json:
            tables.emit({"sha256": sha256, "removed": True})
    if not as_json:
        tables.say(f"{len(known)} removed")
