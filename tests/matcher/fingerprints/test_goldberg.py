"""The Goldberg signature is image-match's, as it was meant."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from matcher.decode import Limits, decode
from matcher.fingerprints.goldberg import NOTHING, WORDS, Goldberg, unpacked, words
from matcher.picture import TURNED_NEGATIVES, VIEWS, Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn
from tests.matcher.fingerprints.golden import as_rgb, golden_pairs, goldens, normal


class TestGoldberg(FingerprintContract):
    fingerprint = Goldberg()


def written(fingerprint: bytes | None) -> str:
    """The signature as the golden file writes it."""
    letters = unpacked([fingerprint])[0] if fingerprint is not None else np.zeros(648, np.int8)
    return "".join("ABCDE"[letter + 2] for letter in letters)


def loaded(shared: Path) -> dict[str, Any]:
    return dict(json.loads((shared / "algorithms" / "golden.json").read_text()))


def test_golden(shared: Path) -> None:
    """Every golden signature to the letter; of the one that its own mistake distorts, what the mistake leaves out."""
    checked = 0
    for golden in goldens(shared, ("rgb",)):
        theirs = golden.entry["goldberg"]
        expected = theirs.get("by_spec_without_upstream_relabel_bug", theirs["bytestream"])
        assert written(Goldberg().compute(as_rgb(shared, golden.path.name, turned=False))) == expected, str(golden)
        checked += 1
    assert checked >= 41


def test_golden_of_the_file_as_we_decode_it(shared: Path) -> None:
    for golden in normal(shared):
        theirs = golden.entry["goldberg"]
        if golden.entry["mode"] == "I;16":
            continue  # Pillow makes it all white, we do not
        expected = next(theirs[k] for k in ("white", "transposed", "by_spec_without_upstream_relabel_bug", "bytestream") if k in theirs)
        assert written(Goldberg().compute(decode(golden.path.read_bytes(), Limits(), full=True))) == expected, str(golden)


def test_golden_words(shared: Path) -> None:
    for golden in goldens(shared, ("rgb",)):
        if "by_spec_without_upstream_relabel_bug" not in golden.entry["goldberg"]:
            letters = np.array(["ABCDE".index(letter) - 2 for letter in golden.entry["goldberg"]["bytestream"]], np.int8)
            assert words(letters).tolist() == golden.entry["goldberg"]["words"], str(golden)


def test_golden_example_of_words(shared: Path) -> None:
    example = loaded(shared)["goldberg_words_example"]
    letters, count, length = np.array(example["sig"], np.int8), example["N"], example["k"]
    assert words(letters, np.arange(count) * len(letters) // count, length).tolist() == example["ints"]


def test_golden_orientations(shared: Path) -> None:
    """All sixteen: each is the signature of one view, and no two of the same."""
    for name, orientations in loaded(shared)["goldberg_orientations"].items():
        views = {written(value): view for view, value in Goldberg().compute_views(as_rgb(shared, name, turned=False)).items()}
        met = [views[orientation["signature"]] for orientation in orientations]
        assert sorted(met) == sorted([*VIEWS, *TURNED_NEGATIVES])
        for orientation, view in zip(orientations, met, strict=True):
            assert view.startswith("negative") is orientation["negative"]
            assert (view == "as is") is not any((orientation["negative"], orientation["rot90_ccw"], orientation["mirror_first"]))


def test_golden_distances(shared: Path) -> None:
    checked = 0
    for pair, a, b in golden_pairs(shared, turned=False):
        ours, theirs = Goldberg().compute(a), Goldberg().compute(b)
        if ours is None or theirs is None:
            continue  # flat: not comparable
        assert abs(Goldberg().distance(ours, [theirs])[0] - pair["goldberg"]) < 1e-12, pair
        common = np.count_nonzero(words(unpacked([ours])[0]) == words(unpacked([theirs])[0]))
        assert common == pair["goldberg_common_words"], pair
        checked += 1
    assert checked >= 12


def test_a_word_that_says_nothing_leads_nowhere() -> None:
    fingerprint = Goldberg().compute(drawn("page"))
    assert fingerprint is not None
    found = words(unpacked([fingerprint])[0])
    slots, keys = Goldberg().keys(fingerprint)
    assert 0 < len(slots) == np.count_nonzero(found != NOTHING) <= WORDS
    assert slots.max() < 256 and keys.max() < 1 << 24
    # Slot and key together are the word and its place again.
    assert ((slots // WORDS << 24) + keys).tolist() == found[slots % WORDS].tolist()


def test_each_view_is_that_of_the_picture_really_turned() -> None:
    colour = drawn("photo:half")
    for view, value in Goldberg().compute_views(colour).items():
        turn = VIEWS.get(view)
        if turn is None or view == "negative":
            continue
        pixels = np.ascontiguousarray(turn(colour.pixels))
        other = Goldberg().compute(Picture(b"", "PNG", (pixels.shape[1], pixels.shape[0]), pixels))
        assert other is not None and Goldberg().distance(value, [other])[0] < 0.01, view


def test_the_negative_is_the_negative() -> None:
    picture = drawn("photo:half")
    inverted = Goldberg().compute(Picture(b"", "PNG", picture.size, 255 - picture.pixels))
    assert inverted is not None
    assert Goldberg().distance(inverted, [Goldberg().compute_views(picture)["negative"]])[0] < 0.02


def test_a_large_picture_is_read_in_parts(monkeypatch: Any) -> None:
    whole = Goldberg().compute(drawn("photo"))
    monkeypatch.setattr("matcher.fingerprints.goldberg._PIXELS", 960 * 7)
    assert Goldberg().compute(drawn("photo")) == whole


def test_what_is_no_signature() -> None:
    for value in (bytes([62] * 216), b"\x01" * 215, bytes([125] * 216)):
        assert not Goldberg().valid(value)
    assert Goldberg().valid(bytes([61] * 216))
