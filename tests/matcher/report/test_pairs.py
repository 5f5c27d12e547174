"""The distances of all pairs are those that a comparison of each two would give."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from matcher.errors import NotAPicture
from matcher.evaluation import Trial
from matcher.evidence import gather
from matcher.extraction import Fingerprints
from matcher.labelled import Labelled
from matcher.report import pairs
from matcher.report.pairs import FUSED, Pairs
from matcher.report.spread import Spread
from matcher.truth import GroundTruth


@pytest.fixture(scope="module")
def expected(tried: Trial, labelled: Labelled) -> dict[str, Spread]:
    """The same by comparing each two as search and `kuato compare` do."""
    trial, truth = tried, labelled.truth
    found = {name: Spread() for name in trial.algorithms}
    for a, b in permutations(truth.names, 2):
        if truth.skipped(a, b):
            continue
        query, known = trial.queries[a], trial.queries[b]
        both = isinstance(query, Fingerprints) and isinstance(known, Fingerprints)
        said = {e.algorithm: e.distance for e in gather(query.views, known.values, trial.algorithms, trial.rules)} if both else {}
        for name, spread in found.items():
            spread.count(np.array([said.get(name, np.nan)]), np.array([truth.same(a, b)]))
    return found


@pytest.fixture(scope="module")
def whole(tried: Trial, labelled: Labelled) -> dict[str, Spread]:
    return Pairs(tried, labelled.truth).spreads()


def test_as_each_two_compared(tried: Trial, labelled: Labelled, whole: dict[str, Spread], expected: dict[str, Spread]) -> None:
    found = whole
    assert set(found) == {*expected, FUSED}
    count = len(labelled.truth.names)
    for name, spread in expected.items():
        assert found[name].pairs == spread.pairs == count * (count - 1)
        if not tried.algorithms[name].large:
            assert found[name].compared == spread.compared
            assert (found[name].same == spread.same).all() and (found[name].different == spread.different).all(), name
    # Of large ones each two were compared once, and count in both directions.
    assert found["local"].area() == pytest.approx(expected["local"].area(), abs=0.03)
    assert found["local"].compared > 0.8 * expected["local"].compared


def test_the_fused_distance_is_the_order_of_answers(tried: Trial, labelled: Labelled, whole: dict[str, Spread]) -> None:
    truth, fused = labelled.truth, whole[FUSED]
    answered = [(a, one) for a, found in tried.answers.items() for one in found]
    yes = [truth.same(a, one.file) for a, one in answered if one.decision.value == "YES"]
    every = [truth.same(a, one.file) for a, one in answered]
    at_yes, at_maybe = (fused.at(bound) for bound in pairs.FUSED_BOUNDS)
    assert (at_yes.tp, at_yes.fp) == (sum(yes), len(yes) - sum(yes))
    assert (at_maybe.tp, at_maybe.fp) == (sum(every), len(every) - sum(every))
    assert fused.same.sum() == sum(len(m) * (len(m) - 1) for m in truth.clusters.values())
    alone = Pairs(tried, truth).answered()
    assert alone.at(1 / 3).tp == at_yes.tp and alone.pairs == fused.pairs


def test_what_does_not_count_is_left_out(tried: Trial) -> None:
    names = list(tried.queries)[:6]
    truth = GroundTruth(
        {"x": tuple(names[:2])}, tuple(names[2:]), ambiguous=frozenset([tuple(sorted(names[1:3]))]), unsure=frozenset(names[5:])
    )
    assert {spread.pairs for spread in Pairs(tried, truth).spreads().values()} == {5 * 4 - 2}


def test_a_refused_picture_is_far_from_all(tried: Trial, labelled: Labelled, whole: dict[str, Spread]) -> None:
    name = labelled.truth.names[0]
    queries = {**tried.queries, name: NotAPicture("no picture")}
    answers = {query: tuple(one for one in found if one.file != name) for query, found in tried.answers.items()} | {name: ()}
    found = Pairs(Trial(queries, answers, tried.algorithms, tried.rules), labelled.truth).spreads()
    for algorithm, spread in found.items():
        assert spread.pairs == whole[algorithm].pairs
        assert spread.same[-1] > 0 or algorithm == FUSED
    assert found["pdq"].compared < whole["pdq"].compared


def test_of_many_pictures_only_the_likely_pairs_are_compared(
    tried: Trial, labelled: Labelled, expected: dict[str, Spread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "SAMPLED", 10)
    monkeypatch.setattr(pairs, "NEAREST", 1)
    some, all_of_them = Pairs(tried, labelled.truth).spreads()["local"], expected["local"]
    assert some.compared < all_of_them.compared
    assert some.pairs == all_of_them.pairs
    # Those that belong together are compared in any case.
    assert int(some.same[:-1].sum()) >= int(all_of_them.same[:-1].sum()) - 2


def test_what_would_take_too_long_is_compared_where_it_matters(
    tried: Trial, labelled: Labelled, whole: dict[str, Spread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "BEARABLE", -1.0)
    monkeypatch.setattr(pairs, "SAMPLED", 10)
    small = {name: one for name, one in tried.algorithms.items() if not one.large}
    found = Pairs(replace(tried, algorithms=small), labelled.truth).spreads()
    for name in small:
        assert found[name].compared < whole[name].compared and found[name].pairs == whole[name].pairs
        # What belongs together is compared in any case, if in one direction only.
        yes = tried.rules.bounds(name)[0]
        assert abs(found[name].at(yes).tp - whole[name].at(yes).tp) <= 2
