"""`kuato reset`: forget everything."""

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_invocation
def reset(invocation: Invocation, yes: bool, as_json: bool) -> None:
    """Forget all pictures and banks, after asking. Tokens of the API, accounts of people, and keys in Redis that are not ours, stay."""
    matcher = invocation.matcher
    if not yes:
        pictures = matcher.collection.claims.count()
        where = f"under {invocation.settings['redis.prefix']} in {invocation.settings.shown('redis.url') or 'our own Redis'}"
        if not click.confirm(f"Forget {pictures} pictures and all banks {tables.visible(where)}?", err=True):
            tables.complain("nothing was deleted")
            return
    deleted = matcher.reset()
    if as_json:
        tables.emit({"deleted_keys": deleted})
    else:
        tables.say(f"{deleted} keys deleted")
