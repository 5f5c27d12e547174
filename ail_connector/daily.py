"""Caps: of one cluster, so many objects a day are given tags."""

import time
from collections.abc import Callable

from matcher.store import Store

# In the store, one hash a day: "group<tab>object" -> nothing, "group" -> how many. Beside what matcher keeps, under a letter of its own.
_KIND = b"e"
_KEPT = 3 * 86400
# ARGV: group, object, most, seconds to keep. The same object asks twice and is counted once. Answers 1 when it is admitted.
_ADMIT = """
local field = ARGV[1] .. '\\t' .. ARGV[2]
if redis.call('HEXISTS', KEYS[1], field) == 1 then return 1 end
if tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0') >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], field, '')
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""


class Daily:
    """Counts by group and day (UTC). most: objects of one group; 0: no cap. clock: seconds since the epoch."""

    def __init__(self, store: Store, most: int, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._most = most
        self._clock = clock

    def admits(self, group: str, object: str) -> bool:
        """Whether an object is among the first of its group today. Asked again for the same one, the answer is the same."""
        if not self._most:
            return True
        key = self._store.key(_KIND, time.strftime("%Y%m%d", time.gmtime(self._clock())).encode())
        return bool(self._store.run(_ADMIT, key, group.encode(), object.encode("utf-8", "replace"), self._most, _KEPT))
