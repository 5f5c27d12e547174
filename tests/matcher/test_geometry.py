"""Points of one picture are carried onto those of another."""

import numpy as np
import pytest

from matcher.geometry import Similarity, area, fit, hull, inside

TRUE = Similarity(0.8 * np.exp(0.05j), 0.3 - 0.1j)
SQUARE = np.array([0, 1, 1 + 1j, 1j])


def scattered(count: int, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.random(count) + 1j * random.random(count)


def test_the_right_pairs_outvote_more_wrong_ones() -> None:
    points = scattered(70)
    places = TRUE(points)
    places[30:] = scattered(40, seed=2)
    scales = np.full(70, 0.8) * np.random.default_rng(3).choice([0.87, 1, 1.15], 70)
    found = fit(points, places, scales, 0.012, 0.05)
    assert found is not None
    assert np.abs(found(points[:30]) - TRUE(points[:30])).max() < 0.01
    assert found.scale == pytest.approx(0.8, rel=0.02)


def test_one_pair_proves_nothing() -> None:
    assert fit(scattered(1), scattered(1), np.ones(1), 0.012, 0.05) is None


def test_pairs_in_one_place_prove_nothing() -> None:
    assert fit(np.full(5, 0.5 + 0.5j), np.full(5, 0.2 + 0.1j), np.ones(5), 0.012, 0.05) is None


def test_a_similarity_can_be_undone() -> None:
    points = scattered(9)
    assert TRUE.undo(TRUE(points)) == pytest.approx(points)


@pytest.mark.parametrize(("before", "after"), [(1, 1), (1.3, 0.8)])
def test_its_matrix_tells_it(before: float, after: float) -> None:
    again = Similarity.of(TRUE.matrix(before, after), before, after)
    assert (again.factor, again.shift) == (pytest.approx(TRUE.factor), pytest.approx(TRUE.shift))


def test_its_matrix_does_the_same_in_other_units() -> None:
    """Points divided by 2 before, results by 4 after."""
    point = 0.7 + 0.2j
    x, y = TRUE.matrix(2.0, 4.0) @ np.array([point.real / 2, point.imag / 2, 1.0])
    assert complex(x, y) * 4 == pytest.approx(complex(TRUE(np.array([point]))[0]))


def test_a_hull_encloses_all_points() -> None:
    points = np.concatenate([SQUARE, scattered(20)])
    corners = hull(points)
    assert len(corners) == 4
    assert area(corners) == pytest.approx(1, abs=1e-6)
    assert inside(corners, points).all()


def test_what_lies_outside_is_not_inside_however_the_corners_turn() -> None:
    for corners in (SQUARE, SQUARE[::-1]):
        assert inside(corners, np.array([0.5 + 0.5j, 1.5 + 0.5j, -0.1j])).tolist() == [True, False, False]
