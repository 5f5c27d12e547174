"""A job: work on many pictures that is answered later."""

import os
import re
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import UUID

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class State(str, Enum):
    """queued: waits, perhaps for the second time after a restart. running: in work. The others are final.

    done: every item has its result, which may be an error. failed: given up, `error` tells why; what has a result keeps it.
    cancelled: somebody asked for it; what was in work by then is finished and has its result, too.
    """

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class Item:
    """One piece of a job's work. name: as it may be shown. data: the uploaded bytes, if any. parameters: JSON of its own."""

    name: str
    data: bytes = b""
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What is known of a job.

    parameters: JSON for the whole job. caller: JSON that tells who asked; its "token" is the id of the token, "" without one.
    total: items. done: how many of them have a result, failed: how many of those an error.
    created, started, ended, expires: seconds since the epoch, 0 where it has not happened; after `expires` nobody knows the job.
    cancelling: running, but to end with what is in work. error: code and message where the job as a whole failed.
    tries: how often it was begun since an item was last finished. size: bytes of its results as stored.
    """

    id: str
    kind: str
    spool: str
    total: int
    parameters: dict[str, Any] = field(default_factory=dict)
    caller: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    state: State = State.QUEUED
    started: float = 0.0
    ended: float = 0.0
    expires: float = 0.0
    done: int = 0
    failed: int = 0
    cancelling: bool = False
    error: dict[str, str] | None = None
    tries: int = 0
    size: int = 0

    @property
    def resumed(self) -> bool:
        """Whether this is not the first time that it is in work: an item without a result may have been worked on, too."""
        return self.done > 0 or self.tries > 1

    @property
    def token(self) -> str:
        """The id of the token that asked, "" without one."""
        return str(self.caller.get("token", ""))


@dataclass(frozen=True)
class ItemResult:
    """What became of one item: its result, or the error (code and message)."""

    index: int
    name: str
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None


def new_id(now: float | None = None) -> str:
    """Return the id of a new job: a UUID of version 7, which begins with the time, so that ids sort by it. 74 bits are random."""
    moment = int((time.time() if now is None else now) * 1000) & (1 << 48) - 1
    bits = (moment << 80) | int.from_bytes(os.urandom(10), "big")
    bits = bits & ~(0xF << 76) | 7 << 76
    return str(UUID(int=bits & ~(0x3 << 62) | 2 << 62))


def is_id(text: str) -> bool:
    """Whether `text` is written like the id of a job."""
    return _ID.fullmatch(text) is not None
