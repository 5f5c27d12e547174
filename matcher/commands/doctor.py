"""`kuato doctor`: find and mend what crashes leave behind."""

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation


@click.command()
@click.option("--deep", is_flag=True, help="Also hold every record against its lists; after a failover.")
@click.option("--dry-run", is_flag=True, help="Only tell, repair nothing.")
@json_option
@pass_invocation
def doctor(invocation: Invocation, deep: bool, dry_run: bool, as_json: bool) -> None:
    """Find and repair what crashes, failovers and upgrades leave behind; safe at any time, and again after Ctrl-C.

    Exits with 1 when something is wrong and was not repaired.
    """
    from matcher.doctor import Doctor

    with tables.progress("examining", None) as advance:
        done = 0

        def examined(_step: str, items: int) -> None:
            nonlocal done
            done += items
            advance(done)

        report = Doctor(invocation.matcher.collection, repair=not dry_run, progress=examined).run(deep)
    if as_json:
        tables.emit(shapes.report(report))
    elif not report.findings:
        tables.say("nothing is wrong")
    else:
        undone = "not repaired" if dry_run else "needs you"
        rows = [(one.code, f"{one.count:,}", "repaired" if one.repaired else undone, one.text) for one in report.findings]
        tables.show(tables.table(("finding", "count", "outcome", "what"), rows, fold=("what",)))
    click.get_current_context().exit(0 if report.clean else 1)
