"""ORB equals OpenCV's of other programs; the matches are Douglas-Quaid's, the perspective is used."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from matcher.fingerprints.orb_ransac import ORBRansac, inliers, matches, packed, unpacked
from matcher.orb import Keypoints, keypoints
from matcher.picture import Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn

ORB = ORBRansac()


class TestORBRansac(FingerprintContract):
    fingerprint = ORB
    same = [("page", "page:q30"), ("page", "page:half"), ("page2", "page2:q30")]
    different = [("page", "page2"), ("page", "page3"), ("page2", "photo:half")]
    too_simple = ["white", "black", "grey", "page:tiny"]


def of_file(path: Path) -> Keypoints:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return keypoints(Picture(b"", "PNG", (pixels.shape[1], pixels.shape[0]), pixels))


def test_golden_features(shared: Path) -> None:
    folder = shared / "algorithms"
    golden = json.loads((folder / "golden.json").read_text())["orb"]
    for name, expected in golden.items():
        found = of_file(folder / "images" / name)
        assert len(found) == expected["n_keypoints"], name
        if len(found):
            assert hashlib.sha256(found.descriptors.tobytes()).hexdigest() == expected["descriptors_sha256"], name
            assert found.points[:3] == pytest.approx(np.array(expected["first_keypoints_xy"]), abs=0.01), name
    assert len(golden) >= 15


def test_golden_pairs(shared: Path) -> None:
    folder = shared / "algorithms"
    pairs = json.loads((folder / "golden.json").read_text())["orb_pairs"]
    for pair in pairs:
        a, b = (of_file(folder / "images" / pair[side]) for side in "ab")
        found = matches(a, b)
        assert len(found) == pair["orb"]["cross_checked_matches"], pair
        assert (found[:, 2] < 64).sum() == pair["orb"]["below_64"], pair
        assert inliers(a, b) == pytest.approx(pair["own_ransac_inliers_of_below64_thr5"], abs=3), pair
    assert len(pairs) >= 10


def test_places_are_kept_to_a_64th_of_a_pixel() -> None:
    found = keypoints(drawn("page"))
    kept = unpacked(packed(found))
    assert np.abs(kept.points - found.points).max() <= 1 / 64 + 1e-6
    assert (kept.descriptors == found.descriptors).all()


def test_a_picture_seen_from_the_side_is_near() -> None:
    pixels = drawn("page").rgb()
    corners = np.array([[0, 0], [959, 0], [959, 599], [0, 599]], np.float32)
    aside = np.array([[40, 60], [900, 20], [860, 560], [90, 520]], np.float32)
    seen = cv2.warpPerspective(pixels, cv2.getPerspectiveTransform(corners, aside), (960, 600))
    a, b = ORB.compute(drawn("page")), ORB.compute(Picture(b"", "PNG", (960, 600), np.ascontiguousarray(seen)))
    assert a and b
    assert ORB.distance(a, [b])[0] < 0.2


def test_matches_that_no_perspective_explains_count_nothing() -> None:
    """The same features in other places: as many matches as there can be, and nothing in common."""
    found = keypoints(drawn("page"))
    elsewhere = Keypoints(np.random.default_rng(1).permutation(found.points), found.descriptors)
    assert len(matches(found, elsewhere)) > 300
    assert ORB.distance(packed(found), [packed(elsewhere)])[0] > 0.8


def test_without_features_nothing_matches() -> None:
    found, nothing = keypoints(drawn("page")), keypoints(drawn("white"))
    assert len(nothing) == 0
    assert inliers(found, nothing) == inliers(nothing, found) == inliers(nothing, nothing) == 0


def test_what_can_be_no_features_is_refused() -> None:
    found = packed(keypoints(drawn("page")))
    assert ORB.valid(found)
    assert not ORB.valid(found[:-1]) and not ORB.valid(found[:36]) and not ORB.valid(b"")
