"""`kuato show`, `list`, `remove` and `tag`: what is done with known pictures."""

from pathlib import Path

import pytest

from matcher.commands.sources import MOMENT
from tests.matcher.commands.conftest import Kuato

NOBODY = "0" * 64


@pytest.fixture
def stocked(kuato: Kuato, gallery: Path) -> Kuato:
    kuato("bank", "create", "ships")
    kuato("add", gallery / "house.png", "--tag", "stone")
    kuato("add", gallery / "boat.png", "--tag", "wood", "--bank", "ships", "--source", "url:https://x.org/boat")
    return kuato


@pytest.fixture
def boat(stocked: Kuato) -> str:
    return str(stocked.json("list", "--tag", "wood")[0]["sha256"])


def test_show_tells_all(stocked: Kuato, boat: str) -> None:
    [shown] = stocked.json("show", boat.upper())
    assert (shown["sha256"], shown["tags"], shown["banks"]) == (boat, ["wood"], ["ships"])
    assert len(shown["fingerprints"]["pdq"]["hex"]) == 64
    text = stocked("show", boat).stdout
    assert all(word in text for word in (boat, "PNG, 640x480", "ships", "wood", "url:https://x.org/boat", "pdq 1, "))


@pytest.mark.parametrize(
    ("conditions", "tags"),
    [
        ([], ["wood", "stone"]),
        (["--tag", "stone"], ["stone"]),
        (["--bank", "ships"], ["wood"]),
        (["--source", "file"], ["stone"]),
        (["--source", "url:https://x.org/boat"], ["wood"]),
        (["--source", "url:https://x.org/other"], []),
        (["--tag", "stone", "--bank", "ships"], []),
        (["--limit", "1"], ["wood"]),
        (["--since", "1h"], ["wood", "stone"]),
        (["--since", "2100-01-01"], []),
        (["--until", "2000-01-01T00:00Z"], []),
        (["--until", "2100-01-01"], ["wood", "stone"]),
    ],
)
def test_list_holds_every_condition(stocked: Kuato, conditions: list[str], tags: list[str]) -> None:
    assert [one["tags"][0] for one in stocked.json("list", *conditions)] == tags


def test_list_tells_of_more_than_it_lists(stocked: Kuato) -> None:
    assert "more than 1;" in stocked("list", "--limit", "1").stderr
    assert stocked("list", "--limit", "2").stderr == ""


def test_list_names_pictures_in_full(stocked: Kuato, boat: str) -> None:
    lines = stocked("list").stdout.splitlines()
    assert lines[0].split() == ["picture", "added", "format", "size", "banks", "tags", "sources"]
    assert lines[1].split()[0] == boat


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-02", 86400.0), ("1970-01-01T01:00", 3600.0), ("1970-01-01T01:00+01:00", 0.0), ("1970-01-01T00:00:07Z", 7.0)],
)
def test_times_are_utc_unless_they_say_otherwise(text: str, seconds: float) -> None:
    assert MOMENT.convert(text, None, None) == seconds


def test_remove_forgets(stocked: Kuato, gallery: Path, boat: str) -> None:
    assert stocked("remove", boat, boat).stdout == "1 removed\n"
    assert stocked("show", boat).exit_code == 4
    assert stocked.json("search", gallery / "boat.png")[0]["decision"] == "NO"


def test_remove_stops_before_an_unknown_one(stocked: Kuato, boat: str) -> None:
    result = stocked("remove", boat, NOBODY)
    assert (result.exit_code, f"no picture {NOBODY} is known" in result.stderr) == (4, True)
    assert stocked("show", boat).exit_code == 0


def test_tags_are_given_and_taken(stocked: Kuato, boat: str) -> None:
    assert stocked("tag", boat, "--add", "sail", "--add", "blue", "--remove", "wood").stdout == f"{boat}: sail, blue\n"
    assert stocked.json("list", "--tag", "wood") == []
    assert stocked.json("tag", boat, "--remove", "sail")[0]["tags"] == ["blue"]
    assert stocked("tag", boat, "--remove", "blue").stdout == f"{boat}: no tags\n"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (["show", "abc"], 2),
        (["show", NOBODY], 4),
        (["list", "--bank", "nowhere"], 4),
        (["list", "--since", "yesterday"], 2),
        (["list", "--limit", "0"], 2),
        (["remove", "abc"], 2),
        (["remove"], 2),
        (["tag", NOBODY, "--add", "x"], 4),
        (["tag", NOBODY], 2),
        (["tag", NOBODY, "--add", "x", "--remove", "x"], 2),
        (["tag", NOBODY, "--add", "two\nlines"], 4),
    ],
)
def test_wrong_calls(kuato: Kuato, call: list[str], code: int) -> None:
    result = kuato(*call)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert result.stderr
