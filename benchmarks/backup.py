"""What a backup costs, and whether what is restored answers the same.

    python benchmarks/backup.py --images FOLDER --pictures 100000 [--without-local] [--keep FOLDER]

A store is filled as benchmarks/store.py does it: fingerprints perturbed from the real ones of FOLDER, and half of the real ones.
It is asked 200 real and perturbed pictures, copied, restored into another Redis under another prefix, and asked again: every
answer must be the same, with the same ids, distances and evidence. Both servers write everything to disk before they acknowledge.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from store import perturbed

from matcher import shapes
from matcher.archive import ArchiveReader
from matcher.backup import Backup
from matcher.bulk import BulkAdder
from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.extraction import Fingerprints
from matcher.newfile import new_file
from matcher.records import Record
from matcher.redis_server import EmbeddedRedis
from matcher.restore import Restore
from matcher.settings import Settings
from matcher.source import Source
from matcher.store import Store

CHUNK = 4000
Value = TypeVar("Value")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=Path(__file__).parent.parent / "samples")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--without-local", action="store_true")
    parser.add_argument("--deep", action="store_true", help="let the doctor hold every record against its lists; that takes long")
    parser.add_argument("--keep", type=Path, help="folder to fill, or to use as an earlier run filled it; it is left as it is")
    arguments = parser.parse_args()
    enabled = ["pdq", "pdq-trimmed", "tiles", "tiles-trimmed", "sub-pictures"] + ([] if arguments.without_local else ["local"])
    with tempfile.TemporaryDirectory() as temporary:
        first, second = arguments.keep or Path(temporary) / "first", Path(temporary) / "second"
        settings = [
            Settings.load(environ={}, overrides={"data.dir": folder, "redis.prefix": prefix, "fingerprints.enabled": enabled})
            for folder, prefix in ((first, "kuato:"), (second, "restored:"))
        ]
        try:
            figures = measure(settings, Path(temporary) / "kuato.backup", arguments)
        finally:
            EmbeddedRedis(first).stop()
            EmbeddedRedis(second).stop()
    print(json.dumps(figures, indent=1))
    return 0 if figures["answers_equal"] == arguments.queries and not figures["doctor_findings"] else 1


def measure(settings: Sequence[Settings], path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Fill, ask, copy, restore, ask again; return the figures."""
    figures: dict[str, Any] = {"pictures": arguments.pictures}
    with Matcher.open(settings[0]) as matcher:
        files = sorted(file for file in arguments.images.rglob("*") if file.suffix in (".png", ".jpg", ".webp"))
        real = [matcher.pool.fingerprint(file.read_bytes(), query=True, name=file.name) for file in files[:: max(1, len(files) // 1000)]]
        if matcher.collection.claims.count() < arguments.pictures:
            fill(matcher, real, arguments.pictures)
        rng = np.random.default_rng(2)
        queries = [one if n % 2 else perturbed(real, n, rng) for n, one in zip(range(arguments.queries), real * 100, strict=False)]
        before = [asked(matcher, query) for query in queries]
        figures["redis_MB_before"] = memory(matcher)

        def copy() -> Any:
            with new_file(path) as file:
                return Backup(matcher.collection.store).write(file)

        figures["backup_s"], made = timed(copy)
    figures |= {"keys": made.counts.keys, "pictures_copied": made.counts.pictures, "file_MB": round(made.bytes / 1e6, 1)}
    with path.open("rb") as file:
        store = Store(EmbeddedRedis(settings[1]["data.dir"]).ensure, settings[1]["redis.prefix"], oldest=0)
        figures["check_s"], reader = timed(lambda: ArchiveReader(file, path.name))
        figures["restore_s"], _ = timed(Restore(reader, store).run)
        store.forget_connection()
    for step in ("backup", "check", "restore"):
        figures[f"{step}_MB_per_s"] = round(figures["file_MB"] / figures[f"{step}_s"], 1)
    with Matcher.open(settings[1]) as restored:
        figures["redis_MB_after"] = memory(restored)
        after = [asked(restored, query) for query in queries]
        figures["queries"] = len(queries)
        figures["queries_with_matches"] = sum(bool(answer["matches"]) for answer in after)
        figures["answers_equal"] = sum(one == other for one, other in zip(before, after, strict=True))
        figures["doctor_s"], report = timed(lambda: Doctor(restored.collection).run(arguments.deep))
        figures["doctor_findings"] = {one.code: one.count for one in report.findings}
    return figures


def fill(matcher: Matcher, real: Sequence[Fingerprints], pictures: int) -> None:
    """Add so many pictures, half of the real ones among them."""
    rng = np.random.default_rng(1)
    known = real[: len(real) // 2]
    wanted = (perturbed(real, n, rng) if n >= len(known) else known[n] for n in range(pictures))
    with BulkAdder(matcher.collection) as adder:
        done = 0
        while some := list(islice(wanted, CHUNK)):
            large = {
                n: {"local": one.values["local"]} for n, one in enumerate(some) if "local" in one.values and "local" in matcher.algorithms
            }
            adder.add([record(matcher, one, done + n) for n, one in enumerate(some)], large)
            done += len(some)
            print(f"{done} added", file=sys.stderr)


def record(matcher: Matcher, one: Fingerprints, n: int) -> Record:
    values = {name: value for name, value in one.values.items() if name in matcher.algorithms}
    small = {name: value for name, value in values.items() if not matcher.algorithms[name].large}
    versions = {name: matcher.algorithms[name].version for name in values}
    sources = (Source("file", f"/srv/pictures/2026/screenshot-{n:08d}.png", 1.7e9, 1.7e9),)
    return Record(0, one.sha256, one.format, one.size, one.bytes_size, time.time(), small, versions, sources, (f"batch:{n // 1000}",))


def asked(matcher: Matcher, query: Fingerprints) -> dict[str, Any]:
    """Return the answer to a picture, with ids and without times."""
    found = matcher.search_fingerprints(query)
    answer = dict(shapes.answer("", found)) | {"ids": [match.picture.id for match in found.matches]}
    return {name: value for name, value in answer.items() if name != "timings"}


def memory(matcher: Matcher) -> float:
    return round(int(matcher.collection.store.info()["used_memory"]) / 1e6, 1)


def timed(work: Callable[[], Value]) -> tuple[float, Value]:
    started = time.perf_counter()
    value = work()
    return round(time.perf_counter() - started, 1), value


if __name__ == "__main__":
    sys.exit(main())
