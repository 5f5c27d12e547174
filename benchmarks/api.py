"""Whether the HTTP API keeps its word under load, and how fast it is.

    python benchmarks/api.py [--seconds 120] [--clients 32] [--pictures 500]
    python benchmarks/api.py --idle 500 [--seconds 60]

Starts `kuato serve api` with a Redis of its own. The clients add, search and delete small pictures, all of them the same ones,
so that they meet. Whatever one was acknowledged, the next one asks for at once: what was added must be found by its bytes and by
its SHA-256, what was deleted must not. All requests are written down with their times, and held against each other afterwards.

With --idle, one client searches, by turns with and without so many other connections that say nothing.
"""

import argparse
import io
import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import urllib3
from PIL import Image

from matcher.redis_server import EmbeddedRedis

ADD, DELETE, SEARCH, GET = "add", "delete", "search", "get"
ALTERNATIONS = 10


@dataclass(frozen=True)
class Event:
    """A request about one picture. found: whether it was found, for searches and gets; status: of the answer. Times in seconds."""

    kind: str
    picture: str
    begun: float
    ended: float
    status: int
    found: bool = False

    @property
    def acknowledged(self) -> bool:
        """Whether the server said that it was done."""
        return self.status < 300 or (self.kind == DELETE and self.status == 404)


def drawing(seed: int) -> bytes:
    """Return a small PNG full of detail, another one for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((128, 96), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def violations(events: Iterable[Event]) -> list[str]:
    """Return what cannot be, whatever the order was in which requests at the same time were done."""
    by_picture: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_picture[event.picture].append(event)
    return [text for some in by_picture.values() for text in _violations(some)]


def _violations(events: Sequence[Event]) -> Iterator[str]:
    adds = [event for event in events if event.kind == ADD]
    deletes = [event for event in events if event.kind == DELETE]
    for seen in events:
        if seen.kind not in (SEARCH, GET):
            continue
        # What was acknowledged before it was asked for holds, unless something else may have come after that and before the answer.
        settled, undoing = (deletes, adds) if seen.found else (adds, deletes)
        for done in settled:
            undone = any(other.ended > done.begun and other.begun < seen.ended for other in undoing)
            if done.acknowledged and done.ended < seen.begun and not undone:
                what = "comes back" if seen.found else "is not found"
                yield f"{seen.picture} {what} by {seen.kind} {seen.begun - done.ended:.3f} s after its {done.kind} was acknowledged"
                break
        if seen.found and not any(add.begun < seen.ended for add in adds):
            yield f"{seen.picture} is found by {seen.kind} before anybody added it"


@dataclass
class Churn:
    """Clients of one server, and what they have been told."""

    url: str
    pictures: Sequence[bytes]
    clients: int
    events: list[Event] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Let all clients work for so long."""
        self._names = [sha256(data).hexdigest() for data in self.pictures]
        inboxes: list[queue.SimpleQueue[int]] = [queue.SimpleQueue() for _ in range(self.clients)]
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self._work, args=(n, inboxes, end)) for n in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, number: int, inboxes: "list[queue.SimpleQueue[int]]", end: float) -> None:
        chance = random.Random(number)
        inbox, neighbour = inboxes[number], inboxes[(number + 1) % self.clients]
        with urllib3.HTTPConnectionPool(*_address(self.url), maxsize=1, retries=False, timeout=60) as server:
            while time.monotonic() < end:
                try:
                    told = inbox.get_nowait()
                except queue.Empty:
                    picture = chance.randrange(len(self.pictures))
                    if chance.random() < 0.6:
                        self._ask(server, ADD, picture)
                    else:
                        self._ask(server, DELETE, picture)
                    neighbour.put(picture)
                    continue
                self._ask(server, SEARCH, told)
                self._ask(server, GET, told)

    def _ask(self, server: urllib3.HTTPConnectionPool, kind: str, picture: int) -> None:
        name, data = self._names[picture], self.pictures[picture]
        headers = {"Content-Type": "image/png"}
        begun = time.monotonic()
        try:
            if kind == ADD:
                answer = server.request("POST", "/api/v1/pictures", body=data, headers=headers)
            elif kind == SEARCH:
                answer = server.request("POST", "/api/v1/search", body=data, headers=headers)
            else:
                answer = server.request(kind.upper(), f"/api/v1/pictures/{name}")
        except urllib3.exceptions.HTTPError as error:
            self.failures.append(f"{kind}: {type(error).__name__}: {error}")
            return
        ended = time.monotonic()
        found = answer.status == 200
        if kind == SEARCH and found:
            matches = json.loads(answer.data)["matches"]
            found = any(match["picture"]["sha256"] == name and match["decision"] == "YES" for match in matches)
        expected = {ADD: (200, 201), SEARCH: (200,), GET: (200, 404), DELETE: (204, 404)}[kind]
        if answer.status not in expected:
            self.failures.append(f"{kind}: {answer.status}: {answer.data[:200]!r}")
        self.events.append(Event(kind, name, begun, ended, answer.status, found))


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """Run `kuato serve api` with a Redis of its own in a folder; return its URL."""
    given = {"data.dir": data, "web.listen": "127.0.0.1:0", "web.rate_limit": 0}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KUATO_")} | {"XDG_CONFIG_HOME": str(data)}
    words = [sys.executable, "-m", "matcher.cli", *(f"--set={name}={value}" for name, value in given.items()), "serve", "api"]
    try:
        with subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "api listens on" in line:
                    break
            else:
                raise SystemExit("the server did not start")
            telling = threading.Thread(target=lambda: [print(line, end="", file=sys.stderr) for line in process.stderr or ()])
            telling.start()
            try:
                yield line.split()[-1]
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait()
                telling.join()
    finally:
        EmbeddedRedis(data).stop()


