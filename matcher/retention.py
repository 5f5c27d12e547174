"""How long pictures and sources are kept, and forgetting those that are over their time."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from matcher.bank import KINDS, Bank
from matcher.errors import BadSettings, KuatoError
from matcher.pruning import BATCH, Forgotten, Gone, Pruner, Tally, Verdict, last_seen
from matcher.records import Record
from matcher.settings import Settings

if TYPE_CHECKING:
    from matcher.engine import Matcher

DAY = 86_400.0
_HOUR = 3600
_LEASE = 300  # seconds for which a server has a run to itself after each batch
_LOOK_AGAIN = 600.0  # seconds after which a server looks whether a run is due
_PICTURES_IN_NO_BANK = "observed"

# ARGV: holder, now, until, seconds between runs. Answers after which id to go on, -1 when no run is due or another has it.
_TAKE = """
local holder, til, done, cursor = unpack(redis.call('HMGET', KEYS[1], 'holder', 'until', 'done', 'cursor'))
local now = tonumber(ARGV[2])
cursor = tonumber(cursor or '0')
if holder and holder ~= ARGV[1] and tonumber(til) > now then return -1 end
if cursor == 0 and done and tonumber(done) + tonumber(ARGV[4]) > now then return -1 end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', ARGV[3])
return cursor
"""
# ARGV: holder, until, cursor, when the run was done (0: it is not). Answers whether the run is still the holder's.
_KEEP = """
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'until', ARGV[2], 'cursor', ARGV[3])
if ARGV[4] ~= '0' then redis.call('HSET', KEYS[1], 'done', ARGV[4]) end
return 1
"""

_log = logging.getLogger(__name__)


class Retention:
    """Forgets what no bank and no setting keeps any longer.

    A picture is kept as long as one of its banks keeps it, counted from when it was last seen: a bank with days of its own for
    those, another for those of its kind (retention.banks); pictures in no bank as observed ones. A source is kept for the days of
    its kind (retention.sources). What no days are given for is kept for ever. clock: seconds since the epoch.

    Raises BadSettings for what cannot be read as days.
    """

    def __init__(self, matcher: "Matcher", settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._matcher = matcher
        self._store = matcher.collection.store
        self._claims = matcher.collection.claims
        self._pruner = Pruner(matcher.collection, clock)
        self._clock = clock
        self._banks = _days("retention.banks", settings["retention.banks"], KINDS)
        self._sources = _days("retention.sources", settings["retention.sources"])
        self._seconds_between = round(settings["retention.every_hours"] * _HOUR)

    def judge(self, record: Record, book: Mapping[int, Bank]) -> Verdict:
        """Return what is over its time of a picture. book: all banks by id."""
        now = self._clock()
        days = [self._kept(book[id]) for id in record.bank_ids if id in book] or [self._banks.get(_PICTURES_IN_NO_BANK, 0)]
        if all(days) and record.last_seen + max(days) * DAY < now:
            return Verdict(removed=True)
        # Without the sources nobody could tell any more when the picture was last seen, and so how long its banks keep it.
        over = (source for source in record.sources if self._over(source.kind, last_seen(source, record), now))
        return Verdict(sources=tuple(over), lasting=True)

    def run(self, dry_run: bool = False, told: Callable[[Gone], None] = lambda gone: None) -> Forgotten:
        """Forget all that is over its time now. Interrupted, it can simply be repeated. Raises StoreUnavailable."""
        tally = Tally()
        for gone in self._expired(range(1, self._claims.last_id() + 1), dry_run):
            tally.count(gone)
            told(gone)
        return tally.forgotten()

    def run_every(self, stop: threading.Event) -> None:
        """Forget every `retention.every_hours` until `stop`; of many servers one does it. What fails is logged and tried again."""
        if not self._seconds_between:
            return
        holder = secrets.token_hex(8).encode()
        while not stop.is_set():
            try:
                self._take_turn(holder, stop)
            except KuatoError as error:
                _log.warning("what is over its time could not be forgotten: %s", error)
            except Exception:  # noqa: BLE001 - the thread must go on
                _log.exception("what is over its time could not be forgotten")
            stop.wait(min(_LOOK_AGAIN, self._seconds_between))

    def _take_turn(self, holder: bytes, stop: threading.Event) -> None:
        now = int(self._clock())
        cursor = int(self._store.run(_TAKE, self._key, holder, now, now + _LEASE, self._seconds_between))
        if cursor < 0:
            return
        tally, last = Tally(), self._claims.last_id()
        while cursor < last and not stop.is_set():
            begun = time.monotonic()
            ids = range(cursor + 1, min(cursor + BATCH, last) + 1)
            for gone in self._expired(ids):
                tally.count(gone)
            cursor = ids[-1]
            if not self._keep(holder, int(self._clock()) + _LEASE, cursor):
                break
            stop.wait(time.monotonic() - begun)  # others want something of Redis, too
        else:
            done = cursor >= last
            self._keep(holder, 0, 0 if done else cursor, int(self._clock()) if done else 0)
        if tally.pictures or tally.sources:
            _log.info("over their time and forgotten: %d pictures, %d sources", tally.pictures, tally.sources)
            self._matcher.scrub()

    def _keep(self, holder: bytes, until: int, cursor: int, done: int = 0) -> bool:
        return bool(self._store.run(_KEEP, self._key, holder, until, cursor, done))

    def _expired(self, ids: Iterable[int], dry_run: bool = False) -> Iterator[Gone]:
        return self._pruner.prune(ids, self.judge, dry_run)

    def _kept(self, bank: Bank) -> int:
        return self._banks.get(bank.kind, 0) if bank.keep_days is None else bank.keep_days

    def _over(self, kind: str, last_seen: float, now: float) -> bool:
        days = self._sources.get(kind, 0)
        return bool(days) and last_seen + days * DAY < now

    @property
    def _key(self) -> bytes:
        return self._store.key(b"y")


def _days(name: str, entries: Iterable[str], kinds: Iterable[str] = ()) -> dict[str, int]:
    """Return the days by kind of a setting. kinds: those there are, empty for any."""
    found = {}
    for entry in entries:
        kind, _, days = (part.strip() for part in entry.rpartition("="))
        if not kind or not days.isdecimal() or len(days) > 6:
            raise BadSettings(f"{name} has {entry!r}; write KIND=DAYS, such as observed=365, and 0 days for ever")
        if kinds and kind not in kinds:
            raise BadSettings(f"{name} has {entry!r}; kinds of banks are {', '.join(kinds)}")
        found[kind] = int(days)
    return found
