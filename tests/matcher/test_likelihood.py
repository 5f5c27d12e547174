"""What alignments tell, weighed: copies are one picture, two pages of one kit are not."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from matcher import likelihood
from matcher.fingerprints.local import Local
from matcher.likelihood import FARTHEST, products, sameness, standardised, strength, tells, tells_more
from matcher.match import Alignment
from matcher.picture import Picture

LOCAL = Local()


def page(contents: int, brand: str, width: int = 960, shift: int = 0) -> Picture:
    """Return a page of one kit: frames and fields are the same, words and charts come from `contents`, colours from `brand`."""
    random = np.random.default_rng(contents)
    image = Image.new("RGB", (960, 600), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 960, 90), fill=brand)
    for column in range(4):
        left = 40 + column * 225
        draw.rectangle((left, 130, left + 200, 300), outline="#c0c0c0", width=2)
        draw.rectangle((left + 20, 250, left + 180, 282), fill=brand)
        for line in range(5):
            end = left + 20
            while end < left + int(random.integers(120, 175)):
                word = int(random.integers(6, 30))
                draw.rectangle((end, 145 + line * 19, end + word, 154 + line * 19), fill="#303030")
                end += word + 6
    heights = np.cumsum(random.integers(-25, 26, 60))
    heights = 460 + heights - int(heights.mean())
    draw.line([(40 + n * 15, int(height)) for n, height in enumerate(heights)], fill=brand, width=3)
    if shift:
        draw.rectangle((600, 420, 940, 580), fill="#fff8d0", outline="#806000", width=3)
    image = image.resize((width, 600 * width // 960), Image.Resampling.LANCZOS)
    return Picture(b"", "PNG", image.size, np.asarray(image, np.uint8))


def aligned(a: Picture, b: Picture) -> Alignment:
    one, other = LOCAL.compute(a), LOCAL.compute(b)
    assert one is not None and other is not None
    found = LOCAL.align(one, other)
    assert found is not None
    return found


@pytest.mark.parametrize("copy", [page(1, "#204080", 700), page(1, "#204080", shift=1)], ids=["smaller", "with a dialog"])
def test_a_copy_is_one_picture(copy: Picture) -> None:
    found = aligned(copy, page(1, "#204080"))
    assert found.sameness > 0.9
    assert strength(found) > 2


def test_where_nothing_shows_detail_blocks_tell_whether_it_is_one_picture() -> None:
    few = np.random.default_rng(13).integers(30, 226, (7, 9, 3), np.uint8)
    blurred = Image.fromarray(few).resize((320, 240), Image.Resampling.BICUBIC)
    smaller = blurred.resize((240, 180), Image.Resampling.LANCZOS)
    found = aligned(*(Picture(b"", "PNG", image.size, np.asarray(image, np.uint8)) for image in (smaller, blurred)))
    assert found.detail.blocks == 0
    assert found.sameness >= found.agreement > 0.9
    assert sameness(replace(found, agreement=0.4)) < 0.7


@pytest.mark.parametrize("other", [2, 3, 4])
def test_a_page_of_the_same_kit_is_another(other: int) -> None:
    found = aligned(page(other, "#b02030"), page(1, "#204080"))
    assert found.sameness < aligned(page(1, "#204080", 700), page(1, "#204080")).sameness
    assert found.sameness < 0.5


def test_an_alignment_knows_its_sameness() -> None:
    found = aligned(page(1, "#204080", 700), page(1, "#204080"))
    assert found.sameness == sameness(replace(found, sameness=0.0))


def test_more_of_what_agrees_is_more_likely() -> None:
    found = aligned(page(1, "#204080", 700), page(1, "#204080"))
    assert strength(replace(found, agreement=0.2)) < strength(replace(found, agreement=0.9))
    assert strength(replace(found, differing=0.3)) < strength(replace(found, differing=0.1))


def test_what_lies_beyond_everything_seen_counts_no_more_than_the_farthest() -> None:
    z = standardised(np.array([1e9, -1e9]), [0.0, 0.0], [1.0, 1.0])
    assert z.tolist() == [1.0, FARTHEST, -FARTHEST]
    found = aligned(page(1, "#204080", 700), page(1, "#204080"))
    assert 0 <= sameness(replace(found, inliers=10**9, recoloured=1e9, content=0.0)) <= 1


def test_the_numbers_fit_what_is_told() -> None:
    found = aligned(page(1, "#204080", 700), page(1, "#204080"))
    assert len(likelihood.ODDS) == 1 + len(tells(found))
    assert len(likelihood.MEANS) == len(likelihood.SPREADS) == len(tells_more(found))
    assert len(likelihood.WEIGHTS) == len(products(np.ones(1 + len(tells_more(found)))))
