"""The rules that merge votes and distances, against what Douglas-Quaid's code gives."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matcher import merging
from matcher.decision import Bounds, Rules
from matcher.errors import BadSettings
from matcher.match import Decision, Evidence
from matcher.merging import Vote, Weighed

YES, MAYBE, NO = Decision
WEIGHTS = {"TLSH": 1, "BOW_ORB": 5, "RANSAC_ORB": 10, "ORB": 5}
UPSTREAM_RULES = {"pareto": "pareto", "majority": "majority", "weighted_majority": "weighted-majority", "pyramid": "pyramid"}
UPSTREAM_DISTANCES = {"max": "max", "min": "min", "mean": "mean", "weighted_mean": "weighted-mean"}


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return dict(json.loads((shared / "algorithms" / "golden.json").read_text())["douglas_quaid"])


def votes(case: dict[str, Any]) -> list[Vote]:
    return [(Decision(decision), float(WEIGHTS.get(name, 1))) for name, (_, decision) in case["input"].items()]


def weighed(case: dict[str, Any]) -> list[Weighed]:
    return [(distance, float(WEIGHTS.get(name, 1))) for name, (distance, _) in case["input"].items()]


def tied(rule: str, given: list[Vote]) -> bool:
    """Whether two decisions have equally many votes, or weights, where the rule compares them; told by counting alone."""
    groups = {weight: [vote for vote in given if vote[1] == weight] for _, weight in given} if rule == "pyramid" else {0: given}
    for weight in sorted(groups, reverse=True):
        counts = sorted(sum(w if rule == "weighted_majority" else 1 for d, w in groups[weight] if d is each) for each in Decision)
        if counts[-1] == counts[-2]:
            return True
        if rule != "pyramid" or len({d for d, _ in groups[weight]} - {MAYBE}) == 1:
            return False
    return False


def test_decisions_are_douglas_quaid_s_but_for_ties(golden: dict[str, Any]) -> None:
    compared, ties = 0, 0
    for case in golden["merging"]:
        for theirs, ours in UPSTREAM_RULES.items():
            expected = Decision(case["decision"][theirs])
            if tied(theirs, votes(case)):
                # Theirs is the first of YES, MAYBE, NO: one against one is a YES. Nobody decided, so ours is for review.
                assert merging.decide(ours, votes(case)) is MAYBE, (case, theirs)
                ties += expected is not MAYBE
            else:
                assert merging.decide(ours, votes(case)) is expected, (case, theirs)
                compared += 1
    assert (compared, ties) == (26, 10)


def test_distances_are_douglas_quaid_s(golden: dict[str, Any]) -> None:
    for case in golden["merging"]:
        for theirs, ours in UPSTREAM_DISTANCES.items():
            assert merging.distance(ours, weighed(case)) == pytest.approx(case["distance"][theirs], abs=1e-12)


def test_the_harmonic_mean_is_one_where_douglas_quaid_gives_a_perfect_match(golden: dict[str, Any]) -> None:
    for case in golden["merging"]:
        assert case["distance"]["harmonic_upstream"] == 0  # a stub there
        distances = np.array([distance for distance, _ in weighed(case)])
        assert merging.distance("harmonic", weighed(case)) == pytest.approx(len(distances) / np.sum(1 / distances))
    assert merging.distance("harmonic", [(0.0, 1.0), (0.9, 1.0)]) == 0


def test_what_a_cluster_s_pictures_say_is_merged_by_majority(golden: dict[str, Any]) -> None:
    for said, expected in golden["merge_pictures_decisions"].items():
        given = [(Decision(each), 1.0) for each in said.split(",")]
        # Theirs takes the first decision met of those with most votes.
        assert merging.decide("majority", given) is (MAYBE if tied("majority", given) else Decision(expected))


@pytest.mark.parametrize("rule", merging.RULES)
def test_a_tie_is_for_review_whatever_the_order(rule: str) -> None:
    for decisions in ([YES, NO], [NO, YES], [YES, YES, NO, NO], [YES, MAYBE, NO]):
        assert merging.decide(rule, [(each, 3.0) for each in decisions]) is MAYBE
    for decision in Decision:
        assert merging.decide(rule, [(decision, 1.0)] * 3) is decision
    assert merging.decide(rule, []) is MAYBE
    assert merging.distance("max", []) == 1


def test_weights_that_add_up_to_the_same_are_a_tie() -> None:
    assert merging.decide("weighted-majority", [(YES, 0.1), (YES, 0.2), (NO, 0.3)]) is MAYBE
    assert merging.decide("weighted-majority", [(YES, 0.1), (NO, 0.3)]) is NO


RULES_FILE = """
rule = "{rule}"
distance = "{distance}"
[pdq]
yes = 0.1
maybe = 0.2
[dhash]
yes = 0.1
maybe = 0.2
weight = 5
[local]
yes = 0.4
maybe = 0.9
alone = true
"""


def said(algorithm: str, distance: float) -> Evidence:
    return Evidence(algorithm, "gradient" if algorithm == "dhash" else "frequency", distance, 0.1, NO)


def judged(tmp_path: Path, rule: str, distance: str = "nearest") -> tuple[str, float]:
    path = tmp_path / "rules.toml"
    path.write_text(RULES_FILE.format(rule=rule, distance=distance))
    evidence = [said("pdq", 0.05), said("dhash", 0.3), said("local", 0.3), said("tlsh", 0.0)]  # tlsh has no bounds, so no say
    decision, _, far = Rules.load(path).judge(evidence)
    return decision.value, far


def test_a_rules_file_chooses_the_rule_and_the_distance(tmp_path: Path) -> None:
    assert judged(tmp_path, "verified") == ("YES", 0.05)
    assert judged(tmp_path, "pareto")[0] == "MAYBE"
    assert judged(tmp_path, "majority") == ("YES", 0.05)
    assert judged(tmp_path, "weighted-majority") == ("NO", 0.3)
    assert judged(tmp_path, "pyramid") == ("NO", 0.3)
    assert judged(tmp_path, "majority", "max")[1] == 0.3
    assert judged(tmp_path, "majority", "weighted-mean")[1] == pytest.approx((0.05 + 5 * 0.3 + 0.3 + 0.0) / 8)
    assert judged(tmp_path, "majority", "harmonic")[1] == 0


def test_algorithms_without_bounds_decide_nothing() -> None:
    rules = Rules({"pdq": Bounds(0.1, 0.2)}, rule="majority")
    assert rules.judge([said("tlsh", 0.0)])[0] is NO
    assert rules.judge([said("tlsh", 0.0), said("pdq", 0.0)])[0] is YES


@pytest.mark.parametrize(
    ("rule", "distance", "message"),
    [
        ("plurality", "max", "no rule 'plurality'; there are verified, pareto"),
        ("pareto", "median", "no distance 'median'; there are nearest"),
    ],
)
def test_what_is_no_rule_is_told(rule: str, distance: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=message):
        judged(tmp_path, rule, distance)


def test_a_weight_is_not_negative(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("[pdq]\nyes = 0.1\nmaybe = 0.2\nweight = -1\n")
    with pytest.raises(BadSettings, match="weight -1.0 must not be negative"):
        Rules.load(path)
