"""Banks, tags and sources: which pictures are in which.

The record of a picture says what it belongs to; the lists kept here only lead to it, so they may name too many, never too few.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from matcher.bank import KINDS, Bank
from matcher.errors import BadRequest, Conflict, NotFound
from matcher.index import Entries, Ids
from matcher.source import Source
from matcher.store import Store

# ARGV: old name and value ("" for none), new name ("" to delete), value. Answers 0 when the old is not so any more, 1 when the
# new exists, 2 when done.
_MOVE = """
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] ~= '' and ARGV[3] ~= ARGV[1] and redis.call('HEXISTS', KEYS[1], ARGV[3]) == 1 then return 1 end
if ARGV[1] ~= '' then redis.call('HDEL', KEYS[1], ARGV[1]) end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], ARGV[3], ARGV[4]) end
return 2
"""
_MAX_NAME = 100
_MAX_DAYS = 36_500


class BankBook:
    """The banks of a store, by name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self) -> list[Bank]:
        """Return all banks by name."""
        found = (_bank(json.loads(value)) for value in self._store.fields(self._key).values())
        return sorted(found, key=lambda bank: bank.name)

    def get(self, name: str) -> Bank:
        """Return the bank. Raises NotFound."""
        return _bank(json.loads(self._value(name)))

    def create(self, name: str, *, kind: str = "observed", **details: Any) -> Bank:
        """Create a bank. Raises BadRequest for what cannot be, Conflict when the name is taken."""
        draft = checked_bank(Bank(0, name, kind, **details))
        bank = replace(draft, id=self._store.count(self._store.key(b"i")))
        self._move("", b"", bank)
        return bank

    def rename(self, name: str, new_name: str) -> Bank:
        """Rename a bank; its pictures come along. Raises NotFound, Conflict."""
        return self._change(name, {"name": new_name})

    def update(self, name: str, **changes: Any) -> Bank:
        """Change a bank's kind, tags, domains, thresholds, note, keep_days, or whether it is sensitive. Raises NotFound, BadRequest."""
        return self._change(name, changes)

    def delete(self, name: str) -> None:
        """Delete a bank; its pictures stay, without it. Raises NotFound."""
        while (value := self._value(name)) and not self._store.run(_MOVE, self._key, name.encode(), value, b"", b""):
            continue

    def _change(self, name: str, changes: dict[str, Any]) -> Bank:
        while True:
            old = self._value(name)
            bank = checked_bank(replace(_bank(json.loads(old)), **changes))
            if self._move(name, old, bank):
                return bank

    def _value(self, name: str) -> bytes:
        value = self._store.field(self._key, name.encode("utf-8", "surrogatepass"))
        if value is None:
            raise NotFound(f"there is no bank {name!r}; create it with `kuato bank create`, or see `kuato bank list`")
        return value

    def _move(self, old_name: str, old: bytes, bank: Bank) -> bool:
        """Write a bank in place of what was there; False when that has changed meanwhile."""
        outcome = int(self._store.run(_MOVE, self._key, old_name.encode(), old, bank.name.encode(), json.dumps(asdict(bank)).encode()))
        if outcome == 1:
            raise Conflict(f"a bank {bank.name!r} exists already; choose another name")
        return outcome == 2

    @property
    def _key(self) -> bytes:
        return self._store.key(b"b")


