"""Importers and Redis killed at any moment: what was acknowledged is there, all is there at the end, and each but once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.collection import Collection
from matcher.doctor import Doctor
from matcher.redis_server import EmbeddedRedis
from tests.matcher.importing import collection_in, hashed

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    EmbeddedRedis(tmp_path / "data").stop()


def start(data_dir: Path, log: Path, name: str, count: int, batch: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.matcher.importing", str(data_dir), str(log), name, str(count), str(batch)]
    return subprocess.Popen(command, cwd=ROOT)


def acknowledged(log: Path) -> set[int]:
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return {n for first, last, _ in lines for n in range(int(first), int(last))}


def check(collection: Collection, names: dict[str, set[int]]) -> None:
    """See that the pictures acknowledged to each name are known, found, and say who brought them."""
    for name, numbers in names.items():
        for n in sorted(numbers)[:: max(1, len(numbers) // 150)]:
            record = hashed(n, name)
            known = collection.get(record.sha256)
            assert f"hash-list:{name} {n}" in {source.key for source in known.sources}
            assert known.id in collection.filing.bands["pdq"].search(record.fingerprints["pdq"]).ids.tolist()
            assert known.id in collection.lists.seen_at("hash-list", f"{name} {n}").tolist()


def test_killed_twenty_times_nothing_acknowledged_is_lost(data_dir: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    count, names = 9_000, ("a", "b")
    logs = {name: tmp_path / f"log-{name}" for name in names}
    importers = {name: start(data_dir, logs[name], name, count, 1000) for name in names}
    killed = {"importer": 0, "redis": 0}
    try:
        while not all(log.exists() for log in logs.values()):
            time.sleep(0.05)
        for turn in range(20):
            time.sleep(chance.uniform(0.2, 0.8))
            if turn % 3 == 2:
                os.kill(int(collection_in(data_dir).store.info()["process_id"]), signal.SIGKILL)
                killed["redis"] += 1
                continue
            name = names[turn % 2]
            importers[name].kill()
            importers[name].wait()
            check(collection_in(data_dir), {name: acknowledged(logs[name])})
            importers[name] = start(data_dir, logs[name], name, count, 1000)
            killed["importer"] += 1
        assert [importer.wait(timeout=300) for importer in importers.values()] == [0, 0]
    finally:
        for importer in importers.values():
            importer.kill()
            importer.wait()
    collection = collection_in(data_dir)
    assert min(killed.values()) >= 6
    assert all(acknowledged(log) == set(range(count)) for log in logs.values())
    check(collection, {name: set(range(count)) for name in names})
    records = list(collection.newest())
    assert len(records) == len({record.sha256 for record in records}) == count
    assert all(len(record.sources) == 2 for record in records)
    time.sleep(1)
    assert Doctor(collection).run(deep=True).clean
    assert Doctor(collection).run(deep=True).findings == ()


def test_what_a_killed_importer_had_begun_the_doctor_ends(data_dir: Path, tmp_path: Path) -> None:
    chance = random.Random(5)
    collection = collection_in(data_dir)
    for _ in range(5):
        importer = start(data_dir, tmp_path / "log", "a", 8_000, 8_000)
        while importer.poll() is None and collection.claims.last_id() == 0:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.8))
        importer.kill()
        importer.wait()
        time.sleep(1)
        assert Doctor(collection).run(deep=True).clean
        assert Doctor(collection).run(deep=True).findings == ()
        records = list(collection.newest())
        assert len(records) == len({record.sha256 for record in records})
        for record in records[::500]:
            assert record.id in collection.filing.bands["pdq"].search(record.fingerprints["pdq"]).ids.tolist()
        collection.store.clear()
