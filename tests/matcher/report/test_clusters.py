"""Proposed clusters against the truth, by hand."""

import numpy as np

from matcher.decision import Rules
from matcher.evaluation import Found, Trial
from matcher.match import Decision, Relation
from matcher.report.clusters import components, held_against, medoids, proposed
from matcher.truth import GroundTruth
from tests.matcher.making import picture

TRUTH = GroundTruth({"big": ("a", "b", "c", "d"), "small": ("e", "f"), "lost": ("g", "h")}, ("x", "y"), unsure=frozenset("y"))


def a_trial(*ties: tuple[str, str, Decision, Relation]) -> Trial:
    names = [*TRUTH.names]
    answers = {name: tuple(Found(b, decision, 0.1, relation) for a, b, decision, relation in ties if a == name) for name in names}
    return Trial({name: picture(number) for number, name in enumerate(names)}, answers, {}, Rules({}))


def test_components() -> None:
    assert components("abcdef", [("a", "b"), ("c", "b"), ("e", "f")]) == [("a", "b", "c"), ("e", "f"), ("d",)]


def test_only_a_yes_of_the_same_picture_ties() -> None:
    same, shares = Relation.SAME_PICTURE, Relation.SHARES_CONTENT
    trial = a_trial(("a", "b", Decision.YES, same), ("b", "c", Decision.MAYBE, same), ("c", "d", Decision.YES, shares))
    assert proposed(trial)[0] == ("a", "b")
    assert sum(len(group) > 1 for group in proposed(trial)) == 1


def test_each_proposed_cluster_serves_once() -> None:
    found = held_against([("a", "b", "e", "f", "x"), ("c", "d"), ("g",), ("h",), ("y",)], TRUTH)
    pairs = {one.true: one for one in found.pairs}
    assert list(pairs) == ["big", "lost", "small"]
    big = pairs["big"].rates
    assert pairs["big"].proposed == 0
    assert (big.tp, big.fp, big.fn, big.tn) == (2, 3, 2, 2)
    assert pairs["lost"].proposed == 2 and pairs["lost"].rates.fn == 1
    # What it shares pictures with is taken: it has no partner, rather than the last one.
    assert pairs["small"].proposed is None
    assert (pairs["small"].rates.tp, pairs["small"].rates.fn, pairs["small"].rates.fp) == (0, 2, 0)
    assert found.shared.tolist() == [[2, 0, 2, 0], [0, 1, 0, 1], [2, 0, 0, 0]]
    assert found.columns == (0, 2, 1, 3)
    summary = found.summary()
    assert (summary["true_clusters"], summary["whole"], summary["with_strangers"], summary["in_parts"]) == (3, 0, 1, 3)
    assert summary["mean"]["tpr"] == (2 / 4 + 1 / 2 + 0) / 3


def test_all_right() -> None:
    found = held_against([TRUTH.clusters["big"], ("e", "f"), ("g", "h"), ("x",)], TRUTH)
    assert found.summary()["whole"] == 3
    assert (found.shared == np.diag([4, 2, 2])).all()
    assert found.summary()["mean"]["f1"] == 1


def test_the_middle_has_the_least_score() -> None:
    yes, same = Decision.YES, Relation.SAME_PICTURE
    trial = a_trial(("a", "b", yes, same), ("b", "c", yes, same))
    score = medoids(trial, [("a", "b", "c")])
    assert min(score, key=score.__getitem__) == "b"
    assert score == {"a": 1.1, "b": 0.2, "c": 1.1}
