"""What happens to those who ask while Redis is full, read-only, away, slow or silent, and how soon all is well again.

    python benchmarks/faults.py [--pictures 2000] [--only half-open]

`kuato serve api` asks a Redis of its own through a proxy. In each fault some clients go on adding, deleting, searching and
getting; what they are told is counted. Afterwards Redis answers again, and the time is taken until one picture can be added
and found; then `doctor --deep` looks for what is half done, and everything is asked for that was acknowledged.
"""

import argparse
import itertools
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import urllib3

from benchmarks.api import ADD, DELETE, GET, SEARCH, Event, drawing, violations
from benchmarks.faulty.redis import Proxy, RedisServer
from benchmarks.faulty.server import Server
from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.settings import Settings

LEASE = 2.0
LONGEST = 60.0  # seconds that a client waits
_NEVER = float("inf")


@dataclass
class Told:
    """What clients were told. retry: of the 503, how many had no Retry-After. longest: seconds to an answer, by kind."""

    statuses: dict[str, Counter[int]] = field(default_factory=lambda: {kind: Counter() for kind in (ADD, DELETE, SEARCH, GET)})
    without_retry: int = 0
    longest: dict[str, float] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)

    def only(self, kinds: tuple[str, ...], statuses: set[int]) -> bool:
        """Whether requests of these kinds, at least one each, had no other answers."""
        return all(self.statuses[kind] and set(self.statuses[kind]) <= statuses for kind in kinds)


@dataclass
class Outcome:
    """One fault. recovery: seconds from Redis's first answer to an add that is found. reload: seconds that Redis took to answer.

    wrong: what was acknowledged and does not hold. left: what the doctor mended; then: what it found when it looked again.
    """

    name: str
    told: Told
    recovery: float
    reload: float
    wrong: list[str]
    left: dict[str, int]
    then: dict[str, int]


