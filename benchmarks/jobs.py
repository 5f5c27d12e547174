"""What a job costs beside adding directly, how soon it begins, and how soon another goes on when its server is killed.

    python benchmarks/jobs.py --pictures 300

Pictures of 640 x 480 pixels, full of detail, added by as many workers as there are cores; all on an embedded Redis whose every
write is on disk before it is acknowledged, with the jobs' files beside it.
"""

import argparse
import io
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from matcher.engine import Matcher
from matcher.job import Item, State
from matcher.jobs import Jobs
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings


def drawing(seed: int) -> bytes:
    """Return a JPEG full of detail, another one for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((640, 480), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Matcher, Jobs]]:
    """Open the jobs of a folder, with kinds that add a picture, and that only take a moment."""
    with Matcher.open(Settings.load(environ={}, overrides={"data.dir": folder})) as matcher:
        kinds = {
            "add": lambda _job, item: {"sha256": matcher.add(item.data).record.sha256},
            "nothing": lambda _job, _item: {},
            "moment": lambda _job, _item: time.sleep(0.05) or {},
        }
        yield matcher, Jobs(matcher.collection.store, matcher.settings, kinds)


def work(folder: str) -> None:
    """Work on the jobs of a folder until killed."""
    with opened(Path(folder)) as (_, jobs):
        jobs.start()
        signal.pause()


def compared(folder: Path, count: int) -> None:
    """Add pictures directly, and others in a job; search meanwhile."""
    pictures = [drawing(n) for n in range(3 * count + 20)]
    with opened(folder) as (matcher, jobs):
        threads = matcher.settings.workers()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(matcher.add, pictures[-20:]))
            begun = time.perf_counter()
            list(pool.map(matcher.add, pictures[:count]))
        direct = count / (time.perf_counter() - begun)
        alone = [search(matcher, pictures[n]) for n in range(20)]
        jobs.start()
        begun = time.perf_counter()
        id = jobs.submit("add", [Item(f"{n}.jpg", data) for n, data in enumerate(pictures[count : 2 * count])]).id
        accepted = time.perf_counter() - begun
        job = jobs.wait(id, 600)
        assert (job.state, job.failed) == (State.DONE, 0)
        within = count / (job.ended - job.started)
        id = jobs.submit("add", [Item(f"{n}.jpg", data) for n, data in enumerate(pictures[2 * count : 3 * count])]).id
        beside = []
        while not jobs.get(id).state.final:
            beside.append(search(matcher, pictures[len(beside) % count]))
        jobs.stop()
        size = sum(map(len, pictures[count : 2 * count]))
        print(f"{threads} workers, {count} pictures, {size / 1e6:.0f} MB: accepted in {accepted * 1e3:.0f} ms")
        print(f"adding: {direct:.0f} pictures a second directly, {within:.0f} in a job")
        print(f"searching: median {statistics.median(alone) * 1e3:.0f} ms alone, {statistics.median(beside) * 1e3:.0f} ms beside a job")


def small(folder: Path) -> None:
    """Tell how long the smallest jobs take, one after the other."""
    with opened(folder) as (matcher, jobs):
        jobs.start()
        jobs.wait(jobs.submit("nothing", [Item("")]).id, 10)
        accepting, ending = [], []
        for _ in range(200):
            begun = time.perf_counter()
            id = jobs.submit("nothing", [Item("", b"x" * 100_000)]).id
            accepting.append(time.perf_counter() - begun)
            jobs.wait(id, 10)
            ending.append(time.perf_counter() - begun)
        took = statistics.median(accepting) * 1e3, statistics.median(ending) * 1e3
        print(f"a job of one item and no work: accepted in {took[0]:.1f} ms, ended after {took[1]:.1f} ms")
        commands = int(matcher.collection.store.info()["total_commands_processed"])
        cpu = time.process_time()
        time.sleep(20)
        asked = int(matcher.collection.store.info()["total_commands_processed"]) - commands
        print(f"with nothing to do: {asked / 20:.1f} commands a second, {(time.process_time() - cpu) / 20:.2%} of a core")
        jobs.stop()


def killed(folder: Path) -> None:
    """Kill whoever works on a job, five times, and tell how long until another goes on."""
    pauses = []
    with opened(folder) as (_, jobs):
        id = jobs.submit("moment", [Item("")] * 2000).id
        for _ in range(5):
            worker = subprocess.Popen([sys.executable, __file__, "--work", str(folder)])
            done = jobs.get(id).done
            while jobs.get(id).done < done + 10:
                time.sleep(0.02)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            begun, done = time.perf_counter(), jobs.get(id).done
            with opened(folder) as (_, following):
                following.start()
                while jobs.get(id).done == done:
                    time.sleep(0.01)
                pauses.append(time.perf_counter() - begun)
                following.stop()
        jobs.cancel(id)
    print(f"killed and started again, a job goes on after {statistics.median(pauses):.2f} s, at most {max(pauses):.2f}")


def search(matcher: Matcher, picture: bytes) -> float:
    """Return how many seconds a search takes."""
    begun = time.perf_counter()
    matcher.search(picture)
    return time.perf_counter() - begun


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(asked.work)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            compared(Path(folder), asked.pictures)
            small(Path(folder))
            killed(Path(folder))
        finally:
            EmbeddedRedis(Path(folder)).stop()


if __name__ == "__main__":
    main()
