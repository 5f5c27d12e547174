"""Bounds by their definitions, on the grid of Douglas-Quaid's calibrator and on any other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.calibration.tail import LowerTail
from matcher.calibration.thresholds import Rates, Targets, Thresholds
from matcher.errors import BadRequest
from matcher.visjs import read_graph

GRID = np.arange(50) / 50


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return dict(json.loads((shared / "algorithms" / "golden.json").read_text())["douglas_quaid"]["calibrator"])


@pytest.fixture(scope="module")
def distances(golden: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Those of the pairs that Douglas-Quaid counts: of each request the three nearest besides itself."""
    truth = read_graph(golden["ground_truth"])
    found: dict[bool, list[float]] = {True: [], False: []}
    for result in golden["results"]:
        others = [each for each in result["list_pictures"] if each["image_id"] != result["request_id"]]
        for each in sorted(others, key=lambda each: each["distance"])[: golden["nb_to_check"]]:
            found[truth.same(result["request_id"], each["image_id"])].append(each["distance"])
    return np.array(found[True]), np.array(found[False])


def test_rates_are_douglas_quaid_s(golden: dict[str, Any], distances: tuple[np.ndarray, np.ndarray]) -> None:
    rates = Rates.counted(*distances, GRID)
    for row, following in zip(
        golden["breakpoints_threshold_TP_FP_TN_FN_P_N"], golden["breakpoints_threshold_TP_FP_TN_FN_P_N"][1:], strict=False
    ):
        threshold, true, false, _, missed, positive, negative = row
        for n in np.flatnonzero((threshold - 1e-9 <= GRID) & (following[0] - 1e-9 > GRID)):
            assert rates.false_positive[n] == pytest.approx(false / negative)
            assert rates.false_negative[n] == pytest.approx(missed / positive)
            assert rates.f1[n] == pytest.approx(2 * true / (2 * true + false + missed))


def test_bounds_are_the_golden_ones(golden: dict[str, Any], distances: tuple[np.ndarray, np.ndarray]) -> None:
    wanted = golden["correct_thresholds_on_50_point_grid"]
    assert golden["points"] == len(GRID)
    rates = Rates.counted(*distances, GRID)
    for targets in (Targets.of(false_positive=0.1, false_negative=0.1), Targets.of(true_negative=0.9, true_positive=0.9)):
        found = Thresholds.at(rates, targets)
        assert found.yes == pytest.approx(wanted["largest t with FPR<=0.1"]) == pytest.approx(wanted["largest t with TNR>=0.9"])
        assert found.maybe == pytest.approx(wanted["smallest t with FNR<=0.1"]) == pytest.approx(wanted["smallest t with TPR>=0.9"])
        assert found.best_f1 == pytest.approx(wanted["max F1"][1])
        # The plateau of the best F1 is one step of this grid; Douglas-Quaid takes its beginning.
        assert found.best == pytest.approx(wanted["max F1"][0], abs=0.021)
        assert not found.no_maybe and found.reached


def test_the_best_f1_is_the_middle_of_its_plateau() -> None:
    found = Thresholds.at(Rates.counted(np.array([0.1]), np.array([0.5]), np.arange(11) / 10), Targets(0, 0))
    assert (found.best, found.best_f1) == (pytest.approx(0.3), 1.0)  # 0.1 to 0.4 are as good


def test_bounds_may_leave_nothing_to_review() -> None:
    found = Thresholds.at(Rates.counted(np.array([0.1, 0.2]), np.array([0.6, 0.8]), np.arange(11) / 10), Targets(0, 0))
    assert (found.yes, found.maybe, found.no_maybe) == (pytest.approx(0.5), pytest.approx(0.2), True)


def test_rates_that_no_bound_keeps_to_are_told() -> None:
    rates = Rates.counted(np.array([0.1, np.inf]), np.array([0.0, 0.5]))
    found = Thresholds.at(rates, Targets(false_positive=0.4, false_negative=0.4))
    assert (found.yes, found.maybe, found.reached) == (-1.0, 1.0, False)
    assert Thresholds.at(rates, Targets(0.5, 0.5)).reached


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"false_positive": 0.1}, "either --false-negative-rate or --true-positive-rate"),
        ({"false_positive": 0.1, "true_negative": 0.9, "true_positive": 0.9}, "either --false-positive-rate or --true-negative-rate"),
        ({"false_positive": 1.5, "true_positive": 0.9}, "--false-positive-rate must be a share"),
        ({"false_positive": 0.5, "true_positive": -0.1}, "--true-positive-rate must be a share"),
    ],
)
def test_targets_that_cannot_be_are_told(given: dict[str, float], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        Targets.of(**given)


@given(
    st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=40),
    st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=40),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_bounds_are_what_trying_every_distance_gives(
    same: list[float], different: list[float], false_positive: float, false_negative: float
) -> None:
    grid = np.arange(21) / 20
    found = Thresholds.at(Rates.counted(np.array(same), np.array(different), grid), Targets(false_positive, false_negative))
    sure = [t for t in grid if sum(d <= t for d in different) <= (false_positive + 1e-9) * len(different)]
    found_by = [t for t in grid if sum(d > t for d in same) <= (false_negative + 1e-9) * len(same)]
    assert found.yes == (max(sure) if sure else -1.0)
    assert found.maybe == min(found_by)
    assert found.reached


@pytest.mark.parametrize(("rate", "least", "most"), [(0.1, 0.9, 1.1), (0.03, 0.9, 1.1), (0.01, 0.95, 1.3), (0.001, 1.0, 2.0)])
def test_a_tail_foretells_the_rates_of_others_and_rather_too_high_ones(rate: float, least: float, most: float) -> None:
    dice = np.random.default_rng(1)
    hashes = dice.binomial(256, 0.45, 2_000_000) / 256
    bound = np.quantile(hashes, [rate])
    true = float((hashes <= bound).mean())
    samples = [dice.choice(hashes, 1700) for _ in range(200)]
    smoothed = np.array([float(LowerTail.fit(some).below(bound)[0]) for some in samples])
    assert least <= smoothed.mean() / true <= most
    assert smoothed.std() < np.std([float((some <= bound).mean()) for some in samples])


def test_a_tail_never_falls_and_is_counted_where_pairs_are_many() -> None:
    distances = np.random.default_rng(2).normal(0.5, 0.05, 1000)
    at = np.linspace(0, 1, 500)
    below = LowerTail.fit(distances).below(at)
    assert (np.diff(below) >= 0).all() and below[0] >= 0 and below[-1] == 1
    middle = at > np.quantile(distances, 0.2)
    assert below[middle] == pytest.approx([(distances <= t).mean() for t in at[middle]])


@pytest.mark.parametrize("distances", [[], [0.5] * 500, [np.inf] * 500, [0.1, 0.2, 0.3], [0.0] * 100 + [0.5] * 400], ids=str)
def test_where_there_is_no_tail_pairs_are_counted(distances: list[float]) -> None:
    values = np.array(distances, np.float64)
    at = np.linspace(0, 1, 11)
    assert list(LowerTail.fit(values).below(at)) == [float(np.count_nonzero(values <= t)) / max(len(values), 1) for t in at]
