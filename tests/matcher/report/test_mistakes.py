"""The worst errors: each pair once, in their order, with what every algorithm said."""

from dataclasses import replace

from matcher.evaluation import Found, Trial
from matcher.labelled import Labelled
from matcher.match import Decision
from matcher.report.mistakes import MOST, worst
from matcher.report.thumbnails import LONGEST, thumbnails
from matcher.settings import Settings
from matcher.truth import GroundTruth, Lookalikes


def with_answers(tried: Trial, **answers: tuple[Found, ...]) -> Trial:
    """The same pictures, called a, b, c .., with these answers and no others."""
    names = dict(zip("abcdefgh", list(tried.queries), strict=False))
    return replace(
        tried, queries={letter: tried.queries[name] for letter, name in names.items()}, answers={n: answers.get(n, ()) for n in names}
    )


def test_each_kind_in_its_order(tried: Trial) -> None:
    yes, maybe = Decision.YES, Decision.MAYBE
    truth = GroundTruth(
        {"one": ("a", "b", "c", "d")},
        ("e", "f", "g", "h"),
        {"b": "crop"},
        lookalikes=(Lookalikes(("g", "h"), maybe),),
        unsure=frozenset("f"),
        difficulty_of={"b": "hard", "c": "easy", "d": "medium"},
    )
    found = worst(
        with_answers(
            tried,
            a=(Found("e", yes, 0.3), Found("b", yes, 0.1)),
            e=(Found("a", yes, 0.2), Found("h", yes, 0.1), Found("f", yes, 0.0)),
            g=(Found("h", maybe, 0.2), Found("a", maybe, 0.4)),
            d=(Found("a", maybe, 0.2),),
        ),
        truth,
    )
    assert [(one.query, one.known, one.distance) for one in found.wrong_yes] == [("e", "h", 0.1), ("e", "a", 0.2)]
    assert [(one.query, one.known) for one in found.missed] == [("c", "a"), ("b", "a")]
    assert [(one.query, one.known) for one in found.wrong_maybe] == [("g", "a")]
    assert found.counts == (2, 2, 1)
    assert "crop" in found.missed[1].about and "hard" in found.missed[1].about
    said = {one.algorithm for one in found.wrong_yes[0].evidence}
    assert said and said <= set(tried.algorithms)


def test_of_many_the_first_are_kept(tried: Trial, labelled: Labelled) -> None:
    names = list(tried.queries)
    answers = {name: tuple(Found(other, Decision.YES, 0.1) for other in names if other != name) for name in names}
    truth = GroundTruth({"one": tuple(names[:2])}, tuple(names[2:]))
    found = worst(replace(tried, answers=answers), truth)
    assert found.counts[0] == len(names) * (len(names) - 1) // 2 - 1 > MOST
    assert len(found.wrong_yes) == MOST


def test_small_copies(labelled: Labelled, sample_settings: Settings) -> None:
    name = labelled.truth.names[0]
    found = thumbnails([name, name, "missing.png"], labelled.path_of, sample_settings.limits())
    assert list(found) == [name]
    assert found[name].startswith(b"\xff\xd8") and len(found[name]) < 60_000
    assert LONGEST < 400
