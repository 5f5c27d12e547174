"""The command that measures every method side by side, on a few samples."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_every_method_side_by_side_is_written_into_the_page(tmp_path: Path) -> None:
    truth = json.loads((ROOT / "samples" / "ground_truth.json").read_text())
    clusters = truth["clusters"][:2]
    names = [member["file"] for cluster in clusters for member in cluster["members"]]
    (tmp_path / "in").mkdir()
    for path in (ROOT / "samples").glob("*/*"):
        if path.name in names:
            shutil.copy(path, tmp_path / "in")
    (tmp_path / "in" / "ground_truth.json").write_text(json.dumps({"clusters": clusters, "distractors": []}))
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    command = [
        sys.executable,
        ROOT / "benchmarks" / "quality.py",
        tmp_path / "in",
        "--write",
        page,
        "--algorithms",
        "pdq,phash,local,tiles",
    ]
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.startswith("before\n<!-- measured -->\n") and text.endswith("<!-- end -->\nafter\n")
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in text.splitlines() if line.startswith("| ")
    }
    for method in (
        "Kuato",
        "Kuato without local features",
        "PDQ <= 31",
        "pHash <= 10",
        "pdq alone",
        "phash alone",
        "local alone",
        "tiles alone",
    ):
        assert 0 <= float(rows[method][0]) <= float(rows[method][1]) <= 1, method
    assert float(rows["Kuato"][1]) >= float(rows["PDQ <= 31"][1])
    assert not any(name in text for name in names), "names carry no meaning"
    assert "screenshot:marrowbridge-mirrored" in rows