def percentiles(seconds: Sequence[float]) -> str:
    """Return median and 95th percentile in milliseconds."""
    return "p50 {:7.1f} ms   p95 {:7.1f} ms".format(*(np.percentile(seconds, [50, 95]) * 1000)) if seconds else "none"


def report(churn: Churn, seconds: float) -> int:
    """Print what was found; return how much of it is wrong."""
    wrong = violations(churn.events)
    print(f"{churn.clients} clients, {seconds:.0f} s: {len(churn.events)} requests, {len(churn.events) / seconds:.0f} a second")
    for kind in (ADD, SEARCH, GET, DELETE):
        some = [event for event in churn.events if event.kind == kind]
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(Counter(event.status for event in some).items()))
        print(f"  {kind:7} {len(some):7}   {percentiles([event.ended - event.begun for event in some])}   {statuses}")
    seen = [event for event in churn.events if event.kind in (SEARCH, GET)]
    print(f"  found {sum(event.found for event in seen)}, not found {sum(not event.found for event in seen)}")
    print(f"  unexpected answers and lost connections: {len(churn.failures)}")
    print(f"  added and not found, or deleted and back: {len(wrong)}")
    for text in (*churn.failures[:10], *wrong[:10]):
        print(f"    {text}")
    return len(wrong) + len(churn.failures)


def idling(url: str, connections: int, seconds: float) -> None:
    """Search by turns with and without idle connections, and print how long that took."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    data = [drawing(seed) for seed in range(50)]
    with urllib3.HTTPConnectionPool(*_address(url), maxsize=1, retries=False, timeout=60) as server:
        for picture in data[:40]:
            server.request("POST", "/api/v1/pictures", body=picture, headers={"Content-Type": "image/png"})
        for turn in range(2 * ALTERNATIONS):
            silent = [socket.create_connection(_address(url)) for _ in range(connections if turn % 2 else 0)]
            server.request("GET", "/status/live")
            end = time.monotonic() + seconds / (2 * ALTERNATIONS)
            while time.monotonic() < end:
                begun = time.monotonic()
                answer = server.request("POST", "/api/v1/search", body=data[len(taken[False]) % 50], headers={"Content-Type": "image/png"})
                assert answer.status == 200, answer.data
                taken[bool(turn % 2)].append(time.monotonic() - begun)
            for line in silent:
                line.close()
    for idle, times in taken.items():
        print(f"search with {connections if idle else 0:4} idle connections: {percentiles(times)}   ({len(times)} searches)")


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.partition("//")[2].partition(":")
    return host, int(port)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--idle", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url:
        if asked.idle:
            idling(url, asked.idle, asked.seconds)
            return
        churn = Churn(url, [drawing(seed) for seed in range(asked.pictures)], asked.clients)
        churn.run(asked.seconds)
        wrong = report(churn, asked.seconds)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
