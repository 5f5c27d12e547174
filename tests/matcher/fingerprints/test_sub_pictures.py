"""Pictures inside pages are found, each in its place."""

import cv2
import numpy as np
import pytest

from matcher.fingerprints.sub_pictures import MOST, SubPictures, hashed, parts, tones
from matcher.match import Region
from matcher.picture import Pixels
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn

SUB = SubPictures()
WHOLE = Region(0, 0, 1, 1)


class TestSubPictures(FingerprintContract):
    fingerprint = SUB
    same = [
        ("photo", "photo:in-page"),
        ("photo:q30", "photo:in-page"),
        ("photo:half", "photo:in-page2"),
        ("photo:in-page", "photo:in-page2"),
    ]
    different = [("photo2", "photo:in-page"), ("page", "photo:in-page"), ("photo2:in-page", "photo:in-page"), ("letter3", "photo:in-page")]


def blank(tone: int = 240) -> Pixels:
    return np.full((320, 512), tone, np.uint8)


def photograph(width: int, height: int, seed: int = 1) -> Pixels:
    grey = drawn("photo" if seed == 1 else f"photo{seed}").grey()
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def between(a: str, b: str) -> float:
    return TestSubPictures().between(a, b)


def near(found: Region, left: float, top: float, right: float, bottom: float) -> bool:
    return np.allclose((found.left, found.top, found.right, found.bottom), (left, top, right, bottom), atol=0.015)


def test_it_tells_where_the_photograph_is() -> None:
    of = TestSubPictures().of
    found = SUB.places(of("photo"), of("photo:in-page"))
    assert found and found[0] == WHOLE and near(found[1], 520 / 960, 300 / 600, 900 / 960, 538 / 600)
    found = SUB.places(of("photo:in-page"), of("photo:in-page2"))
    assert found and near(found[1], 30 / 960, 40 / 600, 410 / 960, 278 / 600)


def test_whole_pictures_are_for_other_hashes() -> None:
    of = TestSubPictures().of
    assert between("letter", "letter3") == 1
    assert SUB.places(of("photo"), of("photo:q30")) is None


def test_two_pages_that_show_one_photograph_are_less_alike_than_it_and_a_page() -> None:
    assert between("photo", "photo:in-page") < 0.122 < between("photo:in-page", "photo:in-page2") < 0.172


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_pages_of_any_brightness(tone: int) -> None:
    grey = blank(tone)
    grey[60:200, 100:320] = photograph(220, 140)
    (found,) = parts(grey)
    assert np.allclose(found, (100, 60, 320, 200), atol=3)


def test_the_largest_come_first_and_only_so_many() -> None:
    grey = blank()
    for n in range(8):
        left, width = 128 * (n % 4) + 10, 60 + 5 * n
        top = 10 + 160 * (n // 4)
        grey[top : top + 60, left : left + width] = photograph(width, 60, 1 + n % 2)
    found = parts(grey)
    assert len(found) == MOST
    widths = [right - left for left, _, right, _ in found]
    assert widths == sorted(widths, reverse=True) and widths[0] > 85


def test_text_lines_and_small_icons_are_none() -> None:
    assert parts(drawn("letter").grey(512)) == []
    grey = blank()
    grey[100:103, 10:500] = 0
    grey[150:172, 50:72] = photograph(22, 22)
    assert parts(grey) == []


def test_a_photograph_that_fills_the_picture_is_no_part_of_it() -> None:
    assert parts(photograph(512, 320)) == []


def test_a_button_with_a_word_is_no_picture() -> None:
    button = np.full((60, 200), 90, np.uint8)
    cv2.putText(button, "Sign in", (30, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
    assert tones(button) < 0.25 < tones(photograph(200, 60))


def test_flat_parts_have_no_hash() -> None:
    assert hashed(blank()) is None and hashed(photograph(90, 60)) is not None


def test_others_bytes_are_checked() -> None:
    good = TestSubPictures().of("photo:in-page")
    assert SUB.valid(good)
    assert not any(SUB.valid(bad) for bad in (b"", good[:-1], good + b"x", good[:36] * 8))
