"""How fast the index answers, beside FAISS in the same run.

    python benchmarks/search.py --pictures 1000000

A million 256-bit fingerprints, 30 % of them near-duplicates of others, radius 31, one orientation, one client, one thread.
Ours is the whole way: probe keys, posting lists, records, distances, liveness. The answers are compared pair by pair.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from matcher.fingerprints.pdq import PDQ
from matcher.index import BandIndex, Room
from matcher.records import LIVE, Record, Records, pack
from matcher.redis_server import EmbeddedRedis
from matcher.store import Store

RADIUS = 31


def fingerprints(count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return random fingerprints, uint8 (count, 32), of which 30 % are others with about 5 % of their bits flipped."""
    found = rng.integers(0, 256, (count, 32), np.uint8)
    near = count * 3 // 10
    found[:near] = found[rng.integers(near, count, near)] ^ flips(near, rng)
    return found


def flips(count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return masks with about 5 % of 256 bits set, uint8 (count, 32)."""
    return np.packbits(rng.random((count, 256)) < 0.05, axis=1)


@contextmanager
def redis_aside() -> Iterator[Store]:
    """Run a Redis of our own for as long as the benchmark takes."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        try:
            yield Store(server.ensure, "bench:")
        finally:
            server.stop()


def fill(store: Store, index: BandIndex, known: NDArray[np.uint8]) -> None:
    """File all fingerprints under the ids from 1, with records as small pictures have them."""
    ids = np.arange(1, len(known) + 1, dtype=np.uint32)
    room = Room()
    index.file_many(ids, known, room)
    room.give_back(store)
    records = Records(store)
    _append(store, ((records.key(record.id), pack(record, LIVE, 1)) for record in _records(known)))


def _records(known: NDArray[np.uint8]) -> Iterator[Record]:
    for n, fingerprint in enumerate(known, 1):
        yield Record(n, f"{n:064x}", "PNG", (1280, 800), 50_000, 1.7e9, {"pdq": fingerprint.tobytes()}, {"pdq": 1})


def _append(store: Store, entries: Iterator[tuple[bytes, bytes]]) -> None:
    some = []
    for entry in entries:
        some.append(entry)
        if len(some) == 5000:
            store.append(some)
            some = []
    store.append(some)


def wait_until_quiet(store: Store) -> None:
    """Wait until Redis no longer rewrites the file that the filling made long."""
    while store.info()["aof_rewrite_in_progress"] or store.info()["aof_rewrite_scheduled"]:
        time.sleep(0.5)


def within_radius(records: Records, index: BandIndex, query: bytes) -> set[int]:
    """Return the ids of all live pictures within the radius."""
    live = records.live(index.search(query).ids.tolist())
    if not live:
        return set()
    distances = PDQ().distance(query, [record.fingerprints["pdq"] for record in live.values()])
    return {id for id, distance in zip(live, distances, strict=True) if distance * 256 <= RADIUS}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    known = fingerprints(arguments.pictures, rng)
    flat = faiss.IndexBinaryFlat(256)
    flat.add(known)
    faiss.omp_set_num_threads(1)
    queries = known[rng.integers(0, len(known), arguments.queries)] ^ flips(arguments.queries, rng)
    with redis_aside() as store:
        index, records = BandIndex(store, "pdq", 256), Records(store)
        before = store.info()["used_memory"]
        fill(store, index, known)
        memory = store.info()["used_memory"] - before
        wait_until_quiet(store)
        ours, theirs, equal = [], [], 0
        # By turns of 50, so that each side works with caches as it would alone, and a drifting machine meets both.
        for some in np.array_split(queries, max(1, len(queries) // 50)):
            found = []
            for query in some:
                started = time.perf_counter()
                found.append(within_radius(records, index, query.tobytes()))
                ours.append(time.perf_counter() - started)
            for query, answer in zip(some, found, strict=True):
                started = time.perf_counter()
                _, _, ids = flat.range_search(query[None], RADIUS + 1)
                theirs.append(time.perf_counter() - started)
                equal += answer == {int(id) + 1 for id in ids}
    result = {
        "pictures": len(known),
        "kuato_ms": {name: round(float(np.percentile(ours, p)) * 1000, 3) for name, p in (("p50", 50), ("p95", 95))},
        "faiss_ms": {name: round(float(np.percentile(theirs, p)) * 1000, 3) for name, p in (("p50", 50), ("p95", 95))},
        "ratio_p50": round(float(np.median(ours) / np.median(theirs)), 3),
        "equal_answers": f"{equal} of {len(queries)}",
        "redis_bytes_per_picture": round(memory / len(known)),
    }
    print(json.dumps(result, indent=None if arguments.json else 1))
    return 0 if equal == len(queries) else 1


if __name__ == "__main__":
    sys.exit(main())
