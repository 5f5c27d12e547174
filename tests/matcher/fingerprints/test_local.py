"""Local features find a place again, and tell it from places that merely look alike."""

import cv2
import numpy as np
import pytest

from matcher.detail import MOST_BYTES
from matcher.fingerprints.local import COUNT, HEAD, KEY_BITS, Local, features_in
from matcher.match import Alignment
from matcher.picture import Picture, Pixels
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn

LOCAL = Local()


class TestLocal(FingerprintContract):
    fingerprint = LOCAL
    too_simple = ["white", "black", "grey", "page:tiny"]


def picture(pixels: Pixels) -> Picture:
    return Picture(b"", "PNG", (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels))


def of(picture: Picture) -> bytes:
    found = LOCAL.compute(picture)
    assert found is not None
    return found


def aligned(query: Picture, known: Picture) -> Alignment:
    found = LOCAL.align(of(query), of(known))
    assert found is not None
    return found


def rough(seed: int = 1) -> Picture:
    """Return a picture with more corners than `photo`."""
    random = np.random.default_rng(seed)
    coarse, fine = (
        cv2.resize(random.normal(0, 1, size).astype(np.float32), (960, 600), interpolation=cv2.INTER_CUBIC) for size in ((12, 20), (50, 80))
    )
    pixels = np.clip(128 + 50 * coarse + 30 * fine, 0, 255).astype(np.uint8)
    return picture(np.stack([pixels] * 3, axis=2))


def in_a_page(photo: Picture) -> Picture:
    pixels = drawn("page").rgb().copy()
    pixels[150:450, 300:780] = photo.rgb()[::2, ::2]
    return picture(pixels)


def test_there_are_never_more_features_than_the_record_has_room_for() -> None:
    assert len(of(drawn("photo"))) <= HEAD.itemsize + 20 * COUNT + MOST_BYTES


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (3, 7), (30, 800)])
def test_where_no_feature_has_room_there_is_none(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert LOCAL.compute(picture(noise)) is LOCAL.compute(picture(noise.swapaxes(0, 1))) is None


def test_a_photograph_in_a_page_is_found_with_its_place() -> None:
    found = aligned(rough(), in_a_page(rough()))
    assert found.known_region.left > 290 / 960 and found.known_region.right < 790 / 960
    assert found.known_region.top > 140 / 600 and found.known_region.bottom < 460 / 600
    assert found.inliers > 15 and found.agreement > 0.7


def test_the_matrix_carries_fractions_of_the_longer_side() -> None:
    found = aligned(rough(), in_a_page(rough()))
    middle = found.matrix @ np.array([0.5, 0.5 * 600 / 960, 1])
    assert middle == pytest.approx([540 / 960, 300 / 960], abs=0.02)


def test_a_crop_has_the_same_content() -> None:
    whole = drawn("photo").rgb()
    assert LOCAL.distance_of(aligned(drawn("photo"), picture(whole[60:500, 100:800]))) < 0.2


def test_a_dialog_that_two_pages_share_is_not_much() -> None:
    pages = [drawn("page3").rgb().copy(), drawn("page4").rgb().copy()]
    for pixels in pages:
        pixels[220:380, 320:640] = drawn("page2").rgb()[100:260, 200:520]
    shared = LOCAL.distance_of(LOCAL.align(of(picture(pages[0])), of(picture(pages[1]))))
    assert shared > 0.5


def test_another_photograph_in_the_same_page_is_less_than_the_same_one() -> None:
    page = in_a_page(drawn("photo"))
    same, other = LOCAL.distance(of(page), [of(picture(page.rgb()[:, 40:])), of(in_a_page(drawn("photo2")))])
    assert same < other


def test_the_first_screen_of_a_long_page_is_found_in_it() -> None:
    screen = drawn("page").rgb()
    long = picture(np.concatenate([screen, *(drawn(f"page{n}").rgb() for n in (2, 3, 4))]))
    found = aligned(picture(screen), long)
    assert found.inliers > 20
    assert found.matrix[:, :2] == pytest.approx(np.eye(2) * 960 / 2400, abs=0.02)
    assert found.known_region.bottom < 0.26


def test_weight_counts_features_by_their_rarity() -> None:
    query, known = of(drawn("photo")), of(drawn("photo:q30"))
    count = len(features_in(query))
    plain, common = LOCAL.align(query, known), LOCAL.align(query, known, np.full(count, 0.25))
    assert plain is not None and common is not None
    assert plain.weight == plain.inliers and common.weight == pytest.approx(plain.inliers / 4)


def test_keys_of_a_copy_are_partly_the_same() -> None:
    def keys(name: str) -> set[tuple[int, int]]:
        slots, found = LOCAL.keys(of(drawn(name)))
        assert found.min() >= 0 and found.max() < 1 << KEY_BITS
        return set(zip(slots.tolist(), found.tolist(), strict=True))

    assert len(keys("photo") & keys("photo:q30")) > 20 > len(keys("photo") & keys("photo2"))


def test_each_probe_names_its_feature() -> None:
    fingerprint = of(drawn("photo"))
    slots, keys, features = LOCAL.probes(fingerprint)
    assert len(slots) == len(keys) == len(features) == 2 * len(features_in(fingerprint))
    assert np.bincount(features).tolist() == [2] * len(features_in(fingerprint))
