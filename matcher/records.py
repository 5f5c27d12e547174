"""Records of pictures in Redis: one string each, a fixed head and a journal.

    version u8 | state u8 | generation u32, big endian | head length u16 | added u32 | SHA-256 32 | format u8 | width u32 | height u32
    | bytes u32 | fingerprints: count u8, each: name, version u8, length u16, value
    (a name is its place in NAMES, u8, or 255, length u8, text; a large fingerprint has length 0 and is kept beside the record)
    | journal: one JSON array a line, appended when something becomes known

The journal keeps sources, tags and banks, so that two writers never overwrite each other and one key tells all:
    ["s", kind, id, first seen, last seen, metadata, visibility]      ["x", kind, id, organisation if any] (forgets a source)
    ["t", "+" or "-", tag]      ["b", "+" or "-", bank id]      ["l", time] (last seen, at no source that is kept)
    ["g", cluster, cluster before ("": none; holds only where that was so)]      ["p"] (was looked up among the others for clusters)
A record is pending until its postings are filed, then live; removed, it is a tombstone until its postings are gone.
Large fingerprints (local features) have a key of their own, read only for the few candidates worth it.
A picture may be known by a fingerprint alone, as hash lists give them: format FINGERPRINT, no size, and for its SHA-256 that of
the fingerprint.
"""

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.errors import StoreMismatch
from matcher.protocol import cut, gathered, side_by_side, string, strings
from matcher.source import Source
from matcher.store import Store

PENDING, LIVE, REMOVED = b"P", b"L", b"X"
FINGERPRINT = "FINGERPRINT"
FORMATS = ("?", "PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO", FINGERPRINT)
NAMES = (
    *("pdq", "pdq-trimmed", "tiles", "local", "ahash", "phash", "dhash", "whash", "tlsh", "photodna", "goldberg", "phash-576"),
    *("phash-simple", "dhash-vertical", "colorhash", "crop-resistant", "rgb-histogram", "tlsh-pixels", "orb-ransac", "bow"),
    *("text", "caption", "scene", "embedding", "tiles-trimmed", "sub-pictures"),
)
# In front of the number that stands for the name of an algorithm which only a newer program knows: records of a rolling upgrade.
_UNKNOWN = "#"
_FORMAT_CODES = {format: code for code, format in enumerate(FORMATS)}
_CODES = {name: bytes([code]) for code, name in enumerate(NAMES)}
LAYOUT = 1
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_FIXED = struct.Struct("<Bc4sHI32sBIII")
_PRINT = struct.Struct("<BH")
_TOMBSTONE = struct.Struct("<Bc4sd")
# Bytes of a record from which on its journal is compacted, each time it has grown by an eighth or more.
_JOURNAL_LIMIT = 8192
_COMPACTIONS = 3
PLACED = ["p"]

# ARGV: generation, record. Writes unless the picture is live, removed, or in the hands of a later generation.
_PUT = """
local head = redis.call('GETRANGE', KEYS[1], 0, 5)
if head ~= '' then
  if head:sub(2, 2) ~= 'P' or head:sub(3, 6) > ARGV[1] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
# ARGV: generation. Makes our own pending record live.
_PUBLISH = """
local head = redis.call('GETRANGE', KEYS[1], 0, 5)
if head:sub(2, 2) ~= 'P' or head:sub(3, 6) ~= ARGV[1] then return 0 end
redis.call('SETRANGE', KEYS[1], 1, 'L')
return 1
"""
# ARGV: tombstone. Deleting first is allowed when memory is full, and what follows it then too.
_BURY = """
local state = redis.call('GETRANGE', KEYS[1], 1, 1)
if state ~= 'P' and state ~= 'L' then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""
# ARGV: tombstone. For an id that was given and never written under.
_FORBID = "return redis.call('SET', KEYS[1], ARGV[1], 'NX') and 1 or 0"
# ARGV: line. Answers the new length, 0 when there is no such picture.
_JOURNAL = """
local state = redis.call('GETRANGE', KEYS[1], 1, 1)
if state ~= 'P' and state ~= 'L' then return 0 end
return redis.call('APPEND', KEYS[1], ARGV[1])
"""


