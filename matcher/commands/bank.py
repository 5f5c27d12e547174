"""`kuato bank`: named collections of known pictures."""

import click

from matcher import shapes
from matcher.bank import KINDS, Bank
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest

KIND = click.Choice(KINDS)
KEEP = "Forget its pictures so long after they were last seen, unless another bank keeps them"


@click.group()
def bank() -> None:
    """Banks: named collections of known pictures.

    A bank has a kind: baseline (legitimate pages, with the domains that may show them), known-bad, ignore (matches with
    its pictures are withheld) or observed.
    """


@bank.command()
@click.argument("name")
@click.option("--kind", type=KIND, default="observed", show_default=True, help="What its pictures are.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Tag that a match with one of its pictures emits.")
@click.option("--domain", "domains", metavar="DOMAIN", multiple=True, help="Domain that may show a baseline's pictures.")
@click.option("--threshold", "thresholds", metavar="ALGORITHM.yes=D", multiple=True, help="Bound of its own, or ALGORITHM.maybe=D.")
@click.option("--sensitive", is_flag=True, help="No thumbnail, text or caption of its pictures leaves Kuato.")
@click.option(
    "--keep-days", type=click.IntRange(0), metavar="DAYS", help=f"{KEEP}; 0: for ever. Default: as retention.banks says of its kind."
)
@click.option("--note", default="", help="A remark for people.")
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    name: str,
    kind: str,
    tags: tuple[str, ...],
    domains: tuple[str, ...],
    thresholds: tuple[str, ...],
    sensitive: bool,
    keep_days: int | None,
    note: str,
    as_json: bool,
) -> None:
    """Create a bank."""
    bounds = {key: value for key, value in map(_bound, thresholds) if value is not None}
    made = invocation.matcher.banks.create(
        name, kind=kind, tags=tags, domains=domains, thresholds=bounds, sensitive=sensitive, keep_days=keep_days, note=note
    )
    _answer(made, as_json, "created")


@bank.command()
@click.argument("name")
@click.option("--kind", type=KIND, help="What its pictures are.")
@click.option("--add-tag", metavar="TAG", multiple=True, help="One more tag to emit.")
@click.option("--remove-tag", metavar="TAG", multiple=True, help="One tag less to emit.")
@click.option("--add-domain", metavar="DOMAIN", multiple=True, help="One more domain that may show its pictures.")
@click.option("--remove-domain", metavar="DOMAIN", multiple=True, help="One domain less.")
@click.option("--threshold", "thresholds", metavar="ALGORITHM.yes=D", multiple=True, help="Bound of its own; without D: no longer.")
@click.option("--sensitive/--not-sensitive", default=None, help="Whether thumbnails, texts and captions must stay in Kuato.")
@click.option("--keep-days", type=click.IntRange(0), metavar="DAYS", help=f"{KEEP}; 0: for ever.")
@click.option("--keep-as-kind", is_flag=True, help="Keep its pictures as long as retention.banks says of its kind.")
@click.option("--note", help="A remark for people.")
@json_option
@pass_invocation
def update(
    invocation: Invocation,
    name: str,
    kind: str | None,
    add_tag: tuple[str, ...],
    remove_tag: tuple[str, ...],
    add_domain: tuple[str, ...],
    remove_domain: tuple[str, ...],
    thresholds: tuple[str, ...],
    sensitive: bool | None,
    keep_days: int | None,
    keep_as_kind: bool,
    note: str | None,
    as_json: bool,
) -> None:
    """Change what a bank is; what no option names stays."""
    if keep_as_kind and keep_days is not None:
        raise BadRequest("--keep-days and --keep-as-kind say different things; give one of them")
    banks = invocation.matcher.banks
    old = banks.get(name)
    changes: dict[str, object] = {"kind": kind, "sensitive": sensitive, "keep_days": keep_days, "note": note}
    if add_tag or remove_tag:
        changes["tags"] = _with(old.tags, add_tag, remove_tag)
    if add_domain or remove_domain:
        changes["domains"] = _with(old.domains, add_domain, remove_domain)
    if thresholds:
        bounds: dict[str, float | None] = {**old.thresholds, **dict(map(_bound, thresholds))}
        changes["thresholds"] = {key: value for key, value in bounds.items() if value is not None}
    given = {key: value for key, value in changes.items() if value is not None}
    changed = banks.update(name, **given, **({"keep_days": None} if keep_as_kind else {}))
    _answer(changed, as_json, "updated")


