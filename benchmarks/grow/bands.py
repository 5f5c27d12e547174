"""Bands of any number and width, to try what the index of tomorrow may use: how many lists a search reads, and how long they are."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from matcher.index import ENTRY, Room
from matcher.store import Store

BITS = 256
_WORDS = BITS // 32
_CHECKED = (1, 3, 6)
_AT_ONCE = 50_000
_RADIUS = 31


@dataclass(frozen=True)
class Layout:
    """bands: into how many the 256 bits are cut. key_bits: of each, its first ones are the key. flips: bits of a key that may differ."""

    bands: int
    key_bits: int
    flips: int

    @property
    def exact(self) -> int:
        """The radius within which nothing is missed: two hashes so near agree in some band but for `flips` bits."""
        return self.bands * (self.flips + 1) - 1

    @property
    def masks(self) -> NDArray[np.uint32]:
        """What a key is changed by to get those that differ by at most `flips` bits, uint32 (n,)."""
        chosen = (bits for count in range(self.flips + 1) for bits in combinations(range(self.key_bits), count))
        return np.array([sum(1 << bit for bit in bits) for bits in chosen], np.uint32)

    @property
    def lists(self) -> int:
        """How many lists a search reads."""
        return self.bands * len(self.masks)

    def bytes_read(self, pictures: float) -> float:
        """Bytes of all the lists of a search among so many pictures."""
        return self.lists * ENTRY * pictures / 2**self.key_bits

    def __str__(self) -> str:
        return f"{self.bands} bands, {self.key_bits} bits, {self.flips} flip{'s' * (self.flips != 1)}"


class Bands:
    """An index by one layout: entries as `matcher.index.BandIndex` has them."""

    def __init__(self, store: Store, layout: Layout) -> None:
        self._store, self._layout = store, layout
        bounds = np.linspace(0, BITS, layout.bands + 1).round().astype(int)
        self._starts = bounds[:-1]
        assert np.diff(bounds).min() >= layout.key_bits
        name = b"p%d-%d-%d:" % (layout.bands, layout.key_bits, layout.flips)
        self._prefixes = [store.key(name, bytes([band])) for band in range(layout.bands)]
        self._heads = np.frombuffer(b"".join(self._prefixes), np.uint8).reshape(layout.bands, -1)
        self._checked = (self._starts[:, None] // 32 + _CHECKED) % _WORDS
        self._masks = layout.masks

    def fill(self, known: NDArray[np.uint8]) -> None:
        """File hashes, uint8 (n, 32), under the ids from 1 on."""
        room = Room()
        for start in range(0, len(known), _AT_ONCE):
            some = known[start : start + _AT_ONCE]
            ids = np.arange(start + 1, start + 1 + len(some), dtype=np.uint32)[:, None]
            keys, words = self._keys(some), some.view(np.uint32)
            for band, prefix in enumerate(self._prefixes):
                entries = np.ascontiguousarray(np.hstack([ids, words[:, self._checked[band]]]))
                room.note(prefix, self._store.file(prefix, keys[:, band], entries.view(np.uint8)))
        room.give_back(self._store)

    def search(self, query: NDArray[np.uint8]) -> NDArray[np.uint32]:
        """Return the ids of a superset of what is within 31 bits of a hash, uint8 (32,)."""
        size = len(self._masks)
        probes = (self._keys(query[None])[0][:, None] ^ self._masks).astype(">u4").reshape(-1, 1)
        keys = np.hstack([np.repeat(self._heads, size, axis=0), probes.view(np.uint8)])
        lists = [value or b"" for value in self._store.read_block(keys)]
        lengths = np.fromiter(map(len, lists), np.int64, len(lists)) // ENTRY
        entries = np.frombuffer(b"".join(lists), np.uint32).reshape(-1, 4)
        wanted = query.view(np.uint32)[self._checked]
        of_band = np.repeat(np.arange(self._layout.bands), lengths.reshape(-1, size).sum(axis=1))
        distance = np.bitwise_count(entries[:, 1:] ^ wanted[of_band]).sum(axis=1)
        return np.unique(entries[distance <= _RADIUS, 0])

    def _keys(self, hashes: NDArray[np.uint8]) -> NDArray[np.uint32]:
        """Return the key of each band, uint32 (n, bands)."""
        bits = np.unpackbits(hashes, axis=1)
        powers = (1 << np.arange(self._layout.key_bits)[::-1]).astype(np.uint32)
        return np.stack([bits[:, start : start + self._layout.key_bits] @ powers for start in self._starts], axis=1).astype(np.uint32)
