"""`kuato stats`, `doctor`, `reset`, `evaluate` and `config show`: the store as a whole, and how it is set up."""

import json
import subprocess
from pathlib import Path

import pytest
import redis

from matcher.settings import TABLE
from tests.matcher.commands.conftest import Kuato, documents


def test_stats_count(kuato: Kuato, gallery: Path) -> None:
    kuato("add", gallery)
    [figures] = kuato.json("stats")
    assert (figures["pictures"], figures["banks"]) == (4, 0)
    assert figures["redis_bytes"] > 0
    assert kuato("stats").stdout.splitlines()[0].split() == ["pictures", "4"]


def test_a_healthy_store_needs_no_doctor(kuato: Kuato, gallery: Path) -> None:
    kuato("add", gallery / "boat.png")
    result = kuato("doctor", "--deep")
    assert (result.exit_code, result.stdout) == (0, "nothing is wrong\n")


def test_the_doctor_tells_first_and_repairs_when_let(kuato: Kuato, gallery: Path, store_url: str) -> None:
    kuato("add", gallery / "boat.png")
    with redis.Redis.from_url(store_url) as client:
        lost = [key for key in client.scan_iter("kuato:*") if _is_posting(key)]
        assert client.delete(*lost) > 0
    told = kuato("doctor", "--deep", "--dry-run")
    assert (told.exit_code, "missing-posting" in told.stdout, "not repaired" in told.stdout) == (1, True, True)
    [report] = kuato.json("doctor", "--deep")
    assert (report["clean"], report["findings"][0]["code"], report["findings"][0]["repaired"]) == (True, "missing-posting", True)
    assert kuato.json("doctor", "--deep") == [{"clean": True, "findings": []}]
    assert kuato.json("search", gallery / "house-small.jpg")[0]["decision"] == "NO"


def _is_posting(key: bytes) -> bool:
    return not key.startswith(tuple(b"kuato:" + kind for kind in (b"r", b"c", b"n", b"f", b"b", b"i", b"v", b"s")))


def test_reset_asks_and_leaves_what_is_not_ours(kuato: Kuato, gallery: Path, store_url: str) -> None:
    kuato("add", gallery / "boat.png")
    with redis.Redis.from_url(store_url) as client:
        client.set("somebody-else", "s")
        declined = kuato("reset", stdin=b"n\n")
        assert (declined.exit_code, "Forget 1 pictures" in declined.stderr) == (0, True)
        unasked = kuato.start("reset", stdin=subprocess.DEVNULL)
        unasked.communicate(timeout=20)
        assert unasked.returncode == 130
        assert kuato.json("stats")[0]["pictures"] == 1
        assert kuato("reset", stdin=b"y\n").stdout.endswith(" keys deleted\n")
        assert client.keys() == [b"somebody-else"]
        assert kuato.json("stats")[0]["pictures"] == 0
        assert kuato.json("reset", "--yes")[0]["deleted_keys"] <= 1


def test_evaluate_searches_each_among_the_others_and_leaves_the_store(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    kuato("add", gallery / "boat.png")
    [summary] = kuato.json("evaluate", gallery, "--out", tmp_path / "out.jsonl")
    assert summary == {"out": str(tmp_path / "out.jsonl"), "pictures": 4, "refused": 0, "matches": 2}
    lines = {line["query"]: line["matches"] for line in documents((tmp_path / "out.jsonl").read_text())}
    assert set(lines) == {path.name for path in gallery.iterdir()}
    assert [match["file"] for match in lines["house.png"]] == ["house-small.jpg"]
    assert kuato.json("stats")[0]["pictures"] == 1


@pytest.mark.parametrize(("images", "out", "code"), [("missing", "out", 4), ("in", "missing/out", 2), ("in", "in", 2), ("in", "out", 2)])
def test_evaluate_looks_first(kuato: Kuato, tmp_path: Path, images: str, out: str, code: int) -> None:
    (tmp_path / "in").mkdir()
    result = kuato("evaluate", tmp_path / images, "--out", tmp_path / out)
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert not (tmp_path / "out").exists()


def test_config_show_tells_value_and_origin(kuato: Kuato, tmp_path: Path) -> None:
    (tmp_path / "kuato.toml").write_text('[search]\nlimit = 3\n[misp]\nallow = ["10.0.0.0/8"]\n')
    shown = {row["name"]: row for row in kuato.json("--config", tmp_path / "kuato.toml", "--set", "misp.max_matches=2", "config", "show")}
    assert list(shown) == [row.name for row in TABLE]
    assert (shown["search.limit"]["value"], shown["search.limit"]["origin"]) == (3, f"file {tmp_path / 'kuato.toml'}")
    assert (shown["misp.max_matches"]["value"], shown["misp.max_matches"]["origin"]) == (2, "command line")
    assert shown["misp.allow"]["value"] == ["10.0.0.0/8"]
    assert (shown["search.candidates"]["origin"], shown["search.candidates"]["unit"]) == ("default", "pictures")
    assert all(row["text"] for row in shown.values())
    assert json.dumps(shown)
    text = kuato("config", "show").stdout.splitlines()
    assert len(text) == 1 + len(TABLE)


@pytest.mark.parametrize("url", ["redis://kuato:s3cret@127.0.0.1:1/0", "redis://:s3cr@t/s3cret@127.0.0.1:1/0"])
def test_passwords_are_not_shown(kuato: Kuato, url: str) -> None:
    for words in (["config", "show"], ["config", "show", "--json"], ["list"], ["reset"]):
        result = kuato("--redis", url, *words)
        assert "s3cr" not in result.output + result.stderr
    assert "redis://kuato:***@127.0.0.1:1/0" in kuato("--redis", "redis://kuato:s3cret@127.0.0.1:1/0", "config", "show").stdout
