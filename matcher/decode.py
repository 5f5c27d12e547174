"""Bytes -> Picture: a closed list of formats, limits held before pixels are, and one normal form.

What is normal: turned as EXIF says, transparency laid on white, 16 bits scaled to 8, CMYK and palettes to RGB, grey kept
as one channel, first frame or page only (the largest of an icon). Colour profiles, text and comments are not read.
A JPEG that lost no more than its end is accepted with a warning; any other truncated file is refused.
"""

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Named here so that Pillow never goes looking for them (and for all others) in a sandbox without a file system.
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from matcher.errors import BadPicture, DamagedPicture, NotAPicture, TooLarge
from matcher.formats import bare_png, claimed_size, describe, largest_icon, sniff
from matcher.picture import Picture, Pixels

PLUGINS = (
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

_ORIENTATION = 274
_DRAFT_LONGER, _DRAFT_SHORTER = 1024, 256  # what a JPEG keeps of its sides when it is decoded at a reduced scale
_STRIP = 4_000_000  # pixels brought to normal form at a time: a picture of any size needs little more memory than its pixels
_WHITES = {"f": (1.0, 255.0, 65535.0), "i": (65535.0,)}  # what may stand for white in a TIFF of floats or 32-bit integers
_BLOCK = 16  # rows that a JPEG decoder holds back until it has seen what comes after them


@dataclass(frozen=True)
class Limits:
    """What one picture may cost.

    max_bytes: of the file. max_pixels: width x height. max_side: pixels. seconds: for decoding and fingerprints together.
    memory: bytes that a worker may use beyond what it needs to start.
    """

    max_bytes: int = 32 << 20
    max_pixels: int = 40_000_000
    max_side: int = 65_000
    seconds: float = 5.0
    memory: int = 600 << 20


def decode(data: bytes, limits: Limits, *, full: bool = False, name: str = "picture") -> Picture:
    """Return the normalised picture.

    full: decode a JPEG at its own scale even when it is larger than needed. name: what an error calls the picture.
    Raises NotAPicture, TooLarge or DamagedPicture. Time and memory are held by the worker this runs in, not here.
    """
    if len(data) > limits.max_bytes:
        raise TooLarge(f"{name} has {len(data) / 1e6:.1f} MB, the limit is {limits.max_bytes / 1e6:.1f} (picture.max_bytes)")
    kind = sniff(data)
    if kind is None:
        raise NotAPicture(f"{name} is {describe(data)}; Kuato reads PNG, JPEG, GIF, WebP, BMP, TIFF and ICO")
    with warnings.catch_warnings(record=True) as overlooked:
        warnings.simplefilter("always")
        try:
            picture = _decode(data, kind, limits, full)
        except BadPicture as error:
            raise type(error)(f"{name} {error}") from None
        except (MemoryError, Image.DecompressionBombError) as error:
            raise _too_large(name, error, limits) from None
        except Exception as error:  # Pillow's readers raise whatever their parsing stumbles over
            raise DamagedPicture(f"{name} is a damaged {kind} file: {_in_words(error)}") from error
    noted = tuple(dict.fromkeys(str(w.message)[:200] for w in overlooked if w.category is not Image.DecompressionBombWarning))
    return Picture(data, kind, picture.size, picture.pixels, picture.warnings + noted[:5])


@dataclass
class _Decoded:
    size: tuple[int, int]
    pixels: Pixels
    warnings: tuple[str, ...] = ()


def _decode(data: bytes, kind: str, limits: Limits, full: bool) -> _Decoded:
    image = _open(data, kind, limits)
    size = image.size
    if image.format in ("JPEG", "MPO") and not full:
        _reduce(image)
    noted: tuple[str, ...] = ()
    try:
        image.load()
    except OSError as error:
        if kind != "JPEG" or "truncated" not in str(error):
            raise
        image, noted = _without_end(image, data, full), ("the end of the JPEG file is missing",)
    orientation = _orientation(image)
    pixels, more = _eight_bits(image)
    if orientation >= 5:
        size = (size[1], size[0])
    elif kind == "TIFF":  # Pillow has turned it already
        size = image.size
    return _Decoded(size, _turned(pixels, orientation), noted + more)


def _open(data: bytes, kind: str, limits: Limits) -> ImageFile.ImageFile:
    content = largest_icon(data) if kind == "ICO" else data
    inner = sniff(content) or kind
    if inner == "WEBP" and 8 + int.from_bytes(content[4:8], "little") > len(content):
        raise DamagedPicture("is a damaged WEBP file: image is truncated")
    claimed = claimed_size(content)
    if claimed is not None:
        _check(claimed, limits)
    if inner == "PNG":
        content = bare_png(content)
    image = Image.open(io.BytesIO(content), formats=[inner])
    _check(image.size, limits)
    return image


def _check(size: tuple[int, int], limits: Limits) -> None:
    if max(size) > limits.max_side:
        raise TooLarge(f"has a side of {max(size):,} pixels, the limit is {limits.max_side:,} (picture.max_side)")
    if size[0] * size[1] > limits.max_pixels:
        raise TooLarge(f"has {_mega(size[0] * size[1])} megapixels, the limit is {_mega(limits.max_pixels)} (picture.max_pixels)")


def _too_large(name: str, error: BaseException, limits: Limits) -> TooLarge:
    pixels = re.search(r"\((\d+) pixels\)", str(error))
    if pixels:  # Pillow's own guard, ahead of ours
        return TooLarge(f"{name} has {_mega(int(pixels[1]))} megapixels, the limit is {_mega(limits.max_pixels)} (picture.max_pixels)")
    return TooLarge(f"{name} needs more memory than a worker may use, {limits.memory >> 20} MiB (picture.max_memory)")


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f}" if pixels >= 10_000_000 else f"{pixels / 1e6:.3g}"


