"""Made-up 256-bit hashes in a store: how they are drawn, filed, searched."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.pdq import PDQ
from matcher.index import BandIndex, Room
from matcher.records import LIVE, Record, Records, pack
from matcher.store import Store

RADIUS = 31
_AT_ONCE = 50_000


def drawn(count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return random hashes, uint8 (count, 32), of which 30 % are others with about 5 % of their bits flipped."""
    found = rng.integers(0, 256, (count, 32), np.uint8)
    near = count * 3 // 10
    for start in range(0, near, _AT_ONCE):
        some = min(_AT_ONCE, near - start)
        found[start : start + some] = found[rng.integers(near, count, some)] ^ flips(some, rng)
    return found


def flips(count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return masks with about 5 % of 256 bits set, uint8 (count, 32)."""
    return np.packbits(rng.random((count, 256)) < 0.05, axis=1)


def fill(store: Store, index: BandIndex, known: NDArray[np.uint8], first: int = 1) -> None:
    """File hashes under the ids from `first` on, with records as small pictures have them."""
    records, room = Records(store), Room()
    for start in range(0, len(known), _AT_ONCE):
        some = known[start : start + _AT_ONCE]
        ids = np.arange(first + start, first + start + len(some), dtype=np.uint32)
        index.file_many(ids, some, room)
        store.write_many([(records.key(record.id), pack(record, LIVE, 1)) for record in _records(ids, some)])
    room.give_back(store)


def fill_singly(store: Store, index: BandIndex, known: NDArray[np.uint8], first: int = 1) -> None:
    """File hashes as `fill` does, but each list grows by one entry at a time."""
    records = Records(store)
    for start in range(0, len(known), _AT_ONCE // 50):
        some = known[start : start + _AT_ONCE // 50]
        ids = np.arange(first + start, first + start + len(some), dtype=np.uint32)
        store.append([entry for id, value in zip(ids.tolist(), some, strict=True) for entry in index.entries(id, value.tobytes())])
        store.write_many([(records.key(record.id), pack(record, LIVE, 1)) for record in _records(ids, some)])


def _records(ids: NDArray[np.uint32], known: NDArray[np.uint8]) -> Iterator[Record]:
    for id, value in zip(ids.tolist(), known, strict=True):
        yield Record(id, f"{id:064x}", "PNG", (1280, 800), 50_000, 1.7e9, {"pdq": value.tobytes()}, {"pdq": 1})


def within_radius(records: Records, index: BandIndex, query: bytes) -> set[int]:
    """Return the ids of all live pictures within the radius."""
    live = records.live(index.search(query).ids.tolist())
    if not live:
        return set()
    distances = PDQ().distance(query, [record.fingerprints["pdq"] for record in live.values()])
    return {id for id, distance in zip(live, distances, strict=True) if distance * 256 <= RADIUS}
