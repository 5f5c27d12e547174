"""docs/misp.md names every row, tag and setting there is."""

import json
from pathlib import Path

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
