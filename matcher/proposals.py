"""Proposals: what would make a cluster grow but waits for a person.

One Redis hash; a field names the two sides, a cluster or a picture that is in none, and holds the pairs that speak for it.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from matcher.cluster import Link
from matcher.store import Store

_PAIRS = 20  # kept of one proposal
# ARGV: field, expected value ("" for none), new value ("" to delete).
_SWAP = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""


class Reason(str, Enum):
    """Why a proposal waits.

    BRIDGE: one picture alone ties two clusters. SIZE: the cluster would be larger than cluster.max_size. CONTRADICTION: two of the
    pictures that would come together were reviewed as different.
    """

    BRIDGE = "bridge"
    SIZE = "size"
    CONTRADICTION = "contradiction"


@dataclass(frozen=True)
class Proposal:
    """Two sides that may belong together. links: the pairs that say so. when: first proposed, in seconds since the epoch."""

    id: str
    field: bytes
    reason: Reason
    links: tuple[Link, ...]
    when: float


class Proposals:
    """The proposals of a store. clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def between(self, one: str, other: str) -> Proposal | None:
        """Return the proposal on two sides: the id of a cluster, or # with that of a picture."""
        field = _field(one, other)
        value = self._store.field(self._key, field)
        return _proposal(field, value) if value else None

    def add(self, one: str, other: str, reason: Reason, links: Sequence[Link], since: float | None = None) -> None:
        """Propose that two sides belong together, or one reason more to think so. since: when it was first proposed, now by default."""
        field = _field(one, other)
        while True:
            value = self._store.field(self._key, field) or b""
            before = _proposal(field, value) if value else None
            when = before.when if before else since if since is not None else round(self._clock())
            pairs = list({link.pair: link for link in (*(before.links if before else ()), *links)}.values())[:_PAIRS]
            new = json.dumps({"reason": reason.value, "pairs": [[link.a, link.b, link.distance] for link in pairs], "when": when}).encode()
            if self._store.run(_SWAP, self._key, field, value, new):
                return

    def drop(self, proposal: Proposal) -> None:
        """Forget a proposal."""
        self._store.run("return redis.call('HDEL', KEYS[1], ARGV[1])", self._key, proposal.field)

    def all(self) -> list[Proposal]:
        """Return all, the oldest first."""
        found = [_proposal(field, value) for field, value in self._store.fields(self._key).items()]
        return sorted(found, key=lambda proposal: (proposal.when, proposal.id))

    @property
    def _key(self) -> bytes:
        return self._store.key(b"h")


def side(picture: int) -> str:
    """Return how a picture that is in no cluster is named as a side."""
    return f"#{picture}"


def _field(one: str, other: str) -> bytes:
    return " ".join(sorted((one, other))).encode()


def _proposal(field: bytes, value: bytes) -> Proposal:
    told = json.loads(value)
    links = tuple(Link(a, b, distance) for a, b, distance in told["pairs"])
    return Proposal(sha256(field).hexdigest()[:16], field, Reason(told["reason"]), links, told["when"])
