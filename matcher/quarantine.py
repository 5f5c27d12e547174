"""Quarantine: pictures and hashes that match so much that somebody may have made them to.

One Redis hash; a field names a picture by its SHA-256, or a hash as space:hexadecimal. What was released stays written down, and is
never held again but by a person.

A picture that is held yields at most MAYBE and is tied to no other. A hash that is held finds nobody by itself: what is near it is
compared only where tiles or local features lead to it, and the hash itself has no say.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from typing_extensions import TypedDict

from matcher import shapes
from matcher.errors import BadRequest, NotFound
from matcher.store import Store

KEY = b"Q"
_MOST = 10_000  # that are held; whoever could make more would make each answer slow


class Cause(str, Enum):
    """Why something is held.

    CLUSTERS: the picture is the same as those of too many clusters. CROWD: too many pictures that are unlike each other have the
    hash. PERSON: somebody wants it.
    """

    CLUSTERS = "clusters"
    CROWD = "crowd"
    PERSON = "person"


@dataclass(frozen=True)
class Held:
    """Something that is, or was, in quarantine.

    subject: the SHA-256 of a picture, or space:hexadecimal of a hash. id: the picture's number, 0 for a hash. count: of clusters, or of
    pictures, when it was found. when, released: seconds since the epoch, 0 for not released. who, by: who had it held, and released.
    """

    subject: str
    id: int
    cause: Cause
    count: int
    when: float
    who: str = ""
    released: float = 0.0
    by: str = ""

    @property
    def kind(self) -> str:
        """What it is: "picture" or "hash"."""
        return "picture" if self.id else "hash"


class Told(TypedDict):
    """What is, or was, in quarantine, as JSON: fields as of `Held`, times in ISO 8601, null where there is none."""

    subject: str
    kind: str
    cause: Cause
    count: int
    since: str | None
    who: str
    released: str | None
    released_by: str


def told(held: Held) -> Told:
    """Return what is to be told of something in quarantine."""
    return {
        "subject": held.subject,
        "kind": held.kind,
        "cause": held.cause,
        "count": held.count,
        "since": shapes.moment(held.when),
        "who": held.who,
        "released": shapes.moment(held.released) if held.released else None,
        "released_by": held.by,
    }


class Cordon:
    """What is held at one moment. pictures: their numbers."""

    def __init__(self, held: Iterable[Held]) -> None:
        some = [one for one in held if not one.released]
        self.pictures = frozenset(one.id for one in some if one.id)
        values: dict[str, list[bytes]] = {}
        for one in some:
            if not one.id:
                space, _, text = one.subject.partition(":")
                values.setdefault(space, []).append(bytes.fromhex(text))
        self._hashes = {space: np.frombuffer(b"".join(some), np.uint8).reshape(len(some), -1) for space, some in values.items()}

    def __bool__(self) -> bool:
        return bool(self.pictures or self._hashes)

    def crowded(self, space: str, value: bytes) -> bool:
        """Whether a hash, as it is filed, is one that is held, or so near one that the index finds the same pictures: 31 bits of 256."""
        held = self._hashes.get(space)
        if held is None or held.shape[1] != len(value):
            return False
        distances = np.bitwise_count(held ^ np.frombuffer(value, np.uint8)).sum(axis=1)
        return bool(distances.min() < len(value))


class Quarantine:
    """The quarantine of a store. clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def cordon(self) -> Cordon:
        """Return what is held now."""
        return Cordon(self.all())

    def all(self) -> list[Held]:
        """Return what is held and what was released, the oldest first."""
        found = [_held(field, value) for field, value in self._store.fields(self._key).items()]
        return sorted(found, key=lambda one: (one.when, one.subject))

    def hold(self, subject: str, id: int, cause: Cause, count: int, who: str = "") -> Held | None:
        """Hold something; return it, None where it was released before and no person says otherwise, or too much is held."""
        known = self._store.fields(self._key)
        before = known.get(subject.encode())
        if cause is not Cause.PERSON and (before is not None or len(known) >= _MOST):
            found = _held(subject.encode(), before) if before is not None else None
            return None if found is None or found.released else found
        held = Held(subject, id, cause, count, round(self._clock()), who)
        self._write(held)
        return held

    def release(self, subject: str, who: str) -> Held:
        """Let something answer again as all else does. Raises NotFound."""
        value = self._store.field(self._key, subject.strip().lower().encode())
        held = _held(subject.strip().lower().encode(), value) if value is not None else None
        if held is None or held.released:
            raise NotFound(f"{subject[:80]!r} is not in quarantine; `kuato quarantine list` shows what is")
        released = replace(held, released=round(self._clock()), by=who)
        self._write(released)
        return released

    def forget(self, shas: Sequence[str]) -> None:
        """Forget pictures that were removed."""
        if shas and (known := self._store.fields(self._key)):
            for sha256 in shas:
                if sha256.encode() in known:
                    self._store.run("return redis.call('HDEL', KEYS[1], ARGV[1])", self._key, sha256.encode())

    def _write(self, held: Held) -> None:
        kept = {"id": held.id, "cause": held.cause.value, "count": held.count, "when": held.when, "who": held.who}
        kept |= {"released": held.released, "by": held.by} if held.released else {}
        self._store.set_field(self._key, held.subject.encode(), json.dumps(kept).encode())

    @property
    def _key(self) -> bytes:
        return self._store.key(KEY)


def checked_hash(text: str) -> str:
    """Return the name of a hash, such as pdq:0f.. Raises BadRequest for what is none."""
    space, colon, digits = text.strip().lower().partition(":")
    try:
        if not (space and colon and bytes.fromhex(digits)):
            raise ValueError(text)
    except ValueError:
        raise BadRequest(f"{text[:80]!r} names no hash; write it as space:hexadecimal, such as pdq:0f..") from None
    return f"{space}:{digits}"


def _held(field: bytes, value: bytes) -> Held:
    kept = json.loads(value)
    cause = Cause(kept.pop("cause"))
    return Held(field.decode(), cause=cause, **kept)
