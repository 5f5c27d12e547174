"""Evidence in words, and where on the two pictures it lies."""

from typing import Any

import numpy as np

from matcher import shapes
from matcher.match import Alignment, Decision, Evidence, Region
from matcher.ui.sentences import regions, said
from matcher.ui.words import all_words

NARROW = "\u0020"  # no line is broken before the sign
ENGLISH = all_words()["en"]
PART, OTHER, WHOLE = Region(0.1, 0.2, 0.6, 0.6), Region(0.3, 0.3, 0.5, 0.8), Region(0, 0, 1, 1)
INSIDE = Evidence("sub-pictures", "frequency", 0.05, 0.122, Decision.YES, places=(PART, WHOLE))
HASH = Evidence("pdq", "frequency", 0.1, 0.122, Decision.YES)


def local(decision: Decision) -> Evidence:
    alignment = Alignment(40, 12.0, OTHER, PART, np.eye(2, 3))
    return Evidence("local", "local", 0.2, 0.3, decision, alignment=alignment)


def shape(*evidence: Evidence) -> list[dict[str, Any]]:
    return [dict(shapes.evidence(one)) for one in evidence]


def corners(*places: Region) -> list[list[float]]:
    return [[one.left, one.top, one.right, one.bottom] for one in places]


def test_a_picture_inside_a_page_is_told_with_its_size() -> None:
    (told,) = said(shape(INSIDE), ENGLISH)
    assert (told.what, told.decision) == ("Pictures inside a page", "YES")
    assert told.text == f"20{NARROW}% of this picture and 100{NARROW}% of the known one are 95{NARROW}% alike"


def test_where_the_two_agree() -> None:
    assert regions(shape(HASH)) is None
    assert list(regions(shape(HASH, INSIDE)) or ()) == corners(PART, WHOLE)
    assert list(regions(shape(INSIDE, local(Decision.YES))) or ()) == corners(OTHER, PART)


def test_what_says_more_is_shown() -> None:
    assert list(regions(shape(local(Decision.MAYBE), INSIDE)) or ()) == corners(PART, WHOLE)
