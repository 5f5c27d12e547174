"""`kuato narrow`: fewer MAYBE, from reviewed pairs of a store, as the page of the calibration finds them."""

import re
from pathlib import Path

import numpy as np
import pytest

from matcher.decision import Rules
from matcher.engine import Matcher
from matcher.extraction import Fingerprints
from matcher.labelling import Group, Labellings
from matcher.reviews import Verdict
from matcher.settings import Settings
from matcher.web.app import create_app
from tests.matcher.commands.conftest import Kuato
from tests.matcher.in_process import services_on

PDQ = Rules.load().bounds("pdq")
NEAR, FAR = round(PDQ[0] * 256) + 2, round(PDQ[1] * 256) - 2  # bits that differ: just beyond YES, just within MAYBE


def added(matcher: Matcher, number: int, differing: int = 0) -> str:
    """Add a picture of which a PDQ hash alone is known, so many bits from that of its number; its SHA-256."""
    bits = np.random.default_rng(number).integers(0, 2, 256, np.uint8)
    bits[:differing] ^= 1
    sha256 = np.random.default_rng([number, differing]).bytes(32).hex()
    found = Fingerprints(sha256, "PNG", (640, 480), 1234, {"as is": {"pdq": np.packbits(bits).tobytes()}})
    return matcher.collection.add(found).record.sha256


@pytest.fixture
def reviewed(settings: Settings) -> tuple[int, int]:
    """A store of reviewed pairs that are a MAYBE: the confirmed ones near, the rejected ones far; how many of each."""
    with Matcher.open(settings) as matcher:
        for n in range(12):
            verdict, differing = (Verdict.SAME, NEAR) if n % 2 else (Verdict.DIFFERENT, FAR)
            matcher.collection.reviews.give(added(matcher, n), added(matcher, n, differing), verdict, "ana")
    return 6, 6


def test_what_would_change_is_told_and_nothing_is_changed(kuato: Kuato, reviewed: tuple[int, int], tmp_path: Path) -> None:
    result = kuato("narrow")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["bound", "now", "then"]
    name, now, then = lines[1].split()
    assert name == "pdq.maybe" and float(now) == round(PDQ[1], 4) > float(then) >= NEAR / 256
    assert lines[2] == "of 6 rejected pairs that were a MAYBE 0 still are; of 6 confirmed ones 6 are found"
    assert [line.split()[-3:] for line in lines[7:10]] == [["YES", "0", "0"], ["MAYBE", "6", "0"], ["NO", "0", "6"]]
    assert result.stdout.count("MAYBE -> NO  better") == 6
    assert "written" not in result.stdout and not list(tmp_path.glob("*.toml"))


def test_the_rules_are_written_where_that_is_asked_for(kuato: Kuato, reviewed: tuple[int, int], tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    (told,) = kuato.json("narrow", "--out", rules)
    assert told["written"] == str(rules) and told["rejected"] == {"maybe": 6, "left": 0} and told["confirmed"] == {"maybe": 6, "found": 6}
    assert told["same"]["now"] == told["same"]["then"] == {"YES": 0, "MAYBE": 6, "NO": 0}
    assert len(told["changes"]) == 6 and all((one["now"], one["then"], one["same"]) == ("MAYBE", "NO", False) for one in told["changes"])
    assert Rules.load(rules).bounds("pdq") == (PDQ[0], told["bounds"]["pdq.maybe"]["then"])
    assert "Fewer MAYBE, on 12 labelled pairs of 24 pictures." in rules.read_text()
    kuato.options.append(f"--set=decision.rules={rules}")
    result = kuato("narrow", "--out", rules)
    assert (result.exit_code, "only 6 reviewed pairs are a MAYBE" in result.stderr) == (2, True)


def test_the_page_finds_the_same(kuato: Kuato, settings: Settings, reviewed: tuple[int, int], tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    (told,) = kuato.json("narrow", "--out", rules)
    with services_on(settings) as services:
        client = create_app(services).test_client()
        page = client.get("/calibration", headers={"Accept": "text/html"}).text
        token = re.search(r'name="kuato-token" content="([0-9a-f]{64})"', page)
        assert token is not None
        headers = {"X-Kuato-Token": token[1], "Accept": "application/json"}
        comparison = client.post("/calibration/compare", json={}, headers=headers).json["comparison"]
        found = client.post("/calibration/narrow", json={"comparison": comparison}, headers=headers).json
        asked = f'{{"comparison": "{comparison}", "bounds": {{"pdq.maybe": {found["bounds"]["pdq.maybe"]}}}}}'
        given = client.post("/calibration/rules", data={"token": token[1], "asked": asked}).text
    assert found["bounds"] == {name: bound["then"] for name, bound in told["bounds"].items()}
    assert (found["rejected"], found["confirmed"]) == ([6, 0], [6, 6])
    assert given.replace("By hand", "Fewer MAYBE").replace("by hand", "fewer MAYBE") == rules.read_text()


def test_labellings_count_where_they_are_named(kuato: Kuato, settings: Settings, reviewed: tuple[int, int]) -> None:
    with Matcher.open(settings) as matcher:
        pairs = [(added(matcher, 100 + n), added(matcher, 100 + n, NEAR)) for n in range(4)]
        made = Labellings(matcher.collection.store).begin("x", "ana", [Group("", pair) for pair in pairs])
    assert kuato.json("narrow", "--labelling", made.id)[0]["confirmed"] == {"maybe": 10, "found": 10}
    result = kuato("narrow", "--labelling", "nothing")
    assert (result.exit_code, "there is no labelling" in result.stderr) == (4, True)


def test_where_nothing_can_be_drawn_in_nothing_is_written(kuato: Kuato, settings: Settings, tmp_path: Path) -> None:
    with Matcher.open(settings) as matcher:
        for n in range(12):
            verdict = Verdict.DIFFERENT if n == 0 else Verdict.SAME
            matcher.collection.reviews.give(added(matcher, n), added(matcher, n, NEAR), verdict, "ana")
    result = kuato("narrow", "--out", tmp_path / "rules.toml")
    assert (result.exit_code, "nothing changes" in result.stdout) == (0, True), result.stderr
    assert not (tmp_path / "rules.toml").exists()


def test_without_reviews_it_says_what_is_missing(kuato: Kuato, tmp_path: Path) -> None:
    result = kuato("narrow")
    assert (result.exit_code, "review more pairs" in result.stderr) == (2, True)
    result = kuato("narrow", "--out", tmp_path / "nowhere" / "rules.toml")
    assert (result.exit_code, "cannot be written" in result.stderr) == (2, True)
