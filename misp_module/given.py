"""What MISP was told of a pair once, so that it is told the same again: MISP keeps one object only where all its values are equal.

A hash for each attribute (key `G` and its UUID), with a field for each known picture (its SHA-256, 32 bytes): JSON of `Given`.
What changes since, by a review, a merge of clusters or another version, is written into the object by the sync, which then
calls `Ledger.put` with the new values, or `Ledger.drop` once the event holds the object no more.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from misp_module.disclosure import Disclosed

KIND = b"G"
_VERSION = 1
_DROP = "return redis.call('HDEL', KEYS[1], unpack(ARGV))"


class Fields(Protocol):
    """What the ledger needs of the store."""

    def key(self, kind: bytes, rest: bytes = ...) -> bytes:
        """Return a key."""

    def fields(self, key: bytes) -> dict[bytes, bytes]:
        """Return all fields of a hash."""

    def set_field(self, key: bytes, name: bytes, value: bytes) -> None:
        """Set one field of a hash."""

    def run(self, script: str, key: bytes, *arguments: bytes | int) -> Any:
        """Run a script on a key."""


@dataclass(frozen=True)
class Given:
    """The values of one object.

    submitted: SHA-256 of the attribute's file. rows: (relation, value) in their order. tags: of the row `decision`.
    loose: relations that do not correlate although their kind does, because too many events have the value.
    source, banks, sensitive: what of the known picture's places was told; once it may not be, the values are not repeated.
    """

    submitted: str
    rows: tuple[tuple[str, str], ...]
    tags: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    source: str = ""
    banks: tuple[str, ...] = ()
    sensitive: bool = False

    def holds(self, submitted: str, now: Disclosed) -> bool:
        """Whether it may be told again, of the same file."""
        return (
            self.submitted == submitted
            and (self.source in now.keys or (not self.source and not now.hidden))
            and set(self.banks) <= set(now.banks)
            and (self.sensitive or not now.sensitive)
        )

    def row(self, relation: str) -> str:
        """Return the value of a row, "" where there is none."""
        return next((value for name, value in self.rows if name == relation), "")

    def replacing(self, values: Mapping[str, str]) -> "Given":
        """Return the same with other values in some rows."""
        return replace(self, rows=tuple((name, values.get(name, value)) for name, value in self.rows))


class Ledger:
    """All that was told, in a store."""

    def __init__(self, store: Fields) -> None:
        self._store = store

    def all(self, attribute: str) -> dict[str, Given]:
        """Return what was told of an attribute, by the SHA-256 of the known picture. Raises StoreUnavailable."""
        found = self._store.fields(self._key(attribute))
        return {name.hex(): given for name, value in found.items() if (given := _read(value)) is not None}

    def put(self, attribute: str, known: str, given: Given) -> None:
        """Keep what was told of an attribute and a known picture, in place of what was kept before."""
        value = json.dumps({"v": _VERSION, **asdict(given)}, ensure_ascii=True, separators=(",", ":")).encode()
        self._store.set_field(self._key(attribute), bytes.fromhex(known), value)

    def drop(self, attribute: str, *known: str) -> None:
        """Forget what was told of an attribute and known pictures."""
        if known:
            self._store.run(_DROP, self._key(attribute), *(bytes.fromhex(each) for each in known))

    def _key(self, attribute: str) -> bytes:
        return self._store.key(KIND, attribute.lower().encode())


def _read(value: bytes) -> Given | None:
    try:
        told = json.loads(value)
        if told["v"] != _VERSION:
            return None
        rows = tuple((str(name), str(text)) for name, text in told["rows"])
        tags, loose, banks = (tuple(map(str, told[name])) for name in ("tags", "loose", "banks"))
        return Given(told["submitted"], rows, tags, loose, told["source"], banks, told["sensitive"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
