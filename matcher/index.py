"""The inverted index: a fingerprint has keys, a key has a posting list, a query reads the lists of its probe keys.

A posting list is one Redis string grown by APPEND, so an entry is there or not, and no process keeps an index of its own.
Entries are hints: an id may stand twice, or be of a picture that was removed; the record decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.store import Store

Ids = NDArray[np.uint32]
Entries = list[tuple[bytes, bytes]]
Number = TypeVar("Number", bound=np.generic)
_MERGED = 16


@dataclass(frozen=True)
class Candidates:
    """ids: uint32 (n,), each once. truncated: a list was longer than what is read of it."""

    ids: Ids
    truncated: bool = False


class Room:
    """The room that lists were left to grow when much was appended to them."""

    def __init__(self) -> None:
        self._words: dict[bytes, list[NDArray[Any]]] = {}

    def note(self, prefix: bytes, words: NDArray[Any]) -> None:
        """Remember lists: the beginning of their keys, and the end of each, uint16 or uint32 (n,)."""
        some = self._words.setdefault(prefix, [])
        some.append(words)
        if len(some) > _MERGED:
            self._words[prefix] = [np.unique(np.concatenate(some))]

    def give_back(self, store: Store) -> None:
        """Let the lists have just the memory they need."""
        words, self._words = self._words, {}
        for prefix, some in words.items():
            store.shorten(prefix, np.unique(np.concatenate(some)))


ENTRY = 16
INDEXED = (64, 256, 576)  # the bits of fingerprints that it takes
# By the bits of a fingerprint, how many words of 32 bits beyond a band's own its check bytes come from.
_CHECKED = {256: (1, 3, 6), 576: (1, 7, 13)}
# Of the 96 check bits of 576, how many may differ: in copies 64 of all 576 do, in others half of them.
_CLOSE = 32


class BandIndex:
    """Finds all fingerprints of 64, 256 or 576 bits within a radius, by the pigeonhole principle.

    The bits are cut into bands of 16. Two fingerprints within `radius` bits agree in at least one band but for one bit
    (256 bits: 31 = 16 bands x 2 - 1; 64 bits: 7; 576 bits: 71). A band's key is its first KEY_BITS bits: at most
    1 + KEY_BITS lists a band hold all that differs there by one bit. An entry is the id and 12 check bytes (six other bands;
    for 64 bits the whole fingerprint, and zeros), enough to drop all but one in 3,000 unrelated entries before a record is
    read. Of 576 bits the radius is not held against the check bytes, which would drop nothing, but `_CLOSE`: a fingerprint
    within the radius is missed only if its differences crowd in the check bytes of each band that led to it.
    Source: M. Norouzi, A. Punjani, D. J. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012; the
    coarser keys and check bytes are ours.
    """

    KEY_BITS = 14
    MAX_ENTRIES = 20_000
    AT_ONCE = 4  # fingerprints whose lists are read together: with the longest of lists, some 300 MB

    def __init__(self, store: Store, space: str, bits: int) -> None:
        self._store = store
        self._bits = bits
        self._bands = bits // 16
        self.radius = 2 * self._bands - 1
        self._words = bits // 32
        self._close = _CLOSE if bits == 576 else self.radius
        # Six other bands, so that a band's own bit that differs is not asked for twice; the index behind the last is a word of zeros.
        own = np.arange(self._bands)[:, None] // 2
        self._check = (own + _CHECKED[bits]) % self._words if bits in _CHECKED else own * 0 + [0, 1, self._words]
        kind = b"p" + space.encode() + b":"
        self.width = (kind, ENTRY)
        self._prefixes = [store.key(kind, bytes([band])) for band in range(self._bands)]
        self.probe_count = self._bands * (1 + self.KEY_BITS)
        self._heads = np.frombuffer(b"".join(self._prefixes), np.uint8).reshape(self._bands, -1)
        self._masks = np.concatenate([[0], 1 << np.arange(self.KEY_BITS)]).astype(np.uint16)

    def entries(self, id: int, fingerprint: bytes) -> Entries:
        """Return what filing the fingerprint under `id` appends: (key, entry) pairs."""
        entries = self._checks(np.frombuffer(fingerprint, np.uint32))
        entries[:, 0] = id
        return [
            (prefix + key, entry.tobytes()) for prefix, key, entry in zip(self._prefixes, self._keys(fingerprint), entries, strict=True)
        ]

    def file_many(self, ids: Ids, fingerprints: NDArray[np.uint8], room: Room) -> None:
        """File many fingerprints, uint8 (n, bits / 8), under their ids, uint32 (n,), as `entries` tells of one."""
        bands = fingerprints.view(">u2").astype(np.uint16) >> np.uint16(16 - self.KEY_BITS)
        words = np.zeros((len(fingerprints), self._words + 1), np.uint32)
        words[:, : self._words] = fingerprints.view(np.uint32)
        for band, prefix in enumerate(self._prefixes):
            entries = np.concatenate([ids.astype(np.uint32)[:, None], words[:, self._check[band]]], axis=1)
            room.note(prefix, self._store.file(prefix, bands[:, band], np.ascontiguousarray(entries).view(np.uint8)))

    def search(self, fingerprint: bytes) -> Candidates:
        """Return a superset of all ids within the radius, nearly free of others."""
        return self.search_many([fingerprint])[0]

    def search_many(self, fingerprints: Sequence[bytes]) -> list[Candidates]:
        """Return the same for each of some fingerprints, in fewer questions to Redis."""
        parts = [fingerprints[at : at + self.AT_ONCE] for at in range(0, len(fingerprints), self.AT_ONCE)]
        return [found for part in parts for found in self._together(part)]

    def _together(self, fingerprints: Sequence[bytes]) -> list[Candidates]:
        count, size = len(fingerprints), len(self._masks)
        values = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(count, -1)
        bands = (values.view(">u2") >> (16 - self.KEY_BITS)).astype(np.uint16)
        probes = (bands[..., None] ^ self._masks).astype(">u2").reshape(-1, 1)
        heads = np.tile(np.repeat(self._heads, size, axis=0), (count, 1))
        lists = [value or b"" for value in self._store.read_block(np.hstack([heads, probes.view(np.uint8)]))]
        lengths = np.fromiter(map(len, lists), np.int64, len(lists)) // ENTRY
        truncated = np.asarray(lengths.reshape(count, -1).max(axis=1) > self.MAX_ENTRIES, np.bool_)
        if truncated.any():
            lists = [value[-self.MAX_ENTRIES * ENTRY :] for value in lists]
            lengths = np.minimum(lengths, self.MAX_ENTRIES)
        entries = np.frombuffer(b"".join(lists), np.uint64).reshape(-1, 2)
        checks = self._checks(values.view(np.uint32)).reshape(-1, ENTRY // 4)
        wanted = np.repeat(checks, lengths.reshape(-1, size).sum(axis=1), axis=0).view(np.uint64)
        # The low half of the first word is the id.
        distance = np.bitwise_count((entries[:, 0] ^ wanted[:, 0]) >> np.uint64(32))
        distance += np.bitwise_count(entries[:, 1] ^ wanted[:, 1])
        near = np.flatnonzero(distance <= self._close)
        ids = entries[near, 0].astype(np.uint32)
        ends = np.searchsorted(near, lengths.reshape(count, -1).sum(axis=1).cumsum())
        return [Candidates(np.unique(some), cut) for some, cut in zip(np.split(ids, ends[:-1]), truncated.tolist(), strict=True)]

    def same(self, fingerprint: bytes) -> Candidates:
        """Return a superset of the ids with this very fingerprint, by one list; nearly free of others, and of 64 bits free of them."""
        key, entry = self.entries(0, fingerprint)[0]
        (value,) = self._store.read([key])
        entries = np.frombuffer(value or b"", np.uint32).reshape(-1, ENTRY // 4)
        truncated = len(entries) > self.MAX_ENTRIES
        entries = entries[-self.MAX_ENTRIES :]
        equal = (entries[:, 1:] == np.frombuffer(entry, np.uint32)[1:]).all(axis=1)
        return Candidates(np.unique(entries[equal, 0]), truncated)

    def _checks(self, words: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return an entry without its id for each band, uint32 (.., bands, 4), of fingerprints given as uint32 (.., bits / 32)."""
        padded = np.zeros((*words.shape[:-1], self._words + 1), np.uint32)
        padded[..., : words.shape[-1]] = words
        return np.concatenate([np.zeros((*words.shape[:-1], self._bands, 1), np.uint32), padded[..., self._check]], axis=-1)

    def _keys(self, fingerprint: bytes) -> list[bytes]:
        raw = (np.frombuffer(fingerprint, ">u2") >> (16 - self.KEY_BITS)).astype(">u2").tobytes()
        return [raw[n : n + 2] for n in range(0, len(raw), 2)]


