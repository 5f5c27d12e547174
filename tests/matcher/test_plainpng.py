"""PNG files that are read in Rust: Pillow would read the same from them, or refuse them all the same."""

import io
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from matcher import plainpng
from matcher.decode import Limits, decode
from matcher.errors import BadPicture
from matcher.formats import PNG_MAGIC
from tests.matcher.pictures import chunk

HEIGHT, WIDTH = 37, 53
CHANNELS = {0: "L", 2: "RGB", 6: "RGBA"}
DEPTH = {0: 1, 2: 3, 6: 4}


def png(colours: int, lines: bytes, *, more: bytes = b"", interlaced: int = 0) -> bytes:
    return of_stream(colours, zlib.compress(lines), more=more, interlaced=interlaced)


def of_stream(colours: int, stream: bytes, *, more: bytes = b"", interlaced: int = 0) -> bytes:
    head = WIDTH.to_bytes(4, "big") + HEIGHT.to_bytes(4, "big") + bytes([8, colours, 0, 0, interlaced])
    return PNG_MAGIC + chunk(b"IHDR", head) + more + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def filtered(colours: int, seed: int = 1) -> bytes:
    """Lines of noise, with all five filters in turn."""
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH * DEPTH[colours]), np.uint8)
    return b"".join(bytes([n % 5]) + line.tobytes() for n, line in enumerate(noise))


def by_pillow(data: bytes) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(data))
    if image.mode != "RGBA":
        return np.asarray(image)
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return np.asarray(paper)


@pytest.mark.parametrize("colours", CHANNELS)
def test_pixels_are_those_that_pillow_reads(colours: int) -> None:
    data = png(colours, filtered(colours))
    found = plainpng.pixels_of(data)
    assert found is not None
    assert np.array_equal(found, by_pillow(data))
    assert np.array_equal(decode(data, Limits()).pixels, found)


def test_what_is_opaque_is_as_it_would_be_without_alpha() -> None:
    image = Image.fromarray(np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    files = []
    for mode in ("RGB", "RGBA"):
        file = io.BytesIO()
        image.convert(mode).save(file, "PNG")
        files.append(plainpng.pixels_of(file.getvalue()))
    assert files[0] is not None
    assert files[1] is not None
    assert np.array_equal(files[0], files[1])


def test_a_wrong_checksum_of_the_stream_is_overlooked_where_those_of_the_chunks_are_right() -> None:
    stream = zlib.compress(filtered(2))
    found = plainpng.pixels_of(of_stream(2, stream[:-4] + bytes(4)))
    assert found is not None
    assert np.array_equal(found, by_pillow(of_stream(2, stream)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        png(2, filtered(2))[:-12],
        png(2, filtered(2), more=chunk(b"tRNS", bytes(6))),
        png(2, filtered(2), interlaced=1),
        png(2, filtered(2)) + b"more",
        png(2, filtered(2)[:-1]),
        png(2, b"\x05" + filtered(2)[1:]),
    ],
    ids=["empty", "no end", "a transparent colour", "interlaced", "bytes behind it", "too short", "an unknown filter"],
)
def test_others_are_left_to_pillow(data: bytes) -> None:
    assert plainpng.pixels_of(data) is None


def outcome(data: bytes) -> tuple[str, bytes]:
    try:
        return "read", decode(data, Limits()).pixels.tobytes()
    except BadPicture as error:
        return str(error), b""


def test_what_is_damaged_is_refused_or_read_as_by_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    whole = png(6, filtered(6))
    damaged = [bytearray(whole) for _ in range(100)]
    for data in damaged:
        data[int(rng.integers(8, len(data)))] ^= 1 << int(rng.integers(8))
    ours = [outcome(bytes(data)) for data in (whole, *damaged)]
    monkeypatch.setattr(plainpng, "pixels_of", lambda png: None)
    assert ours == [outcome(bytes(data)) for data in (whole, *damaged)]
    assert {text == "read" for text, _ in ours} == {True, False}