@dataclass(frozen=True)
class Record:
    """What the store knows of one picture. Times are seconds since the epoch, sizes pixels and bytes.

    fingerprints: algorithm -> bytes, without the large ones; versions: algorithm -> version, of all. banks: names, bank_ids: as stored.
    sensitive: nothing but the match may be shown of it; told by whoever names its banks. seen: when last, at no source that is kept.
    group: the cluster it joined, as stored; cluster: the one it is in today, "" for none; told by whoever follows that.
    placed: whether it was looked up among the others, for its cluster.
    """

    id: int
    sha256: str
    format: str
    size: tuple[int, int]
    bytes_size: int
    added: float
    fingerprints: dict[str, bytes] = field(repr=False)
    versions: dict[str, int] = field(repr=False)
    sources: tuple[Source, ...] = ()
    tags: tuple[str, ...] = ()
    bank_ids: tuple[int, ...] = ()
    banks: tuple[str, ...] = ()
    sensitive: bool = False
    seen: float = 0.0
    group: str = ""
    cluster: str = ""
    placed: bool = False

    @property
    def last_seen(self) -> float:
        """When the picture was last seen; where that is unknown, when it was added."""
        return max([self.seen, *(source.last_seen or source.first_seen for source in self.sources)]) or self.added

    @property
    def fingerprint_only(self) -> bool:
        """Whether nobody here ever saw the picture: it came as a fingerprint, from a hash list."""
        return self.format == FINGERPRINT


@dataclass(frozen=True)
class Entry:
    """A record as read: its state, and the picture unless it was removed."""

    id: int
    state: bytes
    generation: int
    record: Record | None
    buried: float = 0.0

    @property
    def live(self) -> bool:
        """Whether the picture answers."""
        return self.state == LIVE

    def of_another(self, sha256: str) -> bool:
        """Whether it is another picture's: the number was given twice, as a failover that lost the last ones given has it."""
        return self.record is not None and self.record.sha256 != sha256


# Returns what is to be left of a picture, itself where that is all, None for nothing.
Judge = Callable[[Record], Record | None]


