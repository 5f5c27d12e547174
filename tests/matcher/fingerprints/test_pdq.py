"""PDQ equals pdqhash, turned pictures included."""

import json
from pathlib import Path

import numpy as np
import pdqhash
import pytest
from PIL import Image

from matcher.decode import Limits, decode
from matcher.fingerprints.pdq import PDQ
from matcher.picture import VIEWS, Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn, file, photo, saved
from tests.matcher.fingerprints.golden import goldens, normal

# Regular at the scale of one pixel: where that pixel is taken from decides, so derived hashes tell nothing.
PATTERNS = ("syn_checker16.png", "syn_1bit.png")


class TestPDQ(FingerprintContract):
    fingerprint = PDQ()
    too_simple = ["white", "black", "grey", "page:tiny"]


def of_package(picture: Picture, view: str = "as is") -> tuple[bytes, int]:
    bits, quality = pdqhash.compute(np.ascontiguousarray(VIEWS[view](picture.rgb())))
    return np.packbits(bits).tobytes(), quality


def differing(a: bytes | None, b: bytes) -> int:
    assert a is not None
    return round(float(PDQ().distance(a, [b])[0]) * 256)


def as_we_keep(hash: str, quality: int, size: tuple[int, int]) -> bytes | None:
    return bytes.fromhex(hash) if quality >= 50 and min(size) >= 64 else None


def test_golden(shared: Path) -> None:
    """Every golden hash: to the bit up to 512 pixels a side, beyond within what PDQ's own implementations differ by."""
    checked = 0
    for golden in goldens(shared):
        if not (value := golden.of("pdq")):
            continue
        picture = golden.picture()
        expected, found = as_we_keep(value["hash"], value["quality"], picture.size), PDQ().compute(picture)
        if expected is None or max(picture.size) <= 512:
            assert found == expected, str(golden)
        else:
            assert differing(found, expected) <= 4, str(golden)
        checked += 1
    assert checked >= 45


def test_golden_quality(shared: Path) -> None:
    for golden in goldens(shared):
        if value := golden.of("pdq"):
            picture = golden.picture()
            if min(picture.size) >= 64:
                assert PDQ().quality(picture) == value["quality"], str(golden)


def test_golden_of_the_file_as_we_decode_it(shared: Path) -> None:
    for golden in normal(shared):
        if golden.entry["mode"] == "I;16":
            continue  # Pillow makes it all white, we do not
        value, size = golden.of("pdq"), tuple(golden.entry["size"])
        expected, found = as_we_keep(value["hash"], value["quality"], size), PDQ().compute(decode(golden.path.read_bytes(), Limits()))
        assert (found is None) == (expected is None), str(golden)
        assert expected is None or differing(found, expected) <= 4, str(golden)


def test_golden_dihedral_order(shared: Path) -> None:
    """Theirs is derived from the coefficients, so only as is and transposed are the same; the others are clearly the ones meant."""
    for golden in goldens(shared, ("rgb",)):
        value = golden.of("pdq")
        if as_we_keep(value["hash"], value["quality"], tuple(golden.entry["size"])) is None or golden.path.name in PATTERNS:
            continue
        views = PDQ().compute_views(golden.picture())
        for view, theirs in zip([view for view in VIEWS if view != "negative"], value["dihedral"], strict=True):
            assert differing(views[view], bytes.fromhex(theirs)) <= (4 if view in ("as is", "transposed") else 60), f"{golden} {view}"


def test_published(shared: Path) -> None:
    """The vectors that Meta's own tests expect of pictures that we have."""
    ours = {golden.entry["origin"]: golden.picture() for golden in goldens(shared, ("rgb",)) if min(golden.entry["size"]) >= 64}
    checked = 0
    for vector in json.loads((shared / "algorithms" / "golden.json").read_text())["pdq_published"]:
        picture = ours.get(f"copy of facebook+ThreatExchange/{vector['file']}")
        if picture is not None and vector["quality"] >= 80:
            assert differing(PDQ().compute(picture), bytes.fromhex(vector["published"])) <= 10, vector["file"]
            checked += 1
    assert checked >= 5


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["page:half", "photo:half"])
def test_up_to_512_pixels_each_turn_is_what_the_package_gives_for_the_turned_picture(name: str, view: str) -> None:
    picture = drawn(name)
    assert max(picture.size) <= 512
    assert differing(PDQ().compute_views(picture)[view], of_package(picture, view)[0]) <= (2 if view == "negative" else 0)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["page", "photo", "photo:letterbox"])
def test_beyond_512_pixels_each_turn_is_within_ten_bits_of_the_package(name: str, view: str) -> None:
    picture = drawn(name)
    assert max(picture.size) > 512
    assert differing(PDQ().compute_views(picture)[view], of_package(picture, view)[0]) <= 10


def test_views_agree_with_pictures_really_turned() -> None:
    picture = drawn("photo")
    for view, found in PDQ().compute_views(picture).items():
        assert differing(PDQ().compute(picture.view(view)), found) <= 4, view


def test_a_jpeg_decoded_at_a_reduced_scale_is_as_good() -> None:
    large = saved(photo(1).resize((3840, 2400), Image.Resampling.BICUBIC), "JPEG", 85)
    reduced, full = decode(large, Limits()), decode(large, Limits(), full=True)
    assert reduced.pixels.size < full.pixels.size
    assert differing(PDQ().compute(reduced), of_package(full)[0]) <= 10


def test_quality_of_a_page_is_high_and_of_a_flat_picture_zero() -> None:
    assert PDQ().quality(drawn("page")) == 100
    assert PDQ().quality(drawn("white")) == 0


def test_a_long_narrow_picture_has_one() -> None:
    strip = np.tile(drawn("photo").pixels[:70], (1, 6, 1))
    assert PDQ().compute(Picture(b"", "PNG", (strip.shape[1], strip.shape[0]), strip)) is not None


def test_grey_and_colour_of_the_same_luminance_agree() -> None:
    grey = drawn("photo:half").grey()
    colour = np.repeat(grey[..., None], 3, axis=2)
    size = (grey.shape[1], grey.shape[0])
    assert PDQ().compute(Picture(b"", "PNG", size, grey)) == PDQ().compute(Picture(file("photo"), "PNG", size, colour))
