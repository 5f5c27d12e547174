"""Kills workers, servers and Redis by SIGKILL while pictures are added, removed and searched, and checks what was acknowledged.

    python benchmarks/chaos.py [--kills 1000] [--pictures 20000] [--clients 8]

Two `kuato serve api` share a Redis of their own. Clients add pictures that nobody has added before, search and get what was
acknowledged, delete a part, add some of it again. What was acknowledged must hold, whatever was killed meanwhile; what was not
may have happened or not. In the end every picture is asked for, `doctor --deep` runs, and every picture is asked for again.
It ends when both numbers are reached, or after --minutes.
"""

import argparse
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import urllib3

from benchmarks.api import ADD, DELETE, GET, SEARCH, Event, drawing, violations
from benchmarks.faulty.server import Server, children
from matcher.doctor import Doctor, Report
from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings

NOTHING_HEARD = 599  # stands for the status of an answer that never came
LEASE = 2.0
VICTIMS = ("worker", "redis", "worker", "api", "redis", "worker", "redis", "worker", "redis", "worker")
_NEVER = float("inf")


@dataclass
class Chaos:
    """What happens to the servers of one folder, and what their clients are told.

    unexpected: answers that no killed process explains. killed: by kind of victim.
    """

    data: Path
    kills: int
    pictures: int
    minutes: float
    pause: tuple[float, float] = (0.2, 0.9)
    events: list[Event] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.servers = [Server(self.data, {"add.lease_seconds": LEASE, "web.threads": 8}) for _ in range(2)]
        self._numbers = itertools.count()
        self._end = time.monotonic() + 60 * self.minutes
        self._all_killed = threading.Event()
        self._next = 0

    def run(self, clients: int) -> None:
        """Let clients work and processes die until there was enough of both."""
        for server in self.servers:
            server.start()
        try:
            with ThreadPoolExecutor(clients + 1) as threads:
                working = [threads.submit(self._work, number) for number in range(clients)]
                threads.submit(self._kill_all).result()
                for one in working:
                    one.result()
            for server in self.servers:
                if not server.runs:
                    server.start()
            time.sleep(LEASE + 1)
            self.ask_for_all()
        finally:
            for server in self.servers:
                server.stop()

    def ask_for_all(self) -> None:
        """Get every picture that was ever sent, and search each tenth."""
        with self._line() as line:
            for number in range(self._next):
                self._ask(line, GET, number)
                if number % 10 == 0:
                    self._ask(line, SEARCH, number)

    def _line(self) -> "_Line":
        return _Line([server.port for server in self.servers])

    def _over(self) -> bool:
        return time.monotonic() > self._end or (self._all_killed.is_set() and self._next >= self.pictures)

    def _work(self, seed: int) -> None:
        chance, mine = random.Random(seed), list[int]()
        with self._line() as line:
            while not self._over():
                number = next(self._numbers)
                self._next = max(self._next, number + 1)
                self._ask(line, ADD, number)
                mine.append(number)
                for _ in range(2):
                    other = chance.choice(mine[-50:])
                    kind = chance.choices((SEARCH, GET, DELETE, ADD), (4, 2, 2, 1))[0]
                    self._ask(line, kind, other)

    def _ask(self, line: "_Line", kind: str, number: int) -> None:
        data = drawing(1_000_000 + number)
        name = sha256(data).hexdigest()
        begun = time.monotonic()
        status, body = line.ask(kind, name, data)
        done = status < 300 or status == 404
        # What was not acknowledged may still happen, at any time.
        ended = time.monotonic() if done or kind in (SEARCH, GET) else _NEVER
        found = status == 200
        if kind == SEARCH and found:
            found = any(match["picture"]["sha256"] == name and match["decision"] == "YES" for match in json.loads(body)["matches"])
        explained = status in (503, NOTHING_HEARD) or (status == 422 and b"decode-crash" in body)
        if kind in (SEARCH, GET) and not done:
            found = False
        if done or kind in (ADD, DELETE):
            self.events.append(Event(kind, name, begun, ended, status, found))
        if not done and not explained:
            self.unexpected.append(f"{kind}: {status}: {body[:200]!r}")

    def _kill_all(self) -> None:
        chance = random.Random(0)
        for turn in range(self.kills):
            time.sleep(chance.uniform(*self.pause))
            if time.monotonic() > self._end:
                break
            self._kill(VICTIMS[turn % len(VICTIMS)], chance)
            if turn % 50 == 49:
                print(f"  {turn + 1} killed, {self._next} pictures", file=sys.stderr, flush=True)
        self._all_killed.set()

    def _kill(self, victim: str, chance: random.Random) -> None:
        server = chance.choice(self.servers)
        if victim == "api":
            server.kill()
            self.killed[victim] += 1
            server.start(tries=5)
            return
        for _ in range(200):  # it may be starting
            pids = children(server.pid) if victim == "worker" else redis_pids(self.data)
            if pids:
                break
            time.sleep(0.05)
        for pid in pids[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.killed[victim] += 1

    def wrong(self) -> list[str]:
        """Return what cannot be, as `benchmarks.api.violations`."""
        return violations(self.events)


class _Line:
    """A client of several servers: asks one, and another where that one does not answer."""

    def __init__(self, ports: Sequence[int]) -> None:
        pools = [urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=1, retries=False, timeout=60) for port in ports]
        self._pools = itertools.cycle(pools)

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        for pool in itertools.islice(self._pools, 2):
            pool.close()

    def ask(self, kind: str, name: str, data: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer, (NOTHING_HEARD, b"") without one."""
        headers = {"Content-Type": "image/png"}
        pool = next(self._pools)
        try:
            if kind == ADD:
                answer = pool.request("POST", "/api/v1/pictures", body=data, headers=headers)
            elif kind == SEARCH:
                answer = pool.request("POST", "/api/v1/search", body=data, headers=headers)
            else:
                answer = pool.request(kind.upper(), f"/api/v1/pictures/{name}")
        except urllib3.exceptions.NewConnectionError:
            time.sleep(0.02)
            return NOTHING_HEARD, b""
        except urllib3.exceptions.HTTPError:
            return NOTHING_HEARD, b""
        return int(answer.status), bytes(answer.data)


def redis_pids(data: Path) -> list[int]:
    """Return the redis-server of a folder, by the lock file that it holds open."""
    lock = (data / "server.lock").stat()
    try:
        pid = int((data / "redis.pid").read_text())
        files = Path(f"/proc/{pid}/fd").iterdir()
        return [pid] if any(os.path.samestat(lock, file.stat()) for file in files if file.exists()) else []
    except (OSError, ValueError):
        return []


def examined(data: Path) -> tuple[Report, Report]:
    """Let the doctor mend what is left in a folder's store, and look again."""
    settings = Settings.load(environ={}, overrides={"data.dir": data, "workers.count": 1})
    with Matcher.open(settings) as matcher:
        return Doctor(matcher.collection).run(deep=True), Doctor(matcher.collection).run(deep=True)


def tell(chaos: Chaos, begun: float, reports: tuple[Report, Report]) -> int:
    """Print what was found; return how much of it is wrong."""
    wrong, again = chaos.wrong(), reports[1].findings
    lost = [text for text in wrong if "is not found" in text]
    print(f"{time.monotonic() - begun:.0f} s; killed: {', '.join(f'{count} {name}' for name, count in sorted(chaos.killed.items()))}")
    for kind in (ADD, SEARCH, GET, DELETE):
        statuses = Counter(event.status for event in chaos.events if event.kind == kind)
        print(f"  {kind:7} {sum(statuses.values()):7}   {', '.join(f'{status}: {count}' for status, count in sorted(statuses.items()))}")
    print(f"  pictures {len({event.picture for event in chaos.events})}")
    print(f"  doctor mended: {', '.join(f'{one.count} {one.code}' for one in reports[0].findings) or 'nothing'}")
    print(f"  doctor found then: {', '.join(f'{one.count} {one.code}' for one in again) or 'nothing'}")
    print(f"  lost {len(lost)}, otherwise wrong {len(wrong) - len(lost)}, unexplained answers {len(chaos.unexpected)}")
    for text in (*wrong[:10], *chaos.unexpected[:10], *tracebacks(chaos)):
        print(f"    {text}")
    return len(wrong) + len(chaos.unexpected) + len(again)


def tracebacks(chaos: Chaos) -> Iterator[str]:
    """Yield the lines in which the servers told of what they had not foreseen."""
    for server in chaos.servers:
        yield from [line.rstrip() for line in server.said if "Traceback" in line or "Error:" in line][:5]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=60)
    asked = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        chaos = Chaos(data, asked.kills, asked.pictures, asked.minutes)
        try:
            chaos.run(asked.clients)
            reports = examined(data)
            for server in chaos.servers:
                server.start()
            chaos.ask_for_all()
        finally:
            for server in chaos.servers:
                server.stop()
            EmbeddedRedis(data).stop()
        wrong = tell(chaos, begun, reports)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
