from collections.abc import Sequence
from hashlib import sha256
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.decode import Limits
from matcher.errors import DecodeCrash, NotAPicture, TooLarge
from matcher.extraction import extract
from matcher.fingerprints.base import Fingerprint
from matcher.picture import Picture
from tests.matcher.pictures import encoded, photo

LIMITS = Limits()


class Corner(Fingerprint):
    """The grey of the first pixel, nothing for a white one."""

    name, version, family = "corner", 1, "mean"
    views: ClassVar[tuple[str, ...]] = ("as is", "mirrored", "negative")

    def compute(self, picture: Picture) -> bytes | None:
        grey = int(picture.grey()[0, 0])
        return None if grey == 255 else bytes([grey])

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        return np.array([abs(query[0] - c[0]) / 255 for c in candidates])


class Shape(Corner):
    """Tells whether it saw all pixels."""

    name = "shape"
    views = ("as is",)

    def compute(self, picture: Picture) -> bytes | None:
        return repr(picture.pixels.shape).encode()


class ExactShape(Shape):
    name, exact = "exact", True


class Failing(Corner):
    name = "failing"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def compute(self, picture: Picture) -> bytes | None:
        raise self.error


def test_a_picture_to_remember_has_one_view() -> None:
    data = encoded(np.full((20, 30, 3), 77, np.uint8))
    found = extract(data, {"corner": Corner()}, LIMITS)
    assert (found.sha256, found.format, found.size, found.bytes_size) == (sha256(data).hexdigest(), "PNG", (30, 20), len(data))
    assert found.views == {"as is": {"corner": b"\x4d"}}
    assert found.values == {"corner": b"\x4d"}
    assert found.timings.keys() == {"decode", "corner"}
    assert found.too_simple == ()


def test_a_query_has_each_algorithms_own_views() -> None:
    half = np.zeros((20, 30), np.uint8)
    half[:, 15:] = 200
    found = extract(encoded(half), {"corner": Corner(), "shape": Shape()}, LIMITS, query=True)
    assert found.views == {"as is": {"corner": b"\x00", "shape": b"(20, 30)"}, "mirrored": {"corner": b"\xc8"}}


def test_an_algorithm_that_finds_nothing_is_named() -> None:
    found = extract(encoded(np.full((20, 30), 255, np.uint8)), {"corner": Corner(), "shape": Shape()}, LIMITS, query=True)
    assert found.too_simple == ("corner",)
    assert found.values == {"shape": b"(20, 30)"}
    assert found.views["negative"] == {"corner": b"\x00"}


def test_exact_algorithms_see_every_pixel_and_change_nothing_for_the_others() -> None:
    data = encoded(photo(4096, 3072), "JPEG")
    both = extract(data, {"shape": Shape(), "exact": ExactShape()}, LIMITS)
    assert both.values == {"shape": b"(768, 1024, 3)", "exact": b"(3072, 4096, 3)"}
    assert extract(data, {"shape": Shape()}, LIMITS).values == {"shape": both.values["shape"]}


def test_what_the_decoder_overlooked_is_passed_on() -> None:
    assert extract(encoded(photo(), "JPEG")[:-2], {}, LIMITS).warnings == ("the end of the JPEG file is missing",)


def test_a_refused_picture_is_named() -> None:
    with pytest.raises(NotAPicture, match=r"^notes\.png is text"):
        extract(b"shopping list", {}, LIMITS, name="notes.png")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ValueError("no luck"), DecodeCrash), (MemoryError(), TooLarge), (RuntimeError("Insufficient memory: 5 GB"), TooLarge)],
)
def test_an_algorithm_that_fails_costs_this_picture(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="shot.*failing"):
        extract(encoded(photo()), {"failing": Failing(error)}, LIMITS, name="shot")
