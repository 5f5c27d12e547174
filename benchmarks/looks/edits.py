"""What happens to a screenshot on its way: saved again, made smaller, cut, framed, pasted in a report, photographed from a screen."""

from collections.abc import Callable, Mapping
from random import Random

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .words import LANGUAGES

Edit = Callable[[Image.Image, Random], Image.Image]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default()


def half(picture: Image.Image, _random: Random) -> Image.Image:
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)


def thumbnail(picture: Image.Image, _random: Random) -> Image.Image:
    return picture.resize((320, max(1, round(picture.height * 320 / picture.width))), Image.Resampling.LANCZOS)


def same(picture: Image.Image, _random: Random) -> Image.Image:
    return picture


def grey(picture: Image.Image, _random: Random) -> Image.Image:
    return picture.convert("L").convert("RGB")


def crop(picture: Image.Image, random: Random) -> Image.Image:
    """Keep 75 to 90 % of each side."""
    width, height = (round(side * random.uniform(0.75, 0.9)) for side in picture.size)
    left, top = random.randint(0, picture.width - width), random.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def frame(picture: Image.Image, random: Random) -> Image.Image:
    """Put the picture into a browser's window: tabs, buttons, an address."""
    result = Image.new("RGB", (picture.width, picture.height + 78), "#dee1e6")
    draw = ImageDraw.Draw(result)
    draw.rounded_rectangle((10, 8, 250, 60), 9, fill="#ffffff")
    draw.text((26, 14), LANGUAGES["en"].title(random, 2, 3)[:24], fill="#333333", font=_font(13))
    draw.rectangle((0, 38, picture.width, 78), fill="#ffffff")
    draw.rounded_rectangle((120, 44, picture.width - 90, 72), 14, fill="#eef0f3")
    draw.text((140, 49), f"https://{random.getrandbits(40):010x}.example/{random.getrandbits(24):06x}", fill="#333333", font=_font(14))
    for n in range(3):
        draw.text((18 + 32 * n, 47), "←→⟳"[n], fill="#555555", font=_font(18))
        draw.ellipse((picture.width - 70 + 22 * n, 52, picture.width - 58 + 22 * n, 64), fill=("#61c554", "#f4bf4f", "#ec6a5e")[n])
    result.paste(picture, (0, 78))
    return result


def report(picture: Image.Image, random: Random) -> Image.Image:
    """Paste the picture into a page of a report, with a heading, text, and a caption."""
    paper = Image.new("RGB", (1000, 1300), "white")
    draw, language = ImageDraw.Draw(paper), LANGUAGES["en"]
    draw.text((80, 60), language.title(random, 3, 6)[:44], fill="#102a43", font=_font(30))
    width = random.randint(560, 840)
    shown = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    shown = shown.crop((0, 0, width, min(shown.height, 760)))
    top = _lines(draw, random, 130, random.randint(2, 8))
    left = (1000 - width) // 2
    paper.paste(shown, (left, top + 16))
    draw.rectangle((left - 1, top + 15, left + width, top + 16 + shown.height), outline="#999999")
    draw.text((left, top + 24 + shown.height), f"Figure {random.randint(1, 9)}: {language.title(random, 3, 6)}", fill="#555555", font=_font(14))
    _lines(draw, random, top + 64 + shown.height, 20)
    return paper


def _lines(draw: ImageDraw.ImageDraw, random: Random, top: int, count: int) -> int:
    for _ in range(count):
        if top > 1230:
            break
        draw.text((80, top), LANGUAGES["en"].words(random, 17)[:96], fill="#222222", font=_font(16))
        top += 26
    return top


def photographed(picture: Image.Image, random: Random) -> Image.Image:
    """Photograph the screen: from a side, softly, in uneven light, with noise."""
    pixels = np.asarray(picture.convert("RGB"))
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = np.array([[x + random.uniform(0.01, 0.07) * width * (1 - 2 * (x > 0)), y + random.uniform(0.01, 0.07) * height * (1 - 2 * (y > 0))] for x, y in corners], np.float32)
    seen = cv2.warpPerspective(pixels, cv2.getPerspectiveTransform(corners, moved), (width, height), flags=cv2.INTER_AREA, borderValue=(28, 26, 30))
    seen = cv2.GaussianBlur(seen, (0, 0), random.uniform(0.7, 1.3))
    light = np.linspace(random.uniform(0.7, 0.95), random.uniform(0.95, 1.12), width)[None, :, None]
    noise = np.random.default_rng(random.getrandbits(32)).normal(0, 5, seen.shape)
    return Image.fromarray(np.clip(seen * light + noise, 0, 255).astype(np.uint8))


# variant -> (what is done, how hard it is to see through)
EDITS: Mapping[str, tuple[Edit, str]] = {
    "recompressed": (same, "easy"),
    "half": (half, "easy"),
    "grey": (grey, "easy"),
    "frame": (frame, "easy"),
    "thumbnail": (thumbnail, "medium"),
    "crop": (crop, "medium"),
    "report": (report, "medium"),
    "photographed": (photographed, "hard"),
}