class Records:
    """All records of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, ids: Iterable[int]) -> "dict[int, Entry]":
        """Return what is stored under each id; unknown ids are absent."""
        ids = list(ids)
        values = self._store.read([self.key(id) for id in ids])
        return {id: unpack(id, value) for id, value in zip(ids, values, strict=True) if value}

    def taken(self, wanted: Mapping[int, str]) -> set[int]:
        """Return under which ids another picture is than wanted, by its SHA-256: a failover may give a number twice."""
        there = self.read(wanted)
        return {id for id, entry in there.items() if entry.record is None or entry.record.sha256 != wanted[id]}

    def live(self, ids: Iterable[int]) -> dict[int, Record]:
        """Return the pictures that answer, in the order of `ids`."""
        return {id: entry.record for id, entry in self.read(ids).items() if entry.live and entry.record is not None}

    def put(self, record: Record, generation: int) -> bool:
        """Write a pending record; False when the picture is live, removed or taken over by a later generation."""
        return self.put_again([(record.id, generation, pack(record, PENDING, generation))])[0]

    def put_again(self, records: Sequence[tuple[int, int, bytes]]) -> list[bool]:
        """Do for many pictures, given by id, generation and packed record, what `put` does for one."""
        calls = [(self.key(id), _rank(generation), value) for id, generation, value in records]
        return [outcome == 1 for outcome in self._store.run_many(_PUT, calls).tolist()]

    def put_new(self, ids: Sequence[int], values: Iterable[bytes]) -> NDArray[np.bool_]:
        """Write packed records under new ids; return under which of them nothing was, bool (n,)."""
        head = self._store.key(b"r")
        start = b"*3\r\n$5\r\nSETNX\r\n$%d\r\n%b" % (len(head) + 4, head)
        each = (
            b"%b%b\r\n$%d\r\n%b\r\n" % (start, id.to_bytes(4, "little"), len(value), value) for id, value in zip(ids, values, strict=True)
        )
        return np.asarray(self._store.numbers(gathered(each)) == 1)

    def publish_many(self, ids: NDArray[np.uint32], generations: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Make pending records live, uint32 (n,); return which of them were still of these generations."""
        ids, generations = ids.astype("<u4").reshape(-1, 1), generations.astype(">u4").reshape(-1, 1)
        keys = side_by_side(self._store.key(b"r"), ids.view(np.uint8))
        start = b"*5\r\n$7\r\nEVALSHA\r\n" + string(self._store.script(_PUBLISH)) + string(b"1")
        return np.asarray(self._store.numbers(cut(side_by_side(start, strings(keys), strings(generations.view(np.uint8))))) == 1)

    def publish(self, id: int, generation: int) -> bool:
        """Make the pending record live; False when it is no longer ours."""
        return bool(self._store.run(_PUBLISH, self.key(id), _rank(generation)))

    def revise(self, ids: Iterable[int], judges: Callable[[], Judge], now: float) -> list[tuple[Record, Record | None]]:
        """Write what a judge makes of pictures in their place, or bury them where that is None; return what they were and are.

        judges: called for a judge each time after pictures were read. What is judged is what is replaced: where others write
        meanwhile, it is judged anew. Those that are left as they are, or are not there, are not returned.
        """
        found, pending = list[tuple[Record, Record | None]](), list(ids)
        while pending:
            values = self._store.read([self.key(id) for id in pending])
            judge, changes = judges(), list[tuple[int, bytes, bytes, Record, Record | None]]()
            for id, value in zip(pending, values, strict=True):
                entry = unpack(id, value) if value else None
                if value is None or entry is None or entry.record is None:
                    continue
                revised = judge(entry.record)
                if revised is not entry.record:
                    new = pack(revised, entry.state, entry.generation) if revised is not None else _tombstone(now)
                    changes.append((id, value, new, entry.record, revised))
            written = self._store.replace_many([(self.key(id), old, new) for id, old, new, _, _ in changes])
            found += [(before, after) for (_, _, _, before, after), done in zip(changes, written, strict=True) if done]
            pending = [id for (id, *_), done in zip(changes, written, strict=True) if not done]
        return found

    def bury(self, id: int, now: float) -> bool:
        """Hide a picture for good; False when there is none."""
        return bool(self._store.run(_BURY, self.key(id), _tombstone(now)))

    def forbid(self, id: int, now: float) -> bool:
        """See to it that nothing is ever written under an id; False when something is."""
        return self.forbid_many([id], now)[0]

    def forbid_many(self, ids: Iterable[int], now: float) -> list[bool]:
        """Do for many ids what `forbid` does for one."""
        return [done == 1 for done in self._store.run_many(_FORBID, [(self.key(id), _tombstone(now)) for id in ids]).tolist()]

    def journal(self, id: int, *lines: list[Any]) -> bool:
        """Note what has become known; False when there is no such picture."""
        return self.journal_many([(id, lines)])[0]

    def journal_many(self, notes: Iterable[tuple[int, Iterable[list[Any]]]]) -> list[bool]:
        """Do for many pictures what `journal` does for one."""
        texts = [(id, b"".join(map(_line, lines))) for id, lines in notes]
        lengths = self._store.run_many(_JOURNAL, [(self.key(id), text) for id, text in texts]).tolist()
        for (id, text), length in zip(texts, lengths, strict=True):
            if length > _JOURNAL_LIMIT and _step(length) > _step(length - len(text)):
                self.compact(id)
        return [length > 0 for length in lengths]

    def compact(self, id: int, least: float = 0.25) -> bool:
        """Rewrite a record's journal without what it repeats or takes back, where that saves `least` of its bytes, 0..1.

        False where it does not, and when others wrote all the while.
        """
        for _ in range(_COMPACTIONS):
            value = self._store.read([self.key(id)])[0]
            entry = unpack(id, value) if value else None
            if value is None or entry is None or entry.record is None:
                return False
            smaller = pack(entry.record, entry.state, entry.generation)
            if len(value) - len(smaller) <= len(value) * least:
                return False
            if self._replace(id, value, smaller):
                return True
        return False

    def compact_many(self, ids: Iterable[int]) -> int:
        """Rewrite the journals of many records that repeat anything or take it back; return how many that changed.

        Raises StoreMismatch for one that cannot be read.
        """
        ids = list(ids)
        changes = list[tuple[bytes, bytes, bytes]]()
        for id, value in zip(ids, self._store.read([self.key(id) for id in ids]), strict=True):
            entry = unpack(id, value) if value else None
            if value and entry is not None and entry.record is not None:
                smaller = pack(entry.record, entry.state, entry.generation)
                changes += [(self.key(id), value, smaller)] if len(smaller) < len(value) else []
        return sum(self._store.replace_many(changes))

    def renew(self, id: int, fingerprints: Mapping[str, bytes], versions: Mapping[str, int]) -> bool:
        """Give a live picture fingerprints of another version; False when its record changed meanwhile or it is gone."""
        value = self._store.read([self.key(id)])[0]
        entry = unpack(id, value) if value else None
        if value is None or entry is None or not entry.live or entry.record is None:
            return False
        kept = {name: old for name, old in entry.record.fingerprints.items() if name not in versions}
        newer = replace(entry.record, fingerprints=kept | dict(fingerprints), versions=entry.record.versions | dict(versions))
        return self._replace(id, value, pack(newer, entry.state, entry.generation))

    def purge(self, id: int) -> bool:
        """Delete a tombstone; ids are never given again."""
        value = self._store.read([self.key(id)])[0]
        return value is not None and value[1:2] == REMOVED and self._replace(id, value, b"")

    def ids(self) -> Iterable[int]:
        """Yield the id of every record, in no order."""
        start = len(self._store.key(b"r"))
        return (int.from_bytes(key[start:], "little") for key in self._store.scan(b"r") if len(key) == start + 4)

    def _replace(self, id: int, old: bytes, new: bytes) -> bool:
        return self._store.replace(self.key(id), old, new)

    def key(self, id: int) -> bytes:
        """Return the key of a record."""
        return self._store.key(b"r", id.to_bytes(4, "little"))


