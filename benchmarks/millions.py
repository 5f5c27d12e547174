"""The index of 256-bit hashes when it is large and the hashes are as awkward as real ones, beside what others search with.

    python benchmarks/millions.py --pictures 10000000 [--images FOLDER] [--singly] [--multihash]

Of the hashes 30 % are near-duplicates, 5 % those of nearly flat pages (2,000 templates, a few bits apart), 5 % have two of their sixteen
bands from a hundred; with --images, 10 % are blends of the real hashes of a folder. Radius 31, one client, one thread. Asked are near
copies of known ones, in one orientation and in eight; answers are compared with FAISS' flat search wherever ours were not truncated.
--multihash: also FAISS' IndexBinaryMultiHash with 16 x 16 bits and one flip, which is what python-threatexchange's PDQIndex uses.
--singly: lists grow by an APPEND for each entry, as they do when pictures are added one at a time, not by bulk.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from grow.aside import redis_aside, wait_until_quiet
from grow.hashes import RADIUS, drawn, fill, fill_singly, flips, within_radius
from numpy.typing import NDArray

from matcher.decode import Limits, decode
from matcher.errors import BadPicture
from matcher.fingerprints.pdq import PDQ
from matcher.index import BandIndex
from matcher.records import Records
from matcher.store import Store

TURNS = 8
TEMPLATES, SHARED = 2000, 100
Rows = NDArray[np.uint8]


def awkward(count: int, real: Rows | None, rng: np.random.Generator) -> Rows:
    """Return hashes of all kinds, uint8 (count, 32)."""
    known = drawn(count, rng)
    flat, shared = (rng.choice(count, count // 20, replace=False) for _ in range(2))
    templates = rng.integers(0, 256, (TEMPLATES, 32), np.uint8)
    few = np.packbits(rng.random((len(flat), 256)) < 0.01, axis=1)
    known[flat] = templates[rng.integers(0, TEMPLATES, len(flat))] ^ few
    common = rng.integers(0, 256, (SHARED, 2), np.uint8)
    for _ in range(2):
        band = 2 * rng.integers(0, 16, len(shared))
        for side in (0, 1):
            known[shared, band + side] = common[rng.integers(0, SHARED, len(shared)), side]
    if real is not None:
        places = rng.choice(count, count // 10, replace=False)
        one, other = (real[rng.integers(0, len(real), len(places))] for _ in range(2))
        mask = np.packbits(rng.random((len(places), 256)) < 0.5, axis=1)
        known[places] = one ^ ((one ^ other) & mask)
    return known


def hashes_of(folder: Path) -> Rows:
    """Return the hashes of the pictures in a folder, uint8 (n, 32)."""
    found = []
    for path in sorted(folder.rglob("*.*")):
        try:
            value = PDQ().compute(decode(path.read_bytes(), Limits()))
        except BadPicture:
            continue
        found += [value] if value else []
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, 32)


def held(pid: int) -> int:
    """Return how many bytes a process and its children hold, what they share counted once for each."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            continue
        if pid in (int(lines["Pid"]), int(lines["PPid"])) and "VmRSS" in lines:
            rollup = Path(status.parent / "smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) << 10 for line in rollup if line.startswith("Pss:"))
    return total


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """Watch how much a process and its children hold: the most stands in the list."""
    most, done = [held(pid)], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            most[0] = max(most[0], held(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def rewritten(store: Store) -> tuple[float, float]:
    """Have Redis write its file anew; return the gigabytes that it held before and at most meanwhile."""
    client = store._client()
    pid = int(store.info()["process_id"])
    before = held(pid)
    with watched(pid) as most:
        client.bgrewriteaof()
        time.sleep(1)
        wait_until_quiet(store)
    return round(before / 1e9, 2), round(most[0] / 1e9, 2)


def timed(ask: Callable[[Any], Any], queries: Any) -> tuple[list[float], list[Any]]:
    """Return the milliseconds that each query took, and the answers."""
    times, answers = [], []
    for query in queries:
        started = time.perf_counter()
        answers.append(ask(query))
        times.append((time.perf_counter() - started) * 1000)
    return times, answers


def percentiles(times: list[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(times, p)), 2) for p in (50, 95, 99)}


def measure(store: Store, known: Rows, asked: argparse.Namespace, rng: np.random.Generator) -> dict[str, Any]:
    index, records = BandIndex(store, "pdq", 256), Records(store)
    empty, started = int(store.info()["used_memory"]), time.perf_counter()
    (fill_singly if asked.singly else fill)(store, index, known)
    built = time.perf_counter() - started
    wait_until_quiet(store)
    told: dict[str, Any] = {"pictures": len(known), "build_seconds": round(built), "queries": asked.queries}
    told["redis_bytes_a_picture"] = round((int(store.info()["used_memory"]) - empty) / len(known))
    told["gigabytes_before_and_while_rewriting"] = rewritten(store)

    queries = known[rng.integers(0, len(known), asked.queries)] ^ flips(asked.queries, rng)
    turned = np.concatenate([queries[:, None], rng.integers(0, 256, (len(queries), TURNS - 1, 32), np.uint8)], axis=1)
    # A real turn shares nothing with the picture but the statistics of its bits.
    ours, answers = timed(lambda query: within_radius(records, index, query.tobytes()), queries)
    eight, _ = timed(lambda views: [found.ids for found in index.search_many([view.tobytes() for view in views])], turned)
    cut = [index.search(query.tobytes()).truncated for query in queries]
    told["kuato_ms"], told["kuato_eight_turns_ms"], told["truncated"] = percentiles(ours), percentiles(eight), sum(cut)

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexBinaryFlat(256)
    flat.add(known)
    theirs, expected = timed(lambda query: {int(id) + 1 for id in flat.range_search(query[None], RADIUS + 1)[2]}, queries)
    theirs_eight, _ = timed(lambda views: flat.range_search(views, RADIUS + 1), turned[: asked.queries // 4])
    told["faiss_flat_ms"], told["faiss_flat_eight_turns_ms"] = percentiles(theirs), percentiles(theirs_eight)
    told["differing_where_not_truncated"] = sum(a != b and not c for a, b, c in zip(answers, expected, cut, strict=True))
    if asked.multihash:
        multi, started = faiss.IndexBinaryMultiHash(256, 16, 16), time.perf_counter()
        multi.nflip = 1
        multi.add(known)
        told["multihash_build_seconds"] = round(time.perf_counter() - started)
        told["multihash_ms"] = percentiles(timed(lambda query: multi.range_search(query[None], RADIUS + 1), queries)[0])
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--singly", action="store_true")
    parser.add_argument("--multihash", action="store_true")
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    known = awkward(asked.pictures, hashes_of(asked.images) if asked.images else None, rng)
    with redis_aside() as store:
        told = measure(store, known, asked, rng)
    print(json.dumps(told, indent=1))
    return 1 if told["differing_where_not_truncated"] else 0


if __name__ == "__main__":
    sys.exit(main())
