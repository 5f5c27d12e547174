"""How fast the index answers, beside FAISS in the same run.

    python benchmarks/search.py --pictures 1000000

A million 256-bit fingerprints, 30 % of them near-duplicates of others, radius 31, one orientation, one client, one thread.
Ours is the whole way: probe keys, posting lists, records, distances, liveness. The answers are compared pair by pair.
"""

import argparse
import json
import sys
import time

import faiss
import numpy as np
from grow.aside import redis_aside, wait_until_quiet
from grow.hashes import RADIUS, drawn, fill, flips, within_radius

from matcher.index import BandIndex
from matcher.records import Records


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    known = drawn(arguments.pictures, rng)
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
