"""What a file is by its first bytes, and what of it a decoder needs to see."""

import struct

from matcher.errors import DamagedPicture

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO")
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_MAGIC = {
    "PNG": (PNG_MAGIC,),
    "JPEG": (b"\xff\xd8\xff",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    "ICO": (b"\x00\x00\x01\x00",),
}
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # a text may begin with BM, but hardly goes on like this
_FOREIGN = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"8BPS", "a Photoshop file"),
    (b"\x00\x00\x02\x00", "a Windows cursor or TGA file"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 file"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (b"RIFF", "a RIFF file, but not WebP"),
)
_PNG_NEEDED = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"))


def sniff(data: bytes) -> str | None:
    """Return the name (one of FORMATS) of the format that `data` begins like, or None."""
    for name, magics in _MAGIC.items():
        if data.startswith(magics):
            return name
    if data[:4] == b"RIFF" and b"WEBP".startswith(data[8:12]):
        return "WEBP"
    if data[:2] == b"BM" and (len(data) < 18 or int.from_bytes(data[14:18], "little") in _BMP_HEADERS):
        return "BMP"
    return None


def describe(data: bytes) -> str:
    """Say in a few words what `data` seems to be when it is none of FORMATS: "a PDF document"."""
    if not data:
        return "empty"
    for magic, words in _FOREIGN:
        if data.startswith(magic):
            return words
    if data[4:8] == b"ftyp":
        return "an AVIF, HEIC or video file"
    if data[:1] == b"P" and data[1:2] in b"1234567" and data[2:3].isspace():
        return "a Netpbm file"
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "an SVG drawing"
    if head.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if head.startswith(b"<?xml"):
        return "an XML document"
    if not data[:1024].translate(None, b"\t\r\n\f\x1b" + bytes(range(32, 256))):
        return "text"
    return "of an unknown type"


def bare_png(data: bytes) -> bytes:
    """Return the PNG without what is no pixel: text, colour profiles, animation, private chunks.

    Pillow would inflate compressed text and profiles, and refuses the whole picture when they are bombs or broken.
    What comes after a chunk that runs past the end stays as it is, for Pillow to complain about.
    """
    view, kept, position, start = memoryview(data), [], 8, 0
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind not in _PNG_NEEDED and end <= len(data):
            if position > start:
                kept.append(view[start:position])
            start = end
        position = end
        if kind == b"IEND":
            break
    if not kept:
        return data
    kept.append(view[start : max(position, start)])
    return b"".join(kept)


def largest_icon(data: bytes) -> bytes:
    """Return the largest picture of an ICO file: a PNG, or an ICO with one bitmap.

    Raises DamagedPicture when the directory makes no sense.
    """
    (count,) = struct.unpack_from("<H", data.ljust(6, b"\0"), 4)
    best: tuple[int, int, bytes] | None = None
    for position in range(6, min(6 + 16 * count, len(data) - 15), 16):
        width, height, _, _, _, depth, length, offset = struct.unpack_from("<BBBBHHII", data, position)
        rank = ((width or 256) * (height or 256), depth)
        if offset + 16 <= len(data) and (best is None or rank > best[:2]):
            payload = data[offset : offset + length]
            if payload.startswith(PNG_MAGIC):
                best = (*rank, payload)
            else:
                best = (*rank, data[:4] + b"\x01\x00" + data[position : position + 12] + struct.pack("<I", 22) + payload)
    if best is None:
        raise DamagedPicture("is a Windows icon without a picture in it")
    return best[2]


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height that a WebP or one-bitmap ICO claims, None for any other.

    Pillow allocates (WebP) or decodes (ICO) these when it opens them, so they are to be held against the limits before.
    """
    if data[:4] == b"RIFF" and len(data) >= 30:
        kind = data[12:16]
        if kind == b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        if kind == b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
    if data.startswith(_MAGIC["ICO"]) and len(data) >= 38:
        width, height = struct.unpack_from("<HH", data, 26) if data[22:26] == b"\x0c\0\0\0" else struct.unpack_from("<ii", data, 26)
        return abs(width), abs(height) // 2
    return None
