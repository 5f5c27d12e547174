"""docs/misp.md names every row, tag and setting there is."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from matcher.match import Decision
from matcher.settings import TABLE, config_dir
from misp_module.objects import ObjectWriter
from misp_module.query import Subject
from tests.misp_module.building import known, match

TEXT = (Path(__file__).parents[2] / "docs" / "misp.md").read_text("utf-8")


def test_rows():
    template = json.loads((config_dir() / "misp" / "objects" / "image-similarity" / "definition.json").read_text("utf-8"))
    for relation, rule in template["attributes"].items():
        assert f"`{relation}`" in TEXT and f"| {rule['misp-attribute']} |" in TEXT


def test_tags():
    writer = ObjectWriter(config_dir() / "misp" / "objects", "", {})
    for decision in (Decision.YES, Decision.MAYBE):
        written = writer.write(match(known(), decision), "cd" * 32, Subject("", "shot.png", b""))
        assert all(f"`{tag['name']}`" in TEXT for row in written["Attribute"] for tag in row.get("Tag", []))


def test_settings():
    sync = (Path(__file__).parents[2] / "docs" / "misp-sync.md").read_text("utf-8")
    assert all(row.name in TEXT + sync or row.variable in sync for row in TABLE if row.name.startswith("misp."))


# What MISP's docker-compose.yml says of its container (misp-docker, 2026): the entry point is misp-modules -l 0.0.0.0, without -c.
STOCK = """
services:
  misp-modules:
    image: ghcr.io/misp/misp-docker/misp-modules:latest
    volumes:
      - "./custom/action_mod/:/custom/action_mod/:Z"
      - "./custom/expansion/:/custom/expansion/:Z"
"""
OVERRIDES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("override", OVERRIDES)
def test_compose_overrides(override, tmp_path):
    service = yaml.safe_load(override)["services"]["misp-modules"]
    assert service["command"] == ["-c", "/custom"]
    assert set(service["environment"]) == {"KUATO_URL"}
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    (tmp_path / "docker-compose.yml").write_text(STOCK)
    (tmp_path / "docker-compose.override.yml").write_text(override)
    done = subprocess.run(["docker-compose", "config"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    merged = yaml.safe_load(done.stdout)["services"]["misp-modules"]
    assert merged["command"] == ["-c", "/custom"]
    assert len(merged["volumes"]) == 2
    assert merged["environment"]["KUATO_URL"].endswith(":6667")


def test_there_is_an_override_for_either_place():
    assert len(OVERRIDES) == 2
