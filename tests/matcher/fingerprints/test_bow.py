"""The bag of words: distances as Douglas-Quaid's were meant, words of one vocabulary never mixed with those of another."""

import json
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import BadSettings
from matcher.fingerprints import registry
from matcher.fingerprints.bow import BoW, bhattacharyya, correlation
from matcher.orb import keypoints
from matcher.vocabulary import Vocabulary
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn

BAG = BoW()


class TestBoW(FingerprintContract):
    fingerprint = BAG
    same = [("page", "page:q30"), ("page2", "page2:q30")]
    different = [("page", "page2"), ("page", "page3"), ("page2", "photo:half")]
    too_simple = ["white", "black", "grey", "page:tiny"]


class TestBoWByCorrelation(TestBoW):
    fingerprint = BoW(distance="correlation")
    different = [("page", "photo:half"), ("page2", "photo:half")]


@pytest.fixture
def other() -> Vocabulary:
    return Vocabulary(np.random.default_rng(1).integers(0, 256, (300, 32), np.uint8))


def test_golden_distances_of_the_ancestors_histograms(shared: Path) -> None:
    golden = json.loads((shared / "algorithms" / "golden.json").read_text())

    def histogram(name: str) -> np.ndarray:
        counts = np.zeros(500)
        for word, count in golden["orb"][name]["bow500_counts"].items():
            counts[int(word)] = count
        return counts / counts.sum()

    for pair in golden["orb_pairs"]:
        a, b = histogram(pair["a"]), histogram(pair["b"])
        assert 2 * correlation(a, b[None])[0] == pytest.approx(pair["bow_1_minus_correl"], abs=1e-6), pair
        assert bhattacharyya(a, b[None])[0] == pytest.approx(pair["bow_bhattacharyya"], abs=1e-6), pair
    assert len(golden["orb_pairs"]) >= 10


def test_it_counts_the_nearest_word_of_each_feature() -> None:
    found = BAG.compute(drawn("page"))
    assert found is not None and found[:8] == BAG.vocabulary.digest
    pairs = np.frombuffer(found, "<u2", offset=8).reshape(-1, 2)
    descriptors = keypoints(drawn("page")).descriptors
    differing = np.unpackbits(descriptors[:, None] ^ BAG.vocabulary.words, axis=2).sum(axis=2)
    words, counts = np.unique(differing.argmin(axis=1), return_counts=True)
    assert pairs.tolist() == np.stack([words, counts], axis=1).tolist()


def test_another_vocabulary_has_nothing_in_common(other: Vocabulary) -> None:
    foreign = BoW(other)
    ours, theirs = BAG.compute(drawn("page")), foreign.compute(drawn("page"))
    assert ours and theirs
    for algorithm in (BAG, foreign):
        assert algorithm.distance(ours, [theirs, ours, theirs]).tolist() == [1, 0, 1]
        assert algorithm.distance(theirs, [theirs, ours]).tolist() == [0, 1]
    assert BAG.valid(ours) and foreign.valid(theirs)
    assert not BAG.valid(theirs) and not foreign.valid(ours)
    assert np.intersect1d(BAG.keys(ours)[1], foreign.keys(theirs)[1]).size <= 2


def test_another_vocabulary_is_another_version(other: Vocabulary, tmp_path: Path) -> None:
    """So that a store tells of what was added with another one, and renews it when it is added again."""
    assert BAG.version == BoW(Vocabulary.load()).version == 1
    other.save(tmp_path / "other.npy")
    made = registry.load(["bow"], {"bow.vocabulary": tmp_path / "other.npy"})["bow"]
    assert 2 <= made.version <= 255
    assert made.version == BoW(other).version != BoW(Vocabulary(other.words[1:])).version


def test_the_vocabulary_that_comes_with_kuato_stays_what_it_is() -> None:
    """Whoever changes it changes the version of the algorithm too: these 8 bytes belong to version 1."""
    assert (BoW.version, Vocabulary.load().digest.hex()) == (1, "e56fdc2049f4bbdf")


def test_a_sketch_is_shared_as_often_as_the_share_of_features_says() -> None:
    random, shared = np.random.default_rng(5), list[float]()
    for _ in range(20):
        words = random.permutation(1000)[:600]
        parts = [np.sort(part) for part in (words[:500], words[100:])]
        a, b = (BAG.vocabulary.digest + np.stack([part, np.ones_like(part)], axis=1).astype("<u2").tobytes() for part in parts)
        shared.append(float(np.mean(BAG.keys(a)[1] == BAG.keys(b)[1])))
    assert np.mean(shared) == pytest.approx((400 / 600) ** 3, abs=0.04)


def test_a_word_that_occurs_twice_is_not_one_that_occurs_once() -> None:
    once, twice = (BAG.vocabulary.digest + np.array([[word, count] for word in range(30)], "<u2").tobytes() for count in (1, 2))
    assert 0 < np.mean(BAG.keys(once)[1] == BAG.keys(twice)[1]) < 0.5


@pytest.mark.parametrize(
    "pairs", [[], [[5, 30], [4, 30]], [[5, 30], [5, 30]], [[1000, 30]], [[5, 0], [6, 30]], [[5, 3]], [[5, 1001]]], ids=str
)
def test_what_can_be_no_histogram_is_refused(pairs: list[list[int]]) -> None:
    assert BAG.valid(BAG.vocabulary.digest + np.array([[5, 30], [999, 2]], "<u2").tobytes())
    assert not BAG.valid(BAG.vocabulary.digest + np.array(pairs, "<u2").tobytes())


def test_an_unknown_distance_is_refused() -> None:
    with pytest.raises(BadSettings, match=r"no distance 'cosine'; there are bhattacharyya, correlation"):
        BoW(distance="cosine")
