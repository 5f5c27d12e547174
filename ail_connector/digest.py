"""What was matched, hour by hour, tagged or not: for a look at what makes no noise, and for a webhook."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ail_connector.outcome import Outcome
from matcher.bank import Bank
from matcher.match import Decision
from matcher.store import Store

_KIND = b"e"  # as the caps, see daily.py: under "hour " and its number since the epoch, hash: what -> how many, "=" what -> an example
_HOUR = 3600
_KEPT = 35 * 86400
# ARGV: seconds to keep, object ("" where it is not to be named), then the fields to count.
_COUNT = """
for i = 3, #ARGV do
  redis.call('HINCRBY', KEYS[1], ARGV[i], 1)
  if ARGV[2] ~= '' then redis.call('HSETNX', KEYS[1], '=' .. ARGV[i], ARGV[2]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""


@dataclass(frozen=True)
class Row:
    """How many objects came to an outcome by matches of one decision with one bank ("" for none). example: one of the objects."""

    outcome: str
    decision: str
    bank: str
    count: int
    example: str


class Digest:
    """Counts by hour (UTC). clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def note(self, gid: str, outcome: Outcome, book: Mapping[int, Bank]) -> None:
        """Count what came of an object; of what matched nothing, nothing."""
        whats = {(match.decision, name) for match in outcome.matches for name in _names(match.picture.bank_ids, book)}
        if outcome.same_source and not whats:
            whats = {(Decision.YES, "")}
        fields = [json.dumps([outcome.name, decision.value, name]).encode() for decision, name in sorted(whats)]
        if fields:
            key = self._store.key(_KIND, b"hour %d" % (self._clock() // _HOUR))
            example = b"" if outcome.sensitive else gid.encode("utf-8", "replace")
            self._store.run(_COUNT, key, _KEPT, example, *fields)

    def rows(self, since: float, until: float) -> list[Row]:
        """Return what was counted in the hours that begin in a span of time, most first."""
        counts, examples = dict[bytes, int](), dict[bytes, str]()
        for hour in range(-int(-since // _HOUR), -int(-until // _HOUR)):
            for field, value in self._store.fields(self._store.key(_KIND, b"hour %d" % hour)).items():
                if field.startswith(b"="):
                    examples.setdefault(field[1:], value.decode("utf-8", "replace"))
                else:
                    counts[field] = counts.get(field, 0) + int(value)
        found = list[Row]()
        for field, count in counts.items():
            outcome, decision, bank = json.loads(field)
            found.append(Row(outcome, decision, bank, count, examples.get(field, "")))
        return sorted(found, key=lambda row: (-row.count, row.outcome, row.decision, row.bank))


def _names(ids: Iterable[int], book: Mapping[int, Bank]) -> Iterator[str]:
    names = [book[id].name for id in ids if id in book]
    yield from names or [""]
