"""TLSH of the pixels depends on nothing but the pixels."""

import io
import struct

import numpy as np
import tlsh
from PIL import Image

from matcher.fingerprints.tlsh_pixels import TLSHPixels, pixel_bytes
from matcher.picture import Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn, file

PIXELS = TLSHPixels()


class TestTLSHPixels(FingerprintContract):
    fingerprint = PIXELS
    same = [("photo", "photo:edited"), ("page", "page:edited"), ("photo", "photo:q30"), ("photo", "photo:half")]
    different = [("page", "photo"), ("page", "photo2"), ("page:q30", "photo:q30")]


def test_the_bytes_are_those_of_a_bmp_after_its_header() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (37, 50, 3), np.uint8)  # rows of 150 bytes are filled to 152
    picture = Picture(b"", "PNG", (50, 37), pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    start = struct.unpack_from("<I", buffer.getvalue(), 10)[0]
    assert pixel_bytes(picture) == buffer.getvalue()[start:]
    found = PIXELS.compute(picture)
    assert found is not None and "T1" + found.hex().upper() == tlsh.hash(buffer.getvalue()[start:])


def test_other_bytes_of_the_same_pixels_change_nothing() -> None:
    assert file("photo") != file("photo:edited")
    assert PIXELS.compute(drawn("photo")) == PIXELS.compute(drawn("photo:edited"))
