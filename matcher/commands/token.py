"""`kuato token`: who may ask over HTTP."""

import time

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.shapes import moment
from matcher.tokens import Role, Token, Tokens


@click.group()
def token() -> None:
    """Create, list and revoke the tokens of the HTTP API."""


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice([role.label for role in Role]), default="search", show_default=True, help="What it may do.")
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Only pictures of this bank; may be repeated.")
@click.option("--org", "orgs", metavar="NAME", multiple=True, help="Only sources of this organisation, and of none; may be repeated.")
@click.option("--rate", metavar="N", type=click.IntRange(0), help="Requests a minute, 0 for no limit; default: web.rate_limit.")
@click.option(
    "--days", metavar="N", type=click.FloatRange(0, min_open=True, max=36_500), help="How long it is valid; default: until revoked."
)
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    name: str,
    role: str,
    banks: tuple[str, ...],
    orgs: tuple[str, ...],
    rate: int | None,
    days: float | None,
    as_json: bool,
) -> None:
    """Create a token for NAME (a person or a program) and print it: this once, as only its hash is kept.

    From the first token on, the API answers nobody without one.
    """
    matcher = invocation.matcher
    for bank in banks:
        matcher.banks.get(bank)
    made, secret = _tokens(invocation).create(name, Role.named(role), banks=banks, orgs=orgs, rate=rate, days=days)
    if as_json:
        tables.emit({**_shape(made), "token": secret})
    else:
        tables.complain(f"token {made.id} for {made.name}, role {made.role.label}; it is shown this once:")
        tables.say(secret)


@token.command("list")
@json_option
@pass_invocation
def list_tokens(invocation: Invocation, as_json: bool) -> None:
    """List all tokens, the revoked and expired ones too."""
    found = _tokens(invocation).list()
    if as_json:
        for each in found:
            tables.emit(_shape(each))
        return
    now = time.time()
    rows = [
        (each.id, each.state(now), each.role.label, each.name, ", ".join((*each.banks, *each.orgs)), moment(each.created) or "")
        for each in found
    ]
    tables.show(tables.table(("token", "state", "role", "name", "only", "created"), rows, fold=("name", "only")))


@token.command()
@click.argument("id")
@json_option
@pass_invocation
def revoke(invocation: Invocation, id: str, as_json: bool) -> None:
    """Make the token with this ID (see `kuato token list`) useless, at once and for good."""
    revoked = _tokens(invocation).revoke(id)
    if as_json:
        tables.emit(_shape(revoked))
    else:
        tables.say(f"token {revoked.id} for {revoked.name} is revoked")


def _tokens(invocation: Invocation) -> Tokens:
    return Tokens(invocation.matcher.collection.store)


def _shape(one: Token) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role.label,
        "state": one.state(time.time()),
        "banks": list(one.banks),
        "orgs": list(one.orgs),
        "rate": one.rate,
        "created": moment(one.created),
        "expires": moment(one.expires),
        "revoked": moment(one.revoked),
    }
