"""From compared pairs to bounds, checked on pictures not used; rules files, reviews."""

import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matcher.calibration import reviews
from matcher.calibration.calibrate import Plan, conclude
from matcher.calibration.charts import draw
from matcher.calibration.fit import FUSED, fit
from matcher.calibration.fused import LEVELS, Ladder
from matcher.calibration.intervals import Rate, by_groups
from matcher.calibration.outcome import decided, folded, outcomes
from matcher.calibration.pairs import Pairs
from matcher.calibration.reviews import Review
from matcher.calibration.shapes import as_json, head, notes
from matcher.calibration.thresholds import Targets
from matcher.calibration.writing import rewritten
from matcher.decision import Bounds, Rules
from matcher.errors import BadFile, BadRequest, BadSettings, NotFound
from matcher.settings import config_dir
from matcher.truth import GroundTruth
from tests.matcher.calibration.cases import made, population

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RULES = Rules({"pdq": Bounds(0.1, 0.2), "dhash": Bounds(0.1, 0.2)})
TARGETS = Targets(false_positive=0.02, false_negative=0.1)


@pytest.mark.parametrize("rule", ["verified", "majority", "weighted-majority", "pyramid", "pareto"])
def test_bounds_of_sixty_pictures_hold_for_others(rule: str) -> None:
    rules = Rules(RULES.bounds_of, rule)
    ratios = []
    for seed in range(3 if rule == "verified" else 1):
        used, unseen = population(12, 3, 24, seed), population(16, 3, 32, 100 + seed)
        worth = outcomes(unseen, rules, fit(used, rules, TARGETS))
        ratios.append([worth[name].false_positive.value / TARGETS.false_positive for name in ("pdq", "dhash", FUSED)])
        assert worth["pdq"].false_negative.value < 0.2
    assert np.max(ratios) <= 1.5
    assert np.mean(ratios) > 0.4


@pytest.mark.parametrize("rule", ["verified", "majority", "weighted-majority", "pyramid", "pareto"])
def test_the_fused_decision_keeps_to_both_targets_with_the_bounds_that_are_written(rule: str) -> None:
    pairs = population(12, 3, 24, 1)
    rules = Rules({"pdq": Bounds(0.1, 0.2, weight=2), "dhash": Bounds(0.1, 0.2)}, rule)
    found = fit(pairs, rules, TARGETS)
    bounds = found.fused.bounds
    written = Rules(
        {name: Bounds(bounds[f"{name}.yes"], bounds[f"{name}.maybe"], weight=rules.bounds_of[name].weight) for name in rules.bounds_of},
        rule,
    )
    assert [written.judge(pair.evidence)[0].rank for pair in pairs.pairs] == list(decided(pairs, rules, found)[FUSED])
    worth = outcomes(pairs, rules, found)[FUSED]
    assert worth.false_positive.value <= 1.3 * TARGETS.false_positive
    assert worth.false_negative.value <= TARGETS.false_negative + 1e-9
    assert worth.review.value < 0.35


def test_every_algorithm_by_itself_keeps_to_both_targets() -> None:
    pairs = population(12, 3, 24, 2)
    for name, thresholds in fit(pairs, RULES, TARGETS).alone.items():
        distances = pairs.distances(name)
        assert np.mean(distances[~pairs.same] <= thresholds.yes) <= 1.3 * TARGETS.false_positive
        assert np.mean(distances[pairs.same] > thresholds.maybe) <= TARGETS.false_negative + 1e-9


def test_no_wrong_yes_at_all_means_none_of_these() -> None:
    pairs = population(8, 3, 12, 9)
    found = fit(pairs, RULES, Targets(0.0, 0.1))
    for name, thresholds in found.alone.items():
        nearest = pairs.distances(name)[~pairs.same].min()
        assert nearest - 0.002 <= thresholds.yes < nearest
    worth = outcomes(pairs, RULES, found)[FUSED]
    assert worth.false_positive.rate.wrong == 0
    assert worth.false_negative.value <= 0.1