class Lists:
    """Lists of the pictures under each tag, bank and source."""

    SOURCE_BUCKETS = 1 << 14

    def __init__(self, store: Store) -> None:
        self._store = store

    def tag_entries(self, id: int, tags: Iterable[str]) -> Entries:
        """Return what filing a picture under tags appends."""
        return [(self._tag(tag), id.to_bytes(4, "little")) for tag in tags]

    def bank_entries(self, id: int, banks: Iterable[int]) -> Entries:
        """Return what filing a picture under banks appends."""
        return [(self._bank(bank), id.to_bytes(4, "little")) for bank in banks]

    def source_entries(self, id: int, sources: Iterable[Source]) -> Entries:
        """Return what filing a picture under sources appends."""
        places = [self._source(source.kind, source.id) for source in sources]
        return [(key, id.to_bytes(4, "little") + check) for key, check in places]

    def refile(self, pictures: Iterable[tuple[int, Iterable[Source]]]) -> None:
        """File pictures under those of their sources in whose lists they are not, by id."""
        wanted = self._by_list(pictures)
        missing = list[tuple[bytes, bytes]]()
        # Each list once: a hash list of a million pictures has but one source, and its list is of megabytes.
        for (key, given), value in zip(wanted.items(), self._store.read(list(wanted)), strict=True):
            entries = np.frombuffer(b"".join(given), "<u8")
            absent = entries[~np.isin(entries, np.frombuffer(value or b"", "<u8"))]
            if absent.size:
                missing.append((key, absent.tobytes()))
        if missing:
            self._store.append(missing)

    def unfile(self, pictures: Iterable[tuple[int, Iterable[Source]]]) -> None:
        """Take pictures, by id, out of the lists of sources they are no longer known from."""
        pending = self._by_list(pictures)
        while pending:
            changes = []
            for (key, gone), value in zip(pending.items(), self._store.read(list(pending)), strict=True):
                entries = np.frombuffer(value or b"", "<u8")
                left = entries[~np.isin(entries, np.frombuffer(b"".join(gone), "<u8"))]
                if value is not None and len(left) < len(entries):
                    changes.append((key, value, left.tobytes()))
            written = self._store.replace_many(changes)
            pending = {key: pending[key] for (key, _, _), done in zip(changes, written, strict=True) if not done}

    def _by_list(self, pictures: Iterable[tuple[int, Iterable[Source]]]) -> dict[bytes, list[bytes]]:
        """Return the entries of pictures, by id, under their sources, by list."""
        found: dict[bytes, list[bytes]] = {}
        for id, sources in pictures:
            for key, entry in self.source_entries(id, sources):
                found.setdefault(key, []).append(entry)
        return found

    def tagged(self, tag: str) -> Ids:
        """Return the ids that were ever given a tag, newest first."""
        return self._ids(self._tag(tag))

    def banked(self, bank: int) -> Ids:
        """Return the ids that were ever put into a bank, newest first."""
        return self._ids(self._bank(bank))

    def seen_at(self, kind: str, id: str) -> Ids:
        """Return the ids that may have this source, newest first."""
        key, check = self._source(kind, id)
        entries = np.frombuffer(self._store.read([key])[0] or b"", "<u4").reshape(-1, 2)
        return _newest(entries[entries[:, 1] == int.from_bytes(check, "little"), 0])

    def widths(self) -> Iterator[tuple[bytes, int]]:
        """Yield the kind (the beginning of the key) and the bytes of an entry of all lists."""
        yield from ((b"t", 4), (b"k", 4), (b"o", 8))

    def _ids(self, key: bytes) -> Ids:
        return _newest(np.frombuffer(self._store.read([key])[0] or b"", "<u4"))

    def _tag(self, tag: str) -> bytes:
        return self._store.key(b"t", tag.encode("utf-8", "surrogatepass"))

    def _bank(self, bank: int) -> bytes:
        return self._store.key(b"k", str(bank).encode())

    def _source(self, kind: str, id: str) -> tuple[bytes, bytes]:
        digest = hashlib.sha256(f"{kind}:{id}".encode("utf-8", "surrogatepass")).digest()
        bucket = int.from_bytes(digest[:2], "big") % self.SOURCE_BUCKETS
        return self._store.key(b"o", bucket.to_bytes(2, "big")), digest[4:8]


def _newest(ids: Ids) -> Ids:
    return np.unique(ids)[::-1]


def _bank(value: dict[str, Any]) -> Bank:
    return Bank(**{**value, "tags": tuple(value["tags"]), "domains": tuple(value["domains"])})


def checked_bank(bank: Bank) -> Bank:
    """Return the bank. Raises BadRequest for a name, kind, threshold or time to keep that cannot be."""
    if not bank.name.strip() or len(bank.name) > _MAX_NAME or not bank.name.isprintable():
        raise BadRequest(f"{bank.name!r} cannot name a bank: it takes 1 to {_MAX_NAME} printable characters")
    if bank.kind not in KINDS:
        raise BadRequest(f"{bank.kind!r} is no kind of bank; choose one of {', '.join(KINDS)}")
    for name, value in bank.thresholds.items():
        algorithm, _, bound = name.rpartition(".")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not algorithm or bound not in ("yes", "maybe") or not number or not 0 <= value <= 1:
            raise BadRequest(f"threshold {name}={value} cannot be: write ALGORITHM.yes or ALGORITHM.maybe and a distance in 0..1")
    days = bank.keep_days
    if days is not None and (not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= _MAX_DAYS):
        raise BadRequest(f"pictures cannot be kept for {days!r} days: give a whole number up to {_MAX_DAYS}, 0 for ever")
    return bank
