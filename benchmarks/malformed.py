"""Whether any file can crash, delay or fill what decodes it, or the server behind which it is decoded.

    python benchmarks/malformed.py [--files 10000] [--malformed ../shared/data/malformed]

Files of every format are altered by chance: bits turned, cut short, spliced with others, sizes made extreme. Each is
fingerprinted by the workers that the server uses, in all its turns, and each tenth is also sent to a real `kuato serve api`.
Then files that grow when they are decoded, and a GIF of 10,000 frames.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from benchmarks.faulty.pictures import altered, bombs, many_frames, seeds
from benchmarks.faulty.server import Server, children
from matcher.decode import Limits
from matcher.errors import BadPicture, KuatoError
from matcher.fingerprints import registry
from matcher.pool import WorkerPool
from matcher.redis_server import EmbeddedRedis

TRIES = 5  # of which the fastest counts: how long a bomb takes, not how busy the machine is
BOMB_SECONDS = 0.1


@dataclass
class Found:
    """outcomes: how many files became what. slowest: seconds, and which. died: files that ended their worker, with the reason.

    peak: bytes of memory that one worker ever held beyond what it began with.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    died: list[str] = field(default_factory=list)
    unforeseen: list[str] = field(default_factory=list)
    peak: int = 0


def fingerprinted(files: Iterable[tuple[str, bytes]], limits: Limits, workers: int, kept: Path | None = None) -> Found:
    """Fingerprint files as the server does; keep those that end their worker in a folder."""
    found = Found()
    with WorkerPool(limits, registry.load(), workers) as pool:
        pool.fingerprint(seeds(None)["png"], query=True)
        begun = {pid: _peak(pid) for pid in _workers()}

        def one(numbered: tuple[int, tuple[str, bytes]]) -> None:
            number, (name, data) = numbered
            started, outcome = time.monotonic(), "accepted"
            try:
                pool.fingerprint(data, query=True, name=f"{number} {name}")
            except BadPicture as error:
                outcome = type(error).__name__
                if outcome == "DecodeCrash":
                    found.died.append(str(error))
                    if kept is not None:
                        (kept / f"{number}-{name}").write_bytes(data)
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                outcome = "unforeseen"
                found.unforeseen.append(f"{number} {name}: {type(error).__name__}: {error}")
            found.outcomes[outcome] += 1
            found.slowest = max(found.slowest, (time.monotonic() - started, f"{number} {name}"))
            if number % 50 == 0:
                for pid in _workers():
                    found.peak = max(found.peak, _peak(pid) - min(begun.values()))

        with ThreadPoolExecutor(workers) as threads:
            list(threads.map(one, enumerate(files)))
        for pid in _workers():
            found.peak = max(found.peak, _peak(pid) - min(begun.values()))
    return found


def served(files: Iterable[tuple[str, bytes]], folder: Path) -> Found:
    """Send files to a real server."""
    found, server = Found(), Server(folder, {})
    server.start()
    try:
        url = f"http://127.0.0.1:{server.port}/api/v1/search"
        for number, (name, data) in enumerate(files):
            started = time.monotonic()
            answer = urllib3.request("POST", url, body=data, headers={"Content-Type": "image/png"}, retries=False, timeout=60)
            found.outcomes[str(answer.status)] += 1
            found.slowest = max(found.slowest, (time.monotonic() - started, f"{number} {name}"))
            if answer.status >= 500:
                found.unforeseen.append(f"{number} {name}: {answer.status} {answer.data[:200]!r}")
        if not server.runs:
            found.unforeseen.append("the server ended")
        found.unforeseen += [line for line in server.said if "Traceback" in line]
    finally:
        server.stop()
        EmbeddedRedis(folder).stop()
    return found


def refused_in(limits: Limits) -> dict[str, tuple[float, str]]:
    """Return how many seconds each bomb takes, and what becomes of it."""
    told: dict[str, tuple[float, str]] = {}
    with WorkerPool(limits, registry.load(), 1) as pool:
        pool.fingerprint(seeds(None)["png"])
        for name, data in bombs().items():
            for _ in range(TRIES):
                started, outcome = time.monotonic(), "accepted"
                try:
                    pool.fingerprint(data, query=True)
                except KuatoError as error:
                    outcome = type(error).__name__
                told[name] = min(told.get(name, (60.0, "")), (time.monotonic() - started, outcome))
    return told


def frames_in(limits: Limits, frames: int = 10_000) -> tuple[float, str]:
    """Return how long a GIF of so many frames takes, and what becomes of it."""
    with WorkerPool(limits, registry.load(), 1) as pool:
        pool.fingerprint(seeds(None)["png"])
        started = time.monotonic()
        try:
            pool.fingerprint(many_frames(frames), query=True)
        except KuatoError as error:
            return time.monotonic() - started, type(error).__name__
        return time.monotonic() - started, "accepted"


def _workers() -> list[int]:
    return [pid for pid in children(os.getpid()) if b"matcher.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--malformed", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data" / "malformed")
    parser.add_argument("--keep", type=Path, help="folder for files that end their worker")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    limits, sources = Limits(), seeds(asked.malformed if asked.malformed.is_dir() else None)
    found = fingerprinted(altered(sources, asked.files, asked.seed), limits, 2, asked.keep)
    print(f"{asked.files} altered files of {len(sources)}: {', '.join(f'{count} {name}' for name, count in found.outcomes.most_common())}")
    print(f"  slowest {found.slowest[0]:.2f} s ({found.slowest[1]}); the limit is {limits.seconds:g} s")
    print(f"  a worker held {found.peak / 1e6:.0f} MB more than at its start; the limit is {limits.memory / 1e6:.0f} MB")
    for text in (*found.died[:20], *found.unforeseen[:20]):
        print(f"    {text}")
    with tempfile.TemporaryDirectory() as folder:
        over = served(altered(sources, asked.files // 10, asked.seed + 1), Path(folder))
    print(f"{asked.files // 10} sent to a server: {', '.join(f'{count} with {name}' for name, count in over.outcomes.most_common())}")
    print(f"  slowest {over.slowest[0]:.2f} s ({over.slowest[1]})")
    for text in over.unforeseen[:20]:
        print(f"    {text}")
    told = refused_in(limits)
    for name, (seconds, outcome) in told.items():
        print(f"{name:32} {seconds * 1000:6.1f} ms  {outcome}")
    seconds, outcome = frames_in(limits)
    print(f"{'GIF of 10,000 frames':32} {seconds * 1000:6.1f} ms  {outcome}")
    late = [name for name, (taken, kind) in told.items() if taken > BOMB_SECONDS or kind != "TooLarge"]
    bad = len(found.died) + len(found.unforeseen) + len(over.unforeseen) + len(late)
    bad += max(found.slowest[0], over.slowest[0], seconds) > 2 * limits.seconds or found.peak > limits.memory
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
