"""The one form in which fingerprints see pixels: 8 bits, one channel or three, on white, the right way up."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matcher.errors import NotAPicture
from matcher.picture import Pixels

_STRIP = 4_000_000  # pixels brought to normal form at a time: a picture of any size needs little more memory than its pixels
_WHITES = {"f": (1.0, 255.0, 65535.0), "i": (65535.0,)}  # what may stand for white in a TIFF of floats or 32-bit integers


def turned(pixels: NDArray[Any], orientation: int) -> Pixels:
    """Return `pixels` as EXIF's orientation (1..8) wants them seen, in one contiguous piece."""
    if orientation >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels, np.uint8)


def eight_bits(image: Image.Image) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return uint8 (height, width) or (height, width, 3), and what there is to say about it."""
    if image.mode in ("I", "F"):
        return _stretched(np.asarray(image))
    width, height = image.size
    step = max(1, _STRIP // width)
    if step >= height or (image.mode in ("L", "RGB") and "transparency" not in image.info):
        return _converted(image), ()
    first = _converted(image.crop((0, 0, width, step)))
    pixels = np.empty((height, *first.shape[1:]), np.uint8)
    pixels[:step] = first
    for top in range(step, height, step):
        bottom = min(top + step, height)
        pixels[top:bottom] = _converted(image.crop((0, top, width, bottom)))
    return pixels, ()


def _converted(image: Image.Image) -> NDArray[Any]:
    mode = image.mode
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _on_white(image)
    if mode in ("L", "RGB"):
        return np.asarray(image)
    if mode == "1":
        return np.asarray(image.convert("L"))
    if mode.startswith("I;16"):
        return _high_byte(np.asarray(image))
    if mode in ("P", "CMYK", "YCbCr", "HSV", "RGBX"):
        return np.asarray(image.convert("RGB"))
    raise NotAPicture(f"has colours of a kind that Kuato does not read ({mode})")


def _on_white(image: Image.Image) -> NDArray[Any]:
    if image.mode.startswith("I;16"):
        grey, clear = np.asarray(image), image.info["transparency"]
        return np.where(grey == clear, np.uint8(255), _high_byte(grey))
    grey_only = image.mode in ("L", "LA", "La", "1")
    if image.mode != "RGBA":
        image = image.convert("RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema() != (255, 255):
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=alpha)
        image = paper
    if grey_only:
        return np.asarray(image.getchannel("R"))
    return np.frombuffer(image.tobytes("raw", "RGB"), np.uint8).reshape(image.height, image.width, 3)


def _high_byte(values: NDArray[Any]) -> NDArray[np.uint8]:
    # As Pillow does with 16-bit colour: the grey twin of a coloured picture stays its twin.
    return (values >> 8).astype(np.uint8)


def _stretched(values: NDArray[Any]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Map 32-bit integers or floats to 0..255 by the range that they seem meant for: 0..1, 0..255, 16 bits, else their own."""
    scaled = values.astype(np.float32)
    np.nan_to_num(scaled, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(scaled.min()), float(scaled.max())
    bottom, top = 0.0, next((white for white in _WHITES[values.dtype.kind] if high <= white), high)
    if low < 0 or top == high:
        bottom, top = low, high
    scaled -= bottom
    scaled *= 255.0 / ((top - bottom) or 1.0)
    np.clip(np.rint(scaled, out=scaled), 0, 255, out=scaled)
    return scaled.astype(np.uint8), (f"{values.dtype} values {low:g} to {high:g} shown as {bottom:g} to {top:g}",)
