"""Bringing a store of an earlier schema to the one this program reads.

One step leads from each schema to the next and goes through all records, in batches; how far it is stands in the store, so
that a step that was killed goes on from there. A step may do a batch twice without harm, so two upgrades at once do none
either. While a store is of an earlier schema nothing else opens it, and records are changed by compare-and-set alone.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from matcher.claims import Claims
from matcher.errors import StoreMismatch
from matcher.records import Records
from matcher.store import RESTORING, SCHEMA, Store

OLDEST = 1
_BATCH = 500
_FIELD, _CURSOR = b"schema", b"upgrade"
# ARGV: schema before, schema after. Answers whether it was the one before.
_MOVE = """
if redis.call('HGET', KEYS[1], 'schema') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'schema', ARGV[2])
redis.call('HDEL', KEYS[1], 'upgrade')
return 1
"""
Work = Callable[[Records, Sequence[int]], int]


@dataclass(frozen=True)
class Step:
    """From a schema to the next. text: what is done, for people. work: does it for some ids, returns how many records changed."""

    text: str
    work: Work


# Schema 2 has sources that are taken away and pictures known by a fingerprint alone, which programs of schema 1 cannot read;
# all that is in a store of schema 1 is valid as it is.
STEPS: Mapping[int, Step] = {
    1: Step("read every record, and write its journal without repetitions", Records.compact_many),
}


@dataclass(frozen=True)
class Plan:
    """What an upgrade would do. schema: of the store. target: of this program. ids: how many are still to be gone through. steps: texts."""

    schema: int
    target: int
    ids: int
    steps: tuple[str, ...]

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.schema != self.target


@dataclass(frozen=True)
class Stale:
    """Pictures with fingerprints of another version of an algorithm than the one in use, which are not compared."""

    algorithm: str
    version: int
    in_use: int
    pictures: int


def stale(store: Store, in_use: Mapping[str, int], progress: Callable[[int], None] = lambda done: None) -> list[Stale]:
    """Return what is stale, by algorithm and version; algorithms that are not in use do not count.

    in_use: algorithm -> version. progress: told how many ids were gone through. Raises StoreMismatch for a record that cannot be read.
    """
    records, last, found = Records(store), Claims(store).last_id(), Counter[tuple[str, int]]()
    for first in range(1, last + 1, _BATCH):
        for entry in records.read(range(first, min(first + _BATCH, last + 1))).values():
            if entry.record is not None:
                found.update((name, version) for name, version in entry.record.versions.items() if in_use.get(name, version) != version)
        progress(min(first + _BATCH - 1, last))
    return [Stale(name, version, in_use[name], count) for (name, version), count in sorted(found.items())]


class Migration:
    """Brings one store to schema `target`. store: opened for schemas as old as OLDEST."""

    def __init__(self, store: Store, steps: Mapping[int, Step] = STEPS, target: int = SCHEMA) -> None:
        self._store = store
        self._steps = steps
        self._target = target
        self._meta = store.key(b"m")
        self._records = Records(store)

    def plan(self) -> Plan:
        """Return what is to be done. Raises StoreMismatch for a store that no step leads on from, StoreUnavailable."""
        schema = self._schema()
        missing = [each for each in range(schema, self._target) if each not in self._steps]
        if missing or schema > self._target:
            raise StoreMismatch(
                f"the store has schema {schema}, and there is no way from there to {self._target}; use the Kuato that wrote it"
            )
        texts = tuple(self._steps[each].text for each in range(schema, self._target))
        return Plan(schema, self._target, Claims(self._store).last_id() - self._cursor(schema) if texts else 0, texts)

    def run(self, progress: Callable[[int], None] = lambda done: None) -> int:
        """Do all steps; return how many records changed. progress: told how many ids were gone through.

        Raises StoreMismatch for a record that cannot be read (the store keeps its schema), StoreUnavailable. Interrupted at any
        time, it goes on from there when it is run again.
        """
        plan, changed, done = self.plan(), 0, 0
        for schema in range(plan.schema, plan.target):
            for ids in self._batches(schema):
                changed += self._steps[schema].work(self._records, ids)
                self._store.set_field(self._meta, _CURSOR, json.dumps({"from": schema, "after": ids[-1]}).encode())
                done += len(ids)
                progress(done)
            if not self._store.run(_MOVE, self._meta, b"%d" % schema, b"%d" % (schema + 1)) and self._schema() <= schema:
                raise StoreMismatch("the store was emptied or restored during the upgrade; run `kuato upgrade` again")
        self._store.forget_connection()
        return changed

    def _batches(self, schema: int) -> Iterator[range]:
        last = Claims(self._store).last_id()
        for first in range(self._cursor(schema) + 1, last + 1, _BATCH):
            yield range(first, min(first + _BATCH, last + 1))

    def _cursor(self, schema: int) -> int:
        """Return the id up to which the step from `schema` was done before."""
        value = self._store.field(self._meta, _CURSOR)
        kept = json.loads(value) if value else {}
        return int(kept["after"]) if kept.get("from") == schema else 0

    def _schema(self) -> int:
        value = self._store.field(self._meta, _FIELD) or b""
        if value == RESTORING or not value.isdigit():
            raise StoreMismatch("the store is being restored, or that was interrupted; if so, run `kuato restore` again")
        return int(value)
