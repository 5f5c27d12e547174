"""A decoded picture, and the reductions that the fingerprints share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Value = TypeVar("Value")

# The order of the eight turns is PDQ's dihedral order; `negative` inverts the brightness.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "as is": lambda a: a,
    "rotated 90": lambda a: np.rot90(a, 1),
    "rotated 180": lambda a: np.rot90(a, 2),
    "rotated 270": lambda a: np.rot90(a, 3),
    "flipped": lambda a: a[::-1],
    "mirrored": lambda a: a[:, ::-1],
    "transposed": lambda a: np.swapaxes(a, 0, 1),
    "antitransposed": lambda a: np.swapaxes(a[::-1, ::-1], 0, 1),
    "negative": lambda a: 255 - a,
}
AS_IS, NEGATIVE = "as is", "negative"
# What only those algorithms ask with for which it costs nothing.
TURNED_NEGATIVES = tuple(f"{NEGATIVE} {view}" for view in VIEWS if view not in (AS_IS, NEGATIVE))
ALL_VIEWS = (*VIEWS, *TURNED_NEGATIVES)


@dataclass(frozen=True)
class Picture:
    """One normalised picture: EXIF turned, alpha on white, 16 bits scaled to 8, first frame.

    data: the bytes of the file, empty where only pixels are at hand.
    format: Pillow's name of the format, such as "PNG".
    size: width and height in pixels of the whole picture, after turning.
    pixels: uint8, (height, width) for grey or (height, width, 3) for RGB. A large JPEG may be decoded at a reduced
        scale, so this can be smaller than `size`, never below 1,024 pixels on its longer side.
    warnings: what the decoder had to overlook, in words.
    """

    data: bytes
    format: str
    size: tuple[int, int]
    pixels: Pixels
    warnings: tuple[str, ...] = ()
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def grey(self, longest: int | None = None) -> Pixels:
        """Return the luminance (ITU-R 601), uint8 (height, width), its longer side shrunk to `longest` pixels."""
        if longest is None:
            return self.once("grey", self._to_grey)
        return self.once(("grey", longest), lambda: shrink(self.grey(), longest))

    def rgb(self, longest: int | None = None) -> Pixels:
        """Return uint8 (height, width, 3), C-contiguous, its longer side shrunk to `longest` pixels (never enlarged)."""
        if longest is None:
            return self.once("rgb", self._to_rgb)
        return self.once(("rgb", longest), lambda: shrink(self.rgb(), longest))

    def view(self, name: str) -> "Picture":
        """Return the picture turned, mirrored or inverted, made from a grey of at most 1,024 pixels."""
        if name == "as is":
            return self
        return self.once(("view", name), lambda: self._viewed(name))

    def _to_grey(self) -> Pixels:
        return self.pixels if self.pixels.ndim == 2 else np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY), np.uint8)

    def _to_rgb(self) -> Pixels:
        rgb = self.pixels if self.pixels.ndim == 3 else cv2.cvtColor(self.pixels, cv2.COLOR_GRAY2RGB)
        return np.ascontiguousarray(rgb, np.uint8)

    def _viewed(self, name: str) -> "Picture":
        pixels = np.ascontiguousarray(VIEWS[name](self.grey(1024)))
        turned = VIEWS[name](np.empty((self.size[1], self.size[0]), np.uint8)).shape
        return Picture(b"", self.format, (turned[1], turned[0]), pixels)

    def once(self, key: Any, make: Callable[[], Value]) -> Value:
        """Return what `make` made of this picture when it was first asked for under this key."""
        if key not in self._cache:
            self._cache[key] = make()
        return cast(Value, self._cache[key])


def shrink(pixels: Pixels, longest: int) -> Pixels:
    """Return `pixels` with the longer side at most `longest`, by area averaging; smaller ones come back as they are."""
    height, width = pixels.shape[:2]
    # Halving is fast where it is exact, and leaves little to the general way.
    while max(height, width) >= 2 * longest and height % 2 == width % 2 == 0:
        height, width = height // 2, width // 2
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if max(height, width) <= longest:
        return pixels
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def fitting(pixels: Pixels, most: int) -> Pixels:
    """Return `pixels` shrunk to at most `most` of them, by area averaging; fewer come back as they are."""
    height, width = pixels.shape[:2]
    if height * width <= most:
        return pixels
    scale = (most / (height * width)) ** 0.5
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
