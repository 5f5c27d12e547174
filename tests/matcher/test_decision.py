"""Thresholds, and the rule that merges what several algorithms say."""

from pathlib import Path

import numpy as np
import pytest

from matcher.decision import Bounds, Rules
from matcher.errors import BadSettings
from matcher.fingerprints import registry
from matcher.match import Alignment, Decision, Evidence, Region, Relation

RULES = Rules(
    {
        "pdq": Bounds(0.1, 0.2, alone=True),
        "colour": Bounds(0.1, 0.2),
        "dhash": Bounds(0.1, 0.2),
        "local": Bounds(0.4, 0.9, alone=True),
    },
    content=0.2,
)
FAMILY = {"pdq": "frequency", "phash": "frequency", "colour": "colour", "dhash": "gradient", "local": "local"}
WHOLE = Region(0, 0, 1, 1)


def said(algorithm: str, distance: float, content: float | None = None, same: float = 0.9) -> Evidence:
    alignment = Alignment(40, 40.0, WHOLE, WHOLE, np.eye(2, 3), content=content, sameness=same) if content is not None else None
    return Evidence(
        algorithm, FAMILY[algorithm], distance, RULES.bounds(algorithm)[0], RULES.decide(algorithm, distance), alignment=alignment
    )


def decided(*evidence: Evidence, **thresholds: float) -> str:
    return RULES.judge(evidence, {name.replace("_", "."): value for name, value in thresholds.items()})[0].value


def test_distances_up_to_a_bound_fall_under_it() -> None:
    assert [RULES.decide("pdq", d).value for d in (0.1, 0.11, 0.2, 0.21)] == ["YES", "MAYBE", "MAYBE", "NO"]


def test_without_evidence_there_is_no_match() -> None:
    assert RULES.judge([]) == (Decision.NO, Relation.SHARES_CONTENT, 1.0)


def test_one_family_alone_is_for_review() -> None:
    assert decided(said("colour", 0.0)) == "MAYBE"


def test_a_hash_and_somebody_who_verifies_at_least_half_make_a_yes() -> None:
    assert decided(said("colour", 0.0), said("local", 0.8, content=0.5)) == "YES"
    assert decided(said("colour", 0.0), said("local", 0.95, content=0.5)) == "MAYBE"


def test_two_families_agree_on_yes() -> None:
    assert decided(said("colour", 0.05), said("dhash", 0.05)) == "YES"


def test_an_algorithm_that_verifies_needs_no_second() -> None:
    assert decided(said("local", 0.3, content=0.8)) == "YES"


def test_an_algorithm_nobody_calibrated_has_no_say() -> None:
    assert decided(said("phash", 0.0)) == "NO"


def test_the_distance_is_that_of_the_best_who_spoke_for_the_decision() -> None:
    assert RULES.judge([said("colour", 0.15), said("local", 0.3, content=0.8), said("pdq", 0.5)])[2] == 0.3


def test_a_region_that_agrees_is_shared_content_and_a_hash_tells_the_same_picture() -> None:
    assert RULES.judge([said("local", 0.3, content=0.8), said("pdq", 0.4)])[1] is Relation.SHARES_CONTENT
    assert RULES.judge([said("local", 0.3, content=0.8), said("pdq", 0.05)])[1] is Relation.SAME_PICTURE


def test_hashes_of_a_nearly_empty_picture_are_for_review() -> None:
    assert decided(said("pdq", 0.01), said("local", 0.8, content=0.1)) == "MAYBE"
    assert decided(said("pdq", 0.01), said("local", 0.8, content=0.5)) == "YES"


def test_a_template_with_other_contents_is_for_review() -> None:
    assert decided(said("pdq", 0.01), said("local", 0.91, content=0.8, same=0.7)) == "YES"
    assert decided(said("pdq", 0.01), said("local", 0.3, content=0.8, same=0.5)) == "MAYBE"


def test_a_bank_may_be_stricter_or_more_generous() -> None:
    assert decided(said("pdq", 0.05), pdq_yes=0.02) == "MAYBE"
    assert decided(said("pdq", 0.15), pdq_yes=0.15) == "YES"
    assert decided(said("pdq", 0.25), pdq_maybe=0.3) == "MAYBE"


def test_the_shipped_rules_know_the_default_algorithms() -> None:
    rules = Rules.load()
    for name in ("pdq", "pdq-trimmed", "tiles", "tiles-trimmed", "sub-pictures", "local"):
        yes, maybe = rules.bounds(name)
        assert 0 < yes < maybe < 1


def test_the_shipped_rules_let_no_hash_of_the_whole_picture_say_yes_alone() -> None:
    rules = Rules.load()
    # What two pictures are about makes none of them a copy of the other.
    assert rules.bounds("scene") == rules.bounds("caption") == (-1, -1)
    # A banner may be all that can be read on two pages.
    assert rules.decide("text", 0.0) is Decision.MAYBE
    for name, algorithm in registry.available().items():
        if name in ("scene", "caption", "text"):
            continue
        assert rules.bounds(name)[0] >= 0
        alone = rules.judge([Evidence(name, algorithm.family, 0.0, 0.0, Decision.YES)])[0]
        assert alone is (Decision.YES if name in ("tiles", "tiles-trimmed", "local") else Decision.MAYBE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[pdq", "no TOML"),
        ("[pdq]\nyes = 0.1", "needs the numbers yes and maybe"),
        ("[pdq]\nyes = 0.3\nmaybe = 0.1", "at most maybe"),
        ("pdq = 3", "needs the numbers"),
        ('rule = "dice"', "no rule 'dice'"),
        ("content = 7", "from 0 to 1"),
    ],
)
def test_bad_rules_are_named_with_their_file(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BadSettings, match=says) as error:
        Rules.load(path)
    assert str(path) in str(error.value)


def test_rules_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"cannot be read.*decision\.rules"):
        Rules.load(tmp_path / "none.toml")
