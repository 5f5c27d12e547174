"""Pictures and files for the tests, made byte by byte where no honest encoder would make them."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def photo(width: int = 240, height: int = 180, seed: int = 7) -> NDArray[np.uint8]:
    """A smooth coloured picture, uint8 (height, width, 3), the same for the same seed, unlike any of its turns."""
    blobs = np.random.default_rng(seed).integers(40, 216, (7, 9, 3), np.uint8)
    return np.asarray(cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def encoded(pixels: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    return PNG_MAGIC + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def rows(width_in_bytes: int, height: int, value: int = 0) -> bytes:
    """Compressed rows of one value, made without ever holding them: a bomb costs its maker nothing."""
    packer = zlib.compressobj(9)
    row = b"\0" + bytes([value]) * width_in_bytes
    return b"".join(packer.compress(row) for _ in range(height)) + packer.flush()


def with_chunk(png: bytes, extra: bytes) -> bytes:
    """The PNG with `extra` after its header."""
    return png[:33] + extra + png[33:]


def zeros(length: int) -> bytes:
    """`length` compressed NULs."""
    return zlib.compress(bytes(length), 9)


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[274] = orientation
    return tags.tobytes()


def seen_as(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """What a camera held in that orientation would have stored, so that turning it as EXIF says gives `pixels`."""
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(undo[orientation](pixels))


def icon(frames: list[bytes], sizes: list[int]) -> bytes:
    """An ICO directory with these PNG frames, each claiming its size."""
    offset = 6 + 16 * len(frames)
    directory = struct.pack("<HHH", 0, 1, len(frames))
    for frame, size in zip(frames, sizes, strict=True):
        directory += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(frame), offset)
        offset += len(frame)
    return directory + b"".join(frames)


NOT_PICTURES = {
    "an empty file": (b"", "empty"),
    "a web page": (b"<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
    "a drawing": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    "a document": (b"%PDF-1.7\n", "a PDF document"),
    "an archive": (b"PK\x03\x04" + bytes(30), "a zip archive"),
    "a compressed file": (b"\x1f\x8b\x08" + bytes(30), "compressed with gzip"),
    "a program": (b"\x7fELF" + bytes(200), "an ELF program"),
    "a script for Ghostscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
    "a sound": (b"RIFF\x24\0\0\0WAVEfmt ", "a RIFF file"),
    "a film": (b"\0\0\0\x20ftypavif" + bytes(20), "an AVIF"),
    "a letter": (b"BMW is a maker of cars.", "text"),
    "noise": (np.random.default_rng(1).bytes(4096), "of an unknown type"),
}
