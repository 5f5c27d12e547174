"""What was written to a MISP server, so that nothing is written twice and all of it can be taken back.

    s + server + "w" + attribute   hash: older attribute -> what was written because the two match (Written); "tags" -> those
                                   given; "tagging" -> the one that is about to be
    s + server + "k" + attribute   hash: attributes that have written because of this one; may name too many
    s + server + "e" + event       hash: tag, attribute -> nothing: which attribute wants which tag on its event; may name too many

What is about to be written is noted first, so what a dead process wrote is found again.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from uuid import UUID

from matcher.match import Decision
from matcher.store import Store
from misp_module.given import KIND as GIVEN
from misp_module.syncstate import SyncState, as_json

_TAGS, _TAGGING = b"tags", b"tagging"
_OTHER = (_TAGS, _TAGGING)
_DROP = "return redis.call('HDEL', KEYS[1], ARGV[1])"
# ARGV: attribute. A workflow writes 1.
_CLAIM = """
local whose = redis.call('HGET', KEYS[1], ARGV[1])
if whose and whose ~= 'sync' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], 'sync')
return 1
"""
PENDING, DONE = "pending", "done"


@dataclass(frozen=True)
class Written:
    """What was written because the picture of an attribute matches that of an older one.

    newer, older: UUIDs of attributes. submitted, known: SHA-256 of their pictures. event: UUID of the newer one's.
    sighting: "", PENDING or DONE. link: UUID of a relationship, its kind in link_kind; object: UUID of an object; "" for none.
    linked, placed: whether these are known to be there.
    when: it was first written, retracted: it was taken back for good, in seconds since the epoch, 0 for not.
    """

    newer: str
    older: str
    submitted: str
    known: str
    event: str
    decision: Decision
    sighting: str = ""
    link: str = ""
    link_kind: str = ""
    linked: bool = False
    object: str = ""
    placed: bool = False
    when: int = 0
    retracted: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing of it is on the server."""
        return not (self.sighting or self.link or self.object)


class WriteBook:
    """What was written to one server."""

    def __init__(self, store: Store, state: SyncState) -> None:
        self._store = store
        self._state = state

    def of(self, newer: str) -> list[Written]:
        """Return what was written because of an attribute's picture."""
        fields = self._store.fields(self._key(b"w", newer))
        return [_written(value) for name, value in fields.items() if name not in _OTHER]

    def about(self, older: str) -> list[str]:
        """Return the attributes that may have written because of this one."""
        return [name.decode() for name in self._store.fields(self._key(b"k", older))]

    def all(self) -> Iterator[Written]:
        """Yield everything that was written."""
        for key in self._store.scan(self._state.key(b"w")[len(self._store.prefix) :]):
            yield from (_written(value) for name, value in self._store.fields(key).items() if name not in _OTHER)

    def put(self, written: Written) -> None:
        """Note what was, or is about to be, written."""
        self._store.set_field(self._key(b"k", written.older), written.newer.encode(), b"")
        self._store.set_field(self._key(b"w", written.newer), written.older.encode(), as_json(asdict(written)))

    def drop(self, written: Written) -> None:
        """Forget what is no longer there."""
        self._store.run(_DROP, self._key(b"w", written.newer), written.older.encode())
        self._store.run(_DROP, self._key(b"k", written.older), written.newer.encode())

    def claim(self, written: Written) -> bool:
        """Note that a sighting for two attributes is ours to make; False where a workflow made one (`misp_module/marking.py`)."""
        return bool(self._store.run(_CLAIM, self._sighted(written), written.newer.encode()))

    def disclaim(self, written: Written) -> None:
        """Note that there is no sighting for two attributes any more."""
        self._store.run(_DROP, self._sighted(written), written.newer.encode())

    def _sighted(self, written: Written) -> bytes:
        return self._store.key(GIVEN, b"sighted:" + written.older.encode())

    def tags(self, attribute: str) -> set[tuple[str, str]]:
        """Return the tags given because of an attribute's picture, each with the UUID of what has it."""
        value = self._store.field(self._key(b"w", attribute), _TAGS)
        return {(target, tag) for target, tag in json.loads(value)} if value else set()

    def put_tags(self, attribute: str, tags: set[tuple[str, str]]) -> None:
        """Note these tags in place of those before."""
        for target, tag in tags:
            self._store.set_field(self._key(b"e", target), _wish(tag, attribute), b"")
        if tags:
            self._store.set_field(self._key(b"w", attribute), _TAGS, as_json(sorted(tags)))
        else:
            self._store.run(_DROP, self._key(b"w", attribute), _TAGS)

    def tagging(self, attribute: str) -> tuple[str, str] | None:
        """Return the tag that was about to be given because of an attribute's picture, None where that was done."""
        value = self._store.field(self._key(b"w", attribute), _TAGGING)
        if not value:
            return None
        target, tag = json.loads(value)
        return target, tag

    def put_tagging(self, attribute: str, what: tuple[str, str] | None) -> None:
        """Note which tag is about to be given; None: it was."""
        if what is None:
            self._store.run(_DROP, self._key(b"w", attribute), _TAGGING)
        else:
            self._store.set_field(self._key(b"w", attribute), _TAGGING, as_json(what))

    def wanted_by(self, target: str, tag: str) -> list[str]:
        """Return the attributes that want a tag on what has this UUID."""
        wishes = (name.decode().rpartition("\n") for name in self._store.fields(self._key(b"e", target)))
        return [who for what, _, who in wishes if what == tag and (target, tag) in self.tags(who)]

    def drop_wish(self, target: str, tag: str, attribute: str) -> None:
        """Note that an attribute no longer wants a tag on what has this UUID."""
        self._store.run(_DROP, self._key(b"e", target), _wish(tag, attribute))

    def _key(self, kind: bytes, uuid: str) -> bytes:
        return self._state.key(kind + UUID(uuid).bytes)


def _wish(tag: str, attribute: str) -> bytes:
    return f"{tag}\n{attribute}".encode()


def _written(value: bytes) -> Written:
    found = json.loads(value)
    return Written(**{**found, "decision": Decision(found["decision"])})
