"""How fingerprints of each algorithm are written, which can be kept, which lead to a match."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.fftpack

from matcher.decode import decode
from matcher.filing import Filing
from matcher.fingerprints import registry
from matcher.fingerprints.phash import PHash
from matcher.interchange.algorithms import FOREIGN, PERCEPTION, PHOTODNA, Algorithms
from matcher.settings import Settings
from matcher.store import Store
from tests.matcher.interchange.conftest import fingerprints

VECTOR = bytes(range(144))


def algorithms(*enabled: str) -> Algorithms:
    chosen = registry.load(enabled or None)
    return Algorithms(chosen, Filing(Store(str), chosen))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("pdq", "AB" * 32, b"\xab" * 32),
        ("phash", " 0f0f0f0f0f0f0f0f\n", b"\x0f" * 8),
        ("tlsh", "T1" + "0A" * 35, b"\x0a" * 35),
        ("tlsh", "0A" * 35, b"\x0a" * 35),
        (PERCEPTION, b64encode(b"\x0f" * 8).decode(), b"\x0f" * 8),
        (PERCEPTION, "0f" * 8, b"\x0f" * 8),
        (PHOTODNA, ",".join(map(str, VECTOR)), VECTOR),
        (PHOTODNA, f"[{', '.join(map(str, VECTOR))}]", VECTOR),
        (PHOTODNA, b64encode(VECTOR).decode(), VECTOR),
        (PHOTODNA, VECTOR.hex(), VECTOR),
    ],
)
def test_each_has_its_writing(name: str, text: str, value: bytes) -> None:
    assert algorithms().reader(name)(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pdq", ""),
        ("pdq", "0x" + "ab" * 31),
        ("pdq", "ab" * 33),
        ("pdq", "٣" * 64),
        ("phash", "f"),
        (PERCEPTION, "AAAA"),
        (PERCEPTION, "not base64!"),
        (PHOTODNA, ",".join(["1"] * 143)),
        (PHOTODNA, ",".join(["256"] * 144)),
        (PHOTODNA, ",".join(["-1"] * 144)),
        (PHOTODNA, ",".join(["1.5"] * 144)),
    ],
)
def test_what_is_none_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match="."):
        algorithms().reader(name)(text)


def test_every_default_fingerprint_passes_its_own_check() -> None:
    known = algorithms()
    for name, value in fingerprints(1).values.items():
        known.check(name, 1, value, known.large(name))


def test_why_nothing_is_found_by_it() -> None:
    assert algorithms().why_unsearchable("pdq", 1) is None
    assert "version 2" in str(algorithms().why_unsearchable("pdq", 2))
    assert "fingerprints.enabled" in str(algorithms().why_unsearchable("phash", 1))
    for name in ("phash", PHOTODNA, "goldberg", "phash-576"):
        assert algorithms(name).why_unsearchable(name, 1) is None
    assert "not found by them" in str(algorithms("tlsh").why_unsearchable("tlsh", 1))
    assert "no algorithm of this name" in str(algorithms().why_unsearchable("strange", 1))
    assert "fingerprints.enabled" in str(algorithms().why_unsearchable(PHOTODNA, 1))
    assert all(algorithms().why_unsearchable(name, 1) for name in FOREIGN)


@pytest.mark.parametrize(
    ("name", "value"), [(PHOTODNA, bytes(144)), (PHOTODNA, b"\x01" * 143), ("phash-576", bytes(71)), ("goldberg", b"ab")]
)
def test_what_an_algorithm_makes_of_no_picture(name: str, value: bytes) -> None:
    with pytest.raises(ValueError, match=name):
        algorithms().check(name, 1, value)


def test_pixels_are_assumed_where_nobody_knows() -> None:
    shown = {name: algorithms().shows_pixels(name) for name in ("pdq", "tiles", "local", "strange", *FOREIGN)}
    assert shown == {"pdq": False, "tiles": False, "local": True, "strange": True, PERCEPTION: False}


def test_the_phash_of_perception_is_near_ours_and_not_the_same(sample: Callable[[str], Path]) -> None:
    """perception shrinks by area, ImageHash with Lanczos' filter; all else is equal."""
    apart = []
    for name in ("baseline/tinlark-login.png", "seen/market-listing.jpg", "seen/courier-news.webp", "queries/skerry-weather.png"):
        picture = decode(sample(name).read_bytes(), Settings.load(environ={}).limits(), full=True)
        small = cv2.resize(cv2.cvtColor(picture.rgb(), cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
        lowest = scipy.fftpack.dct(scipy.fftpack.dct(small, axis=1), axis=0)[:8, :8].ravel()
        theirs, ours = np.packbits(lowest >= np.median(lowest)).tobytes(), PHash().compute(picture)
        assert ours is not None
        apart.append((int.from_bytes(ours, "big") ^ int.from_bytes(theirs, "big")).bit_count())
    assert 0 < max(apart) <= 4
