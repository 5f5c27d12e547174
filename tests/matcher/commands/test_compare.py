"""`kuato compare`: without Redis."""

from pathlib import Path

import pytest

from tests.matcher.commands.conftest import Kuato


@pytest.fixture
def offline(kuato: Kuato) -> Kuato:
    kuato.options.append("--redis=redis://127.0.0.1:1")
    return kuato


def test_two_of_the_same_are_yes_and_each_algorithm_says_why(offline: Kuato, gallery: Path) -> None:
    [found] = offline.json("compare", gallery / "house.png", gallery / "house-small.jpg")
    assert (found["decision"], found["relation"]) == ("YES", "same picture")
    assert found["pictures"] == [str(gallery / "house.png"), str(gallery / "house-small.jpg")]
    assert {one["algorithm"] for one in found["evidence"]} >= {"pdq", "tiles", "local"}


def test_people_read_decision_and_table(offline: Kuato, gallery: Path) -> None:
    lines = offline("compare", gallery / "house.png", gallery / "boat.png").stdout.splitlines()
    assert lines[0].startswith("NO: distance ")
    assert lines[1].split()[:4] == ["algorithm", "family", "decision", "distance"]
    assert any(line.startswith("pdq ") and "YES up to" in line for line in lines)


def test_one_may_come_from_standard_input(offline: Kuato, gallery: Path) -> None:
    result = offline("compare", "-", gallery / "house.png", stdin=(gallery / "house.png").read_bytes())
    assert result.stdout.startswith("YES: same picture, distance 0.000\n")


def test_nothing_to_compare_by(offline: Kuato, gallery: Path) -> None:
    assert offline("compare", gallery / "white.png", gallery / "boat.png").stdout == "NO: too simple to compare by content\n"


@pytest.mark.parametrize(("a", "b", "code"), [("-", "-", 2), ("missing.png", "missing.png", 4), (".", ".", 2), (__file__, __file__, 3)])
def test_wrong_pictures(offline: Kuato, a: str, b: str, code: int) -> None:
    result = offline("compare", a, b)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (code, "", 1)
