"""Visual words: made by k-majority, kept in a file, refused when they cannot be words."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import BadRequest, BadSettings, Conflict
from matcher.kmajority import k_majority, nearest
from matcher.vocabulary import Vocabulary, build, default_path


def test_golden(shared: Path) -> None:
    golden = json.loads((shared / "algorithms" / "golden.json").read_text())["kmajority_example"]
    descriptors = np.array(golden["descriptors"], np.uint8)
    found = k_majority(descriptors, descriptors[: golden["k"]])
    assert found.centres.tolist() == golden["centres"]
    assert found.labels.tolist() == golden["labels"]
    assert (found.rounds, found.apart, found.settled) == (golden["iterations"], golden["total_hamming"], True)


def test_a_tie_goes_to_the_first_word_and_leaves_a_bit_as_it_was() -> None:
    centres = np.array([[0b0000], [0b0011]], np.uint8)
    labels, distances = nearest(np.array([[0b0001], [0b0111]], np.uint8), centres)
    assert (labels.tolist(), distances.tolist()) == ([0, 1], [1, 1])
    halved = k_majority(np.array([[0b0000], [0b0001]], np.uint8), np.array([[0b0001], [0b11110000]], np.uint8))
    assert halved.centres.tolist() == [[0b0001], [0b11110000]]  # one of two has the bit; and nobody is near the other centre


def test_256_differing_bits_are_as_far_as_it_goes() -> None:
    labels, distances = nearest(np.full((1, 32), 255, np.uint8), np.array([[0] * 32, [1] * 32], np.uint8))
    assert (labels.tolist(), distances.tolist()) == ([1], [224])
    assert nearest(np.full((1, 32), 255, np.uint8), np.zeros((2, 32), np.uint8))[1].tolist() == [256]


def around(centres: np.ndarray, each: int, flips: int) -> np.ndarray:
    """Return descriptors that differ from one of the centres in `flips` bits."""
    random, rows = np.random.default_rng(2), list[np.ndarray]()
    for centre in centres:
        for _ in range(each):
            bits = np.unpackbits(centre)
            bits[random.choice(256, flips, replace=False)] ^= 1
            rows.append(np.packbits(bits))
    return np.array(rows)


def test_words_are_what_groups_of_features_have_in_common() -> None:
    centres = np.random.default_rng(1).integers(0, 256, (5, 32), np.uint8)
    seen = list[tuple[int, int]]()
    made, clustering = build(around(centres, 40, 20), 12, progress=lambda *step: seen.append(step))
    found = nearest(centres, made.words)[1]
    assert found.max() <= 20
    assert clustering.settled and len(seen) == clustering.rounds
    apart = [apart for _, apart in seen]
    assert apart == sorted(apart, reverse=True)


def test_the_order_of_the_features_changes_nothing() -> None:
    descriptors = np.random.default_rng(3).integers(0, 256, (500, 32), np.uint8)
    first, second, other = build(descriptors, 20)[0], build(descriptors[::-1], 20)[0], build(descriptors, 20, seed=1)[0]
    assert first.digest == second.digest != other.digest


def test_a_file_gives_the_words_back(tmp_path: Path) -> None:
    made = Vocabulary(np.random.default_rng(4).integers(0, 256, (50, 32), np.uint8))
    made.save(tmp_path / "words.npy")
    again = Vocabulary.load(tmp_path / "words.npy")
    assert (again.words == made.words).all() and again.digest == made.digest and len(again) == 50
    with pytest.raises(Conflict, match="exists already"):
        made.save(tmp_path / "words.npy")


def test_the_one_that_comes_with_kuato() -> None:
    assert Vocabulary.load().words.shape == (1000, 32)
    assert default_path().stat().st_size < 40_000


@pytest.mark.parametrize(
    ("words", "says"), [(1, "2 to 65,535"), (70_000, "2 to 65,535"), (60, "50 different features, too few for 60 words")]
)
def test_words_that_cannot_be_made(words: int, says: str) -> None:
    descriptors = np.random.default_rng(5).integers(0, 256, (50, 32), np.uint8)
    with pytest.raises(BadRequest, match=says):
        build(np.concatenate([descriptors, descriptors]), words)


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no NumPy array"),
        (b"not an array at all, but long enough to look", "no NumPy array"),
        (saved(np.array([{"a": 1}], object)), "no NumPy array"),
        (saved(np.zeros((5, 32), np.uint8))[:-3], "no NumPy array"),
        (saved(np.zeros((5, 32), np.float32)), "float32 of shape"),
        (saved(np.zeros((5, 16), np.uint8)), r"shape \(5, 16\)"),
        (saved(np.zeros((1, 32), np.uint8)), "has 1 words"),
    ],
    ids=["empty", "text", "pickle", "cut", "numbers", "short", "one"],
)
def test_a_file_that_holds_no_words_is_named(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "words.npy"
    path.write_bytes(data)
    with pytest.raises(BadSettings, match=says) as error:
        Vocabulary.load(path)
    assert str(path) in str(error.value) and "bow.vocabulary" in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"cannot be read: No such file.*bow\.vocabulary"):
        Vocabulary.load(tmp_path / "none.npy")
