"""Nothing acknowledged is lost, nothing removed comes back: real processes, killed at any moment."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis
from tests.matcher.churn import drawing, matcher_on

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    EmbeddedRedis(tmp_path / "data").stop()


def start(data_dir: Path, log: Path, seed: int, *more: str, module: str = "tests.matcher.churn") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", module, str(data_dir), str(log), str(seed), *more], cwd=ROOT)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def redis_pid(data_dir: Path) -> int:
    with matcher_on(data_dir) as matcher:
        return int(matcher.collection.store.info()["process_id"])


def expectations(log: Path) -> tuple[set[str], set[str]]:
    """Return which pictures must be there, and which must not, by the log; those in the middle of something are in neither."""
    state: dict[str, str] = {}
    for line in log.read_text().splitlines():
        mark, sha256 = line.split()
        state[sha256] = mark
    return {sha for sha, mark in state.items() if mark == "A"}, {sha for sha, mark in state.items() if mark == "R"}


def check(matcher: Matcher, present: set[str], absent: set[str], pictures: dict[str, bytes]) -> None:
    listed = [record.sha256 for record in matcher.find(limit=100_000)]
    assert len(listed) == len(set(listed))
    assert present <= set(listed)
    assert not absent & set(listed)
    for sha256 in sorted(present):
        found = [match.picture.sha256 for match in matcher.search(pictures[sha256], limit=100).matches]
        assert sha256 in found
        assert len(found) == len(set(found))
        assert not absent & set(found)


def test_killed_thirty_times_nothing_acknowledged_is_lost_or_comes_back(data_dir: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    seeds = (1, 2)
    logs = {seed: tmp_path / f"log-{seed}" for seed in seeds}
    churners = {seed: start(data_dir, logs[seed], seed) for seed in seeds}
    killed = {"adder": 0, "redis": 0, "worker": 0}
    try:
        while not all(log.exists() and log.stat().st_size > 2000 for log in logs.values()):
            time.sleep(0.1)
        for turn in range(30):
            time.sleep(chance.uniform(0.3, 0.9))
            victim = ("adder", "redis", "worker")[turn % 3]
            seed = chance.choice(seeds)
            if victim == "adder":
                churners[seed].kill()
                churners[seed].wait()
                churners[seed] = start(data_dir, logs[seed], seed)
            elif victim == "redis":
                os.kill(redis_pid(data_dir), signal.SIGKILL)
            else:
                for child in children(churners[seed].pid)[:1]:
                    os.kill(child, signal.SIGKILL)
            killed[victim] += 1
        # A busy machine gets little done between two kills.
        deadline = time.monotonic() + 180
        while min(sum(map(len, expectations(log))) for log in logs.values()) <= 30 and time.monotonic() < deadline:
            time.sleep(0.5)
    finally:
        for churner in churners.values():
            churner.terminate()
        for churner in churners.values():
            churner.wait(timeout=60)
    pictures = {hashlib.sha256(data).hexdigest(): data for seed in seeds for n in range(40) for data in (drawing(seed * 1000 + n),)}
    with matcher_on(data_dir) as matcher:
        for seed in seeds:
            present, absent = expectations(logs[seed])
            assert len(present) + len(absent) > 30
            check(matcher, present, absent, pictures)
        time.sleep(2)
        assert Doctor(matcher.collection).run(deep=True).clean
        assert Doctor(matcher.collection).run(deep=True).findings == ()
        for seed in seeds:
            check(matcher, *expectations(logs[seed]), pictures)
    assert min(killed.values()) == 10


def test_two_processes_adding_the_same_pictures_make_one_record_each(data_dir: Path, tmp_path: Path) -> None:
    count = 500
    adders = [start(data_dir, tmp_path / f"log-{n}", n, str(count)) for n in range(2)]
    assert [adder.wait(timeout=300) for adder in adders] == [0, 0]
    with matcher_on(data_dir) as matcher:
        records = list(matcher.find(limit=10_000))
        assert len(records) == len({record.sha256 for record in records}) == count
        assert all(len(record.sources) == 2 for record in records)
        for n in range(0, count, 25):
            found = [match.picture.id for match in matcher.search(drawing(n), limit=100).matches]
            assert len(found) == len(set(found)) >= 1
        assert Doctor(matcher.collection).run().clean
        for kind, width in matcher.collection.list_widths():
            for key in matcher.collection.store.scan(kind):
                value = matcher.collection.store.read([key])[0] or b""
                entries = [value[at : at + width] for at in range(0, len(value), width)]
                assert len(entries) == len(set(entries))


def test_an_adder_paused_between_pending_and_live_loses_nothing(data_dir: Path, tmp_path: Path) -> None:
    slow = start(data_dir, tmp_path / "slow", 0, "1", module="tests.matcher.pausing")
    while Path(f"/proc/{slow.pid}/stat").read_text().split()[2] != "T":
        assert slow.poll() is None
        time.sleep(0.05)
    sha256 = hashlib.sha256(drawing(0)).hexdigest()
    with matcher_on(data_dir) as matcher:
        assert [record.sha256 for record in matcher.find()] == []
        time.sleep(2.5)
        other = matcher.add(drawing(0))
        assert other.record.sha256 == sha256
        os.kill(slow.pid, signal.SIGCONT)
        assert slow.wait(timeout=60) == 0
        assert [record.sha256 for record in matcher.find()] == [sha256]
        assert [source.kind for source in matcher.get(sha256).sources] == ["churn"]
        assert Doctor(matcher.collection).run(deep=True).clean
        assert len(matcher.search(drawing(0)).matches) == 1
