"""`kuato narrow`: fewer MAYBE, from pairs that people reviewed."""

from typing import TYPE_CHECKING, Any

import click

from matcher.commands import rulesfile, tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation

if TYPE_CHECKING:
    from matcher.calibration.narrowing import Narrowed
    from matcher.calibration.whatif import Counts, WhatIf
    from matcher.decision import Rules

_SHOWN = 60


@click.command()
@click.option("--labelling", "labellings", metavar="ID", multiple=True, help="Also count the pairs of this labelling; may be repeated.")
@click.option("--out", metavar="FILE", type=click.Path(), help="Where the rules go; without it what would change is only shown.")
@json_option
@pass_invocation
def narrow(invocation: Invocation, labellings: tuple[str, ...], out: str | None, as_json: bool) -> None:
    """Draw the MAYBE bounds in, until what people rejected is mostly a NO: fewer MAYBE, and no YES that was none.

    What `Fewer MAYBE` on the page Calibration does, by the reviews of the store; at most a tenth of the confirmed pairs that are a
    MAYBE are lost for it. Tells the bounds, and what they change for the reviewed pairs. It takes ten reviewed pairs that are a
    MAYBE, confirmed and rejected ones.
    """
    from matcher.calibration.known import SOME_PAIRS, compared, labels_in, rules_with
    from matcher.calibration.narrowing import narrowed
    from matcher.calibration.whatif import what_if

    rulesfile.check(out)
    matcher = invocation.matcher
    labels = labels_in(matcher, labellings)
    with tables.progress("comparing pairs", min(len(labels.same), 2 * SOME_PAIRS)) as advance:
        pairs = compared(matcher, labels, SOME_PAIRS, progress=advance)
    found = narrowed(pairs, matcher.rules)
    changed = what_if(pairs, matcher.rules, found.bounds)
    written = out is not None and bool(found.bounds)
    if out is not None and written:
        rulesfile.write(rules_with(matcher, invocation.settings, pairs, found.bounds, "fewer MAYBE"), out)
    if as_json:
        tables.emit({**_document(found, changed, matcher.rules), "written": out if written else None})
        return
    _show(found, changed, matcher.rules)
    if out is not None and written:
        rulesfile.tell(out)


def _show(found: "Narrowed", changed: "WhatIf", rules: "Rules") -> None:
    if not found.bounds:
        tables.say("no MAYBE bound can be drawn in without losing more than it is worth; nothing changes")
        return
    bounds = [(name, f"{now:.4f}", f"{then:.4f}") for name, (now, then) in _moved(found, rules).items()]
    tables.show(tables.table(("bound", "now", "then"), bounds))
    (rejected, left), (confirmed, kept) = found.rejected, found.confirmed
    tables.say(f"of {rejected} rejected pairs that were a MAYBE {left} still are; of {confirmed} confirmed ones {kept} are found")
    rows = [
        (kind, decision, str(now), str(then))
        for kind, (before, after) in (("belong together", changed.same), ("are different", changed.different))
        for (decision, now), then in zip(_counts(before).items(), _counts(after).values(), strict=True)
    ]
    tables.show(tables.table(("pairs that", "decision", "now", "then"), rows))
    shown = [
        (one.pair.a, one.pair.b, f"{one.before.value} -> {one.after.value}", "worse" if one.worse else "better")
        for one in changed.changes[:_SHOWN]
    ]
    tables.show(tables.table(("picture", "and", "decision", "is"), shown, fold=("picture", "and")))
    if len(changed.changes) > _SHOWN:
        tables.complain(f"and {len(changed.changes) - _SHOWN} more; see --json")


def _document(found: "Narrowed", changed: "WhatIf", rules: "Rules") -> dict[str, Any]:
    return {
        "bounds": {name: {"now": now, "then": then} for name, (now, then) in _moved(found, rules).items()},
        "rejected": {"maybe": found.rejected[0], "left": found.rejected[1]},
        "confirmed": {"maybe": found.confirmed[0], "found": found.confirmed[1]},
        "same": {"now": _counts(changed.same[0]), "then": _counts(changed.same[1])},
        "different": {"now": _counts(changed.different[0]), "then": _counts(changed.different[1])},
        "changes": [
            {"a": one.pair.a, "b": one.pair.b, "same": one.pair.same, "now": one.before.value, "then": one.after.value}
            for one in changed.changes
        ],
    }


def _moved(found: "Narrowed", rules: "Rules") -> dict[str, tuple[float, float]]:
    """Return the MAYBE bound of each algorithm for which it changes, as it is and as it would be."""
    return {name: (rules.bounds(name.rpartition(".")[0])[1], bound) for name, bound in sorted(found.bounds.items())}


def _counts(counts: "Counts") -> dict[str, int]:
    return {"YES": counts.yes, "MAYBE": counts.maybe, "NO": counts.no}
