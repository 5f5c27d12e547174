"""The benchmark of the calibration runs, and its halves have nothing in common."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from matcher.labelled import read_file

ROOT = Path(__file__).parent.parent


def test_what_is_checked_has_no_cluster_with_what_was_used(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import calibration

    truth = read_file(shared / "data" / "dev" / "ground_truth.json")
    dice = random.Random(3)
    ours, others = calibration.halves(truth, dice)
    assert not set(ours.clusters) & set(others.clusters)
    assert set(ours.names) | set(others.names) == set(truth.names) and not set(ours.names) & set(others.names)
    used = calibration.drawn(ours, 60, dice)
    assert (len(used.names), len(used.clusters), {len(names) for names in used.clusters.values()}) == (60, 10, {3})
    assert set(used.names) <= set(ours.names)


@pytest.mark.slow
def test_the_benchmark_runs(shared: Path) -> None:
    dev = shared / "data" / "dev"
    command = [sys.executable, ROOT / "benchmarks" / "calibration.py", "--images", dev / "images", "--truth", dev / "ground_truth.json"]
    options = ["--splits", "1", "--pictures", "18", "--checked", "18", "--json"]
    done = subprocess.run([*map(str, command), *options], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["accepted"] for row in rows] == [0.01, 0.03, 0.1]
    assert all(row["pairs_checked"] > 130 and 0 <= row["false_positive_rate"] <= 0.3 for row in rows)
