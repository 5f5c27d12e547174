"""Thresholds and rankings against definitions, and where a definition is long against plain loops."""

import numpy as np
import pytest

from matcher.report.spread import Spread


def spread(same: list[float], different: list[float]) -> Spread:
    made = Spread()
    made.count(np.array([*same, *different]), np.array([True] * len(same) + [False] * len(different)))
    return made


def test_a_threshold_is_inclusive_and_every_pair_counts() -> None:
    found = spread([0.1, 0.2, 0.9], [0.2, 0.5, 0.6, 0.7, 1.0])
    at = found.at(0.2)
    assert (at.tp, at.fp, at.tn, at.fn) == (2, 1, 4, 1)
    row = at.row()
    assert row["tpr"] == 2 / 3 and row["fnr"] == 1 / 3
    assert row["fpr"] == 1 / 5 and row["tnr"] == 4 / 5
    assert row["precision"] == 2 / 3 and row["fdr"] == 1 / 3
    assert row["npv"] == 4 / 5 and row["for"] == 1 / 5
    assert row["accuracy"] == 6 / 8 and row["f1"] == 4 / 6
    assert row["mcc"] == pytest.approx((2 * 4 - 1 * 1) / np.sqrt(3 * 3 * 5 * 5))
    assert found.at(1.0).tp == 3 and found.at(1.0).tn == 0
    assert found.at(-1).tp == 0 and found.at(-1).row()["precision"] == 0
    assert [rates.threshold for rates in found.table(4)] == [0, 0.25, 0.5, 0.75, 1]


def test_what_could_not_be_compared_is_at_distance_one() -> None:
    found = spread([0.1, float("nan")], [float("nan"), 0.4])
    assert (found.pairs, found.compared) == (4, 2)
    assert found.same[-1] == 1 and found.different[-1] == 1


def test_uap_against_a_plain_loop() -> None:
    random = np.random.default_rng(7)
    same, different = random.beta(2, 5, 60).round(2), random.beta(5, 2, 300).round(2)
    expected, recall, total = 0.0, 0.0, len(same)
    for t in np.unique(np.concatenate([same, different])):
        tp, fp = int((same <= t).sum()), int((different <= t).sum())
        expected += (tp / total - recall) * tp / (tp + fp)
        recall = tp / total
    assert spread(list(same), list(different)).average_precision() == pytest.approx(expected)


def test_the_area_is_how_often_the_same_is_nearer() -> None:
    same, different = [0.1, 0.3, 0.3], [0.2, 0.3, 0.8]
    expected = np.mean([1.0 if s < d else 0.5 if s == d else 0.0 for s in same for d in different])
    assert spread(same, different).area() == pytest.approx(expected)


def test_recall_at_a_precision() -> None:
    assert spread([0.1, 0.2, 0.5], [0.3, 0.6]).recall_at(0.9) == (2 / 3, 0.2)
    assert spread([0.5], [0.1]).recall_at(0.9) == (0.0, -1.0)
    assert spread([0.1, 0.2, 0.5], [0.3]).recall_at(0.75) == (1.0, 0.5)


def test_the_best_f1_lies_in_the_middle_of_its_plateau() -> None:
    best = spread([0.1, 0.2], [0.4, 0.6]).best()
    assert best.threshold == pytest.approx(0.3) and best.f1 == 1.0
    assert spread([], [0.4]).best().tp == 0


def test_histograms_are_shares() -> None:
    same, different, edges = spread([0.0, 0.05, 1.0], [0.95, 0.99]).histogram(10)
    assert same.tolist() == pytest.approx([2 / 3, 0, 0, 0, 0, 0, 0, 0, 0, 1 / 3])
    assert different.tolist() == [0] * 9 + [1]
    assert len(edges) == 11
