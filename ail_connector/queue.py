"""One module's queue of AIL: messages are taken, and finished together with the tags that follow; none is lost, none counts twice."""

import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ail_connector import scripts
from ail_connector.installation import Installation
from ail_connector.message import Message, digest, encoded
from ail_connector.servers import Server
from matcher.errors import BadSettings

# So many messages at the head of a list are looked at before one is taken; as many workers do not get into each other's way.
_AHEAD = 16


@dataclass(frozen=True)
class Taken:
    """A message in our hands. tries: how often it was taken, this time included. failures: how often it was put off."""

    ticket: str
    tries: int
    message: Message
    failures: int = 0

    @property
    def deaths(self) -> int:
        """How many that took it did not come back."""
        return self.tries - self.failures - 1


@dataclass(frozen=True)
class Dead:
    """A message that was given up. when: seconds since the epoch."""

    ticket: str
    message: Message
    why: str
    when: float


@dataclass(frozen=True)
class Tag:
    """A tag that an object is to have."""

    gid: str
    name: str


class Queue:
    """The queue of one module, a section of AIL's modules.cfg; safe to share between threads.

    lease: seconds after which a message that its holder has not finished may be taken by another. clock: seconds since the epoch.
    Raises BadSettings where AIL keeps its lists and its account on two servers, AilUnavailable throughout.
    """

    def __init__(self, installation: Installation, module: str, lease: float = 120.0, clock: Callable[[], float] = time.time) -> None:
        queues, process = installation.queues, installation.process
        if (queues.host, queues.port) != (process.host, process.port):
            raise BadSettings("core.cfg: Redis_Queues and Redis_Process are two servers; a message can only be taken safely from one")
        self.module = module
        self.server = Server(queues, "the queue")
        self._receivers = installation.subscribers("Tags")
        self._lease = lease
        self._clock = clock
        self._whom = (module, queues.db, process.db)
        self._run = {name: self.server.script(getattr(scripts, name)) for name in _SCRIPTS}

    def join(self) -> None:
        """Tell AIL's pages that a process of this module is there."""
        self.server.ask("HSET", f"module:start:{self.module}", str(os.getpid()), int(self._clock()))
        self.server.ask("SADD", "modules", self.module)
        self.server.ask("HSET", f"module:{self.module}", str(os.getpid()), -1)

    def leave(self) -> None:
        """Take this process off AIL's pages; its list stays."""
        self._call("LEAVE", str(os.getpid()), self._now)

    def take(self, holder: str) -> Taken | None:
        """Take the next message, None when there is none. A holder that has one, because an answer was lost, gets that again."""
        ahead: list[bytes] = self.server.ask("LRANGE", f"queue:{self.module}:in", 0, _AHEAD - 1)
        while True:
            known = [part for raw in dict.fromkeys(ahead) for part in (raw, *_account(Message.parse(raw)))]
            found = self._call("TAKE", holder, str(os.getpid()), self._now, round(self._lease * 1000), *known)
            if found is None:
                return None
            ticket, tries, raw, failures = found
            if ticket:
                return Taken(ticket.decode(), int(tries), Message.parse(raw), int(failures))
            ahead = [raw, *self.server.ask("LRANGE", f"queue:{self.module}:in", 0, _AHEAD - 1)]

    def finish(self, holder: str, taken: Taken, tags: Sequence[Tag], outcome: str) -> int:
        """Acknowledge a message and send tags, in one step; return how many were sent, -1 when it is another's by now."""
        gid, hash = _account(taken.message)
        return int(self._call("FINISH", holder, taken.ticket, gid, hash, self._now, outcome, *self._sending(tags)))

    def send(self, tags: Sequence[Tag], outcome: str) -> int:
        """Send tags that follow from no message; return how many were not sent before."""
        return int(self._call("FINISH", "", "", "", "", self._now, outcome, *self._sending(tags)))

    def forget(self, tags: Sequence[Tag]) -> None:
        """Let tags be sent again that were sent, and taken back since."""
        if tags:
            self.server.ask("SREM", "kuato:sent", *(_name(encoded(tag.gid, tag.name)) for tag in tags))

    def later(self, holder: str, taken: Taken, seconds: float) -> None:
        """Put a message off."""
        self._call("LATER", holder, taken.ticket, self._now + round(seconds * 1000))

    def bury(self, holder: str, taken: Taken, why: str) -> None:
        """Give a message up; it is kept, to be shown and taken up again."""
        reason = json.dumps({"why": why[:500], "when": round(self._clock())})
        self._call("BURY", holder, taken.ticket, *_account(taken.message), reason)

    def dead(self) -> list[Dead]:
        """Return the messages that were given up, oldest first."""
        found = self.server.ask("HGETALL", f"kuato:{self.module}:dead")
        return sorted((_dead(ticket, value) for ticket, value in found.items()), key=lambda one: int(one.ticket))

    def replay(self, dead: Dead) -> bool:
        """Let a message that was given up be taken again; False when it is not there any more."""
        return bool(self._call("REPLAY", dead.ticket, *_account(dead.message), self._now))

    def release_orphans(self) -> int:
        """Let what processes of this machine held that are no more be taken at once; return how many messages that were."""
        found = self.server.ask("HKEYS", f"kuato:{self.module}:holders")
        gone = [holder for holder in found if _is_gone(holder.decode())]
        return sum(int(self._call("RELEASE", holder, self._now)) for holder in gone)

    def waiting(self) -> int:
        """Return how many messages wait in AIL's list."""
        return int(self.server.ask("LLEN", f"queue:{self.module}:in"))

    def tags_waiting(self) -> int:
        """Return how many tags AIL has not taken yet."""
        return max((int(self.server.ask("LLEN", f"queue:{name}:in")) for name in self._receivers), default=0)

    def held(self) -> int:
        """Return how many messages are in work, or wait for another try."""
        return int(self.server.ask("ZCARD", f"kuato:{self.module}:due"))

    def counts(self) -> dict[str, int]:
        """Return how many messages came to what end."""
        found = self.server.ask("HGETALL", f"kuato:{self.module}:counts")
        return {name.decode(): int(value) for name, value in found.items()}

    def close(self) -> None:
        """End the connections."""
        self.server.close()

    @property
    def _now(self) -> int:
        return round(self._clock() * 1000)

    def _call(self, name: str, *arguments: bytes | str | int) -> Any:
        parts = (one.encode("utf-8", "surrogateescape") if isinstance(one, str) else one for one in (*self._whom, *arguments))
        return self._run[name](*parts)

    def _sending(self, tags: Sequence[Tag]) -> list[bytes | str | int]:
        parts: list[bytes | str | int] = [len(self._receivers), *self._receivers]
        for tag in dict.fromkeys(tags):
            raw = encoded(tag.gid, tag.name)
            parts += [_name(raw), tag.gid, raw, digest(raw)]
        return parts


_SCRIPTS = ("TAKE", "FINISH", "LATER", "BURY", "REPLAY", "RELEASE", "LEAVE")


def _name(raw: bytes) -> bytes:
    """Return by what a tag that was sent is remembered."""
    return sha256(raw).digest()[:12]


def holder_name(number: int) -> str:
    """Return what names a worker of this process among those of all machines, also after its number was given to another."""
    return f"{socket.gethostname()} {os.getpid()} {_started(os.getpid())} {number}"


def _account(message: Message) -> tuple[str, str]:
    """Return the object and the hash by which AIL keeps account of a message; empty where it does not."""
    return (message.gid or "", digest(message.raw)) if message.counted else ("", "")


def _dead(ticket: bytes, value: bytes) -> Dead:
    reason, _, raw = value.partition(b"\n")
    told = json.loads(reason)
    return Dead(ticket.decode(), Message.parse(raw), told["why"], told["when"])


def _is_gone(holder: str) -> bool:
    host, pid, started, _ = (holder.rsplit(" ", 3) + [""] * 3)[:4]
    return host == socket.gethostname() and pid.isdecimal() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks; "" when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat[stat.rindex(")") + 2 :].split()
    return "" if fields[0] == "Z" else fields[19]