def test_higher_levels_are_wider_bounds() -> None:
    ladder = Ladder.of(population(6, 3, 12, 3))
    for steps in ladder.bounds_of.values():
        assert (np.diff(steps) >= 0).all()
        assert steps[-1] <= 1
    bounds = ladder.bounds(len(LEVELS) // 2, -1)
    assert bounds["pdq.yes"] == bounds["pdq.maybe"] > 0
    assert ladder.bounds(-1, -1) == {"pdq.yes": -1, "pdq.maybe": -1, "dhash.yes": -1, "dhash.maybe": -1}


def test_what_an_algorithm_cannot_compare_counts_as_missed() -> None:
    pairs = [made({"pdq": 0.1} if n else {}, f"a{n}", f"b{n}", True) for n in range(4)]
    pairs += [made({"pdq": 0.5}, f"c{n}", f"d{n}", False) for n in range(4)]
    found = fit(Pairs(tuple(pairs), {name: name for pair in pairs for name in (pair.a, pair.b)}), RULES, Targets(0.1, 0.1))
    assert not found.alone["pdq"].reached
    assert (
        fit(Pairs(tuple(pairs), {name: name for pair in pairs for name in (pair.a, pair.b)}), RULES, Targets(0.1, 0.25))
        .alone["pdq"]
        .reached
    )


def test_the_check_is_on_clusters_that_were_not_used() -> None:
    pairs = population(8, 3, 16, 4)
    parts = folded(pairs.groups, 3, 1)
    assert sorted(name for part in parts for name in part) == list(pairs.groups)
    assert {len(part) for part in parts} == {8}
    found = conclude(pairs, RULES, TARGETS, Plan(folds=3, rounds=2))
    # Each of three parts has 8 of 24 groups; every pair within a part is judged once a round, whatever its members.
    assert found.on_unseen[FUSED].false_negative.rate.pairs == 2 * int(pairs.same.sum())
    assert 0 < found.on_unseen[FUSED].false_positive.rate.pairs < 2 * int((~pairs.same).sum()) / 2
    held = conclude(pairs, RULES, TARGETS, Plan(hold_out=0.25))
    assert len(held.used.groups) == 18
    assert held.on_unseen[FUSED].false_positive.rate.pairs > 0
    assert len(found.used.groups) == 24


def test_what_is_doubtful_is_told() -> None:
    few = conclude(population(2, 2, 4, 5), RULES, Targets(0.001, 0.5))
    assert any("only 2 pairs belong together" in warning for warning in few.warnings)
    assert any("the YES bounds are extrapolated" in warning for warning in few.warnings)
    loose = conclude(population(8, 3, 12, 6), RULES, Targets(0.3, 0.3), Plan(rounds=1))
    assert any("pdq by itself has no MAYBE" in warning for warning in loose.warnings)
    pairs = population(3, 3, 0, 7)
    with pytest.raises(BadRequest, match="no pair of each kind"):
        conclude(pairs, RULES, TARGETS, Plan(hold_out=0.9))


@pytest.mark.parametrize(
    ("wrong", "pairs", "low", "high"),
    # Wilson's score interval as in Newcombe, Statistics in Medicine 17 (1998), table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_wilson_s(wrong: int, pairs: int, low: float, high: float) -> None:
    assert Rate(wrong, pairs).interval == pytest.approx((low, high), abs=5e-5)


def test_intervals_without_pairs_are_everything() -> None:
    assert Rate(0, 0).interval == by_groups(np.zeros(0, bool), np.zeros(0, np.int64), np.zeros(0, np.int64), 0, 1) == (0.0, 1.0)


def test_pairs_of_one_picture_err_together() -> None:
    """With one picture in ten that looks like all others, drawing clusters anew gives a wider interval than counting pairs."""
    left, right = np.triu_indices(40, 1)
    odd = (left < 4) | (right < 4)
    low, high = by_groups(odd, left, right, 40, 1)
    pairs_low, pairs_high = Rate(int(odd.sum()), len(odd)).interval
    assert low < pairs_low < odd.mean() < pairs_high < high
    scattered = np.random.default_rng(1).permutation(odd)
    narrow = by_groups(scattered, left, right, 40, 1)
    assert narrow[1] - narrow[0] < (high - low) / 2


def test_a_rules_file_keeps_all_but_the_bounds() -> None:
    text = (config_dir() / "decision.toml").read_text()
    new = rewritten(text, {"pdq": (0.25, 0.3), "new-hash": (0.1, 0.05)}, {"pdq": "note"}, ["told"])
    before, after = tomllib.loads(text), tomllib.loads(new)
    assert after == {**before, "pdq": {"yes": 0.25, "maybe": 0.3}, "new-hash": {"yes": 0.1, "maybe": 0.1}}
    assert "[pdq]  # note" in new and "31 and 56" not in new
    assert [line for line in text.splitlines() if line not in new.splitlines()] == [
        "[pdq]            # bits of 256: 31 and 56",
        "yes = 0.122",
        "maybe = 0.22",
    ] or (
        "yes = 0.122" in new  # of another algorithm
    )
    again = rewritten(new, {"pdq": (0.26, 0.3)}, {}, ["told anew"])
    assert again.count("# Calibrated by") == 1 and "# told anew" in again and "# told\n" not in again
    assert tomllib.loads(again)["pdq"]["yes"] == 0.26


def test_a_bound_is_never_written_smaller_than_it_is() -> None:
    for distance in (31 / 256, 1 / 3, 0.1234567891):
        written = tomllib.loads(rewritten("", {"pdq": (distance, distance)}, {}, []))["pdq"]
        assert distance <= written["yes"] < distance + 2e-6


@pytest.mark.parametrize(
    "text", ["pdq = {yes = 0.1, maybe = 0.2}", "[pdq]\nyes = 0.1", 'pdq.yes = 0.1\npdq.maybe = 0.2\nnote = """\n[pdq]\nyes = 3"""']
)
def test_rules_written_in_another_way_are_told(text: str) -> None:
    with pytest.raises(BadSettings, match="cannot be changed as they are written"):
        rewritten(text, {"pdq": (0.2, 0.3)}, {}, [])


def test_a_calibration_is_one_json_document_and_pictures(tmp_path: Path) -> None:
    found = conclude(population(8, 3, 16, 8), RULES, TARGETS, pictures=40)
    document = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert document["pairs"] == {"same": 24, "different": 40 * 39 // 2 - 24, "clusters": 24}
    assert set(document["algorithms"]) == {"pdq", "dhash"}
    rate = document["fused"]["on_unseen"]["false_positive_rate"]
    assert rate["interval"][0] <= rate["rate"] <= rate["interval"][1]
    lines = head(found, datetime(2026, 1, 2, tzinfo=timezone.utc))
    assert lines[0] == "2026-01-02, from 40 pictures: 24 pairs that belong together, 756 different ones."
    assert set(notes(found)) == {"pdq", "dhash"}
    drawn = draw(found, tmp_path)
    assert (
        {path.name for path in drawn} == {path.name for path in tmp_path.iterdir()} >= {"pdq-distances.png", "roc.svg", "fused-rates.png"}
    )
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in drawn if path.suffix == ".png")
    assert all(b"<svg" in path.read_bytes() for path in drawn if path.suffix == ".svg")


TRUTH = GroundTruth({"x": ("a", "b")}, ("c", "d"), ambiguous=frozenset({("c", "d")}))


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / name for name in "abcde"}
    for name, path in paths.items():
        path.write_text(name)
    return paths


def lines(tmp_path: Path, *documents: Any) -> Path:
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in documents))
    return path


