"""What adding a hash list costs: time on the wall, processor time of this process and of Redis, memory.

    python benchmarks/bulk.py [--fingerprints 200000] [--profile]

PDQ fingerprints, of which 30 % are others with 5 % of their bits flipped, each with a source of its own, go through BulkAdder into a
Redis of their own that writes everything to disk before it acknowledges. The same list is then added once more, when all is known.
"""

import argparse
import cProfile
import json
import pstats
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matcher.bulk import BulkAdder
from matcher.collection import Collection
from matcher.fingerprints import registry
from matcher.records import FINGERPRINT, Record, identity
from matcher.redis_server import EmbeddedRedis
from matcher.source import Source
from matcher.store import Store


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fingerprints", type=int, default=200_000)
    parser.add_argument("--profile", action="store_true", help="tell where this process spends its time")
    arguments = parser.parse_args()
    values = fingerprints(arguments.fingerprints, np.random.default_rng(1))
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        try:
            print(json.dumps(measure(Store(server.ensure, "bench:"), values, arguments), indent=1))
        finally:
            server.stop()
    return 0


def fingerprints(count: int, rng: np.random.Generator) -> list[bytes]:
    """Return random fingerprints of 32 bytes, of which 30 % are others with about 5 % of their bits flipped."""
    found = rng.integers(0, 256, (count, 32), np.uint8)
    for start in range(0, count * 3 // 10, 10_000):
        some = found[start : start + 10_000]
        some[:] = found[rng.integers(count * 3 // 10, count, len(some))] ^ np.packbits(rng.random((len(some), 256)) < 0.05, axis=1)
    return [value.tobytes() for value in found]


def measure(store: Store, values: Sequence[bytes], arguments: argparse.Namespace) -> dict[str, Any]:
    """Add the fingerprints twice, and return the figures."""
    collection = Collection(store, registry.load())
    version = collection.versions["pdq"]
    empty = memory(store)
    profile = cProfile.Profile()
    if arguments.profile:
        profile.enable()
    figures: dict[str, Any] = {"fingerprints": len(values), "new": timed(collection, values, version)}
    profile.disable()
    figures["redis_bytes_per_fingerprint"] = round((memory(store) - empty) / len(values))
    figures["known"] = timed(collection, values, version)
    figures["our_peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    figures["aof_bytes_per_fingerprint"] = round(int(store.info()["aof_current_size"]) / len(values))
    figures["in_batches_of_5000"] = in_small_batches(store, values, version)
    if arguments.profile:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    return figures


def in_small_batches(store: Store, values: Sequence[bytes], version: int) -> dict[str, int]:
    """Return what a fingerprint takes of an empty store that gets them in small batches: as APPEND leaves it, and once it is closed."""
    store.clear()
    empty = memory(store)
    adder = BulkAdder(Collection(store, registry.load()))
    for start in range(0, len(values), 5000):
        adder.add(record(n, value, version) for n, value in enumerate(values[start : start + 5000], start))
    roomy = memory(store)
    adder.close()
    return {
        "redis_bytes_per_fingerprint_before_closing": round((roomy - empty) / len(values)),
        "redis_bytes_per_fingerprint": round((memory(store) - empty) / len(values)),
    }


def memory(store: Store) -> int:
    return int(store.info()["used_memory"])


def timed(collection: Collection, values: Sequence[bytes], version: int) -> dict[str, float]:
    """Add the fingerprints, and return what that took; making the records of them counts."""
    ours, theirs, started = time.process_time(), redis_seconds(collection.store), time.perf_counter()
    with BulkAdder(collection) as adder:
        adder.add(record(n, value, version) for n, value in enumerate(values))
    wall, ours, theirs = time.perf_counter() - started, time.process_time() - ours, redis_seconds(collection.store) - theirs
    return {
        "seconds": round(wall, 2),
        "processor_seconds_ours": round(ours, 2),
        "processor_seconds_redis": round(theirs, 2),
        "fingerprints_a_second": round(len(values) / wall),
        "fingerprints_a_second_a_core": round(len(values) / (ours + theirs)),
    }


def record(n: int, value: bytes, version: int) -> Record:
    source = Source("hash-list", f"benchmark/{n}", 1.7e9, 1.7e9)
    return Record(0, identity("pdq", value), FINGERPRINT, (0, 0), 0, 1.7e9, {"pdq": value}, {"pdq": version}, (source,))


def redis_seconds(store: Store) -> float:
    """Return the processor time that Redis has used, without the processes that rewrite its file."""
    info = store.info()
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


if __name__ == "__main__":
    sys.exit(main())
