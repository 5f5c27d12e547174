"""How long honest clients wait while others hold connections, send their requests byte by byte, and flood the server with headers.

    python benchmarks/hostile.py [--connections 500] [--seconds 120]

Honest clients search, by turns in peace and under attack: a half of the connections says nothing, the other half sends a head
of a byte a second, and beside them others send heads of 60 KB, broken ones and ones that are refused, a hundred a second.
Then the same with more silent connections than the server takes (web.connections).
"""

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import urllib3

from benchmarks.api import drawing
from benchmarks.faulty.server import Server
from matcher.redis_server import EmbeddedRedis

HEAD = b"GET /status/live HTTP/1.1\r\nHost: localhost\r\n"
FLOODS = (
    HEAD + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 1000) for n in range(58)) + b"\r\n",
    HEAD + b"X: " + b"a" * 70_000,
    HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(5000)) + b"\r\n",
    b"\0" * 2000 + b"\r\n\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n",
)
FLOODS_A_SECOND = 100
CLIENTS = 4


class Attack:
    """Connections that are held, and a flood of heads, until it is closed. lost: held connections that the server has closed."""

    def __init__(self, port: int, connections: int, floods: int = FLOODS_A_SECOND) -> None:
        self._port = port
        self._ended = threading.Event()
        self._idle = [self._connect() for _ in range(connections // 2)]
        self._slow = [self._connect() for _ in range(connections - connections // 2)]
        self.lost = 0
        self._threads = [threading.Thread(target=self._drip)]
        if floods:
            self._threads.append(threading.Thread(target=self._flood, args=(1 / floods,)))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End it."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for line in (*self._idle, *self._slow):
            line.close()

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=20)

    def _drip(self) -> None:
        left, text = set(self._slow), HEAD + b"X: " + b"a" * 100_000
        for n in range(len(text)):
            for line in list(left):
                try:
                    line.sendall(text[n : n + 1])
                except OSError:
                    left.discard(line)
                    self.lost += 1
            if self._ended.wait(1):
                return

    def _flood(self, pause: float) -> None:
        number = 0
        while not self._ended.wait(pause):
            number += 1
            with suppress(OSError), self._connect() as line:
                line.sendall(FLOODS[number % len(FLOODS)])
                line.recv(100)


def asked(port: int, seconds: float, clients: int = CLIENTS) -> list[float]:
    """Let honest clients search for so long; return how many seconds each search took. Raises AssertionError for one that failed."""
    taken, failed = list[float](), list[str]()
    pictures = [drawing(seed) for seed in range(20)]

    def work(client: int) -> None:
        end, turn = time.monotonic() + seconds, client
        while time.monotonic() < end and not failed:
            begun = time.monotonic()
            try:
                # A connection of its own: whoever comes anew must be let in.
                with urllib3.HTTPConnectionPool("127.0.0.1", port, retries=False, timeout=60) as line:
                    answer = line.request("POST", "/api/v1/search", body=pictures[turn % 20], headers={"Content-Type": "image/png"})
                if answer.status != 200:
                    failed.append(f"{answer.status} {answer.data[:100]!r}")
            except urllib3.exceptions.HTTPError as error:
                failed.append(str(error))
            taken.append(time.monotonic() - begun)
            turn += 1

    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]
    return taken


@contextmanager
def attacked(port: int, connections: int, floods: int = FLOODS_A_SECOND) -> Iterator[Connection]:
    """Attack from a process of its own, so that honest clients do not wait for the attacker here; yield where `lost` comes at the end."""
    ours, theirs = Pipe()
    attacker = Process(target=_attack, args=(theirs, port, connections, floods), daemon=True)
    attacker.start()
    try:
        assert ours.poll(120), "the attack did not begin"
        ours.recv()
        yield ours
    finally:
        ours.send("end")
        attacker.join(60)


def _attack(line: Connection, port: int, connections: int, floods: int) -> None:
    attack = Attack(port, connections, floods)
    line.send("begun")
    line.recv()
    attack.close()
    line.send(attack.lost)


@contextmanager
def running(folder: Path, **settings: object) -> Iterator[Server]:
    """Run a server with a few pictures; names of settings are written with two underscores for the point."""
    server = Server(folder, {name.replace("__", "."): value for name, value in settings.items()})
    server.start()
    try:
        with urllib3.HTTPConnectionPool("127.0.0.1", server.port, timeout=60) as line:
            for seed in range(20):
                line.request("POST", "/api/v1/pictures", body=drawing(seed), headers={"Content-Type": "image/png"})
        yield server
    finally:
        server.stop()
        EmbeddedRedis(folder).stop()


def tell(name: str, taken: list[float]) -> float:
    """Print percentiles; return the 99th in seconds."""
    p50, p95, p99 = np.percentile(taken, [50, 95, 99])
    print(f"{name:40} {len(taken):6} searches   p50 {p50 * 1000:6.1f} ms   p95 {p95 * 1000:6.1f} ms   p99 {p99 * 1000:6.1f} ms", flush=True)
    return float(p99)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--turns", type=int, default=4)
    asked_for = parser.parse_args()
    each = asked_for.seconds / asked_for.turns / 2
    peace, under_attack = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        asked(server.port, 2)
        for _ in range(asked_for.turns):
            peace += asked(server.port, each)
            with attacked(server.port, asked_for.connections):
                under_attack += asked(server.port, each)
        before, under = tell("in peace", peace), tell(f"{asked_for.connections} idle and slow, floods", under_attack)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), web__connections=asked_for.connections) as server:
        with attacked(server.port, asked_for.connections + 100, floods=0) as told:
            tell("more than web.connections", asked(server.port, 10))
        print(f"  of {asked_for.connections + 100} held connections {told.recv()} of those that drip were closed")
    print(f"p99 under attack is {under / before:.2f} times that in peace")
    sys.exit(under > 2 * before)


if __name__ == "__main__":
    main()
