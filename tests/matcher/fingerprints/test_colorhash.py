"""Colorhash has ImageHash's levels, and reads its own bytes back."""

from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from matcher.fingerprints.colorhash import ColorHash, imagehash_hex, levels
from matcher.picture import Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn
from tests.matcher.fingerprints.golden import goldens

COLOURS = ColorHash()


class TestColorHash(FingerprintContract):
    fingerprint = COLOURS
    different = [("page", "photo"), ("page:q30", "photo:q30"), ("page", "photo2")]


def painted(*parts: tuple[int, tuple[int, int, int]]) -> bytes:
    """Return the fingerprint of a picture of stripes: rows, colour."""
    pixels = np.concatenate([np.full((rows, 64, 3), colour, np.uint8) for rows, colour in parts])
    found = COLOURS.compute(Picture(b"", "PNG", (64, len(pixels)), pixels))
    assert found is not None
    return found


def test_golden(shared: Path) -> None:
    """Every golden value; pictures without a hue have none here."""
    checked = 0
    for golden in goldens(shared, ("rgb", "white", "rgb_untransposed")):
        expected, found = golden.of("imagehash")["colorhash"], COLOURS.compute(golden.picture())
        if found is None:
            assert not levels(Image.fromarray(golden.picture().rgb()))[2:].any(), str(golden)
        else:
            assert imagehash_hex(found) == expected, str(golden)
            checked += 1
    assert checked >= 30


@pytest.mark.parametrize("name", ["page", "photo", "page2", "photo3", "page:q30"])
def test_it_equals_imagehash(name: str) -> None:
    found = COLOURS.compute(drawn(name))
    assert found is not None
    assert imagehash_hex(found) == str(imagehash.colorhash(Image.fromarray(drawn(name).rgb())))


def test_levels_that_imagehash_writes_alike_stay_apart() -> None:
    """Levels 4 and 6 of bright red: the same bits there, two levels apart here."""
    four = painted((8, (30, 200, 30)), (8, (200, 30, 30)))
    six = painted((4, (30, 200, 30)), (12, (200, 30, 30)))
    hue = slice(8 * 3, 9 * 3)  # the bright reds
    bits = [f"{int(imagehash_hex(one), 16):042b}"[hue] for one in (four, six)]
    assert bits == ["110", "110"]
    assert COLOURS.distance(four, [six])[0] == pytest.approx(4 / 30)


def test_what_can_be_no_colorhash_is_refused() -> None:
    found = painted((8, (30, 200, 30)), (8, (200, 30, 30)))
    assert COLOURS.valid(found)
    assert not COLOURS.valid(found + b"\0") and not COLOURS.valid(bytes(6)) and not COLOURS.valid(found[:-1] + b"\xff")


def test_a_picture_in_greys_has_none() -> None:
    pixels = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    assert COLOURS.compute(Picture(b"", "PNG", (256, 64), pixels)) is None
