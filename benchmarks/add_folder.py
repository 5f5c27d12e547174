"""What `kuato add FOLDER` reaches of pure fingerprinting, on all cores, with everything that a person who runs it gets.

    python -m benchmarks.add_folder FOLDER [--pictures 400] [--known 20000] [--runs 5]

Some of the folder's pictures are fingerprinted by the decoding processes of `kuato add`, and nothing kept of them; then they are added,
each time into a new Redis that writes its append-only file before it acknowledges: an empty one, and one of --known others, perturbed
from those of the folder that are left (`benchmarks/store.py`). All with the default set, and without local features; the ways take turns.

Both are programs of their own, and their start counts. Pictures are told a second of the clock, and a second of processor: of the program,
its decoding processes, and Redis. The ratio of the latter holds on a busy machine, too; medians of all runs.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import redis
from rich.console import Console
from rich.table import Table

from benchmarks.store import perturbed
from matcher.bulk import BulkAdder
from matcher.commands.inputs import in_parallel
from matcher.engine import Matcher
from matcher.extraction import Fingerprints
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.source import Source

SETS: dict[str, tuple[str, ...]] = {"default set": (), "without local": ("pdq", "pdq-trimmed", "tiles", "tiles-trimmed", "sub-pictures")}
BARS = {"default set": 0.75, "without local": 0.9}
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
DONORS, AT_ONCE = 300, 5000


@dataclass(frozen=True)
class Spent:
    """What one run took, in seconds. program: processor time with that of the decoding processes; redis: of the server."""

    clock: float
    program: float
    redis: float = 0.0

    @property
    def processor(self) -> float:
        """Processor time of all."""
        return self.program + self.redis


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--known", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--json", action="store_true", help="figures for programs")
    parser.add_argument("--fingerprint-only", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--algorithms", nargs="*", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fingerprint_only:
        fingerprinted(options.folder, options.algorithms)
        return 0
    with tempfile.TemporaryDirectory() as work:
        figures = [figure for name in options.sets for figure in measured(name, Path(work, name.replace(" ", "-")), options)]
    print(json.dumps(figures, indent=1)) if options.json else report(figures)
    return 0


def fingerprinted(folder: Path, algorithms: Sequence[str]) -> None:
    """Fingerprint all pictures of a folder as `kuato add` does, and keep nothing."""
    settings = settings_of(folder, algorithms)
    with Matcher.open(settings) as matcher:
        turned = settings["cluster.automatic"] and settings["cluster.turned"]
        files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in sorted(names))
        work = in_parallel(lambda path: matcher.pool.fingerprint(path.read_bytes(), query=turned), files, settings.workers() + 1)
        with closing(work) as done:
            print(sum(1 for _ in done))


def settings_of(data: Path, algorithms: Sequence[str]) -> Settings:
    overrides: dict[str, Any] = {"data.dir": str(data)} | ({"fingerprints.enabled": list(algorithms)} if algorithms else {})
    return Settings.load(environ={"KUATO_CONFIG": os.devnull}, overrides=overrides)


def measured(name: str, work: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the figures of one set of algorithms: for an empty store, and for one that knows others."""
    files = sorted(path.resolve() for path in options.folder.rglob("*") if path.suffix in SUFFIXES)
    chosen = [files[n * len(files) // options.pictures] for n in range(min(options.pictures, len(files)))]
    pictures = work / "pictures"
    pictures.mkdir(parents=True)
    for n, path in enumerate(chosen):
        (pictures / f"{n:06}{path.suffix}").symlink_to(path)
    stores = {0: work / "empty", options.known: work / "known"}
    for known, data in stores.items():
        filled(data, name, sorted(set(files) - set(chosen)) or files, known)
    spent: dict[object, list[Spent]] = defaultdict(list)
    pure = [sys.executable, "-m", "benchmarks.add_folder", str(pictures), "--fingerprint-only", "--algorithms", *SETS[name]]
    for _ in range(options.runs):
        spent["pure"].append(timed(pure))
        for known, data in stores.items():
            spent[known].append(added(pictures, data, work / "run", name, len(chosen)))
    return [told(name, known, len(chosen), spent["pure"], spent[known]) for known in stores]


def filled(data: Path, name: str, others: Sequence[Path], known: int) -> None:
    """Make a data folder whose Redis, which is stopped, knows so many pictures."""
    data.mkdir()
    rng = np.random.default_rng(1)
    try:
        with Matcher.open(settings_of(data, SETS[name])) as matcher, BulkAdder(matcher.collection) as adder:
            some = others[:: max(1, len(others) // DONORS)] if known else []
            real = [matcher.pool.fingerprint(path.read_bytes()) for path in some]
            for start in range(0, known, AT_ONCE):
                add_perturbed(matcher, adder, [perturbed(real, n, rng) for n in range(start, min(known, start + AT_ONCE))], start)
            matcher.stats()
    finally:
        EmbeddedRedis(data).stop()


def add_perturbed(matcher: Matcher, adder: BulkAdder, some: Sequence[Fingerprints], start: int) -> None:
    seen = [Source("file", f"/srv/pictures/2026/screenshot-{start + n:08d}.png", 1.7e9, 1.7e9) for n in range(len(some))]
    records = [matcher.collection.draft(one, [source], (), ()) for one, source in zip(some, seen, strict=True)]
    large = {n: {"local": one.values["local"]} for n, one in enumerate(some) if "local" in one.values and "local" in matcher.algorithms}
    adder.add(records, large)


def added(pictures: Path, kept: Path, data: Path, name: str, count: int) -> Spent:
    """Let `kuato add` add a folder to a copy of a store; return what that took."""
    shutil.copytree(kept, data, symlinks=True)
    server = EmbeddedRedis(data)
    try:
        with redis.Redis.from_url(server.ensure()) as client:
            before = redis_seconds(client)
            environment = {"KUATO_DATA_DIR": str(data)} | ({"KUATO_FINGERPRINTS_ENABLED": ",".join(SETS[name])} if SETS[name] else {})
            spent = timed([sys.executable, "-m", "matcher.cli", "add", str(pictures)], environment, f"{count} added, 0 known already")
            return Spent(spent.clock, spent.program, redis_seconds(client) - before)
    finally:
        server.stop()
        shutil.rmtree(data)


def redis_seconds(client: "redis.Redis") -> float:
    spent = client.info("cpu")
    return sum(float(spent[f"used_cpu_{kind}"]) for kind in ("user", "sys", "user_children", "sys_children"))


def timed(command: Sequence[str], environment: Mapping[str, str] | None = None, expected: str = "") -> Spent:
    """Run a program; return what it and the processes that it started took. Raises RuntimeError when it does not say what is expected."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, env={**os.environ, "KUATO_CONFIG": os.devnull, **(environment or {})})
        _, status, usage = os.wait4(process.pid, 0)
        clock = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode()
    if process.returncode or expected not in said:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode} and said {said[-300:]!r}")
    return Spent(clock, usage.ru_utime + usage.ru_stime)


def told(name: str, known: int, count: int, pure: Sequence[Spent], adds: Sequence[Spent]) -> dict[str, Any]:
    """Return the figures of one way to add; milliseconds are of processor, a picture."""

    def median(some: Sequence[float]) -> float:
        return statistics.median(some)

    ratios = {
        "ratio_by_clock": median([one.clock / other.clock for one, other in zip(pure, adds, strict=True)]),
        "ratio_by_processor": median([one.processor / other.processor for one, other in zip(pure, adds, strict=True)]),
    }
    return {
        "set": name,
        "known": known,
        "pictures": count,
        "pure_a_second": round(count / median([one.clock for one in pure]), 1),
        "pure_a_processor_second": round(count / median([one.processor for one in pure]), 1),
        "add_a_second": round(count / median([one.clock for one in adds]), 1),
        "add_a_processor_second": round(count / median([one.processor for one in adds]), 1),
        "redis_ms": round(1000 * median([one.redis for one in adds]) / count, 2),
        "program_more_ms": round(1000 * median([one.program - other.program for one, other in zip(adds, pure, strict=True)]) / count, 2),
        **{key: round(value, 3) for key, value in ratios.items()},
    }


def report(figures: Sequence[Mapping[str, Any]]) -> None:
    """Print a table."""
    headings = "set", "known", "pure/s", "add/s", "ratio", "pure/cpu s", "add/cpu s", "ratio", "wanted", "Redis, ms", "program more, ms"
    table = Table(*headings, title=f"{figures[0]['pictures']} pictures, medians")
    for one in figures:
        clock = one["pure_a_second"], one["add_a_second"], one["ratio_by_clock"]
        processor = one["pure_a_processor_second"], one["add_a_processor_second"], one["ratio_by_processor"]
        rest = BARS[one["set"]], one["redis_ms"], one["program_more_ms"]
        table.add_row(one["set"], *map(str, (one["known"], *clock, *processor, *rest)))
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main())
