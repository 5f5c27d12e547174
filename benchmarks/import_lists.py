"""How fast `kuato import` takes in a hash list, everything included: the program's start, both readings of the file, all writes.

    python benchmarks/import_lists.py --entries 200000 --runs 5

Each run imports one list into an empty store on an embedded Redis of its own, which writes every command to its append-only file
before it is acknowledged. Printed are fingerprints a second of the clock, and a second of CPU time of program and Redis together.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import redis
from numpy.typing import NDArray

from matcher.redis_server import EmbeddedRedis

Fingerprints = NDArray[np.uint8]
NAME = "list"


def fingerprints(count: int, rng: np.random.Generator) -> Fingerprints:
    """Return fingerprints with half of their bits set, as PDQ has, uint8 (count, 32); 30 % differ from others in about 5 % of bits."""
    found = np.packbits(rng.permuted(np.tile(np.repeat(np.array([0, 1], np.uint8), 128), (count, 1)), axis=1), axis=1)
    near = count * 3 // 10
    found[:near] = found[rng.integers(near, count, near)] ^ np.packbits(rng.random((near, 256)) < 0.05, axis=1)
    return found


def pdq_lines(known: Fingerprints) -> str:
    """Return the list as tx writes it."""
    return "".join(f"pdq {row.tobytes().hex()}\n" for row in known)


def pdq_table(known: Fingerprints) -> str:
    """Return the list as a table with a name, which gives each entry a source of its own."""
    return "hash,quality,filename\n" + "".join(f"{row.tobytes().hex()},98,folder/picture-{n:07}.jpg\n" for n, row in enumerate(known))


def json_lines(known: Fingerprints) -> str:
    """Return the list as JSON lines with tags."""
    return "".join(json.dumps({"algorithm": "pdq", "fingerprint": row.tobytes().hex(), "tags": ["a", "b"]}) + "\n" for row in known)


LISTS: dict[str, Callable[[Fingerprints], str]] = {"pdq": pdq_lines, "csv": pdq_table, "jsonl": json_lines}


def run(kind: str, path: Path, entries: int) -> dict[str, float]:
    """Import the list once; return fingerprints a second."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        url = server.ensure()
        try:
            with redis.Redis.from_url(url) as client:
                command = [
                    sys.executable,
                    "-m",
                    "matcher.cli",
                    "--redis",
                    url,
                    "import",
                    str(path),
                    "--source",
                    f"benchmark:{kind}",
                    "--json",
                ]
                of_redis, of_program, began = _cpu(client), _children(), time.perf_counter()
                answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                seconds = time.perf_counter() - began
                program, served = _children() - of_program, _cpu(client) - of_redis
                memory = client.info("memory")["used_memory"]
            assert json.loads(answer)["new"] == entries, answer
        finally:
            server.stop()
    return {
        "per_second": entries / seconds,
        "per_cpu_second": entries / (program + served),
        "seconds": seconds,
        "program_cpu": program,
        "redis_cpu": served,
        "bytes_each": memory / entries,
    }


def _cpu(client: "redis.Redis") -> float:
    spent = client.info("cpu")
    return float(spent["used_cpu_user"]) + float(spent["used_cpu_sys"])


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lists", nargs="+", choices=LISTS, default=list(LISTS))
    options = parser.parse_args()
    known = fingerprints(options.entries, np.random.default_rng(1))
    for kind in options.lists:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / NAME
            path.write_text(LISTS[kind](known))
            runs = [run(kind, path, options.entries) for _ in range(options.runs)]
        median = {name: round(statistics.median(one[name] for one in runs), 2) for name in runs[0]}
        print(json.dumps({"list": kind, "entries": options.entries, "runs": options.runs, **median}), flush=True)


if __name__ == "__main__":
    main()