def test_reviews_add_pairs(tmp_path: Path, found: dict[str, Path]) -> None:
    digest = "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea"  # of "e"
    read = reviews.read(
        lines(
            tmp_path,
            {"a": "c", "b": "d", "verdict": "confirmed"},
            "",
            {"a": digest, "b": "a", "verdict": "different", "who": "somebody"},
            {"a": digest, "b": "0" * 64, "verdict": "same"},  # of a picture that is elsewhere
        )
    )
    labels = {frozenset((a, b)): same for a, b, same in reviews.labels(TRUTH, read, found, tmp_path)}
    assert labels[frozenset("cd")] is True  # left open by the ground truth
    assert labels[frozenset("ea")] is False
    assert len(labels) == 5 + 2
    groups = reviews.groups([(*sorted(pair), same) for pair, same in labels.items()])  # type: ignore[arg-type]
    assert groups == {"a": "a", "b": "a", "c": "c", "d": "c", "e": "e"}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"a": "a", "b": "b", "verdict": "rejected"}, r"reviews\.jsonl:1: contradictory labels: a and b were together"),
        ({"a": "c", "b": "a", "verdict": "confirmed"}, "contradictory labels: c and a were different"),
        ({"a": "a", "b": "a", "verdict": "confirmed"}, "a is reviewed against itself"),
        ({"a": "a", "b": "z", "verdict": "confirmed"}, "does not hold z"),
        ({"a": "a", "b": "b", "verdict": "perhaps"}, "is no review"),
        ("{", r"reviews\.jsonl:1 is no JSON"),
        ("[]", "is no review"),
    ],
)
def test_reviews_that_cannot_be_are_told(document: Any, message: str, tmp_path: Path, found: dict[str, Path]) -> None:
    path = lines(tmp_path, document)
    with pytest.raises(BadFile, match=message):
        reviews.labels(TRUTH, reviews.read(path), found, tmp_path)


def test_reviews_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        reviews.read(tmp_path / "reviews.jsonl")
    assert reviews.labels(TRUTH, [Review("c", "d", False)], {n: tmp_path / n for n in "abcd"}, tmp_path)[-1] == ("c", "d", False)
