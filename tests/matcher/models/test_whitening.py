"""Whitening and query expansion, against values of the program they come from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matcher.errors import BadRequest, BadSettings
from matcher.models.expansion import expanded
from matcher.models.network import unit
from matcher.models.whitening import Whitening


@pytest.fixture
def golden(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "algorithms" / "golden.json").read_text())["embedding"]
    return found


class TestExpansion:
    @pytest.mark.parametrize(("n", "alpha"), [(3, 3.0), (5, 1.0), (4, 0.0)])
    def test_golden(self, golden: dict[str, Any], n: int, alpha: float) -> None:
        vectors = np.array(golden["vectors"])
        found = expanded(vectors[golden["query_index"]], vectors, n, alpha)
        assert found == pytest.approx(golden["aqe"][f"n={n},alpha={alpha}"], abs=2e-6)

    def test_what_points_away_counts_nothing(self) -> None:
        known = np.array([[1, 0.1], [-1, 0], [-1, -1]])
        assert expanded(np.array([1.0, 0.0]), known, 3, 2.5) == pytest.approx(unit(known[0]))

    def test_without_neighbours_the_query_comes_back(self) -> None:
        query = np.array([0.6, 0.8], np.float32)
        for known in (np.zeros((0, 2)), np.array([[-0.6, -0.8]])):
            assert expanded(query, known, 5, 3.0) == pytest.approx(query)


class TestWhitening:
    def test_golden(self, golden: dict[str, Any]) -> None:
        vectors, expected = np.array(golden["vectors"]), golden["pca"]
        whitening = Whitening.fitted(vectors)
        assert whitening.mean == pytest.approx(expected["mean"], abs=1e-9)
        assert whitening.variance == pytest.approx(expected["explained_variance"], rel=1e-9)
        found = whitening(vectors)
        assert np.abs(found[0]) == pytest.approx(expected["transformed_row0_abs"], abs=1e-6)
        first, second = unit(found[:2]).astype(np.float64)
        assert first @ second == pytest.approx(expected["cosine_row0_row1_after"], abs=1e-6)
        first, second = unit(vectors[:2]).astype(np.float64)
        assert first @ second == pytest.approx(expected["cosine_row0_row1_before"], abs=1e-6)

    def test_whitened_vectors_vary_alike_in_all_directions(self) -> None:
        vectors = np.random.default_rng(1).normal(3, (1, 5, 0.2), (500, 3)) @ [[1, 2, 0], [0, 1, 1], [1, 0, 1]]
        assert np.cov(Whitening.fitted(vectors)(vectors), rowvar=False) == pytest.approx(np.eye(3), abs=1e-9)

    def test_a_direction_without_variance_is_no_division_by_zero(self) -> None:
        vectors = np.random.default_rng(1).normal(0, 1, (50, 2)) @ [[1, 0, 1], [0, 1, 1]]
        found = Whitening.fitted(vectors)(vectors)
        assert np.isfinite(found).all() and np.abs(found).max() < 10

    def test_too_few_vectors(self) -> None:
        with pytest.raises(BadRequest, match="there are 3 x 3"):
            Whitening.fitted(np.eye(3))

    def test_a_file(self, tmp_path: Path) -> None:
        whitening = Whitening.fitted(np.random.default_rng(1).normal(0, 1, (50, 4)))
        whitening.save(tmp_path / "pca.npz")
        again = Whitening.load(tmp_path / "pca.npz")
        assert (again.mean == whitening.mean).all() and (again.components == whitening.components).all()

    @pytest.mark.parametrize(
        "arrays",
        [
            {"mean": np.zeros(3)},
            {"mean": np.zeros(3), "components": np.eye(4), "explained_variance": np.ones(4)},
            {"mean": np.zeros(3), "components": np.eye(3), "explained_variance": np.ones(2)},
            {"mean": np.zeros(3), "components": np.zeros(3), "explained_variance": np.ones(3)},
            {"mean": np.array([{}], object), "components": np.eye(1), "explained_variance": np.ones(1)},
        ],
    )
    def test_what_is_none(self, tmp_path: Path, arrays: dict[str, Any]) -> None:
        np.savez(tmp_path / "pca.npz", **arrays)
        with pytest.raises(BadSettings, match=r"pca.npz is no whitening"):
            Whitening.load(tmp_path / "pca.npz")

    def test_what_is_no_such_file(self, tmp_path: Path) -> None:
        (tmp_path / "pca.npz").write_bytes(b"PK\x03\x04 not really")
        for name in ("pca.npz", "none.npz"):
            with pytest.raises(BadSettings, match=r"is no whitening"):
                Whitening.load(tmp_path / name)
