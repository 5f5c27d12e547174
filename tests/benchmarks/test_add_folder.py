"""What adding a folder reaches of fingerprinting it: a short form, of which the figures mean nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_folders_are_fingerprinted_and_added(tmp_path: Path) -> None:
    options = ["--pictures", "6", "--known", "30", "--runs", "1", "--json"]
    command = [sys.executable, "-m", "benchmarks.add_folder", ROOT / "samples", *options]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert [(one["set"], one["known"]) for one in figures] == [(name, n) for name in ("default set", "without local") for n in (0, 30)]
    assert all(one["pictures"] == 6 and one["add_a_processor_second"] > 0 < one["ratio_by_processor"] for one in figures)
