"""`kuato review`: say of two pictures whether they are the same."""

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.person import user
from matcher.errors import BadRequest
from matcher.reviews import Review, Verdict

_LIST = "list"


@click.command()
@click.argument("pictures", metavar="SHA SHA|list", nargs=-1, required=True)
@click.option("--confirm", is_flag=True, help="They are the same picture: they match with YES, and are in one cluster.")
@click.option("--reject", is_flag=True, help="They are different: they never match again; a cluster that only they join is split.")
@click.option("--withdraw", is_flag=True, help="Forget what was said of them; what it alone tied is parted.")
@json_option
@pass_invocation
def review(invocation: Invocation, pictures: tuple[str, ...], confirm: bool, reject: bool, withdraw: bool, as_json: bool) -> None:
    """Say whether two known pictures, named by their SHA-256, are the same; without an option tell what was said of them.

    `kuato review list` tells all that was said; with --json its lines are what calibration takes. What is said of a pair takes the
    place of what was said before, and is forgotten when one of the two is removed.
    """
    asked = [name for name, given in (("--confirm", confirm), ("--reject", reject), ("--withdraw", withdraw)) if given]
    matcher = invocation.matcher
    if pictures == (_LIST,) and not asked:
        _show(sorted(matcher.collection.reviews.all(), key=lambda one: (one.when, one.a, one.b)), as_json)
        return
    if len(pictures) != 2 or len(asked) > 1:
        raise BadRequest("name two pictures by their SHA-256, and one of --confirm, --reject, --withdraw; or `kuato review list`")
    one, other = map(matcher.get, pictures)
    clustering = matcher.clustering
    if withdraw:
        said = clustering.withdraw(one.sha256, other.sha256)
        if as_json:
            tables.emit({**shapes.review(said), "withdrawn": True})
        else:
            tables.say(f"withdrawn: {said.verdict.value}, as {said.who} had said")
        return
    if confirm or reject:
        _show([clustering.review(one, other, Verdict.SAME if confirm else Verdict.DIFFERENT, user())], as_json)
        return
    found = matcher.collection.reviews.get(one.sha256, other.sha256)
    if found is not None:
        _show([found], as_json)
    elif not as_json:
        tables.say("nobody said anything of these two")


def _show(found: list[Review], as_json: bool) -> None:
    if as_json:
        for one in found:
            tables.emit(shapes.review(one))
        return
    rows = [(one.a, one.b, one.verdict.value, one.who, shapes.moment(one.when) or "") for one in found]
    tables.show(tables.table(("picture", "and", "are", "says", "when"), rows, fold=("picture", "and", "says")))
