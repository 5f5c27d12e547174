"""Labelling: pictures that a person sorts into groups, kept while it is at work, and the ground truth that comes of it.

One Redis hash; a field is the id of a labelling, its value JSON:

    {"name": text, "who": text, "made": time, "changed": time, "version": n,
     "groups": [[name, [SHA-256..]]..], "singles": [SHA-256..], "open": [SHA-256..]}
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from matcher.errors import BadRequest, Conflict, NotFound, StoreMismatch
from matcher.store import Store
from matcher.truth import GroundTruth

KIND = b"L"
FEWEST, MOST = 2, 500
_LONGEST = 100
_MOST_KEPT = 200
# ARGV: field, expected value ("" for none), new value ("" to delete).
_SWAP = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""


@dataclass(frozen=True)
class Group:
    """Pictures that belong together: one picture in variants, by SHA-256. name: for people."""

    name: str
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Labelling:
    """Pictures being sorted. who: who changed it last. made, changed: seconds since the epoch. version: grows with each change.

    groups: what belongs together. singles: what belongs to no other. undecided: what nobody has decided on yet; none of its pairs counts.
    """

    id: str
    name: str
    who: str
    made: float
    changed: float
    version: int
    groups: tuple[Group, ...] = ()
    singles: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """All its pictures."""
        return (*(sha256 for group in self.groups for sha256 in group.pictures), *self.singles, *self.undecided)

    @property
    def decided(self) -> int:
        """How many pictures were decided on."""
        return len(self.pictures) - len(self.undecided)

    def truth(self) -> GroundTruth:
        """Return what was decided, as `kuato calibrate` reads it: pictures by their SHA-256. A group of one belongs to no other."""
        several = [group for group in self.groups if len(group.pictures) > 1]
        alone = [sha256 for group in self.groups if len(group.pictures) == 1 for sha256 in group.pictures]
        clusters = {f"{number:02} {group.name}".strip(): group.pictures for number, group in enumerate(several, 1)}
        return GroundTruth(clusters, (*alone, *self.singles, *self.undecided), unsure=frozenset(self.undecided))

    def sorted_anew(self, groups: Sequence[Group], singles: Iterable[str], undecided: Iterable[str]) -> "Labelling":
        """Return the labelling with its pictures elsewhere. Raises BadRequest unless each is somewhere once, and no other."""
        new = replace(
            self,
            groups=tuple(Group(_name(group.name, "a group", empty=True), tuple(group.pictures)) for group in groups if group.pictures),
            singles=tuple(singles),
            undecided=tuple(undecided),
        )
        if sorted(new.pictures) != sorted(self.pictures):
            raise BadRequest("a labelling keeps its pictures: name each of them once, in a group, alone, or undecided")
        return new

    def pack(self) -> bytes:
        """Return the value as stored."""
        told = {
            **{name: getattr(self, name) for name in ("name", "who", "made", "changed", "version", "singles")},
            "groups": [[group.name, group.pictures] for group in self.groups],
            "open": self.undecided,
        }
        return json.dumps(told, separators=(",", ":")).encode()

    @classmethod
    def unpack(cls, id: str, value: bytes) -> "Labelling":
        """Return the labelling stored as `value`. Raises StoreMismatch."""
        try:
            told = json.loads(value)
            groups = tuple(Group(name, tuple(pictures)) for name, pictures in told["groups"])
            made, changed, version = told["made"], told["changed"], told["version"]
            return cls(id, told["name"], told["who"], made, changed, version, groups, tuple(told["singles"]), tuple(told["open"]))
        except (ValueError, TypeError, KeyError) as error:
            raise StoreMismatch(f"labelling {id} cannot be read ({error}); another version wrote it, or something else") from error


class Labellings:
    """The labellings of a store. clock: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def begin(
        self, name: str, who: str, groups: Sequence[Group] = (), singles: Sequence[str] = (), undecided: Sequence[str] = ()
    ) -> Labelling:
        """Keep a new labelling. Raises BadRequest for too few or too many pictures, or one that is there twice."""
        now = round(self._clock())
        made = Labelling(str(uuid4()), _name(name, "a labelling"), who, now, now, 1, tuple(groups), tuple(singles), tuple(undecided))
        pictures = made.pictures
        if not FEWEST <= len(pictures) <= MOST:
            raise BadRequest(f"a labelling has {FEWEST} to {MOST} pictures, not {len(pictures)}; 20 to 100 are enough to begin with")
        if len(set(pictures)) < len(pictures):
            raise BadRequest("a picture is there twice; name each once")
        if len(self._store.fields(self._key)) >= _MOST_KEPT:
            raise Conflict(f"there are {_MOST_KEPT} labellings already; delete some that are done")
        self._swap(made.id, b"", made.pack())
        return made

    def all(self) -> list[Labelling]:
        """Return all labellings, the one changed last first."""
        found = [Labelling.unpack(id.decode(), value) for id, value in self._store.fields(self._key).items()]
        return sorted(found, key=lambda one: (-one.changed, one.id))

    def get(self, id: str) -> Labelling:
        """Return a labelling. Raises NotFound."""
        return Labelling.unpack(id, self._value(id))

    def save(self, new: Labelling, who: str) -> Labelling:
        """Keep a change of a labelling as it was read. Raises NotFound, Conflict where it was changed meanwhile."""
        value = self._value(new.id)
        if Labelling.unpack(new.id, value).version != new.version:
            raise Conflict(f"somebody else changed the labelling {new.name!r} meanwhile; load it anew")
        kept = replace(new, who=who, changed=round(self._clock()), version=new.version + 1)
        if not self._swap(new.id, value, kept.pack()):
            raise Conflict(f"somebody else changed the labelling {new.name!r} meanwhile; load it anew")
        return kept

    def delete(self, id: str) -> None:
        """Forget a labelling. Raises NotFound."""
        while not self._swap(id, self._value(id), b""):
            continue

    def _value(self, id: str) -> bytes:
        value = self._store.field(self._key, checked_id(id).encode())
        if value is None:
            raise NotFound(f"there is no labelling {id}")
        return value

    def _swap(self, id: str, old: bytes, new: bytes) -> bool:
        return bool(self._store.run(_SWAP, self._key, id.encode(), old, new))

    @property
    def _key(self) -> bytes:
        return self._store.key(KIND)


def checked_id(text: str) -> str:
    """Return the id of a labelling in its one form. Raises NotFound for what cannot be one."""
    try:
        return str(UUID(text))
    except ValueError:
        raise NotFound(f"there is no labelling {text[:80]!r}") from None


def _name(text: str, what: str, empty: bool = False) -> str:
    name = text.strip()
    if (not name and not empty) or len(name) > _LONGEST or not (name.isprintable() or not name):
        raise BadRequest(f"{text[:80]!r} cannot name {what}: it takes 1 to {_LONGEST} printable characters")
    return name
