"""What is told on to MISP: new matches with YES, many of them in one event."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ail_connector.ledger import Reason
from ail_connector.places import sightings_of
from matcher.collection import Collection
from matcher.records import Record
from matcher.store import Store

MOST = 1000  # of one event
_FILE = {
    "name": "file",
    "meta-category": "file",
    "description": "File object describing a file with meta-information",
    "template_uuid": "688c46fb-5edb-40a3-8273-1af7923e2215",
    "template_version": "25",
}
# As the caps, see daily.py: under "fresh", list of what waits to be told on; under "sealed", those of it that are being posted.
_KIND = b"e"
_PUT = "redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)"
_COUNT = "return redis.call('LLEN', KEYS[1])"
_TAKE = "return redis.call('LRANGE', KEYS[1], 0, ARGV[1])"
# Only what is in the list's beginning can be dropped: others may have dropped it before, and the oldest go when too many wait.
_DROP = """
local told, count = {}, 0
for _, row in ipairs(ARGV) do told[row] = true end
while told[redis.call('LINDEX', KEYS[1], 0)] do
  redis.call('LPOP', KEYS[1])
  count = count + 1
end
return count
"""
_SEAL = "redis.call('SET', KEYS[1], ARGV[1], 'NX') return redis.call('GET', KEYS[1])"
_MOST_WAITING = 100_000


@dataclass(frozen=True)
class Batch:
    """What goes into one event, oldest first. rows: as they are kept."""

    rows: tuple[bytes, ...]

    @property
    def uuid(self) -> str:
        """The event's UUID: of these rows always the same."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"kuato:event:{b' '.join(self.rows).decode()}"))

    @property
    def reasons(self) -> list[tuple[Reason, float]]:
        """The matches, and since when each waits, in seconds since the epoch."""
        found = []
        for row in self.rows:
            gid, sha256, known, tags, when = json.loads(row)
            found.append((Reason(gid, sha256, known, tuple(tags)), float(when)))
        return found


class Onward:
    """The reasons that were not told on yet, oldest first; the oldest go when too many wait. clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._fresh, self._sealed = (store.key(_KIND, name) for name in (b"fresh", b"sealed"))

    def put(self, reason: Reason) -> None:
        """Keep a reason to be told on."""
        value = json.dumps([reason.gid, reason.sha256, reason.known, reason.tags, round(self._clock())])
        self._store.run(_PUT, self._fresh, value.encode(), _MOST_WAITING)

    def count(self) -> int:
        """Return how many wait."""
        return int(self._store.run(_COUNT, self._fresh))

    def batch(self) -> Batch:
        """Return what is next: what was sealed, or the oldest that wait."""
        sealed = self._store.read([self._sealed])[0]
        return _batch(sealed) if sealed else Batch(tuple(self._store.run(_TAKE, self._fresh, MOST - 1)))

    def seal(self) -> Batch:
        """Return what is next, and keep to it until it is dropped: whoever is killed while posting it, the same event is posted again.

        Several may do so at once; they get the same, or what was posted a moment ago.
        """
        batch = self.batch()
        return _batch(self._store.run(_SEAL, self._sealed, b"\n".join(batch.rows))) if batch.rows else batch

    def drop(self, batch: Batch) -> int:
        """Forget what was told on; return how many of it still waited."""
        # In this order: were the seal broken first and the rest not done, the same would be told on in another event.
        dropped = int(self._store.run(_DROP, self._fresh, *batch.rows))
        self._store.replace(self._sealed, b"\n".join(batch.rows), b"")
        return dropped


def _batch(value: bytes) -> Batch:
    return Batch(tuple(value.split(b"\n")))


def event_of(batch: Batch, collection: Collection) -> dict[str, Any]:
    """Return one MISP event, unpublished and for one's own organisation alone, with an object `file` for each picture.

    Each names the SHA-256 of AIL's picture, the domains it was seen at, and in its comment why; the attachment stays in AIL. What
    was found to be sensitive since is left out.
    """
    reasons = batch.reasons
    objects = list[dict[str, Any]]()
    for reason, when in reasons:
        record, known = collection.known(reason.sha256), collection.known(reason.known)
        if not any(one is not None and one.sensitive for one in (record, known)):
            objects.append(_object(reason, when, record, known))
    day = time.strftime("%Y-%m-%d", time.gmtime(reasons[-1][1] if reasons else 0))
    info = f"Kuato: {len(objects)} pictures of AIL match known ones"
    head = {"uuid": batch.uuid, "info": info, "date": day, "distribution": "0", "threat_level_id": "4", "analysis": "2", "published": False}
    return {"Event": {**head, "Object": objects}}


def _object(reason: Reason, when: float, record: Record | None, known: Record | None) -> dict[str, Any]:
    domains = [] if record is None else sorted({domain for one in sightings_of(record) for domain in one.domains})
    banks = ", ".join(known.banks) if known else ""
    where = f"{f' of {banks}' if banks else ''}{f', at {domains[0]}' if domains else ''}"
    why = f"AIL {reason.gid} is the known picture {reason.known}{where}"
    tags = [{"name": name, "local": True} for name in reason.tags]
    rows = [_attribute("sha256", "sha256", "Payload delivery", reason.sha256, when, why, tags)]
    rows += [_attribute("text", "text", "Other", domain, when, "domain", []) for domain in domains[:20]]
    return {**_FILE, "uuid": _uuid("object", reason), "comment": why, "Attribute": rows}


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
