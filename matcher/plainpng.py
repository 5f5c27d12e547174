"""PNG files as nearly all are, read by libpng: 8 bits a channel, grey, RGB or RGBA, not interlaced, not turned.

OpenCV's libpng undoes the filters of lines many bytes at a time, and brings pixels to the form in which they are needed; Pillow
takes half as long again. The pixels are the same. What is not read here, for whatever reason, is Pillow's to read or to refuse.
"""

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matcher.formats import PNG_MAGIC
from matcher.normal import eight_bits

_HEAD = struct.Struct(">8sI4sIIBBBBB")
_GREY, _RGB, _RGBA = 0, 2, 6
# As it is, without a look at EXIF; RGB and not BGR.
_FLAGS = {_GREY: cv2.IMREAD_UNCHANGED, _RGB: cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION, _RGBA: cv2.IMREAD_UNCHANGED}
_OPAQUE = 255


def pixels_of(png: bytes) -> NDArray[Any] | None:
    """Return uint8 (height, width) or (height, width, 3), on white where it is transparent; None for a file of another kind.

    png: without what is no pixel (`formats.bare_png`), of a size that was held against the limits.
    """
    if len(png) < _HEAD.size:
        return None
    magic, _, name, width, height, depth, colours, _, _, interlaced = _HEAD.unpack_from(png)
    if (magic, name, depth, interlaced) != (PNG_MAGIC, b"IHDR", 8, 0) or colours not in _FLAGS or not _is_whole(png):
        return None
    try:
        found = cv2.imdecode(np.frombuffer(png, np.uint8), _FLAGS[colours])
    except cv2.error:
        return None
    if found is None or found.dtype != np.uint8 or found.shape[:2] != (height, width):
        return None
    if colours != _RGBA:
        return found if found.ndim == (2 if colours == _GREY else 3) else None
    if found.ndim != 3 or found.shape[2] != 4:
        return None
    if int(found[..., 3].min()) == _OPAQUE:
        return cv2.cvtColor(found, cv2.COLOR_BGRA2RGB)
    return eight_bits(Image.fromarray(cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA)))[0]


def _is_whole(png: bytes) -> bool:
    """Whether a file consists of a head, pixels and an end, and of nothing else."""
    position, kinds = 8, list[bytes]()
    while position + 12 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        position += 12 + length
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
    return position == len(png) and kinds == [b"IHDR", b"IDAT", b"IEND"]
