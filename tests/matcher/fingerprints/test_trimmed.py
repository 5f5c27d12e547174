"""TrimmedPDQ finds a picture inside uniform borders."""

from typing import ClassVar

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from matcher.decode import Limits, decode
from matcher.fingerprints.pdq import PDQ
from matcher.fingerprints.trimmed import TrimmedPDQ, trimmed
from matcher.picture import Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import SIZE, drawn, photo, saved


class TestTrimmedPDQ(FingerprintContract):
    fingerprint = TrimmedPDQ()
    same: ClassVar = [("photo:letterbox", "photo:margins"), ("page:letterbox", "page:margins")]
    different: ClassVar = [("photo:letterbox", "page:letterbox"), ("photo2:letterbox", "photo:margins")]
    too_simple: ClassVar = ["white", "black", "photo", "page:tiny"]


@pytest.mark.parametrize("border", ["letterbox", "margins"])
@pytest.mark.parametrize("name", ["photo", "page"])
def test_it_is_near_the_pdq_of_what_is_inside(name: str, border: str) -> None:
    picture = drawn(f"{name}:{border}")
    inside, whole, bordered = PDQ().compute(drawn(name)), PDQ().compute(picture), TrimmedPDQ().compute(picture)
    assert inside and whole and bordered
    assert TrimmedPDQ().distance(bordered, [inside])[0] <= 20 / 256
    assert PDQ().distance(whole, [inside])[0] > 31 / 256


def test_it_says_where_the_inside_is() -> None:
    inner = trimmed(drawn("photo:letterbox"))
    assert inner is not None
    assert inner.size == pytest.approx(SIZE, abs=4)


def test_noise_in_the_border_does_not_matter() -> None:
    image = np.asarray(ImageOps.expand(photo(1), 150, "black")).astype(np.int16)
    noisy = np.clip(image + np.random.default_rng(1).integers(-6, 7, image.shape), 0, 255).astype(np.uint8)
    inner = trimmed(Picture(b"", "PNG", (noisy.shape[1], noisy.shape[0]), noisy))
    assert inner is not None and inner.size == pytest.approx(SIZE, abs=6)


def test_a_small_part_on_a_large_canvas_is_left_alone() -> None:
    canvas = Image.new("RGB", (2000, 2000), "white")
    canvas.paste(photo(1).resize((300, 200)), (700, 900))
    pixels = np.asarray(canvas)
    assert TrimmedPDQ().compute(Picture(b"", "PNG", (2000, 2000), pixels)) is None


def test_a_bar_with_a_caption_is_a_border() -> None:
    image = ImageOps.expand(photo(1), (0, 0, 0, 90), "white")
    ImageDraw.Draw(image).text((150, SIZE[1] + 10), "SEE IT TO BELIEVE IT", fill="darkred", font_size=60)
    found, inside = TrimmedPDQ().compute(decode(saved(image, "JPEG", 60), Limits())), PDQ().compute(drawn("photo"))
    assert found and inside
    assert TrimmedPDQ().distance(found, [inside])[0] <= 20 / 256


def test_the_text_of_a_page_is_no_caption() -> None:
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    for y in range(30, SIZE[1] - 60, 40):
        draw.text((20, y), "all that was written here fills the page from one side to the other", fill="black", font_size=24)
    draw.rectangle((0, SIZE[1] - 60, *SIZE), fill="navy")
    inner = trimmed(decode(saved(image), Limits()))
    assert inner is not None and inner.size[1] > 0.8 * SIZE[1]
