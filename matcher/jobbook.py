"""Jobs as they are written down in Redis: one hash a job, with its results in it, and two lists that lead to them.

What a job is decided by its hash alone. Each script touches one key, so all of it holds on a cluster.

    j + id    hash: what was asked ("job"), how it stands, and a field with its number for each item that is finished
    w         hash: id -> spool, of the jobs that are not ended
    l         sorted set of all ids that are kept; they begin with the time, so their order is that of their creation
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, cast

from matcher.job import ItemResult, Job, State
from matcher.store import Store

_FIELDS = (b"job", b"state", b"started", b"ended", b"expires", b"done", b"failed", b"cancel", b"error", b"tries", b"size")
_SHORT = 200  # bytes; what is not longer is stored as it is

# ARGV: id, its spool, most ids. Answers 0 when there are so many already.
_PLACE = """
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""
_FREE = "return redis.call('HDEL', KEYS[1], ARGV[1])"
_CREATE = "redis.call('HSET', KEYS[1], 'job', ARGV[1], 'state', 'queued')"
_LIST = "redis.call('ZADD', KEYS[1], 0, ARGV[1])"
_UNLIST = "return redis.call('ZREM', KEYS[1], unpack(ARGV))"
_COUNT = "return redis.call('ZCARD', KEYS[1])"
# ARGV: where to begin, as ZREVRANGEBYLEX takes it; how many.
_PAGE = "return redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[1], '-', 'LIMIT', 0, ARGV[2])"
_OLDEST = "return redis.call('ZRANGE', KEYS[1], 0, -1)"

