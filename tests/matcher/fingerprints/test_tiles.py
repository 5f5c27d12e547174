"""Tiles find pictures of which a part is covered."""

import numpy as np

from matcher.fingerprints.tiles import Tiles
from matcher.picture import Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn


class TestTiles(FingerprintContract):
    fingerprint = Tiles()
    too_simple = ["white", "black", "grey"]


def keys(picture: Picture) -> set[tuple[int, int]]:
    fingerprint = Tiles().compute(picture)
    assert fingerprint is not None
    slots, found = Tiles().keys(fingerprint)
    return set(zip(slots.tolist(), found.tolist(), strict=True))


def covered(picture: Picture) -> Picture:
    pixels = picture.rgb().copy()
    pixels[: pixels.shape[0] // 4] = (200, 20, 40)
    return Picture(b"", "PNG", picture.size, pixels)


def test_a_banner_spoils_only_the_tiles_under_it() -> None:
    of_banner = {(slot, key) for slot, key in keys(drawn("photo")) - keys(covered(drawn("photo")))}
    assert {slot for slot, _ in of_banner} == {0, 1, 2, 3}


def test_a_picture_with_a_banner_is_still_near() -> None:
    whole, banner, other = (Tiles().compute(p) for p in (drawn("photo"), covered(drawn("photo")), drawn("photo2")))
    assert whole and banner and other
    near, far = Tiles().distance(banner, [whole, other])
    assert near < 0.01 < 0.3 < far


def test_pictures_with_too_few_tiles_in_common_are_far() -> None:
    top, bottom = np.full((400, 400), 255, np.uint8), np.full((400, 400), 255, np.uint8)
    noise = np.random.default_rng(1).integers(0, 255, (10, 20)).astype(np.uint8).repeat(20, axis=0).repeat(20, axis=1)
    top[:200], bottom[200:] = noise, noise
    one, other = (Tiles().compute(Picture(b"", "PNG", (400, 400), pixels)) for pixels in (top, bottom))
    assert one and other
    assert Tiles().distance(one, [other]).tolist() == [1.0]


def test_probes_are_the_own_keys_and_their_neighbours() -> None:
    fingerprint = Tiles().compute(drawn("photo"))
    assert fingerprint is not None
    slots, own = Tiles().keys(fingerprint)
    asked, probes, items = Tiles().probes(fingerprint)
    assert set(zip(slots.tolist(), own.tolist(), strict=True)) <= set(zip(asked.tolist(), probes.tolist(), strict=True))
    first = dict(zip(slots.tolist(), own.tolist(), strict=True))
    assert all(bin(first[slot] ^ key).count("1") <= 1 for slot, key in zip(asked.tolist(), probes.tolist(), strict=True))
    assert probes.max() < 1 << 14 and items.tolist() == asked.tolist()