def identity(algorithm: str, value: bytes) -> str:
    """Return what stands for the SHA-256 of a picture known by this fingerprint alone, in hexadecimal."""
    return sha256(b"kuato:" + algorithm.encode() + b":" + value).hexdigest()


def pack(record: Record, state: bytes, generation: int) -> bytes:
    """Return the bytes of a record as stored."""
    prints = b"%c" % len(record.versions)
    for name, version in record.versions.items():
        value = record.fingerprints.get(name, b"")
        prints += (_CODES.get(name) or _packed_name(name)) + _PRINT.pack(version, len(value)) + value
    head = _FIXED.pack(
        LAYOUT,
        state,
        _rank(generation),
        _FIXED.size + len(prints),
        round(record.added),
        bytes.fromhex(record.sha256),
        _FORMAT_CODES.get(record.format, 0),
        *record.size,
        record.bytes_size,
    )
    journal = "".join(map(_source_text, record.sources))
    if record.tags or record.bank_ids or record.seen:
        journal += "".join(map(_text, journal_lines((), record.tags, record.bank_ids, record.seen)))
    journal += _text(group_line(record.group, "")) if record.group else ""
    journal += _text(PLACED) if record.placed else ""
    return b"".join((head, prints, journal.encode("utf-8", "surrogatepass")))


def as_stored(record: Record) -> Record:
    """Return a record as it is read once written: times in whole seconds, every source once."""
    return unpack(record.id, pack(record, PENDING, 0)).record or record


def unpack(id: int, value: bytes) -> Entry:
    """Return the entry stored as `value`. Raises StoreMismatch for bytes that are no record of this layout."""
    try:
        return _unpack(id, value)
    except (struct.error, LookupError, ValueError, TypeError) as error:
        raise StoreMismatch(
            f"record {id} cannot be read ({error}); another version wrote it, or something else under our prefix"
        ) from error


def _unpack(id: int, value: bytes) -> Entry:
    if value[1:2] == REMOVED:
        _, state, generation, buried = _TOMBSTONE.unpack(value)
        return Entry(id, state, int.from_bytes(generation, "big"), None, buried)
    layout, state, generation, length, added, sha256, format_code, width, height, size = _FIXED.unpack_from(value)
    if layout != LAYOUT:
        raise ValueError(f"layout {layout}, not {LAYOUT}")
    fingerprints, versions, at = {}, {}, _FIXED.size + 1
    for _ in range(value[_FIXED.size]):
        name, at = (NAMES[value[at]], at + 1) if value[at] < len(NAMES) else _unpacked_name(value, at)
        # As _PRINT has it, without the cost of a tuple: a search reads a hundred records.
        versions[name], span = value[at], value[at + 1] | value[at + 2] << 8
        if span:
            fingerprints[name] = value[at + 3 : at + 3 + span]
        at += 3 + span
    story = _fold(value[length:])
    record = Record(id, sha256.hex(), FORMATS[format_code], (width, height), size, added, fingerprints, versions, **story)
    return Entry(id, state, int.from_bytes(generation, "big"), record)


def _packed_name(name: str) -> bytes:
    if name[:1] == _UNKNOWN and name[1:].isdigit():
        return bytes([int(name[1:])])
    return bytes([255, len(name.encode())]) + name.encode()


