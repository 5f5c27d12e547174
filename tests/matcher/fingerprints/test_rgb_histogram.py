"""The RGB histogram counts as the golden one does, and keeps that within its rounding."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from matcher.fingerprints.rgb_histogram import RGBHistogram, counts
from matcher.picture import Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.golden import goldens

HISTOGRAM = RGBHistogram()


class TestRGBHistogram(FingerprintContract):
    fingerprint = HISTOGRAM
    different = [("page", "photo"), ("page", "page2"), ("page:q30", "photo:q30")]


def test_golden_counts(shared: Path) -> None:
    checked = 0
    for golden in goldens(shared, ("rgb", "white", "rgb_untransposed")):
        expected = golden.entry["rgb512"] if golden.variant == "rgb" else {}
        found = counts(golden.picture().rgb())
        if expected:
            assert hashlib.sha256(found.astype("<i4").tobytes()).hexdigest() == expected["sha256_counts_int32_le"], str(golden)
            checked += 1
    assert checked >= 40


def test_golden_distances(shared: Path) -> None:
    pictures = {golden.path.name: HISTOGRAM.compute(golden.picture()) for golden in goldens(shared, ("rgb",))}
    pairs = json.loads((shared / "algorithms" / "golden.json").read_text())["rgb_l1_pairs"]
    for pair in pairs:
        a, b = pictures[pair["a"]], pictures[pair["b"]]
        assert a and b
        assert HISTOGRAM.distance(a, [b])[0] == pytest.approx(pair["l1_normalised_0_to_2"] / 2, abs=0.002), pair
    assert len(pairs) >= 10


def halves(left: int, right: int) -> bytes:
    pixels = np.full((10, 10, 3), left, np.uint8)
    pixels[:, 5:] = right
    found = HISTOGRAM.compute(Picture(b"", "PNG", (10, 10), pixels))
    assert found is not None
    return found


def test_distance_is_the_share_of_pixels_with_another_colour() -> None:
    found = HISTOGRAM.distance(halves(0, 100), [halves(0, 200), halves(150, 200), halves(100, 0), halves(5, 120)])
    assert found == pytest.approx([0.5, 1.0, 0.0, 0.0], abs=1e-4)


def test_it_takes_64_bytes_and_two_a_colour() -> None:
    assert len(halves(0, 100)) == 68


def test_what_can_be_no_histogram_is_refused() -> None:
    found = halves(0, 100)
    assert HISTOGRAM.valid(found)
    assert not HISTOGRAM.valid(found[:-2]) and not HISTOGRAM.valid(found[:-2] + b"\0\0") and not HISTOGRAM.valid(b"")
