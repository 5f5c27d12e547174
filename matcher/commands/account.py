"""`kuato account`: who may log in to the pages."""

from pathlib import Path

import click

from matcher.accounts import PEOPLE, VIEWER, Account, Accounts
from matcher.audit import Audit
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.person import user
from matcher.errors import BadRequest
from matcher.shapes import moment

_FILE = click.option(
    "--password-file",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Read the password from the first line of FILE (- for standard input) instead of asking for it.",
)
_ROLES = click.Choice(list(PEOPLE))


@click.group()
def account() -> None:
    """Add, list, change and remove the accounts of people who log in to the pages."""


@account.command()
@click.argument("name")
@click.option("--role", type=_ROLES, default=VIEWER, show_default=True, help="What they may do: look, judge pairs, or all.")
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Only pictures of this bank; may be repeated.")
@click.option("--org", "orgs", metavar="NAME", multiple=True, help="Only sources of this organisation, and of none; may be repeated.")
@_FILE
@json_option
@pass_invocation
def add(
    invocation: Invocation, name: str, role: str, banks: tuple[str, ...], orgs: tuple[str, ...], file: Path | None, as_json: bool
) -> None:
    """Let NAME log in; asks for the password, of which only a hash (argon2id) is kept.

    From the first account on, nobody sees the pages without logging in, and the API answers nobody without a token.
    """
    for bank in banks:
        invocation.matcher.banks.get(bank)
    made = _accounts(invocation).create(name, _password(file), role, banks=banks, orgs=orgs)
    _note(invocation, "account.add", made.name, role=made.role)
    _tell(made, as_json, f"{made.name} may log in, role {made.role}")


@account.command("list")
@json_option
@pass_invocation
def list_accounts(invocation: Invocation, as_json: bool) -> None:
    """List all accounts."""
    found = _accounts(invocation).list()
    if as_json:
        for each in found:
            tables.emit(_shape(each))
        return
    rows = [(each.name, each.role, ", ".join((*each.banks, *each.orgs)), moment(each.created) or "") for each in found]
    tables.show(tables.table(("name", "role", "only", "created"), rows, fold=("name", "only")))


@account.command()
@click.argument("name")
@_FILE
@json_option
@pass_invocation
def password(invocation: Invocation, name: str, file: Path | None, as_json: bool) -> None:
    """Give NAME another password; where they are logged in, that ends."""
    changed = _accounts(invocation).change(name, password=_password(file))
    _note(invocation, "account.password", name)
    _tell(changed, as_json, f"{name} has a new password")


@account.command()
@click.argument("name")
@click.argument("new", metavar="ROLE", type=_ROLES)
@json_option
@pass_invocation
def role(invocation: Invocation, name: str, new: str, as_json: bool) -> None:
    """Give NAME the role viewer, reviewer or admin; where they are logged in, that ends."""
    changed = _accounts(invocation).change(name, role=new)
    _note(invocation, "account.role", name, role=new)
    _tell(changed, as_json, f"{name} has the role {changed.role}")


@account.command()
@click.argument("name")
@json_option
@pass_invocation
def remove(invocation: Invocation, name: str, as_json: bool) -> None:
    """Let NAME no longer log in; where they are logged in, that ends."""
    _accounts(invocation).remove(name)
    _note(invocation, "account.remove", name)
    if as_json:
        tables.emit({"name": name, "removed": True})
    else:
        tables.say(f"{name} may no longer log in")


def _accounts(invocation: Invocation) -> Accounts:
    return Accounts(invocation.matcher.collection.store)


def _note(invocation: Invocation, action: str, name: str, **details: str) -> None:
    Audit.of(invocation.settings).note(action, caller=user(), account=name, **details)


def _password(file: Path | None) -> str:
    if file is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    with click.open_file(str(file), encoding="utf-8") as stream:
        try:
            return str(stream.readline()).rstrip("\r\n")
        except UnicodeDecodeError:
            raise BadRequest(f"{file} is no text (UTF-8)") from None


def _tell(one: Account, as_json: bool, text: str) -> None:
    if as_json:
        tables.emit(_shape(one))
    else:
        tables.say(text)


def _shape(one: Account) -> dict[str, object]:
    return {"name": one.name, "role": one.role, "banks": list(one.banks), "orgs": list(one.orgs), "created": moment(one.created)}
