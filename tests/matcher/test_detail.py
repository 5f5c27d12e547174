"""The fine detail of a page: kept in few bytes, the same in its copies, another in a page of the same kit."""

import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.detail import AREAS, MOST_BYTES, compare, decode, encode, valid
from matcher.geometry import Similarity
from matcher.match import Detail

SAME_PLACE = Similarity(1 + 0j, 0j)


def page(words: str = "Sign in to continue", width: int = 560) -> NDArray[np.uint8]:
    """Return a page of six lines, the third with these words."""
    grey = np.full((350, 560), 240, np.uint8)
    for line in range(6):
        said = words if line == 2 else f"line {line * 7919 % 1000} of every page"
        cv2.putText(grey, said, (20, 50 + line * 50), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 20, 3)
    return np.asarray(cv2.resize(grey, (width, 350 * width // 560), interpolation=cv2.INTER_AREA), np.uint8)


def compared(query: NDArray[np.uint8], known: NDArray[np.uint8], similarity: Similarity = SAME_PLACE) -> Detail:
    sides = [complex(each.shape[1], each.shape[0]) / each.size**0.5 for each in (query, known)]
    return compare(decode(encode(query)), decode(encode(known)), (sides[0], sides[1]), similarity)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (2000, 100), (447, 447)])
def test_whatever_the_picture_shows_it_has_room(shape: tuple[int, int]) -> None:
    packed = encode(np.random.default_rng(1).integers(0, 256, shape, np.uint8))
    rows, columns = decode(packed).shape
    assert len(packed) <= MOST_BYTES
    assert rows * columns <= shape[0] * shape[1]
    assert rows / columns == pytest.approx(shape[0] / shape[1], rel=0.1)


def test_a_page_is_kept_as_finely_as_can_be() -> None:
    assert decode(encode(page())).size == pytest.approx(AREAS[0], rel=0.02)


@pytest.mark.parametrize("noisy", range(0, 350, 50))
def test_as_many_pixels_are_kept_as_have_room(noisy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = page()
    grey[:noisy] = np.random.default_rng(1).integers(0, 256, (noisy, 560), np.uint8)
    found, each = encode(grey), []
    for area in AREAS:
        monkeypatch.setattr("matcher.detail.AREAS", (area,))
        each.append(encode(grey))
    assert found == next(one for one in each if len(one) <= MOST_BYTES)


def test_a_flat_picture_shows_nothing() -> None:
    flat = np.full((300, 300), 128, np.uint8)
    assert compared(flat, flat) == Detail()


@pytest.mark.parametrize("copy", [page(), page(width=300), np.roll(page(), 2, axis=1), 255 - (255 - page()) // 2])
def test_a_copy_shows_the_same(copy: NDArray[np.uint8]) -> None:
    found = compared(copy, page())
    assert found.agreeing > 0.9
    assert found.patch < 0.05


def test_other_words_contradict_where_they_stand() -> None:
    found = compared(page("Wallet of Mallory Inc"), page())
    assert 0.02 < found.patch < 0.2
    assert found.median > 0.9
    assert compared(page(), page()).patch == 0


def test_a_part_is_compared_with_its_place_in_the_whole() -> None:
    whole = page()
    part = whole[:175, :280]
    assert compared(part, whole, Similarity(0.5 + 0j, 0j)).agreeing > 0.9
    assert compared(part, whole, Similarity(0.5 + 0j, 0.3 + 0.3j)).agreeing < 0.3


def test_pictures_that_do_not_overlap_tell_nothing() -> None:
    assert compared(page(), page(), Similarity(1 + 0j, 3 + 0j)) == Detail()


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x01\x00",
        b"\x00\x00\x01\x00" + zlib.compress(b""),
        b"\xff\xff\xff\xff" + zlib.compress(bytes(10_000_000)),
        b"\x10\x00\x10\x00" + zlib.compress(bytes(10_000_000)),
        b"\x10\x00\x10\x00" + zlib.compress(bytes(10)),
        encode(page())[:-9],
        b"\x10\x00\x10\x00 these are no steps",
    ],
    ids=["nothing", "too short", "no rows", "too large", "too many", "too few", "cut off", "other bytes"],
)
def test_what_is_no_detail_is_refused(packed: bytes) -> None:
    assert not valid(packed)
    with pytest.raises(ValueError, match="a detail"):
        decode(packed)