_IF_OPEN = """
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'running' then return 0 end
"""
# ARGV: the time.
_BEGIN = (
    _IF_OPEN
    + """
redis.call('HSET', KEYS[1], 'state', 'running')
redis.call('HSETNX', KEYS[1], 'started', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'tries', 1)
return 1
"""
)
_HAND_BACK = _IF_OPEN + "redis.call('HSET', KEYS[1], 'state', 'queued') return 1"
_CANCEL = _IF_OPEN + "redis.call('HSET', KEYS[1], 'cancel', 1) return 1"
# ARGV: state, the time, when it expires, the error, milliseconds until then.
_END = (
    _IF_OPEN
    + """
redis.call('HDEL', KEYS[1], 'cancel')
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'ended', ARGV[2], 'expires', ARGV[3], 'error', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
)
# ARGV: number, result, whether it is an error, and so on. A result that is there already stays. Answers -1 for a job that is
# no more, 1 for one that is to be cancelled, else 0.
_SAVE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
for n = 1, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[1], ARGV[n], ARGV[n + 1]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'done', 1)
    redis.call('HINCRBY', KEYS[1], 'failed', ARGV[n + 2])
    redis.call('HINCRBY', KEYS[1], 'size', #ARGV[n + 1])
    redis.call('HSET', KEYS[1], 'tries', 0)
  end
end
return tonumber(redis.call('HGET', KEYS[1], 'cancel') or 0)
"""
# ARGV: first number, the one behind the last, most bytes.
_RESULTS = """
local found, size = {}, 0
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
  local value = redis.call('HGET', KEYS[1], n) or ''
  found[#found + 1] = value
  size = size + #value
  if size >= tonumber(ARGV[3]) then break end
end
return found
"""
_FINISHED = """
local found = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.match(name, '^%d+$') then found[#found + 1] = name end
end
return found
"""


class Standing(Enum):
    """Whether to go on with a job: GONE when somebody deleted it."""

    GO_ON = 0
    CANCEL = 1
    GONE = -1


class JobBook:
    """The jobs of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def place(self, id: str, spool: str, most: int) -> bool:
        """Count a job among the unfinished ones; False when there are `most` already."""
        return bool(self._store.run(_PLACE, self._waiting, id.encode(), spool.encode(), most))

    def free(self, id: str) -> None:
        """Count a job among the unfinished ones no longer."""
        self._store.run(_FREE, self._waiting, id.encode())

    def unfinished(self) -> dict[str, str]:
        """Return the ids of unfinished jobs, each with its spool."""
        return {id.decode(): spool.decode() for id, spool in self._store.fields(self._waiting).items()}

    def create(self, job: Job) -> None:
        """Write down a new job."""
        asked = {"kind": job.kind, "spool": job.spool, "total": job.total, "created": job.created}
        self._store.run(_CREATE, self._key(job.id), json.dumps({**asked, "parameters": job.parameters, "caller": job.caller}).encode())
        self._store.run(_LIST, self._list, job.id.encode())

    def read(self, ids: Sequence[str]) -> list[Job | None]:
        """Return the jobs, None for each that is unknown or no longer kept."""
        found = self._store.some_fields([self._key(id) for id in ids], _FIELDS)
        return [_job(id, values) for id, values in zip(ids, found, strict=True)]

    def begin(self, id: str, now: float) -> bool:
        """Note that a job is in work; False when it has ended."""
        return bool(self._store.run(_BEGIN, self._key(id), repr(now).encode()))

    def hand_back(self, id: str) -> bool:
        """Note that a job waits again; False when it has ended."""
        return bool(self._store.run(_HAND_BACK, self._key(id)))

    def cancel(self, id: str) -> bool:
        """Ask whoever works on a job, or will, to end it; False when it has ended."""
        return bool(self._store.run(_CANCEL, self._key(id)))

    def end(self, id: str, state: State, now: float, keep: float, error: dict[str, str] | None = None) -> bool:
        """Note that a job has ended; it is kept for so many seconds. False when it had ended before."""
        text = json.dumps(error).encode() if error else b""
        times = repr(now).encode(), repr(now + keep).encode()
        return bool(self._store.run(_END, self._key(id), state.value.encode(), *times, text, int(keep * 1000)))

    def save(self, id: str, results: Iterable[tuple[int, bytes, bool]] = ()) -> Standing:
        """Add results (number of the item, `packed` result, whether it is an error), and return whether to go on."""
        arguments = [part for number, value, failed in results for part in (number, value, int(failed))]
        return Standing(int(self._store.run(_SAVE, self._key(id), *arguments)))

    def finished(self, id: str) -> set[int]:
        """Return the numbers of the items that have a result."""
        return {int(number) for number in self._store.query(_FINISHED, self._key(id))}

    def results(self, id: str, first: int, end: int, most: int) -> tuple[list[ItemResult | None], int]:
        """Return the results of the items from number `first` to before `end`, None for each that has none, and their bytes as stored.

        The last is the one with which they come to `most` bytes.
        """
        values = cast("list[bytes]", self._store.query(_RESULTS, self._key(id), first, end, most))
        return [_unpacked(first + n, value) for n, value in enumerate(values)], sum(map(len, values))

    def page(self, before: str, count: int) -> list[str]:
        """Return the ids of jobs that may still be kept, newest first, from the one before `before` on ("": from the newest)."""
        start = b"(" + before.encode() if before else b"+"
        return [id.decode() for id in cast("list[bytes]", self._store.query(_PAGE, self._list, start, count))]

    def all(self) -> list[str]:
        """Return the ids of all jobs that may still be kept, oldest first."""
        return [id.decode() for id in cast("list[bytes]", self._store.query(_OLDEST, self._list))]

    def forget(self, ids: Sequence[str]) -> None:
        """Delete jobs and their results."""
        for at in range(0, len(ids), 500):
            some = ids[at : at + 500]
            self._store.delete([self._key(id) for id in some])
            self._store.run(_UNLIST, self._list, *(id.encode() for id in some))

    def _key(self, id: str) -> bytes:
        return self._store.key(b"j", id.encode())

    @property
    def _waiting(self) -> bytes:
        return self._store.key(b"w")

    @property
    def _list(self) -> bytes:
        return self._store.key(b"l")


def packed(result: ItemResult) -> bytes:
    """Return a result as it is stored: JSON, compressed where it is long. Raises ValueError, TypeError for what is no JSON."""
    value = {"name": result.name, "result": result.result, "error": result.error}
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    return zlib.compress(text, 1) if len(text) > _SHORT else text


def _unpacked(number: int, value: bytes) -> ItemResult | None:
    if not value:
        return None
    found: dict[str, Any] = json.loads(value if value.startswith(b"{") else zlib.decompress(value))
    return ItemResult(number, found["name"], found["result"], found["error"])


def _job(id: str, values: Sequence[bytes | None]) -> Job | None:
    asked, state, started, ended, expires, done, failed, cancel, error, tries, size = values
    if asked is None or state is None:
        return None
    return Job(
        id=id,
        **json.loads(asked),
        state=State(state.decode()),
        started=float(started or 0),
        ended=float(ended or 0),
        expires=float(expires or 0),
        done=int(done or 0),
        failed=int(failed or 0),
        cancelling=bool(cancel),
        error=json.loads(error) if error else None,
        tries=int(tries or 0),
        size=int(size or 0),
    )
