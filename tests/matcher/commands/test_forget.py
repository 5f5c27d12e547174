"""`kuato forget`."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from tests.matcher.commands.conftest import Kuato, documents

KIT, PRESS = "url:https://kit.example/login.png", "url:https://press.example/story.png"


@pytest.fixture
def stocked(kuato: Kuato, gallery: Path) -> Kuato:
    """The house was seen at the kit and in the press, the boat at the kit alone."""
    kuato("bank", "create", "boats", "--kind", "known-bad")
    kuato("add", gallery / "house.png", "--source", KIT, "--source", PRESS)
    kuato("add", gallery / "boat.png", "--source", KIT, "--bank", "boats")
    return kuato


def sources(kuato: Kuato) -> list[list[str]]:
    return [[f"{source['kind']}:{source['id']}" for source in picture["sources"]] for picture in kuato.json("list")]


def test_it_asks_and_tells_what_for(stocked: Kuato) -> None:
    declined = stocked("forget", "--domain", "kit.example", stdin=b"n\n")
    assert (declined.exit_code, "forgotten" in declined.stdout) == (0, False)
    assert "Forget 2 sources and 1 pictures (1 in boats)?" in declined.stderr and "nothing was forgotten" in declined.stderr
    assert sources(stocked) == [[KIT], [KIT, PRESS]]
    agreed = stocked("forget", "--domain", "kit.example", stdin=b"y\n")
    assert agreed.stdout.endswith("2 sources and 1 pictures (1 in boats) forgotten\n")
    assert sources(stocked) == [[PRESS]]


def test_unasked_nothing_happens(stocked: Kuato) -> None:
    unasked = stocked.start("forget", "--domain", "kit.example", stdin=subprocess.DEVNULL)
    unasked.communicate(timeout=20)
    assert unasked.returncode == 130
    assert sources(stocked) == [[KIT], [KIT, PRESS]]


def test_where_there_is_nothing_it_does_not_ask(stocked: Kuato) -> None:
    result = stocked("forget", "--source", "file:/never.png")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "0 sources and 0 pictures forgotten\n", "")


def test_programs_are_told_the_names(stocked: Kuato) -> None:
    wanted = [picture["sha256"] for picture in stocked.json("list")][::-1]
    dry = stocked.json("forget", "--source", KIT, "--dry-run")
    assert sources(stocked) == [[KIT], [KIT, PRESS]]
    wet = stocked.json("forget", "--source", KIT, "--yes")
    assert [(one["sha256"], one["removed"], one["sources"]) for one in wet[:-1]] == [(wanted[0], False, [KIT]), (wanted[1], True, [KIT])]
    assert wet[-1] == {"pictures_removed": 1, "sources_removed": 2, "banks": {"boats": 1}, "dry_run": False}
    assert (dry[:-1], dry[-1]) == (wet[:-1], wet[-1] | {"dry_run": True})


def test_what_is_over_its_time_goes(stocked: Kuato) -> None:
    def forget(*settings: str) -> str:
        return stocked("--set", "retention.banks=observed=365,known-bad=1", *settings, "forget", "--expired", "--yes").stdout

    assert forget() == "0 sources and 0 pictures forgotten\n"
    stocked("bank", "update", "boats", "--keep-days", "0")
    assert stocked("forget", "--older-than", "1h", "--yes").stdout == "0 sources and 0 pictures forgotten\n"
    assert stocked("forget", "--older-than", str(time.gmtime().tm_year + 1) + "-01-01", "--dry-run").stdout == (
        "3 sources and 2 pictures (1 in boats) would be forgotten\n"
    )


def test_the_lists_can_be_cleared_at_once(stocked: Kuato) -> None:
    stocked("forget", "--source", KIT, "--yes", "--compact")
    assert documents(stocked("doctor", "--dry-run", "--json").stdout)[0]["findings"] == []


def test_of_a_redis_of_others_it_is_said_what_stays(stocked: Kuato) -> None:
    assert "BGREWRITEAOF" in stocked("forget", "--source", KIT, "--yes").stderr


@pytest.mark.parametrize(
    "words",
    [
        ["forget"],
        ["forget", "--yes"],
        ["forget", "--source", "nowhere"],
        ["forget", "--domain", "https://kit.example/"],
        ["forget", "--event", "the one of May"],
        ["forget", "--older-than", "long ago"],
        ["forget", "--expired", "--domain", "kit.example"],
        ["--set", "retention.banks=observed", "forget", "--expired"],
    ],
)
def test_wrong_calls_forget_nothing(stocked: Kuato, words: list[str]) -> None:
    result = stocked(*words, "--dry-run")
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert sources(stocked) == [[KIT], [KIT, PRESS]]


def test_our_own_redis_leaves_nothing_on_disk(tmp_path: Path, gallery: Path) -> None:
    settings = Settings.load(environ={}, overrides={"data.dir": tmp_path / "data", "workers.count": 1})
    kuato = Kuato(settings, tmp_path / "home")
    kuato.options = [option for option in kuato.options if "redis.url" not in option]
    try:
        kuato("add", gallery / "house.png", "--source", KIT, "--source", PRESS)
        assert _on_disk(tmp_path, b"kit.example")
        result = kuato("forget", "--source", KIT, "--yes")
        assert (result.stdout, result.stderr) == ("1 sources and 0 pictures forgotten\n", "")
        deadline = time.monotonic() + 30
        while _on_disk(tmp_path, b"kit.example") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _on_disk(tmp_path, b"kit.example")
        assert _on_disk(tmp_path, b"press.example")
        assert json.dumps(kuato.json("list")).count("press.example") == 1
    finally:
        EmbeddedRedis(tmp_path / "data").stop()


def _on_disk(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in folder.rglob("*") if path.is_file())
