"""The tally: how much was decided each day (UTC), for pages that show how the last weeks went.

One Redis hash a day, name of what is counted -> how often; it expires. What is noted is gathered in this process for some seconds before
it is written, so that counting costs a search nothing; a process that is killed takes these seconds with it.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Lock

from matcher.errors import StoreFull, StoreUnavailable
from matcher.match import Decision
from matcher.protocol import command
from matcher.store import Store

KIND = b"D"
DAY = 86400
# What is counted, beside decisions by their names.
MESSAGES, ALERTS = "messages", "alerts"
_KEPT = 400 * DAY
# ARGV: seconds to keep, then name and number by turns.
_ADD = """
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""


class Tally:
    """Counts of a store, by day. clock: seconds since the epoch. every: seconds between two writes at least."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time, every: float = 5.0) -> None:
        self._store = store
        self._clock = clock
        self._every = every
        self._lock = Lock()
        self._held: Counter[tuple[str, str]] = Counter()
        self._written = 0.0

    def note(self, name: str, by: int = 1) -> None:
        """Count something that happened now. Never fails: where the store is away, what was gathered is lost."""
        now = self._clock()
        with self._lock:
            self._held[day(now), name] += by
            due = now - self._written >= self._every
        if due:
            self.close()

    def message(self, alerts: int) -> None:
        """Count a message that came from elsewhere, and whether it raised an alert. alerts: tags that were given for it."""
        self.note(MESSAGES)
        if alerts:
            self.note(ALERTS)

    def decided(self, decision: Decision) -> None:
        """Count the answer to a search."""
        self.note(decision.value)

    def flush(self) -> None:
        """Write what is gathered. Raises StoreUnavailable."""
        with self._lock:
            held, self._held, self._written = self._held, Counter(), self._clock()
        by_day: dict[str, list[bytes | int]] = {}
        for (when, name), count in held.items():
            by_day.setdefault(when, []).extend((name.encode("utf-8", "replace"), count))
        for when, words in by_day.items():
            self._store.run(_ADD, self._store.key(KIND, when.encode()), _KEPT, *words)

    def close(self) -> None:
        """Write what is gathered, if that can be."""
        with suppress(StoreUnavailable, StoreFull):
            self.flush()

    def days(self, count: int) -> list[tuple[str, Mapping[str, int]]]:
        """Return what was counted on each of the last days, YYYYMMDD, today last."""
        self.flush()
        names = last_days(self._clock(), count)
        found: Sequence[list[bytes]] = self._store.exchange([command(b"HGETALL", self._store.key(KIND, name.encode())) for name in names])
        return [
            (name, {key.decode(): int(value) for key, value in zip(pairs[::2], pairs[1::2], strict=True)})
            for name, pairs in zip(names, found, strict=True)
        ]


def day(when: float) -> str:
    """Return the day of a time, YYYYMMDD in UTC."""
    return time.strftime("%Y%m%d", time.gmtime(when))


def last_days(now: float, count: int) -> list[str]:
    """Return the last days, YYYYMMDD in UTC, today last."""
    return [day(now - DAY * back) for back in range(count - 1, -1, -1)]
