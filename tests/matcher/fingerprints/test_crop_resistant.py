"""The crop-resistant hash has ImageHash's regions, and compares them better."""

from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from matcher.fingerprints.crop_resistant import CropResistant
from matcher.picture import Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn
from tests.matcher.fingerprints.golden import goldens

CROPS = CropResistant()


class TestCropResistant(FingerprintContract):
    fingerprint = CROPS
    different = [("page", "photo"), ("page", "photo2"), ("photo", "photo2"), ("page:q30", "photo:q30")]


def hexes(fingerprint: bytes | None) -> list[str]:
    return [fingerprint[n : n + 8].hex() for n in range(0, len(fingerprint), 8)] if fingerprint else []


def without_flat(text: str) -> list[str]:
    return [one for one in text.split(",") if int(one, 16)]


def test_golden(shared: Path) -> None:
    """Every golden value, without the regions that have no gradient: they identify nothing."""
    checked = 0
    for golden in goldens(shared):
        expected = golden.of("imagehash").get("crop_resistant")
        if expected is not None:
            assert hexes(CROPS.compute(golden.picture())) == without_flat(expected), str(golden)
            checked += 1
    assert checked >= 40


@pytest.mark.slow
@pytest.mark.parametrize("name", ["page", "photo", "page3", "photo:half"])
def test_it_equals_imagehash(name: str) -> None:
    theirs = imagehash.crop_resistant_hash(Image.fromarray(drawn(name).rgb()))
    assert hexes(CROPS.compute(drawn(name))) == without_flat(str(theirs))


def picture(pixels: np.ndarray) -> Picture:
    return Picture(b"", "PNG", (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels))


def blobs(seed: int) -> np.ndarray:
    """Return bright islands, each with its own pattern, on a dark ground."""
    random = np.random.default_rng(seed)
    scene = np.zeros((900, 900), np.uint8)
    for row in range(3):
        for column in range(3):
            pattern = cv2.resize(random.integers(140, 256, (6, 6), np.uint8), (180, 180), interpolation=cv2.INTER_CUBIC)
            scene[60 + 280 * row : 240 + 280 * row, 60 + 280 * column : 240 + 280 * column] = np.maximum(pattern, 140)
    return scene


def test_what_a_crop_leaves_is_found() -> None:
    whole, other = CROPS.compute(picture(blobs(1))), CROPS.compute(picture(blobs(2)))
    crop = CROPS.compute(picture(blobs(1)[300:, 20:880]))
    assert whole and other and crop
    cropped, different = CROPS.distance(crop, [whole, other])
    assert cropped < 0.4 < different


def test_one_region_in_common_is_not_enough() -> None:
    both, one = bytes(range(1, 17)), bytes(range(1, 9))
    assert CROPS.distance(both, [one])[0] == 0.5
    assert CROPS.distance(one, [one, bytes(range(101, 109))]).tolist() == [0, 1]


def test_pictures_that_share_regions_share_keys() -> None:
    whole, crop = CROPS.compute(picture(blobs(1))), CROPS.compute(picture(blobs(1)[300:, 20:880]))
    assert whole and crop
    filed, asked = set(zip(*map(np.ndarray.tolist, CROPS.keys(whole)), strict=True)), CROPS.probes(crop)
    hits = [item for slot, key, item in zip(*map(np.ndarray.tolist, asked), strict=True) if (slot, key) in filed]
    assert len(set(hits)) >= 3
