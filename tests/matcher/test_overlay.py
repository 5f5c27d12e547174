"""Where an alignment lays two pictures upon each other, their blocks and colours are compared."""

import numpy as np
import pytest

from matcher.geometry import Similarity
from matcher.overlay import GRID, Likeness, Small, likeness, recoloured

SAME_PLACE = Similarity(1 + 0j, 0j)


def small(seed: int = 1, colour: tuple[float, float] = (0.0, 0.0), flat: bool = False) -> Small:
    random = np.random.default_rng(seed)
    brightness = np.full((48, 48), 200.0) if flat else random.integers(0, 256, (12, 12)).repeat(4, axis=0).repeat(4, axis=1)
    cb, cr = (np.full((12, 12), value, np.float32) for value in colour)
    return Small(1.0, 1.0, np.asarray(brightness, np.float32), (cb, cr))


def test_a_picture_agrees_with_itself_everywhere() -> None:
    found = likeness(small(), small(), SAME_PLACE)
    assert (found.blocks, found.agreeing) == (16, 1.0)
    assert found.contrast > 40


def test_another_picture_agrees_hardly_anywhere() -> None:
    assert likeness(small(1), small(2), SAME_PLACE).agreeing < 0.2


def test_a_quarter_is_compared_with_its_place_in_the_whole() -> None:
    whole = small()
    quarter = Small(1.0, 1.0, whole.brightness[:24, :24].repeat(2, axis=0).repeat(2, axis=1), whole.chroma)
    assert likeness(quarter, whole, Similarity(0.5 + 0j, 0j)).agreeing > 0.9
    assert likeness(quarter, whole, Similarity(0.5 + 0j, 0.5 + 0.5j)).agreeing < 0.3


def test_what_is_shown_in_one_picture_only_counts_against_it() -> None:
    found = likeness(small(), small(flat=True), SAME_PLACE)
    assert (found.blocks, found.agreeing, found.contrast) == (16, 0.0, 0.0)


def test_two_flat_pictures_tell_nothing() -> None:
    assert likeness(small(flat=True), small(flat=True), SAME_PLACE) == Likeness()


def test_pictures_that_do_not_overlap_tell_nothing() -> None:
    assert likeness(small(), small(), Similarity(1 + 0j, 2 + 0j)) == Likeness()
    assert recoloured(small(colour=(40, 10)), small(colour=(-40, 10)), Similarity(1 + 0j, 2 + 0j)) == 0.0


@pytest.mark.parametrize(("ours", "theirs", "apart"), [((30, 30), (30, 30), 0.0), ((40, 0), (-40, 0), 2.0), ((40, 0), (0, 40), 2**0.5)])
def test_colours_are_compared(ours: tuple[float, float], theirs: tuple[float, float], apart: float) -> None:
    assert recoloured(small(colour=ours), small(colour=theirs), SAME_PLACE) == pytest.approx(apart, abs=1e-3)


def test_a_grey_copy_is_not_of_another_colour() -> None:
    assert recoloured(small(colour=(40, 10)), small(), SAME_PLACE) == 0.0


def test_every_point_is_in_a_block() -> None:
    assert GRID % 8 == 0
