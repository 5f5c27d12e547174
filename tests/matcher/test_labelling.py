"""Labellings: kept while people sort pictures, and what comes of them, on a real Redis."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from matcher.calibration.calibrate import Plan
from matcher.calibration.fused import decisions
from matcher.calibration.keeping import Comparisons, packed, unpacked
from matcher.calibration.known import calibrated, compared, labels_of
from matcher.calibration.pairs import Pairs
from matcher.calibration.thresholds import Targets
from matcher.calibration.whatif import curves, what_if
from matcher.engine import Matcher
from matcher.errors import BadRequest, Conflict, NotFound
from matcher.labelled import read
from matcher.labelling import Group, Labelling, Labellings
from matcher.labelsample import groups_of, proposed
from matcher.match import Decision
from matcher.reviews import Review, Verdict
from matcher.settings import Settings
from matcher.store import Store

A, B, C, D = (letter * 64 for letter in "abcd")


@pytest.fixture
def labellings(store_url: str) -> Labellings:
    return Labellings(Store(lambda: store_url, "test:"))


def test_a_labelling_is_kept_as_it_is_sorted(labellings: Labellings) -> None:
    made = labellings.begin(" Autumn ", "ana", [Group("", (A, B))], undecided=[C, D])
    assert (labellings.get(made.id), made.name, made.decided) == (made, "Autumn", 2)
    sorted_anew = labellings.save(made.sorted_anew([Group("bank", (A, B, C))], [D], []), "bob")
    assert (sorted_anew.version, sorted_anew.who, sorted_anew.decided) == (2, "bob", 4)
    assert labellings.all() == [sorted_anew]
    truth = sorted_anew.truth()
    assert truth.clusters == {"01 bank": (A, B, C)} and set(truth.singles) == {D} and not truth.unsure
    labellings.delete(made.id)
    with pytest.raises(NotFound):
        labellings.get(made.id)


def test_two_people_do_not_overwrite_each_other(labellings: Labellings) -> None:
    made = labellings.begin("x", "ana", undecided=[A, B, C])
    labellings.save(made.sorted_anew([Group("", (A, B))], [], [C]), "ana")
    with pytest.raises(Conflict, match="load it anew"):
        labellings.save(made.sorted_anew([], [A, B, C], []), "bob")


@pytest.mark.parametrize("groups, singles", [([Group("", (A,))], [A, B, C]), ([], [A, B]), ([Group("", (A, B, C))], [D])])
def test_a_labelling_keeps_its_pictures(labellings: Labellings, groups: list[Group], singles: list[str]) -> None:
    made = labellings.begin("x", "ana", undecided=[A, B, C])
    with pytest.raises(BadRequest, match="keeps its pictures"):
        made.sorted_anew(groups, singles, [])


@pytest.mark.parametrize("name, pictures", [("", [A, B]), ("x", [A]), ("x", [A, A]), ("\x00", [A, B])])
def test_what_cannot_be_a_labelling(labellings: Labellings, name: str, pictures: list[str]) -> None:
    with pytest.raises(BadRequest):
        labellings.begin(name, "ana", undecided=pictures)


def test_a_group_of_one_belongs_to_no_other_and_what_is_undecided_does_not_count() -> None:
    labelling = Labelling("id", "x", "ana", 0, 0, 1, (Group("one", (A,)), Group("two", (B, C))), (), (D,))
    assert sorted(labelling.truth().pairs()) == [(B, A, False), (B, C, True), (C, A, False)]


def test_what_reviews_say_holds_against_labellings() -> None:
    first = Labelling("1", "x", "ana", 0, 0, 1, (Group("", (A, B)),), (C,))
    second = Labelling("2", "y", "bob", 0, 0, 1, (Group("", (A, C)),))
    labels = labels_of([first, second], [Review(A, B, Verdict.DIFFERENT, "cy", 1.0), Review(A, D, Verdict.SAME, "cy", 1.0)])
    assert labels.same == {(A, B): False, (A, C): False, (B, C): False, (A, D): True}
    assert set(labels.settled) == {(A, B), (A, C)}


def test_from_proposed_clusters_to_a_calibration(settings: Settings, sample: Callable[[str], Path], tmp_path: Path) -> None:
    files = [
        *("baseline/tinlark-login.png", "queries/tinlark-half.webp", "queries/tinlark-phishing-warning.jpg", "baseline/ovalquay-login.png"),
        *(
            "baseline/marrowbridge-login.png",
            "queries/marrowbridge-phishing-cookies.png",
            "seen/courier-news.webp",
            "seen/octopus-drawing.png",
        ),
    ]
    (tmp_path / "pictures").mkdir()
    with Matcher.open(settings) as matcher:
        for name in files:
            data = sample(name).read_bytes()
            matcher.add(data)
            (tmp_path / "pictures" / Path(name).name).write_bytes(data)
        found = proposed(matcher, 8)
        assert len(found.names) == 8 and found.clusters
        labellings = Labellings(matcher.collection.store)
        rest = [sha256 for group in found.doubtful for sha256 in group] + list(found.singles)
        labelling = labellings.begin("samples", "ana", groups_of(found), undecided=rest)
        labelling = labellings.save(labelling.sorted_anew(labelling.groups, rest, []), "ana")
        pairs = compared(matcher, labels_of([labelling]))
        assert (len(pairs), int(pairs.same.sum())) == (28, sum(len(group) * (len(group) - 1) // 2 for group in found.clusters))
        _as_kept(matcher, pairs)
        # Narrower bounds take the YES from some that belong together; that is for the worse, and told so.
        nothing = {f"{name}.{bound}": -1.0 for name in matcher.algorithms for bound in ("yes", "maybe")}
        changed = what_if(pairs, matcher.rules, nothing)
        assert changed.same[1].yes == 0 < changed.same[0].yes and changed.changes[0].worse
        assert changed.changes[0].pair.same and changed.changes[0].after is Decision.NO
        assert what_if(pairs, matcher.rules, {}).changes == ()
        assert {curve.algorithm for curve in curves(pairs)} == set(pairs.algorithms)
        assert all(curve.same[-1] <= 1 and (curve.same[1:] >= curve.same[:-1]).all() for curve in curves(pairs))
        assert set(calibrated(matcher, pairs, Targets(0.01, 0.05), Plan(rounds=1)).bounds) == set(pairs.algorithms)
    # The ground truth is one that `kuato calibrate` reads beside the files.
    (tmp_path / "truth.json").write_text(json.dumps(labelling.truth().as_json()))
    labelled = read(tmp_path / "pictures", tmp_path / "truth.json")
    assert len(labelled.path_of) == 8
    assert {len(names) for names in labelled.truth.clusters.values()} == {len(group) for group in found.clusters}


def _as_kept(matcher: Matcher, pairs: Pairs) -> None:
    """Judged as they were kept, pairs get the very decisions that they get as they are, by any bounds."""
    kept = unpacked(packed(pairs))
    for bounds in ({}, {"pdq.yes": 0.3, "local.maybe": 0.9}, {"local.yes": -1.0}):
        assert decisions(kept, matcher.rules, bounds) == decisions(pairs, matcher.rules, bounds)
    comparisons = Comparisons(matcher.collection.store)
    assert decisions(comparisons.get(comparisons.keep(pairs)), matcher.rules, {}) == decisions(pairs, matcher.rules, {})
    with pytest.raises(NotFound, match="compare the pictures again"):
        comparisons.get("unknown")
