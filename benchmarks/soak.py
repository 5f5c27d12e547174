"""Whether memory grows while a server works for long: adds, searches and removes at most of what it can do, and watches each process.

    python benchmarks/soak.py [--minutes 60] [--load 0.8]

First it is measured how many requests a second the server answers; then it is given that times --load. Memory is read each second of
the server, its workers and its Redis; after a first tenth of the time, in which caches fill, a line is fitted to it. The store holds the
same number of pictures all the while: what is added is removed again. A worker that was replaced begins a line of its own.
"""

import argparse
import queue
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import urllib3

from benchmarks.api import drawing
from benchmarks.chaos import redis_pids
from benchmarks.faulty.server import Server, children, resident
from matcher.redis_server import EmbeddedRedis

KNOWN = 200  # pictures that the store holds
CLIENTS = 6
WARM = 0.1  # share of the time that is left out
_SHORTEST = 0.5  # share of the time that a process must have lived to be judged


@dataclass
class Soaked:
    """requests: answered, by status. memory: process -> (seconds, bytes). rate: requests a second that were asked for."""

    rate: float
    requests: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    memory: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def slopes(self, seconds: float) -> dict[str, float]:
        """Return how much memory each process that lived long enough gained, in MB an hour, once it was warm."""
        found: dict[str, float] = {}
        for name, points in self.memory.items():
            warm = [(when, held) for when, held in points if when > WARM * seconds]
            if len(warm) > 5 and warm[-1][0] - warm[0][0] > _SHORTEST * seconds:
                times, held = np.array(warm, np.float64).T
                found[name] = float(np.polyfit(times, held, 1)[0]) * 3600 / 1e6
        return found


class Soak:
    """One server and its clients. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = Server(folder, {})
        self._number = 0
        self._lock = threading.Lock()

    def __enter__(self) -> "Soak":
        self.server.start()
        with self._line() as line:
            for seed in range(KNOWN):
                self._add(line, seed)
        self._number = KNOWN
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        EmbeddedRedis(self._folder).stop()

    def run(self, seconds: float, rate: float) -> Soaked:
        """Ask at this rate, requests a second, 0 for as fast as can be, and return what came of it."""
        soaked, begun = Soaked(rate), time.monotonic()
        tickets: queue.Queue[bool] = queue.Queue(maxsize=CLIENTS)

        def work() -> None:
            with self._line() as line:
                while tickets.get():
                    self._turn(line, soaked)

        threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        watching = threading.Thread(target=self._watch, args=(soaked, begun, seconds))
        watching.start()
        turn = 0
        while (now := time.monotonic() - begun) < seconds:
            tickets.put(True)
            turn += 1
            if rate:
                time.sleep(max(0.0, turn * 4 / rate - now))  # four requests a turn
        for _ in threads:
            tickets.put(False)
        for thread in (*threads, watching):
            thread.join()
        return soaked

    def _turn(self, line: urllib3.HTTPConnectionPool, soaked: Soaked) -> None:
        with self._lock:
            self._number += 1
            number = self._number
        old = sha256(drawing(number - KNOWN)).hexdigest()
        statuses = [
            self._add(line, number),
            line.request("POST", "/api/v1/search", body=drawing(number), headers={"Content-Type": "image/png"}).status,
            line.request("GET", f"/api/v1/pictures/{sha256(drawing(number)).hexdigest()}").status,
            line.request("DELETE", f"/api/v1/pictures/{old}").status,
        ]
        with self._lock:
            for status in statuses:
                soaked.requests[status] += 1

    def _watch(self, soaked: Soaked, begun: float, seconds: float) -> None:
        while (now := time.monotonic() - begun) < seconds:
            processes = {f"server {self.server.pid}": self.server.pid}
            processes |= {f"worker {pid}": pid for pid in children(self.server.pid)}
            processes |= {f"redis {pid}": pid for pid in redis_pids(self._folder)}
            for name, pid in processes.items():
                if held := resident(pid):
                    soaked.memory[name].append((now, held))
            time.sleep(1)

    def _line(self) -> urllib3.HTTPConnectionPool:
        return urllib3.HTTPConnectionPool("127.0.0.1", self.server.port, maxsize=1, retries=False, timeout=120)

    def _add(self, line: urllib3.HTTPConnectionPool, number: int) -> int:
        return int(line.request("POST", "/api/v1/pictures", body=drawing(number), headers={"Content-Type": "image/png"}).status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--load", type=float, default=0.8)
    asked = parser.parse_args()
    seconds = asked.minutes * 60
    with tempfile.TemporaryDirectory() as folder, Soak(Path(folder)) as soak:
        measured = soak.run(min(30.0, seconds / 4), 0)
        most = sum(measured.requests.values()) / min(30.0, seconds / 4)
        soaked = soak.run(seconds, asked.load * most)
    slopes = soaked.slopes(seconds)
    print(f"at most {most:.0f} requests a second; {asked.minutes:g} minutes at {soaked.rate:.0f}: {dict(soaked.requests)}")
    for name, points in soaked.memory.items():
        slope = f"{slopes[name]:+7.2f} MB an hour" if name in slopes else "lived too short to tell"
        print(f"  {name:16} {points[0][1] / 1e6:7.1f} MB at first, {points[-1][1] / 1e6:7.1f} MB at last, {slope}")
    failed = {status for status in soaked.requests if status >= 400 and status != 404}
    sys.exit(bool(failed) or any(slope > 1 for slope in slopes.values()))


if __name__ == "__main__":
    main()
