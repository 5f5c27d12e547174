"""PNG files as nearly all are, read in Rust: 8 bits a channel, grey, RGB or RGBA, not interlaced, not turned.

The `png` crate, as kornia-rs binds it, takes a quarter to a third of Pillow's time, and is memory-safe, which counts with bytes of
strangers. The pixels are the same. What is not read here, for whatever reason, is Pillow's to read or to refuse. Only what the
checksum of the compressed stream says where those of all chunks are right, which Pillow believes, is not asked.
"""

import struct
from typing import Any

import cv2
import numpy as np
from kornia_rs.io import decode_image_png_u8
from numpy.typing import NDArray
from PIL import Image

from matcher.formats import PNG_MAGIC
from matcher.normal import eight_bits

_HEAD = struct.Struct(">8sI4sIIBBBBB")
_GREY, _RGB, _RGBA = 0, 2, 6
_MODES = {_GREY: "mono", _RGB: "rgb", _RGBA: "rgba"}
_OPAQUE = 255
_PANIC = "PanicException"


def pixels_of(png: bytes) -> NDArray[Any] | None:
    """Return uint8 (height, width) or (height, width, 3), on white where it is transparent; None for a file of another kind.

    png: without what is no pixel (`formats.bare_png`), of a size that was held against the limits.
    """
    if len(png) < _HEAD.size:
        return None
    magic, _, name, width, height, depth, colours, _, _, interlaced = _HEAD.unpack_from(png)
    if (magic, name, depth, interlaced) != (PNG_MAGIC, b"IHDR", 8, 0) or colours not in _MODES or not _is_whole(png):
        return None
    try:
        found = np.asarray(decode_image_png_u8(png, (height, width), _MODES[colours]))
    except BaseException as error:  # what a program in Rust panics with, such as that no memory is left, is no Exception
        if isinstance(error, Exception) or type(error).__name__ == _PANIC:
            return None
        raise
    if colours == _GREY:
        return found[..., 0]
    if colours == _RGB:
        return found
    if int(found[..., 3].min()) == _OPAQUE:
        return cv2.cvtColor(found, cv2.COLOR_RGBA2RGB)
    return eight_bits(Image.fromarray(found))[0]


def _is_whole(png: bytes) -> bool:
    """Whether a file consists of a head, pixels and an end, and of nothing else."""
    position, kinds = 8, list[bytes]()
    while position + 12 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        position += 12 + length
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
    return position == len(png) and kinds == [b"IHDR", b"IDAT", b"IEND"]
