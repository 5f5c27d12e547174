"""How far the sync with a MISP server is, kept in the store, so that it goes on from anywhere.

s + server        hash: until, events, top, swept, feedback (see Position); day, writes (what was written that day); holder, lease
s + server + "q"  hash: UUID of an attribute -> when it was put there: what write-back is to look at
"""

import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from matcher.errors import Conflict
from matcher.protocol import command
from matcher.store import Store

KIND = b"s"
_LEASE = 120

# ARGV: holder, now, until when, who is dead ("" for nobody). Answers the other holder, "" where it is ours.
_TAKE = """
local holder, til = unpack(redis.call('HMGET', KEYS[1], 'holder', 'lease'))
if holder and holder ~= '' and holder ~= ARGV[1] and holder ~= ARGV[4] and tonumber(til) > tonumber(ARGV[2]) then return holder end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'lease', ARGV[3])
return ''
"""
_FREE = "if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then redis.call('HDEL', KEYS[1], 'holder', 'lease') end return 1"
# ARGV: day, most writes a day. Answers 1 when one more may be made.
_SPEND = """
local day, writes = unpack(redis.call('HMGET', KEYS[1], 'day', 'writes'))
if day ~= ARGV[1] then writes = 0 end
if tonumber(writes) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'day', ARGV[1], 'writes', tonumber(writes) + 1)
return 1
"""
_ECHO = "return redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])"
# ARGV: attribute, what it had when it was looked at. One that was put there anew since stays.
_UNQUEUE = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end return 0"


@dataclass(frozen=True)
class Position:
    """How far the sync is; times in seconds since the epoch, 0 for not begun.

    until: attributes changed before are taken. events: the same for events. top: highest number of an attribute that was taken
    because it is new, whatever its time. swept: when known attributes were last held against MISP's. feedback: up to when people's
    verdicts were read.
    """

    until: int = 0
    events: int = 0
    top: int = 0
    swept: int = 0
    feedback: int = 0


class SyncState:
    """The state of one server's sync. clock: seconds since the epoch."""

    def __init__(self, store: Store, server: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._held = 0.0
        self._name = hashlib.sha256(server.encode()).digest()[:8]
        # The process's start tells it from one that had its number before.
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"

    @property
    def position(self) -> Position:
        """How far the sync is."""
        names = list(asdict(Position()))
        values = self._store.some_fields([self.key()], [name.encode() for name in names])[0]
        return Position(**{name: int(value) for name, value in zip(names, values, strict=True) if value is not None})

    def move(self, **changes: int) -> None:
        """Note how far the sync is now, and that it goes on."""
        for name, value in changes.items():
            self._store.set_field(self.key(), name.encode(), b"%d" % value)
        self.hold()

    def hold(self) -> None:
        """Have the sync to ourselves for a while. Raises Conflict where another process has it."""
        now = int(self._clock())
        other = self._store.field(self.key(), b"holder") or b""
        dead = other if _dead(other.decode()) else b""
        holder = self._store.run(_TAKE, self.key(), self._holder.encode(), now, now + _LEASE, dead)
        self._held = time.monotonic()
        if holder:
            raise Conflict(f"another process syncs with this server ({holder.decode()}); wait for it, or end it")

    def keep(self) -> None:
        """Go on having it; costs nothing when it was just said."""
        if time.monotonic() - self._held > _LEASE / 4:
            self.hold()

    def free(self) -> None:
        """Let others sync."""
        self._store.run(_FREE, self.key(), self._holder.encode())

    def spend(self, most: int) -> bool:
        """Count a write to MISP; False when there were `most` today."""
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        return bool(self._store.run(_SPEND, self.key(), day.encode(), most))

    def queue(self, uuids: Iterable[str]) -> None:
        """Put attributes where write-back looks."""
        now = b"%d" % int(self._clock())
        blocks = [command(b"HSET", self.key(b"q"), uuid.encode(), now) for uuid in uuids]
        if blocks:
            self._store.send(blocks)

    def echo(self, uuids: Iterable[str]) -> None:
        """Put attributes there whose matches may have changed; what follows for others was seen to already."""
        now = b"%d" % -int(self._clock())
        self._store.run_many(_ECHO, [(self.key(b"q"), uuid.encode(), now) for uuid in dict.fromkeys(uuids)])

    def queued(self) -> list[tuple[str, int]]:
        """Return the attributes that write-back is to look at, those that wait longest first, with their marks."""
        found = self._store.fields(self.key(b"q"))
        marked = [(name.decode(), int(value)) for name, value in found.items()]
        return sorted(marked, key=lambda one: (abs(one[1]), one[0]))

    def unqueue(self, uuid: str, mark: int) -> None:
        """Take an attribute from there, unless it was put there anew."""
        self._store.run(_UNQUEUE, self.key(b"q"), uuid.encode(), mark)

    def now(self) -> int:
        """Return the time, in seconds since the epoch."""
        return int(self._clock())

    def key(self, rest: bytes = b"") -> bytes:
        """Return a key of this server's."""
        return self._store.key(KIND, self._name + rest)


def _dead(holder: str) -> bool:
    """Whether a process of this machine has ended."""
    host, _, rest = holder.partition("/")
    pid, _, started = rest.partition("/")
    return host == socket.gethostname() and pid.isdecimal() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when a process began, in the kernel's ticks, "" where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def as_json(value: object) -> bytes:
    """Return a value as it is kept."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
