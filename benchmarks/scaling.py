"""How the index of global fingerprints grows: exponents of adding and searching, FAISS flat beside it; other layouts; a model to 10^9.

    python benchmarks/scaling.py [--largest 1000000] [--layouts] [--json FILE]

Random 256-bit hashes, 30 % of them near-duplicates, radius 31, one orientation, one client; the store grows from 1,000 to --largest in
steps of the square root of ten. At each size: pictures added singly (`Collection.add`, on disk before it returns) and in bulk, searches
(keys, lists, records, distances, liveness), FAISS IndexBinaryFlat with one thread on the same queries, answers compared, memory of
Redis; and what a processor is busy with it, ours and Redis' together, which other programs on the machine change less than the time. The
exponent b of seconds = a * size^b is fitted over all sizes and over the last ten-fold growth.

--layouts tries other numbers and widths of bands on --largest hashes instead: what a processor is busy with a search is fitted to the
lists and bytes it reads, and told for 10^7 to 10^9 with what each layout would read there.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import faiss
import numpy as np
from grow.bands import Bands, Layout
from grow.hashes import RADIUS, drawn, fill, flips, within_radius
from numpy.typing import NDArray

from matcher.collection import Collection
from matcher.extraction import Fingerprints
from matcher.fingerprints.pdq import PDQ
from matcher.index import BandIndex
from matcher.records import Records
from matcher.redis_server import EmbeddedRedis
from matcher.source import Source
from matcher.store import Store

STEPS = 2  # sizes in each ten-fold growth
SINGLE = 200
_FAR = 1 << 31  # ids of what is added singly begin here, beyond those that bulk gives
LAYOUTS = (
    Layout(16, 8, 1),
    Layout(16, 10, 1),
    Layout(16, 12, 1),
    Layout(16, 14, 1),
    Layout(16, 16, 1),
    Layout(12, 18, 2),
    Layout(12, 21, 2),
    Layout(11, 23, 2),
)
Rows = NDArray[np.uint8]


def growth(store: Store, known: Rows, queries: int, rng: np.random.Generator) -> list[dict[str, float]]:
    """Let the store grow to all the hashes; return the figures of each size."""
    collection = Collection(store, {"pdq": PDQ()})
    collection.claims.never_below(_FAR)
    index, records, flat = BandIndex(store, "pdq", 256), Records(store), faiss.IndexBinaryFlat(256)
    empty, done, rows = int(store.info()["used_memory"]), 0, list[dict[str, float]]()
    for size in sizes(len(known)):
        seconds = timed(lambda: fill(store, index, known[done:size], done + 1))  # noqa: B023
        flat.add(known[done:size])
        quiet(store)
        memory = (int(store.info()["used_memory"]) - empty) / (size + len(rows) * SINGLE)
        asked = known[rng.integers(0, size, queries)] ^ flips(queries, rng)
        busy = spent(store)
        # By turns, so that each side works with caches as it would alone, and a drifting machine meets both.
        ours, theirs, faiss_cpu, alike = list[float](), list[float](), 0.0, 0
        for some in np.array_split(asked, max(1, queries // 50)):
            found = list[set[int]]()
            for query in some:
                ours.append(timed(lambda: found.append(within_radius(records, index, query.tobytes()))))  # noqa: B023
            for query, answer in zip(some, found, strict=True):
                ids, began = list[NDArray[np.int64]](), time.process_time()
                theirs.append(timed(lambda: ids.append(flat.range_search(query[None], RADIUS + 1)[2])))  # noqa: B023
                faiss_cpu += time.process_time() - began
                alike += {id for id in answer if id < _FAR} == {int(id) + 1 for id in ids[0]}
        searching, busy = spent(store) - busy - faiss_cpu, spent(store)
        adding = [timed(lambda: collection.add(picture(rng), [Source("file", "/a.png", 1e9, 1e9)])) for _ in range(SINGLE)]
        rows.append(
            {
                "pictures": size,
                "add_ms": median(adding),
                "add_cpu_ms": round((spent(store) - busy) / SINGLE * 1000, 3),
                "bulk_a_second": round((size - done) / seconds),
                "search_ms": median(ours),
                "search_p95_ms": round(float(np.percentile(ours, 95)) * 1000, 3),
                "search_cpu_ms": round(searching / queries * 1000, 3),
                "faiss_ms": median(theirs),
                "faiss_cpu_ms": round(faiss_cpu / queries * 1000, 3),
                "alike": round(alike / queries, 4),
                "bytes_a_picture": round(memory),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        done = size
    return rows


def layouts(store: Store, known: Rows, queries: int, rng: np.random.Generator) -> dict[str, object]:
    """Search the same hashes by each layout; return the figures, and what is fitted to them."""
    flat = faiss.IndexBinaryFlat(256)
    flat.add(known)
    asked = known[rng.integers(0, len(known), queries)] ^ flips(queries, rng)
    truth = [(flat.range_search(query[None], RADIUS + 1)[2] + 1).tolist() for query in asked]
    rows = list[dict[str, object]]()
    for layout in LAYOUTS:
        index, before = Bands(store, layout), int(store.info()["used_memory"])
        index.fill(known)
        quiet(store)
        memory = int(store.info()["used_memory"]) - before
        found, busy = list[NDArray[np.uint32]](), spent(store)
        times = [timed(lambda: found.append(index.search(query))) for query in asked]  # noqa: B023
        busy = (spent(store) - busy) / queries
        missed = sum(len(set(right) - set(ids.tolist())) for right, ids in zip(truth, found, strict=True))
        read = layout.bytes_read(len(known))
        rows.append(
            {
                "layout": str(layout),
                "exact_to": layout.exact,
                "lists": layout.lists,
                "read_kb": round(read / 1e3, 1),
                "search_ms": median(times),
                "search_cpu_ms": round(busy * 1000, 3),
                "missed": missed,
                "index_bytes_a_picture": round(memory / len(known)),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        store.clear()
    a = np.array([[1, row["lists"], row["read_kb"]] for row in rows], float)
    cost = np.linalg.lstsq(a / (b := np.array([row["search_cpu_ms"] for row in rows], float))[:, None], np.ones(len(b)), rcond=None)[0]
    far = {
        str(layout): {f"{n:.0e}": round(float(cost @ [1, layout.lists, layout.bytes_read(n) / 1e3]), 1) for n in (1e7, 1e8, 1e9)}
        for layout in LAYOUTS
        if layout.exact >= RADIUS
    }
    told = {"fixed_ms": cost[0], "ms_a_list": cost[1], "ms_a_kb": cost[2]}
    return {"layouts": rows, "cost": {name: round(float(value), 6) for name, value in told.items()}, "search_cpu_ms_at": far}


def sizes(largest: int) -> list[int]:
    """Return the sizes from 1,000 to the largest."""
    steps = round(STEPS * np.log10(largest / 1000))
    return [round(1000 * (largest / 1000) ** (n / steps)) for n in range(steps + 1)] if steps else [largest]


def exponent(rows: Sequence[dict[str, float]], of: str, since: float = 0) -> float:
    """Return b of value = a * size^b, fitted to the sizes from `since` on."""
    some = [row for row in rows if row["pictures"] >= since * 0.99]
    return round(float(np.polyfit(np.log([row["pictures"] for row in some]), np.log([row[of] for row in some]), 1)[0]), 2)


def picture(rng: np.random.Generator) -> Fingerprints:
    """Return a picture that nobody has seen."""
    return Fingerprints(rng.bytes(32).hex(), "PNG", (1280, 800), 50_000, {"as is": {"pdq": rng.bytes(32)}})


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return round(float(np.median(seconds)) * 1000, 3)


def spent(store: Store) -> float:
    """Return the seconds of a processor that we and Redis have used so far: what a busy machine does not change."""
    about = store.info()
    return time.process_time() + float(about["used_cpu_user"]) + float(about["used_cpu_sys"])


def quiet(store: Store) -> None:
    """Wait until Redis no longer rewrites its file."""
    while (about := store.info())["aof_rewrite_in_progress"] or about["aof_rewrite_scheduled"]:
        time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--layouts", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    known = drawn(arguments.largest, rng)
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        try:
            store = Store(server.ensure, "bench:")
            if arguments.layouts:
                figures = layouts(store, known, arguments.queries, rng)
            else:
                rows = growth(store, known, arguments.queries, rng)
                last = rows[-1]["pictures"] / 10
                names = [name for name in rows[0] if name.endswith("_ms") and "p95" not in name]
                figures = {
                    "sizes": rows,
                    "exponents": {name.removesuffix("_ms"): exponent(rows, name) for name in names},
                    "exponents_of_the_last_tenfold": {name.removesuffix("_ms"): exponent(rows, name, last) for name in names},
                }
        finally:
            server.stop()
    text = json.dumps(figures, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