@bank.command()
@click.argument("old")
@click.argument("new")
@json_option
@pass_invocation
def rename(invocation: Invocation, old: str, new: str, as_json: bool) -> None:
    """Rename a bank; its pictures come along."""
    _answer(invocation.matcher.banks.rename(old, new), as_json, "renamed")


@bank.command()
@click.argument("name")
@json_option
@pass_invocation
def delete(invocation: Invocation, name: str, as_json: bool) -> None:
    """Delete a bank; its pictures stay known, in no bank."""
    banks = invocation.matcher.banks
    old = banks.get(name)
    banks.delete(name)
    _answer(old, as_json, "deleted; its pictures are sensitive no longer, unless for another reason" if old.sensitive else "deleted")


@bank.command("list")
@json_option
@pass_invocation
def list_banks(invocation: Invocation, as_json: bool) -> None:
    """List the banks."""
    found = invocation.matcher.banks.list()
    if as_json:
        for one in found:
            tables.emit(shapes.bank(one))
        return
    rows = [
        (
            one.name,
            one.kind,
            "yes" if one.sensitive else "",
            _days(one.keep_days) if one.keep_days is not None else "",
            ", ".join(one.tags),
            ", ".join(one.domains),
            one.note,
        )
        for one in found
    ]
    columns = ("bank", "kind", "sensitive", "kept for", "tags", "domains", "note")
    tables.show(tables.table(columns, rows, fold=columns))


@bank.command()
@click.argument("name")
@json_option
@pass_invocation
def show(invocation: Invocation, name: str, as_json: bool) -> None:
    """Show one bank; `kuato list --bank NAME` lists its pictures."""
    found = invocation.matcher.banks.get(name)
    if as_json:
        tables.emit(shapes.bank(found))
        return
    bounds = ", ".join(f"{key}={value:g}" for key, value in found.thresholds.items())
    rows = [
        ("bank", found.name),
        ("kind", found.kind),
        ("sensitive", "yes" if found.sensitive else "no"),
        ("tags", ", ".join(found.tags)),
        ("domains", ", ".join(found.domains)),
        ("thresholds", bounds),
        ("kept for", _days(found.keep_days)),
        ("note", found.note),
    ]
    tables.show(tables.pairs(rows))


@bank.command()
@click.argument("name")
@click.argument("digests", metavar="SHA...", nargs=-1, required=True)
@json_option
@pass_invocation
def add(invocation: Invocation, name: str, digests: tuple[str, ...], as_json: bool) -> None:
    """Put known pictures into a bank. One that is not known stops all."""
    _move(invocation, digests, as_json, add=(name,))


@bank.command()
@click.argument("name")
@click.argument("digests", metavar="SHA...", nargs=-1, required=True)
@json_option
@pass_invocation
def remove(invocation: Invocation, name: str, digests: tuple[str, ...], as_json: bool) -> None:
    """Take pictures out of a bank; they stay known. One that is not known stops all."""
    _move(invocation, digests, as_json, remove=(name,))


def _move(invocation: Invocation, digests: tuple[str, ...], as_json: bool, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> None:
    matcher = invocation.matcher
    for name in (*add, *remove):
        matcher.banks.get(name)
    for sha256 in dict.fromkeys(matcher.get(digest).sha256 for digest in digests):
        record = matcher.set_banks(sha256, add=add, remove=remove)
        if as_json:
            tables.emit(shapes.picture(record))
        else:
            tables.say(f"{record.sha256}: {', '.join(record.banks) or 'in no bank'}")


def _bound(text: str) -> tuple[str, float | None]:
    """Return name and value of a threshold, None to take it away."""
    name, equals, value = text.partition("=")
    try:
        if equals and name.strip():
            return name.strip(), float(value) if value.strip() else None
    except ValueError:
        pass
    raise BadRequest(f"threshold {text!r} cannot be; write ALGORITHM.yes=D or ALGORITHM.maybe=D, such as pdq.yes=0.05")


def _days(days: int | None) -> str:
    if days is None:
        return "as its kind (retention.banks)"
    return f"{days} days after last seen" if days else "for ever"


def _with(old: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in dict.fromkeys((*old, *added)) if one not in removed)


def _answer(found: Bank, as_json: bool, what: str) -> None:
    if as_json:
        tables.emit(shapes.bank(found))
    else:
        tables.say(f"bank {found.name} ({found.kind}) {what}")
