"""The PhotoDNA-like vector equals adulau/photodna's."""

from pathlib import Path

import numpy as np
import pytest

from matcher.decode import Limits, decode
from matcher.fingerprints.photodna import FAINTEST, Blocks, PhotoDNA, brightness, gradients
from matcher.picture import VIEWS, Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn
from tests.matcher.fingerprints.golden import as_rgb, golden_pairs, goldens, normal


class TestPhotoDNA(FingerprintContract):
    fingerprint = PhotoDNA()


def length(picture: Picture) -> float:
    """Of the vector before it is made one."""
    blocks = Blocks.of(brightness(picture))
    return float(np.linalg.norm(gradients(blocks))) if blocks is not None else 0.0


def differing_bits(a: bytes, b: bytes) -> int:
    sketches = [np.frombuffer(PhotoDNA().sketch(value), np.uint8) for value in (a, b)]
    return int(np.bitwise_count(sketches[0] ^ sketches[1]).sum())


def test_golden(shared: Path) -> None:
    """Every golden vector to the integer; those of zeros, and of one row of pixels, are none of ours."""
    checked = 0
    for golden in goldens(shared, ("rgb",)):
        picture = as_rgb(shared, golden.path.name, turned=False)
        vector = golden.entry["photodna"]["raw_file"]
        expected = bytes(vector) if isinstance(vector, list) and any(vector) else None
        assert PhotoDNA().compute(picture) == expected, str(golden)
        checked += expected is not None
    assert checked >= 36


def test_golden_of_turned_files_and_of_those_on_white(shared: Path) -> None:
    checked = 0
    for golden in normal(shared):
        variants = golden.entry["photodna"]
        vector = variants.get("white") or variants.get("transposed") or variants["raw_file"]
        if golden.entry["mode"] == "I;16" or not isinstance(vector, list) or not any(vector):
            continue
        assert PhotoDNA().compute(decode(golden.path.read_bytes(), Limits(), full=True)) == bytes(vector), str(golden)
        checked += 1
    assert checked >= 35


def test_golden_length_before_it_is_made_one(shared: Path) -> None:
    for golden in goldens(shared, ("rgb",)):
        picture, expected = as_rgb(shared, golden.path.name, turned=False), golden.entry["photodna"].get("norm_before_step6")
        if expected is not None:
            assert length(picture) == pytest.approx(expected, abs=1e-3), str(golden)


def test_golden_distances(shared: Path) -> None:
    checked = 0
    for pair, a, b in golden_pairs(shared, turned=False):
        ours, theirs = PhotoDNA().compute(a), PhotoDNA().compute(b)
        if ours is None or theirs is None:
            continue
        assert PhotoDNA().distance(ours, [theirs])[0] * 3060 == pytest.approx(pair["photodna_euclidean"], rel=1e-12)
        assert 1 - PhotoDNA().distance(ours, [theirs])[0] == pytest.approx(pair["photodna_similarity"], rel=1e-12)
        assert round(float(PhotoDNA().measured("manhattan", ours, [theirs])[0]) * 36720) == pair["photodna_manhattan"]
        checked += 1
    assert checked >= 12


def test_noise_on_a_flat_picture_is_not_magnified_into_a_vector() -> None:
    noise = 128 + np.random.default_rng(1).integers(-4, 5, (300, 400, 3))
    picture = Picture(b"", "PNG", (400, 300), noise.astype(np.uint8))
    assert 0 < length(picture) < FAINTEST / 2
    assert PhotoDNA().compute(picture) is None


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (1, 1)])
def test_one_row_of_pixels_has_none(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, size, np.uint8)
    assert PhotoDNA().compute(Picture(b"", "PNG", size[::-1], pixels)) is None


def test_each_view_is_that_of_the_picture_really_turned() -> None:
    colour = drawn("photo:half")
    views = PhotoDNA().compute_views(colour)
    assert set(views) == set(VIEWS)
    for view, value in views.items():
        pixels = np.ascontiguousarray(VIEWS[view](colour.pixels))
        assert value == PhotoDNA().compute(Picture(b"", "PNG", (pixels.shape[1], pixels.shape[0]), pixels)), view


def test_grey_and_colour_of_the_same_values_agree() -> None:
    grey = drawn("photo:half").grey()
    size = (grey.shape[1], grey.shape[0])
    colour = np.repeat(grey[..., None], 3, axis=2)
    assert PhotoDNA().compute(Picture(b"", "PNG", size, grey)) == PhotoDNA().compute(Picture(b"", "PNG", size, colour))


def test_the_sketches_of_copies_agree_and_of_others_do_not(shared: Path) -> None:
    for pair, a, b in golden_pairs(shared, turned=False):
        ours, theirs = PhotoDNA().compute(a), PhotoDNA().compute(b)
        if ours is None or theirs is None:
            continue
        if pair["photodna_euclidean"] < 100:
            assert differing_bits(ours, theirs) <= 31, pair
        elif pair["photodna_euclidean"] > 690:
            assert differing_bits(ours, theirs) > 60, pair


def test_a_sketch_is_the_same_for_ever() -> None:
    """It is in the index of every store: another one would find nothing there."""
    assert PhotoDNA().sketch(bytes(range(144))).hex() == "c0b9b8e5938f6e0857d253af8d23ffeaaa43c90dc0b69f608cf89a853fc5435e"


def test_zeros_are_no_vector() -> None:
    assert not PhotoDNA().valid(bytes(144))
    assert not PhotoDNA().valid(b"\x01" * 143)
    assert PhotoDNA().valid(b"\x01" * 144)
