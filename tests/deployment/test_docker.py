"""config/docker: compose takes the files, and what the image is built of is there. Building it needs a docker engine."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from matcher.settings import TABLE

FOLDER = Path(__file__).parents[2] / "config" / "docker"
ROOT = FOLDER.parents[1]


def test_what_is_copied_into_the_image_is_there() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    copied = [name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()]
    let = {line[1:] for line in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == let == {"pyproject.toml", "README.md", "LICENSE", "matcher", "misp_module", "ail_connector", "config"}
    assert all((ROOT / name).exists() for name in copied)


def test_the_variables_are_settings() -> None:
    text = "".join(path.read_text() for path in FOLDER.iterdir())
    named = set(re.findall(r"KUATO_[A-Z_]+", text))
    assert named <= {row.variable for row in TABLE}
    assert named


def services(*names: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name in names:
        for service, what in yaml.safe_load((FOLDER / name).read_text())["services"].items():
            merged.setdefault(service, {}).update(what)
    return merged


def test_nothing_is_published_beyond_this_machine_and_the_store_not_at_all() -> None:
    found = services("compose.yaml", "compose.misp.yaml")
    assert found["kuato"]["ports"] == ["127.0.0.1:6670:6670"]
    assert "ports" not in found["valkey"]
    assert all(each["cap_drop"] == ["ALL"] for each in found.values())


@pytest.mark.parametrize("names", [["compose.yaml"], ["compose.yaml", "compose.misp.yaml"]])
def test_compose_takes_them(tmp_path: Path, names: list[str]) -> None:
    for path in FOLDER.iterdir():
        shutil.copy(path, tmp_path)
    example = (tmp_path / "example.env").read_text()
    (tmp_path / ".env").write_text(example.replace("VALKEY_PASSWORD=", "VALKEY_PASSWORD=5ecret"))
    command = next((found for found in (["docker-compose"], ["docker", "compose"]) if _works(found)), None)
    if command is None:
        pytest.skip("there is no docker compose")
    files = [part for name in names for part in ("-f", name)]
    done = subprocess.run([*command, *files, "config"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kuato = yaml.safe_load(done.stdout)["services"]["kuato"]
    assert kuato["environment"]["KUATO_REDIS_URL"] == "redis://:5ecret@valkey:6379/0"
    assert kuato["command"] == (["serve"] if len(names) > 1 else ["serve", "api"])
    (tmp_path / ".env").unlink()
    told = subprocess.run([*command, *files, "config"], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode != 0
    assert "see example.env" in told.stderr


def _works(command: list[str]) -> bool:
    return shutil.which(command[0]) is not None and subprocess.run([*command, "version"], capture_output=True).returncode == 0