def _unpacked_name(value: bytes, at: int) -> tuple[str, int]:
    """Return a name that is no place in NAMES, and where it ends."""
    if value[at] < 255:
        return f"{_UNKNOWN}{value[at]}", at + 1
    end = at + 2 + value[at + 1]
    return value[at + 2 : end].decode(), end


def source_line(source: Source) -> list[Any]:
    """Return the journal line of a source, without what is empty at its end, or the last time where it is the first."""
    line: list[Any] = ["s", source.kind, source.id, round(source.first_seen), round(source.last_seen), source.metadata, source.visibility]
    while not line[-1] and len(line) > 5:
        line.pop()
    return line if len(line) > 5 or line[3] != line[4] else line[:4]


def forgetting_line(source: Source) -> list[Any]:
    """Return the journal line that takes a source away."""
    return ["x", source.kind, source.id, *([source.org] if source.org else [])]


def group_line(new: str, before: str) -> list[Any]:
    """Return the journal line that moves a picture from a cluster to another, "" for none; it holds only where it was in that one."""
    return ["g", new, before] if before else ["g", new]


def journal_lines(sources: Iterable[Source], tags: Iterable[str], bank_ids: Iterable[int], seen: float = 0.0) -> list[list[Any]]:
    """Return the journal lines that give a picture sources, tags and banks. seen: when last, at no source; 0: no such line."""
    return [
        *(source_line(source) for source in sources),
        *(["t", "+", tag] for tag in tags),
        *(["b", "+", bank] for bank in bank_ids),
        *([["l", round(seen)]] if seen else []),
    ]


def _tombstone(now: float) -> bytes:
    return _TOMBSTONE.pack(LAYOUT, REMOVED, _rank(0xFFFFFFFF), now)


def _rank(generation: int) -> bytes:
    return generation.to_bytes(4, "big")


def _line(line: list[Any]) -> bytes:
    return _text(line).encode("utf-8", "surrogatepass")


def _text(line: list[Any]) -> str:
    return _JSON.encode(line) + "\n"


def _source_text(source: Source) -> str:
    first = round(source.first_seen)
    if source.metadata or source.visibility or first != round(source.last_seen):
        return _text(source_line(source))
    # Most sources; a third of the time.
    return f'["s",{encode_basestring(source.kind)},{encode_basestring(source.id)},{first}]\n'


def _step(length: int) -> int:
    """Return in which of the steps of 1/8 to 1/4, from each power of two to the next, a length lies."""
    bits = length.bit_length()
    return bits * 4 + (length >> max(bits - 3, 0)) % 4


def _without(sources: Mapping[tuple[str, ...], Source], identity: tuple[str, ...]) -> dict[tuple[str, ...], Source]:
    """Return the sources but one, each in the place that it has without that one."""
    left: dict[tuple[str, ...], Source] = {}
    for source in sources.values():
        if source.identity != identity:
            left[source.place(left)] = source
    return left


def _fold(journal: bytes) -> dict[str, Any]:
    """Return what a journal tells, by the fields of a Record."""
    sources: dict[tuple[str, ...], Source] = {}
    kept: dict[str, dict[Any, None]] = {"t": {}, "b": {}}
    last, group, placed = 0.0, "", False
    # Within JSON a line's end is escaped, so what ends a line separates: one document is read faster than many.
    lines = journal.decode("utf-8", "surrogatepass").rstrip("\n").replace("\n", ",")
    for what, *rest in json.loads(f"[{lines}]"):
        if what == "s":
            seen = Source(*rest[:3], *(rest[3:] or rest[2:3]))
            place: tuple[str, ...] = (seen.kind, seen.id)
            if place in sources:
                place = seen.place(sources)
                seen = seen.merged_with(sources.get(place))
            sources[place] = seen
        elif what == "x":
            sources = _without(sources, (*rest, "")[:3])
        elif what == "l":
            last = max(last, float(rest[0]))
        elif what == "g":
            group = str(rest[0]) if group == (*rest, "")[1] else group
        elif what == "p":
            placed = True
        elif rest[0] == "+":
            kept[what][rest[1]] = None
        else:
            kept[what].pop(rest[1], None)
    told = {"sources": tuple(sources.values()), "tags": tuple(kept["t"]), "bank_ids": tuple(kept["b"])}
    return {**told, "seen": last, "group": group, "placed": placed}