@dataclass(frozen=True)
class Ballot:
    """The outcome of a vote.

    ids: uint32 (n,), most votes first. votes: float64 (n,). lengths: int64, of the list of each probe.
    """

    ids: Ids
    votes: NDArray[np.float64]
    lengths: NDArray[np.int64]

    def rarity(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return for each item, of which each probe has one, how rare its keys are in the store: 1 (nobody else has them) to 0."""
        shares = np.bincount(items, 1.0 / np.maximum(self.lengths, 1), minlength=int(items.max(initial=-1)) + 1)
        return np.asarray(shares / np.maximum(np.bincount(items, minlength=len(shares)), 1), np.float64)


class VoteIndex:
    """Finds pictures that share many keys with the query: each probed list gives its ids the more votes the shorter it is.

    Keys are integers below 2^24; `slot` (a tile's position, a descriptor's sample) keeps lists apart that mean different
    things. Only the newest `cap` entries of a list are read. A vote is log(1 + pictures / length of the list) squared, the length being
    that of the whole list: what half of the store shows says little (K. Sparck Jones, "A statistical interpretation of term
    specificity and its application in retrieval", J. of Documentation 28, 1972).
    """

    def __init__(self, store: Store, space: str, cap: int = 1024) -> None:
        self._store = store
        kind = b"v" + space.encode() + b":"
        self.width = (kind, 4)
        self._prefix = store.key(kind)
        self._cap = cap

    def entries(self, id: int, slots: NDArray[np.integer], keys: NDArray[np.integer]) -> Entries:
        """Return what filing `id` under each (slot, key) appends; the same key in one slot counts once."""
        entry, words = id.to_bytes(4, "little"), self.words(slots, keys).astype(">u4").tobytes()
        return [(self._prefix + words[at : at + 4], entry) for at in range(0, len(words), 4)]

    def words(self, slots: NDArray[np.integer], keys: NDArray[np.integer]) -> NDArray[np.uint32]:
        """Return slots and keys as one number each; the same key in one slot counts once."""
        return np.unique((slots.astype(np.uint32) << 24) | keys.astype(np.uint32))

    def file_many(self, ids: Ids, words: NDArray[np.uint32], room: Room) -> None:
        """File ids, uint32 (n,), each under the word beside it, uint32 (n,)."""
        room.note(self._prefix, self._store.file(self._prefix, words, ids.astype("<u4").view(np.uint8).reshape(-1, 4)))

    def vote(self, slots: NDArray[np.integer], keys: NDArray[np.integer], most: int) -> Ballot:
        """Return the `most` pictures with most votes from the lists of the probes; of equals, the older ones."""
        return self.vote_many([(slots, keys)], most)[0]

    def vote_many(self, probes: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]], most: int) -> list[Ballot]:
        """Return the same for each of some queries, given by slots and keys, in fewer questions to Redis."""
        if not probes:
            return []
        asked = np.concatenate([self._keys(slots, keys) for slots, keys in probes])
        lists = self._store.tails(asked, 4 * self._cap)
        read = np.fromiter(map(len, lists), np.int64, len(lists)) // 4
        lengths = read.copy()
        cut = np.flatnonzero(read >= self._cap)
        lengths[cut] = np.maximum(self._store.lengths(asked[cut]), 4 * self._cap) // 4
        ends = np.cumsum([len(slots) for slots, _ in probes]).tolist()
        parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        return [_counted(b"".join(lists[part]), read[part], lengths[part], most) for part in parts]

    def _keys(self, slots: NDArray[np.integer], keys: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the keys in Redis, uint8 (n, length)."""
        raw = ((slots.astype(np.uint32) << 24) | keys.astype(np.uint32)).astype(">u4").reshape(-1, 1)
        return np.hstack([np.tile(np.frombuffer(self._prefix, np.uint8), (len(raw), 1)), raw.view(np.uint8)])


def _counted(entries: bytes, read: NDArray[np.int64], lengths: NDArray[np.int64], most: int) -> Ballot:
    """Return the outcome of a vote. entries: ids, list by list. read: how many of each list are there, of how many: lengths, (n,)."""
    ids = np.frombuffer(entries, np.uint32)
    pictures = int(ids.max(initial=0))  # the newest number met: near enough
    weights = np.repeat(np.log1p(pictures / np.maximum(lengths, 1)) ** 2, read)
    if ids.size and pictures < 32 * ids.size:  # a table of all ids is smaller work than sorting those at hand
        votes = np.bincount(ids, weights)
        distinct = np.flatnonzero(votes > 0)  # of flags many at a time
        votes = votes[distinct]
    else:
        distinct, places = np.unique(ids, return_inverse=True)
        votes = np.bincount(places, weights, len(distinct))
    if len(distinct) > most:
        least = np.partition(votes, -most)[-most]
        distinct, votes = distinct[votes >= least], votes[votes >= least]
    order = np.argsort(-votes, kind="stable")[:most]
    return Ballot(distinct[order].astype(np.uint32), votes[order].astype(np.float64), lengths)
