"""Bytes -> Picture: a closed list of formats, limits held before pixels are, and one normal form.

What is normal: turned as EXIF says, transparency laid on white, 16 bits scaled to 8, CMYK and palettes to RGB, grey kept
as one channel, first frame or page only (the largest of an icon). Colour profiles, text and comments are not read.
A JPEG that lost no more than its end is accepted with a warning; any other truncated file is refused.
"""

import io
import re
import warnings
from dataclasses import dataclass

import numpy as np

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

from matcher import plainpng
from matcher.errors import BadPicture, DamagedPicture, NotAPicture, TooLarge
from matcher.formats import bare_png, claimed_size, describe, largest_icon, sniff
from matcher.normal import eight_bits, turned
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
            if "out of memory" in str(error):
                raise _too_large(name, error, limits) from None
            raise DamagedPicture(f"{name} is a damaged {kind} file: {_in_words(error)}") from error
    noted = tuple(dict.fromkeys(str(w.message)[:200] for w in overlooked if w.category is not Image.DecompressionBombWarning))
    return Picture(data, kind, picture.size, picture.pixels, picture.warnings + noted[:5])


@dataclass
class _Decoded:
    size: tuple[int, int]
    pixels: Pixels
    warnings: tuple[str, ...] = ()


def _decode(data: bytes, kind: str, limits: Limits, full: bool) -> _Decoded:
    image, content = _open(data, kind, limits)
    size = image.size
    plain = plainpng.pixels_of(content) if image.format == "PNG" else None
    if plain is not None:
        return _Decoded(size, plain)
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
    pixels, more = eight_bits(image)
    if orientation >= 5:
        size = (size[1], size[0])
    elif kind == "TIFF":  # Pillow has turned it already
        size = image.size
    return _Decoded(size, turned(pixels, orientation), noted + more)


def _open(data: bytes, kind: str, limits: Limits) -> tuple[ImageFile.ImageFile, bytes]:
    """Return the picture, of which no pixel was read, and the bytes that it is read from."""
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
    return image, content


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
