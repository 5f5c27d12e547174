"""What is told on to MISP: new matches with YES, many of them in one event, as a file that MISP takes."""

import json
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from ail_connector.ledger import Reason
from ail_connector.places import sightings_of
from matcher.collection import Collection
from matcher.store import Store

MOST = 1000  # of one event
_KIND = b"e"  # as the caps, see daily.py: under "fresh", list of what waits to be told on
_PUT = "redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)"
_TAKE = "return redis.call('LRANGE', KEYS[1], 0, ARGV[1])"
_DROP = "redis.call('LTRIM', KEYS[1], ARGV[1], -1) return 1"
_MOST_WAITING = 100_000


class Onward:
    """The reasons that were not told on yet, oldest first; the oldest go when too many wait. clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def put(self, reason: Reason) -> None:
        """Keep a reason to be told on."""
        value = json.dumps([reason.gid, reason.sha256, reason.known, reason.tags, round(self._clock())])
        self._store.run(_PUT, self._key, value.encode(), _MOST_WAITING)

    def waiting(self, most: int = MOST) -> list[tuple[Reason, float]]:
        """Return what waits, and since when."""
        found = []
        for value in self._store.run(_TAKE, self._key, most - 1):
            gid, sha256, known, tags, when = json.loads(value)
            found.append((Reason(gid, sha256, known, tuple(tags)), float(when)))
        return found

    def drop(self, count: int) -> None:
        """Forget the oldest, which were told on."""
        self._store.run(_DROP, self._key, count)

    @property
    def _key(self) -> bytes:
        return self._store.key(_KIND, b"fresh")


def event_of(waiting: Sequence[tuple[Reason, float]], collection: Collection) -> dict[str, Any]:
    """Return one MISP event, unpublished and for one's own organisation alone, with an object `file` for each picture.

    Each names the SHA-256 of AIL's picture, the domains it was seen at, and in its comment why; the attachment stays in AIL.
    """
    objects = []
    for reason, when in waiting:
        record = collection.known(reason.sha256)
        domains = [] if record is None else sorted({domain for one in sightings_of(record) for domain in one.domains})
        known = collection.known(reason.known)
        banks = ", ".join(known.banks) if known else ""
        where = f"{f' of {banks}' if banks else ''}{f', at {domains[0]}' if domains else ''}"
        why = f"AIL {reason.gid} is the known picture {reason.known}{where}"
        tags = [{"name": name, "local": True} for name in reason.tags]
        rows = [_attribute("sha256", "sha256", "Payload delivery", reason.sha256, when, why, tags)]
        rows += [_attribute("text", "text", "Other", domain, when, "domain", []) for domain in domains[:20]]
        objects.append({"name": "file", "meta-category": "file", "uuid": _uuid("object", reason), "comment": why, "Attribute": rows})
    day = time.strftime("%Y-%m-%d", time.gmtime(waiting[-1][1] if waiting else 0))
    info = f"Kuato: {len(objects)} pictures of AIL match known ones"
    head = {"info": info, "date": day, "distribution": "0", "threat_level_id": "4", "analysis": "2", "published": False}
    return {"Event": {**head, "Object": objects}}


def _attribute(
    relation: str, type: str, category: str, value: str, when: float, comment: str, tags: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "object_relation": relation,
        "type": type,
        "category": category,
        "value": value,
        "to_ids": False,
        "timestamp": str(round(when)),
        "comment": comment,
        "distribution": "5",
        "Tag": tags,
    }


def _uuid(what: str, reason: Reason) -> str:
    """Return the same UUID for the same match each time, so that MISP takes no object twice."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"kuato:{what}:{reason.gid}:{reason.known}"))
