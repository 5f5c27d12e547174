"""A drawing surface with smooth edges: everything is drawn three times as large, and shrunk at the end."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FINE = 3
Box = tuple[float, float, float, float]
Point = tuple[float, float]


class Canvas:
    """A picture of `width` x `height` pixels, all measures in these pixels."""

    def __init__(self, width: int, height: int, top: str, bottom: str | None = None) -> None:
        self.size = (width, height)
        self._image = Image.new("RGB", (width * FINE, height * FINE), top)
        if bottom:
            self.shade((0, 0, width, height), top, bottom)

    @property
    def _pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self._image)

    def shade(self, box: Box, top: str, bottom: str, outline: Sequence[Point] | None = None) -> None:
        """Fill a box, or the part of it within `outline`, with a vertical gradient."""
        left, upper, right, lower = (round(v * FINE) for v in box)
        slope = Image.linear_gradient("L").resize((right - left, lower - upper))
        colours = Image.composite(Image.new("RGB", slope.size, bottom), Image.new("RGB", slope.size, top), slope)
        mask = Image.new("L", slope.size, 0 if outline else 255)
        if outline:
            ImageDraw.Draw(mask).polygon([(x * FINE - left, y * FINE - upper) for x, y in outline], fill=255)
        self._image.paste(colours, (left, upper), mask)

    def box(self, box: Box, fill: str | None, radius: float = 0, outline: str | None = None, width: float = 1) -> None:
        """Draw a rectangle with round corners."""
        self._pen.rounded_rectangle([v * FINE for v in box], radius * FINE, fill, outline, round(width * FINE) if outline else 0)

    def card(self, box: Box, radius: float = 14) -> None:
        """Draw a white card with a shadow."""
        shadow = Image.new("L", self._image.size, 0)
        left, upper, right, lower = box
        ImageDraw.Draw(shadow).rounded_rectangle([v * FINE for v in (left, upper + 8, right, lower + 8)], radius * FINE, fill=70)
        shadow = shadow.reduce(FINE).filter(ImageFilter.GaussianBlur(12)).resize(self._image.size)
        self._image.paste(Image.new("RGB", self._image.size, "#101828"), mask=shadow)
        self.box(box, "white", radius)

    def disc(self, x: float, y: float, radius: float, fill: str | None, outline: str | None = None, width: float = 1) -> None:
        """Draw a circle around (x, y)."""
        box = [v * FINE for v in (x - radius, y - radius, x + radius, y + radius)]
        self._pen.ellipse(box, fill, outline, round(width * FINE) if outline else 0)

    def shape(self, points: Sequence[Point], fill: str) -> None:
        """Fill a polygon."""
        self._pen.polygon([(x * FINE, y * FINE) for x, y in points], fill)

    def stroke(self, points: Sequence[Point], fill: str, width: float = 2) -> None:
        """Draw a line with round joints."""
        scaled = [(x * FINE, y * FINE) for x, y in points]
        self._pen.line(scaled, fill, round(width * FINE), joint="curve")
        radius = width * FINE / 2
        for x, y in (scaled[0], scaled[-1]):
            self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill)

    def text(self, x: float, y: float, text: str, size: float = 16, fill: str = "#1d2433", anchor: str = "ls", bold: float = 0) -> None:
        """Write one line; (x, y) is on its base line."""
        font = ImageFont.load_default(size * FINE)
        self._pen.text((x * FINE, y * FINE), text, fill, font, anchor, stroke_width=bold * FINE)

    def put(self, picture: Image.Image, x: float, y: float) -> None:
        """Lay a picture on the canvas at its own size."""
        self._image.paste(
            picture.resize((picture.width * FINE, picture.height * FINE), Image.Resampling.BICUBIC), (round(x * FINE), round(y * FINE))
        )

    def done(self) -> Image.Image:
        """Return the picture."""
        return self._image.reduce(FINE)


def hills(width: int, height: float, swing: float, seed: int) -> list[Point]:
    """Return the skyline of hills around `height`, a point every 4 pixels."""
    rng = np.random.default_rng(seed)
    x = np.arange(0, width + 4, 4)
    y = np.full(x.shape, float(height))
    for octave in range(1, 7):
        y += swing / octave * np.sin(x / width * np.pi * 2**octave * rng.uniform(0.5, 0.9) + rng.uniform(0, 6.3))
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
