"""The systemd units: systemd takes them, finds them confined, and they start what there is."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted([*(ROOT / "config" / "systemd").glob("*.service"), *(ROOT / "config" / "ail").glob("*.service")])
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (package systemd)")


def test_there_are_units() -> None:
    assert [path.name for path in UNITS] == [
        "kuato-ail-native@.service",
        "kuato-ail.service",
        "kuato-misp-sync.service",
        "kuato.service",
    ]


@needs_systemd
def test_systemd_takes_them(tmp_path: Path) -> None:
    for path in UNITS:
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name.replace("@", "@i")).write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "kuato" in line]
    assert (done.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_they_are_confined(path: Path) -> None:
    """systemd's own measure: 0 is a unit that may do nothing, 10 one that may do everything."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [path for path in UNITS if "native" not in path.name], ids=lambda path: path.name)
def test_they_run_a_command_there_is(path: Path) -> None:
    (words,) = re.findall(r"^ExecStart=/opt/kuato/bin/kuato (.+)$", path.read_text(), re.MULTILINE)
    command = [part for part in words.split() if re.fullmatch(r"[a-z]+", part)]
    options = [part for part in words.split() if part.startswith("--")]
    done = subprocess.run([Path(sys.executable).with_name("kuato"), *command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(option in done.stdout for option in options)
