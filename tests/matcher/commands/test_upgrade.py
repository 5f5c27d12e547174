"""`kuato upgrade` on a store that says it is of schema 1."""

from pathlib import Path

import pytest
import redis

from matcher.fingerprints.pdq import PDQ
from tests.matcher.commands.conftest import Kuato


def test_upgrading(kuato: Kuato, gallery: Path, store_url: str) -> None:
    kuato.json("add", gallery)
    with redis.Redis.from_url(store_url) as client:
        client.hset("kuato:m", "schema", 1)
    refused = kuato("stats")
    assert (refused.exit_code, "run `kuato upgrade`" in refused.stderr) == (7, True)
    check = kuato("upgrade", "--check")
    assert (check.exit_code, "schema 1, this version reads 2" in check.stdout) == (1, True)
    assert kuato.json("upgrade")[0]["needed"]
    assert kuato("upgrade", "--check").exit_code == 0
    assert kuato.json("stats")[0]["pictures"] > 0


def test_fingerprints_of_another_version_are_told(kuato: Kuato, gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = len(kuato.json("add", gallery / "house.png", gallery / "boat.png"))
    assert kuato.json("upgrade", "--check")[0]["stale"] == []
    monkeypatch.setattr(PDQ, "version", 9)
    assert {"algorithm": "pdq", "version": 1, "in_use": 9, "pictures": pictures} in kuato.json("upgrade", "--check")[0]["stale"]
    told = kuato("upgrade")
    assert "there is nothing to do" in told.stdout
    assert "added or imported again" in told.stdout
