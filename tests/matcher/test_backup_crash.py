"""Backups of a store in which other processes add and remove pictures all the while."""

import hashlib
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.archive import ArchiveReader
from matcher.backup import Backup
from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis
from matcher.restore import Restore
from matcher.settings import Settings
from matcher.store import Store
from tests.matcher.churn import drawing

ROOT = Path(__file__).parent.parent.parent
SEEDS = (1, 2)
BACKUPS = 4
pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    EmbeddedRedis(tmp_path / "data").stop()


def marks(logs: list[Path]) -> dict[str, list[str]]:
    """What was done to each picture so far, by the logs of the processes that did it."""
    found: dict[str, list[str]] = {}
    for log in logs:
        for line in log.read_text().splitlines():
            mark, sha256 = line.split()
            found.setdefault(sha256, []).append(mark)
    return found


def copied(data_dir: Path) -> io.BytesIO:
    """Make a backup that takes its time."""
    file = io.BytesIO()
    store = Store(EmbeddedRedis(data_dir).ensure, "kuato:")
    Backup(store, progress=lambda keys: time.sleep(0.01)).write(file)
    store.forget_connection()
    return file


def test_what_was_acknowledged_before_is_in_the_backup_and_what_was_removed_before_is_not(data_dir: Path, tmp_path: Path) -> None:
    logs = [tmp_path / f"log-{seed}" for seed in SEEDS]
    churners = [
        subprocess.Popen([sys.executable, "-m", "tests.matcher.churn", str(data_dir), str(log), str(seed)], cwd=ROOT)
        for seed, log in zip(SEEDS, logs, strict=True)
    ]
    taken: list[tuple[io.BytesIO, set[str], set[str]]] = []
    busy = 0
    try:
        while not all(log.exists() and log.stat().st_size > 3000 for log in logs):
            assert [churner.poll() for churner in churners] == [None, None]
            time.sleep(0.1)
        for _ in range(BACKUPS):
            before = marks(logs)
            file = copied(data_dir)
            after = marks(logs)
            untouched = {sha256 for sha256, done in before.items() if after[sha256] == done}
            busy += len(before) - len(untouched)
            present = {sha256 for sha256 in before if before[sha256][-1] == "A" and "-" not in after[sha256][len(before[sha256]) :]}
            absent = {sha256 for sha256 in before if before[sha256][-1] == "R" and "+" not in after[sha256][len(before[sha256]) :]}
            taken.append((file, present, absent))
    finally:
        for churner in churners:
            churner.terminate()
        for churner in churners:
            churner.wait(timeout=60)
    assert busy > BACKUPS  # pictures that something was done to while they were copied
    assert sum(len(present) for _, present, _ in taken) > BACKUPS
    assert sum(len(absent) for _, _, absent in taken) > BACKUPS
    pictures = {hashlib.sha256(data).hexdigest(): data for seed in SEEDS for n in range(40) for data in (drawing(seed * 1000 + n),)}
    for n, (file, present, absent) in enumerate(taken):
        store = Store(EmbeddedRedis(data_dir).ensure, f"copy-{n}:", oldest=0)
        Restore(ArchiveReader(file, "b"), store).run()
        overrides = {"data.dir": data_dir, "redis.prefix": f"copy-{n}:", "workers.count": 1}
        with Matcher.open(Settings.load(environ={}, overrides=overrides)) as matcher:
            check(matcher, present, absent, pictures)
            assert Doctor(matcher.collection).run(deep=True).clean
            assert Doctor(matcher.collection).run(deep=True).findings == ()
            check(matcher, present, absent, pictures)
            # It goes on as any other store: nothing is in the way of the next adder.
            for sha256 in absent:
                assert matcher.add(pictures[sha256]).new


def check(matcher: Matcher, present: set[str], absent: set[str], pictures: dict[str, bytes]) -> None:
    listed = {record.sha256 for record in matcher.find(limit=100_000)}
    assert (present - listed, absent & listed) == (set(), set())
    for sha256 in present:
        found = [match.picture.sha256 for match in matcher.search(pictures[sha256], limit=100).matches]
        assert found.count(sha256) == 1
        assert not absent & set(found)
        assert matcher.get(sha256).sources[0].kind == "churn"
