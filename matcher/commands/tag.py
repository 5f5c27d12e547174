"""`kuato tag`: give pictures tags, and take some away."""

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest


@click.command()
@click.argument("sha256", metavar="SHA")
@click.option("--add", "add", metavar="TAG", multiple=True, help="Give it this tag.")
@click.option("--remove", "remove", metavar="TAG", multiple=True, help="Take this tag from it.")
@json_option
@pass_invocation
def tag(invocation: Invocation, sha256: str, add: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Give a known picture tags, or take some from it, and print those it has."""
    if not add and not remove:
        raise BadRequest("tag wants --add TAG or --remove TAG; `kuato show` prints the tags of a picture")
    if both := set(add) & set(remove):
        raise BadRequest(f"tag {sorted(both)[0]!r} cannot be added and removed at once; give it once")
    record = invocation.matcher.tag(sha256, add=add, remove=remove)
    if as_json:
        tables.emit(shapes.picture(record))
    else:
        tables.say(f"{record.sha256}: {', '.join(record.tags) or 'no tags'}")