class Trial:
    """A server, its Redis, and clients. Use as a context manager."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.redis = RedisServer(folder / "redis")
        self.redis.start()
        self.proxy = Proxy(self.redis.port)
        url = f"redis://127.0.0.1:{self.proxy.port}/0"
        given = {"redis.url": url, "add.lease_seconds": LEASE, "workers.count": 2}
        self.server = Server(folder / "data", given | {name.replace("__", "."): value for name, value in settings.items()})
        self.events: list[Event] = []
        self._numbers = itertools.count()
        direct = {**given, "redis.url": f"redis://127.0.0.1:{self.redis.port}/0", "data.dir": folder}
        self._settings = Settings.load(environ={}, overrides=direct)

    def __enter__(self) -> "Trial":
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self.proxy.close()
        self.redis.close()

    def ask(self, kind: str, number: int, told: Told | None = None) -> tuple[int, bool]:
        """Ask about a picture; return the status, 0 for no answer, and whether it was found."""
        data = drawing(2_000_000 + number)
        name = sha256(data).hexdigest()
        method, path = {ADD: ("POST", "/pictures"), SEARCH: ("POST", "/search")}.get(kind, (kind.upper(), f"/pictures/{name}"))
        body, retry, code = b"", True, ""
        begun = time.monotonic()
        try:
            url = f"http://127.0.0.1:{self.server.port}/api/v1{path}"
            sent = data if method == "POST" else None
            answer = urllib3.request(method, url, body=sent, headers={"Content-Type": "image/png"}, retries=False, timeout=LONGEST)
            status, body, retry = answer.status, answer.data, "Retry-After" in answer.headers
        except urllib3.exceptions.HTTPError:
            status = 0
        ended = time.monotonic()
        if status >= 400:
            code = json.loads(body)["code"]
        found = status == 200
        if kind == SEARCH and found:
            found = any(match["picture"]["sha256"] == name for match in json.loads(body)["matches"])
        if told is not None:
            told.statuses[kind][status] += 1
            told.codes[code] += bool(code)
            told.without_retry += status == 503 and not retry
            told.longest[kind] = max(ended - begun, told.longest.get(kind, 0))
        done = 0 < status < 300 or status == 404
        if done:
            self.events.append(Event(kind, name, begun, ended, status, found))
        elif kind in (ADD, DELETE):
            self.events.append(Event(kind, name, begun, _NEVER, 599))
        return status, found

    def fill(self, pictures: int) -> list[int]:
        """Add so many pictures; return their numbers."""
        numbers = [next(self._numbers) for _ in range(pictures)]
        with ThreadPoolExecutor(4) as threads:
            assert all(status == 201 for status, _ in threads.map(lambda number: self.ask(ADD, number), numbers))
        return numbers

    def suffer(self, known: list[int], seconds: float, clients: int = 4) -> Told:
        """Let clients work for so long."""
        told, end, lock = Told(), time.monotonic() + seconds, threading.Lock()

        def work(client: int) -> None:
            mine = Told()
            for turn in itertools.count(client):
                kind = (ADD, SEARCH, GET, DELETE)[turn % 4]
                with lock:
                    number = next(self._numbers) if kind == ADD else known[turn % len(known)]
                self.ask(kind, number, mine)
                if time.monotonic() > end and turn - client >= 3:
                    break
            with lock:
                for each, counts in mine.statuses.items():
                    told.statuses[each].update(counts)
                    told.longest[each] = max(mine.longest.get(each, 0), told.longest.get(each, 0))
                told.codes.update(mine.codes)
                told.without_retry += mine.without_retry

        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(work, range(clients)))
        return told

    def recovered(self) -> float:
        """Return after how many seconds a picture was added and found."""
        begun = time.monotonic()
        number = next(self._numbers)
        while time.monotonic() - begun < LONGEST:
            if self.ask(ADD, number)[0] in (200, 201) and self.ask(SEARCH, number) == (200, True):
                return time.monotonic() - begun
            time.sleep(0.05)
        return _NEVER

    def examined(self) -> tuple[dict[str, int], dict[str, int]]:
        """Let the doctor mend what is left, and look again."""
        time.sleep(LEASE + 0.5)
        with Matcher.open(self._settings) as matcher:
            reports = [Doctor(matcher.collection).run(deep=True) for _ in range(2)]
        first, second = ({one.code: one.count for one in report.findings} for report in reports)
        return first, second

    def holds(self) -> list[str]:
        """Ask for everything that was ever sent, and return what cannot be."""
        for number in range(next(self._numbers)):
            self.ask(GET, number)
        return violations(self.events)


Fault = Callable[[Trial], "Iterator[Callable[[], float]]"]


def full(trial: Trial) -> Iterator[Callable[[], float]]:
    """No memory is left (maxmemory, noeviction)."""
    trial.redis.client.config_set("maxmemory-policy", "noeviction")
    trial.redis.client.config_set("maxmemory", "100kb")
    yield lambda: float(not trial.redis.client.config_set("maxmemory", "0"))


def disk_full(trial: Trial) -> Iterator[Callable[[], float]]:
    """The append-only file cannot grow. With appendfsync always Redis ends itself then; it is started again, as systemd does."""
    trial.redis.kill()
    trial.redis.start(largest_file=trial.redis.log_bytes() + 20_000)
    ending = threading.Event()

    def keep() -> None:
        while not ending.wait(0.1):
            if not trial.redis.runs:
                trial.redis.start(largest_file=trial.redis.log_bytes() + 20_000)

    keeping = threading.Thread(target=keep)
    keeping.start()

    def end() -> float:
        ending.set()
        keeping.join()
        trial.redis.kill()
        return trial.redis.start()

    yield end


def replica(trial: Trial) -> Iterator[Callable[[], float]]:
    """Redis is a replica, which refuses writes."""
    trial.redis.client.replicaof("127.0.0.1", "1")
    yield lambda: float(not trial.redis.client.replicaof("NO", "ONE"))


def restarted(trial: Trial) -> Iterator[Callable[[], float]]:
    """Redis is killed; reads and writes fail until it is started again."""
    trial.redis.kill()
    yield trial.redis.start


def slow(trial: Trial) -> Iterator[Callable[[], float]]:
    """Each way to Redis and back takes 200 ms longer."""
    trial.proxy.delay = 0.2

    def end() -> float:
        trial.proxy.delay = 0.0
        return 0.0

    yield end


def half_open(trial: Trial) -> Iterator[Callable[[], float]]:
    """What is sent to Redis is swallowed, on all connections."""
    trial.proxy.swallows = True

    def end() -> float:
        trial.proxy.swallows = False
        return 0.0

    yield end


def frozen(trial: Trial) -> Iterator[Callable[[], float]]:
    """Redis stands still, as on a disk that does, and then does all it was sent meanwhile."""
    trial.redis.pause(True)

    def end() -> float:
        trial.redis.pause(False)
        return 0.0

    yield end


FAULTS = {
    "full": full,
    "disk-full": disk_full,
    "read-only": replica,
    "restarted": restarted,
    "slow": slow,
    "half-open": half_open,
    "frozen": frozen,
}
REFUSED = {503}
DONE = {200, 201, 204, 404}


# Of writes and reads; in other faults both are refused. What is full can still be removed from.
EXPECTED = {
    "slow": (DONE, DONE),
    "full": (DONE - {200, 201} | REFUSED, DONE),
    "read-only": (REFUSED, DONE),
    "disk-full": (DONE | REFUSED, DONE | REFUSED),
}


def suffered(trial: Trial, name: str, pictures: int, seconds: float) -> Outcome:
    """Have one fault, and return what became of it."""
    known = trial.fill(pictures)
    with contextmanager(FAULTS[name])(trial) as end:
        told = trial.suffer(known, seconds)
        reload = end()
    recovery = trial.recovered()
    left, then = trial.examined()
    return Outcome(name, told, recovery, reload, trial.holds(), left, then)


def complaints(outcome: Outcome) -> list[str]:
    """Return what is not as it should be."""
    told, found = outcome.told, list[str]()
    writes, reads = EXPECTED.get(outcome.name, (REFUSED, REFUSED))
    if not told.only((ADD, DELETE), writes):
        found.append(f"writes were answered {told.statuses[ADD]} and {told.statuses[DELETE]}")
    if not told.only((SEARCH, GET), reads):
        found.append(f"reads were answered {told.statuses[SEARCH]} and {told.statuses[GET]}")
    if outcome.name != "slow" and not told.statuses[ADD][503]:
        found.append("no write was refused")
    if told.without_retry:
        found.append(f"{told.without_retry} answers with 503 do not tell when to come back")
    if outcome.recovery > 5:
        found.append(f"it took {outcome.recovery:.1f} s to recover")
    if outcome.wrong or outcome.then:
        found.append(f"wrong: {outcome.wrong[:3]}, left after repair: {outcome.then}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", choices=FAULTS)
    asked = parser.parse_args()
    wrong = 0
    print(f"{'fault':10} {'writes':28} {'reads':28} {'longest':>8} {'reload':>7} {'recovery':>8}  doctor mended, then found; lost or wrong")
    for name in [asked.only] if asked.only else FAULTS:
        with tempfile.TemporaryDirectory() as folder, Trial(Path(folder)) as trial:
            outcome = suffered(trial, name, asked.pictures, asked.seconds)
        told = outcome.told
        writes, reads = (
            ", ".join(f"{status}: {count}" for status, count in sorted((told.statuses[one] + told.statuses[other]).items()))
            for one, other in ((ADD, DELETE), (SEARCH, GET))
        )
        print(
            f"{name:10} {writes:28} {reads:28} {max(told.longest.values()):6.1f} s {outcome.reload:5.2f} s {outcome.recovery:6.2f} s  "
            f"{outcome.left or 'nothing'}, {outcome.then or 'nothing'}; {len(outcome.wrong)}"
        )
        for text in complaints(outcome):
            wrong += 1
            print(f"    {text}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