def _in_words(error: Exception) -> str:
    text = str(error)[:200]
    if isinstance(error, UnidentifiedImageError):
        return "its header is broken or truncated"
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return f"image is truncated ({text})"
    return f"{text} ({type(error).__name__})"


def _reduce(image: Image.Image) -> None:
    """Let the JPEG decoder leave out frequencies that no fingerprint sees."""
    width, height = image.size
    for scale in (8, 4, 2):
        if max(width, height) >= scale * _DRAFT_LONGER and min(width, height) >= scale * _DRAFT_SHORTER:
            image.draft(None, (width // scale, height // scale))
            return


def _without_end(stopped: ImageFile.ImageFile, data: bytes, full: bool) -> ImageFile.ImageFile:
    """Return the JPEG with an end put to it, when nearly all of its rows were decoded before the end was missed.

    The decoder makes up what is missing: the rows that differ from what it had when it stopped are the made-up ones.
    """
    image = Image.open(io.BytesIO(data + b"\xff\xd9"), formats=["JPEG"])
    rows = image.height
    if not full:
        _reduce(image)
    image.load()
    stopped.tile = []  # what it has is all it will get
    had, made = np.frombuffer(stopped.tobytes(), np.uint8), np.frombuffer(image.tobytes(), np.uint8)
    equal = (had == made).reshape(image.height, -1).all(axis=1)
    held_back = _BLOCK * image.height // rows + 2
    if not equal[:-held_back].all() or not equal.any():
        raise DamagedPicture(f"is a damaged JPEG file: image is truncated (only {int(np.argmin(equal))} of {image.height} rows are there)")
    return image


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # noqa: BLE001 - any garbage may stand where EXIF is expected, and the picture is none the worse for it
        warnings.warn(f"unreadable EXIF ignored: {str(error)[:100]}", stacklevel=2)
        return 1
    return value if value in range(1, 9) else 1


def _turned(pixels: NDArray[Any], orientation: int) -> Pixels:
    if orientation >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels, np.uint8)


def _eight_bits(image: Image.Image) -> tuple[NDArray[Any], tuple[str, ...]]:
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
        bottom, top = low, max(high, low + 1e-6)
    scaled -= bottom
    scaled *= 255.0 / (top - bottom)
    np.clip(np.rint(scaled, out=scaled), 0, 255, out=scaled)
    return scaled.astype(np.uint8), (f"{values.dtype} values {low:g} to {high:g} shown as {bottom:g} to {top:g}",)
