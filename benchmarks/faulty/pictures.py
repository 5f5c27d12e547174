"""Picture files of every format, and what becomes of them when bytes are changed as no encoder would."""

import io
import random
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_LARGEST_SEED = 200_000  # bytes; larger ones take longer and show no more


def seeds(malformed: Path | None) -> dict[str, bytes]:
    """Return sound files of every format that is read, and, where there are any, the small ones of a folder of odd files."""
    photo = np.asarray(cv2.resize(np.random.default_rng(3).integers(0, 256, (9, 12, 3), np.uint8), (160, 120)), np.uint8)
    colour, grey = Image.fromarray(photo), Image.fromarray(photo[:, :, 0])
    clear = colour.convert("RGBA")
    clear.putalpha(grey)
    frames = [colour.rotate(10 * n).quantize(32) for n in range(4)]
    pages = [colour.rotate(10 * n) for n in range(3)]
    made = {
        "png": _encoded(colour, "PNG"),
        "png-grey-16": _encoded(Image.fromarray(photo[:, :, 0].astype(np.uint16) * 257), "PNG"),
        "png-alpha": _encoded(clear, "PNG"),
        "png-palette": _encoded(colour.quantize(16), "PNG", transparency=3),
        "png-1-bit": _encoded(grey.convert("1"), "PNG"),
        "apng": _encoded(pages[0], "PNG", save_all=True, append_images=pages[1:]),
        "jpeg": _encoded(colour, "JPEG", quality=80),
        "jpeg-progressive": _encoded(colour, "JPEG", progressive=True),
        "jpeg-grey": _encoded(grey, "JPEG"),
        "jpeg-cmyk": _encoded(colour.convert("CMYK"), "JPEG"),
        "jpeg-exif": _encoded(colour, "JPEG", exif=_turned(6)),
        "gif": _encoded(frames[0], "GIF"),
        "gif-animated": _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=20, loop=0),
        "webp": _encoded(colour, "WEBP"),
        "webp-lossless": _encoded(clear, "WEBP", lossless=True),
        "webp-animated": _encoded(pages[0], "WEBP", save_all=True, append_images=pages[1:]),
        "bmp": _encoded(colour, "BMP"),
        "bmp-palette": _encoded(colour.quantize(16), "BMP"),
        "tiff": _encoded(colour, "TIFF"),
        "tiff-lzw": _encoded(colour, "TIFF", compression="tiff_lzw"),
        "tiff-deflate": _encoded(clear, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-pages": _encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]),
        "ico": _encoded(clear, "ICO", sizes=[(16, 16), (48, 48)]),
        "ico-bmp": _encoded(colour, "ICO", sizes=[(32, 32)], bitmap_format="bmp"),
    }
    files = sorted((malformed / "files").iterdir()) if malformed is not None else []
    return made | {path.name: path.read_bytes() for path in files if 0 < path.stat().st_size <= _LARGEST_SEED}


def altered(files: Mapping[str, bytes], count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield so many files with bytes changed, each with the name of what it was; the same for the same seed."""
    chance, names = random.Random(seed), sorted(files)
    for number in range(count):
        name = names[number % len(names)]
        data = bytearray(files[name])
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            data = chance.choice(_WAYS)(chance, data, files[chance.choice(names)])
        yield name, bytes(data)


def bombs() -> dict[str, bytes]:
    """Return small files that claim to be, or become, more than is allowed."""
    header = b"\x89PNG\r\n\x1a\n"

    def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
        about = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        return header + _chunk(b"IHDR", about) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")

    def jpeg(width: int, height: int) -> bytes:
        data = bytearray(_encoded(Image.new("RGB", (64, 64)), "JPEG"))
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", height, width)
        return bytes(data)

    def sized(kind: str, at: int, form: str, **options: Any) -> bytes:
        data = bytearray(_encoded(Image.new("RGB", (64, 64)), kind, **options))
        struct.pack_into(form, data, at, 60_000, 60_000)
        return bytes(data)

    return {
        "PNG of 30,000 x 30,000": png(30_000, 30_000, 1, 0, _zeros(3751, 30_000)),
        "PNG of 12,000 x 12,000": png(12_000, 12_000, 8, 2, _zeros(36_001, 12_000)),
        "PNG that claims 2,147,483,647": png(0x7FFFFFFF, 0x7FFFFFFF, 8, 2, b""),
        "JPEG of 65,500 x 65,500": jpeg(65_500, 65_500),
        "GIF of 60,000 x 60,000": sized("GIF", 6, "<HH"),
        "BMP of 60,000 x 60,000": sized("BMP", 18, "<ii"),
    }


def many_frames(frames: int = 10_000) -> bytes:
    """Return a GIF of so many frames."""
    one = _encoded(Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40), np.uint8)).quantize(8), "GIF")
    start = 13 + 3 * (2 << (one[10] & 7))
    return one[:start] + b"".join([b"\x21\xf9\x04\0\x01\0\0\0" + one[one.index(b"\x2c", start) : -1]] * frames) + b"\x3b"


def _flip(chance: random.Random, data: bytearray, _other: bytes) -> bytearray:
    for _ in range(chance.choice((1, 4, 16, 64))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _flip_head(chance: random.Random, data: bytearray, _other: bytes) -> bytearray:
    for _ in range(chance.choice((1, 2, 4))):
        if data:
            data[chance.randrange(min(len(data), 200))] = chance.randrange(256)
    return data


def _number(chance: random.Random, data: bytearray, _other: bytes) -> bytearray:
    """Put an extreme number somewhere near the beginning, where sizes and counts are."""
    form = chance.choice(("<B", "<H", ">H", "<I", ">I"))
    at = chance.randrange(max(1, min(len(data), 600)))
    if at + struct.calcsize(form) <= len(data):
        struct.pack_into(form, data, at, chance.choice(_EXTREMES) & (256 ** struct.calcsize(form) - 1))
    return data


def _cut(chance: random.Random, data: bytearray, _other: bytes) -> bytearray:
    return data[: chance.randrange(len(data) + 1)]


def _leave_out(chance: random.Random, data: bytearray, _other: bytes) -> bytearray:
    at = chance.randrange(len(data) + 1)
    return data[:at] + data[at + chance.choice((1, 2, 4, 100)) :]


def _repeat(chance: random.Random, data: bytearray, _other: bytes) -> bytearray:
    at, length = chance.randrange(len(data) + 1), chance.choice((1, 4, 64, 1000))
    return data[:at] + data[at : at + length] * chance.choice((2, 3, 20)) + data[at + length :]


def _splice(chance: random.Random, data: bytearray, other: bytes) -> bytearray:
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _insert(chance: random.Random, data: bytearray, other: bytes) -> bytearray:
    at, of = chance.randrange(len(data) + 1), chance.randrange(len(other) + 1)
    return data[:at] + other[of : of + chance.choice((4, 40, 400))] + data[at:]


_WAYS = (_flip, _flip_head, _number, _number, _cut, _leave_out, _repeat, _splice, _insert)


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _turned(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[274] = orientation
    return tags.tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _zeros(width: int, height: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(width)) for _ in range(height)) + packer.flush()
