"""`kuato upgrade`: a store of an earlier version."""

from dataclasses import asdict

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation

NEEDED = 1


@click.command()
@click.option("--check", is_flag=True, help="Only tell what would be done; exit code 1 when there is something to do.")
@json_option
@pass_invocation
def upgrade(invocation: Invocation, check: bool, as_json: bool) -> None:
    """Bring a store that an earlier version of Kuato wrote to the form of this one.

    Stop all servers first, and make a backup (`kuato backup` reads stores of earlier versions). Interrupted, the upgrade goes on
    from where it was when it is run again; until it is done nothing else opens the store. It also counts the pictures whose
    fingerprints are of an earlier version of an algorithm: they are not compared until they are added, or their list is imported,
    again.
    """
    from matcher.fingerprints import registry
    from matcher.migration import OLDEST, Migration, stale

    store = invocation.store(oldest=OLDEST)
    migration = Migration(store)
    plan = migration.plan()
    changed = 0
    if plan.needed and not check:
        with tables.progress("upgrading", plan.ids) as advance:
            changed = migration.run(advance)
    algorithms = registry.load(invocation.settings["fingerprints.enabled"] or None, invocation.settings)
    in_use = {name: algorithm.version for name, algorithm in algorithms.items()}
    with tables.progress("counting fingerprints", None) as advance:
        old = stale(store, in_use, advance)
    if as_json:
        done = {"schema": plan.schema, "target": plan.target, "needed": plan.needed, "ids": plan.ids, "steps": list(plan.steps)}
        tables.emit({**done, **({} if check else {"changed": changed}), "stale": [asdict(one) for one in old]})
    elif not plan.needed:
        tables.say(f"the store has schema {plan.schema}, which this version reads; there is nothing to do")
    elif check:
        tables.say(f"the store has schema {plan.schema}, this version reads {plan.target}; `kuato upgrade` would, for {plan.ids:,} ids:")
        for step in plan.steps:
            tables.say(f"  {step}")
    else:
        tables.say(f"the store has schema {plan.target} now; {changed:,} records were written anew")
    if not as_json and old:
        tables.say("not compared until added or imported again, because another version of the algorithm is in use:")
        rows = [(one.algorithm, str(one.version), str(one.in_use), f"{one.pictures:,}") for one in old]
        tables.show(tables.table(("algorithm", "version", "in use", "pictures"), rows))
    click.get_current_context().exit(NEEDED if check and plan.needed else 0)
