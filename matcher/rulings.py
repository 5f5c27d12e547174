"""Rulings: what people decided of proposals, kept so that it can be undone; one Redis hash of the latest."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from matcher.cluster import Link
from matcher.errors import NotFound
from matcher.proposals import Proposal, Reason
from matcher.store import Store

KIND = b"hl"
_MOST = 200
_DROP = "return redis.call('HDEL', KEYS[1], unpack(ARGV))"


@dataclass(frozen=True)
class Ruling:
    """What a person decided of a proposal. who: as the caller is named. when: seconds since the epoch.

    Accepted: ids are the pictures of the side that lost its own cluster by it, cluster is the one that stayed, "" for a picture.
    Rejected: ids are the pictures that the cluster is to have apart since then.
    """

    proposal: Proposal
    accepted: bool
    who: str
    when: float
    cluster: str
    ids: tuple[int, ...]

    @property
    def id(self) -> str:
        """The id of the proposal; there is one ruling on it, the last."""
        return self.proposal.id


class Rulings:
    """The latest rulings of a store. clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def keep(self, proposal: Proposal, accepted: bool, who: str, cluster: str, ids: Iterable[int]) -> None:
        """Keep what was decided, and forget the oldest of what is more than enough."""
        links = [[link.a, link.b, link.distance] for link in proposal.links]
        about = {"field": proposal.field.decode(), "reason": proposal.reason.value, "pairs": links, "proposed": proposal.when}
        told = {**about, "accepted": accepted, "who": who, "when": self._clock(), "cluster": cluster, "ids": sorted(ids)}
        self._store.set_field(self._key, proposal.id.encode(), json.dumps(told, separators=(",", ":")).encode())
        if surplus := self._all()[_MOST:]:
            self._store.run(_DROP, self._key, *(one.id.encode() for one in surplus))

    def latest(self, count: int = _MOST) -> list[Ruling]:
        """Return what was decided last, the newest first."""
        return self._all()[:count]

    def get(self, id: str) -> Ruling:
        """Return what was decided of a proposal. Raises NotFound."""
        name = id.strip().lower()
        value = self._store.field(self._key, name.encode("utf-8", "replace"))
        if value is None:
            raise NotFound(f"there is no decision on a proposal {id[:80]!r} that could be undone")
        return _ruling(name, value)

    def drop(self, ruling: Ruling) -> None:
        """Forget a ruling."""
        self._store.run(_DROP, self._key, ruling.id.encode())

    def _all(self) -> list[Ruling]:
        found = [_ruling(name.decode(), value) for name, value in self._store.fields(self._key).items()]
        return sorted(found, key=lambda one: (-one.when, one.id))

    @property
    def _key(self) -> bytes:
        return self._store.key(KIND)


def _ruling(id: str, value: bytes) -> Ruling:
    told = json.loads(value)
    links = tuple(Link(a, b, distance) for a, b, distance in told["pairs"])
    proposal = Proposal(id, told["field"].encode(), Reason(told["reason"]), links, told["proposed"])
    return Ruling(proposal, told["accepted"], told["who"], told["when"], told["cluster"], tuple(told["ids"]))
