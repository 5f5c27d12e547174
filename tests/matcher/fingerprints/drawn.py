"""Pictures drawn for the tests: a page, a photograph, others of each kind, and what becomes of them elsewhere."""

import io
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from matcher.decode import Limits, decode
from matcher.picture import Picture

SIZE = (960, 600)


def page(seed: int) -> Image.Image:
    """Return a page of flat colours, lines of words and a form."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", SIZE, (244, 246, 249))
    draw = ImageDraw.Draw(image)
    accent = tuple(int(c) for c in random.integers(20, 200, 3))
    draw.rectangle((0, 0, SIZE[0], 70), fill=accent)
    for _ in range(7):
        x, y, w, h = (int(random.integers(*span)) for span in ((20, 700), (90, 500), (80, 320), (20, 160)))
        draw.rounded_rectangle((x, y, x + w, y + h), 8, fill=tuple(int(c) for c in random.integers(90, 256, 3)), outline=accent)
        for line in range(y + 6, y + h - 10, 14):
            words = ["".join(chr(97 + c) for c in random.integers(0, 26, 6)) for _ in range(w // 50)]
            draw.text((x + 8, line), " ".join(words), fill=(40, 40, 60))
    return image


def photo(seed: int) -> Image.Image:
    """Return noise of all scales, as rough as a photograph."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    for cells in (3, 7, 15, 40, 110):
        coarse = random.normal(0, 110 / cells**0.6, (cells, cells * 8 // 5, 3)).astype(np.float32)
        pixels += cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(np.clip(pixels + 128, 0, 255).astype(np.uint8))


def letter(seed: int) -> Image.Image:
    """Return a page with sentences that can be read."""
    random = np.random.default_rng(seed)
    nouns = ("account", "invoice", "parcel", "customer", "password", "delivery", "payment", "secretary", "mountain", "window", "garden")
    verbs = ("confirms", "returns", "expects", "forgets", "delivers", "receives", "answers", "collects")
    image = Image.new("RGB", SIZE, (250, 250, 246))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(28)
    for line in range(9):
        subject, thing, place = random.choice(nouns, 3, replace=False)
        draw.text((40, 40 + 58 * line), f"The {subject} {random.choice(verbs)} the {thing} near the {place}", fill=(20, 20, 30), font=font)
    return image


def saved(image: Image.Image, format: str = "PNG", quality: int = 90) -> bytes:
    """Return the image as a file."""
    file = io.BytesIO()
    image.save(file, format, quality=quality)
    return file.getvalue()


@cache
def file(name: str) -> bytes:
    """Return the bytes of a picture by name: `page`, `photo`, `letter` (`page2` ..: others), alone or with `:` and what was done to it."""
    kind, _, treatment = name.partition(":")
    flat = {"white": "#ffffff", "black": "#000000", "grey": "#808080"}
    if kind in flat:
        return saved(Image.new("RGB", SIZE, flat[kind]))
    image = {"page": page, "photo": photo, "letter": letter}[kind.rstrip("0123456789")](int(kind.lstrip("abcdefghijklmnopqrstuvwxyz") or 1))
    match treatment:
        case "":
            return saved(image)
        case "q30":
            return saved(image, "JPEG", 30)
        case "half":
            return saved(image.resize((SIZE[0] // 2, SIZE[1] // 2), Image.Resampling.LANCZOS), "WEBP", 80)
        case "letterbox":
            return saved(ImageOps.expand(image, (0, 120), "black"), "JPEG", 70)
        case "margins":
            return saved(ImageOps.expand(image, (300, 40, 100, 200), (20, 90, 60)))
        case "tiny":
            return saved(image.resize((8, 8)))
        case "in-page" | "in-page2":  # on a page of text, or in another with another photograph beside it
            small = image.resize((380, 238), Image.Resampling.LANCZOS)
            around = letter(3 if treatment == "in-page" else 4).copy()
            others = [(small, (520, 300))] if treatment == "in-page" else [(small, (30, 40)), (photo(9).resize((300, 188)), (560, 380))]
            for part, (left, top) in others:
                around.paste(around.getpixel((0, 0)), (left - 20, top - 20, left + part.width + 20, top + part.height + 20))
                around.paste(part, (left, top))
            return saved(around, "JPEG", 80)
        case "edited":  # a comment after the picture: other bytes, the same pixels
            return file(kind) + b"edited"
    raise ValueError(name)


def drawn(name: str) -> Picture:
    """Return the picture `name`, decoded anew."""
    return decode(file(name), Limits(), full=True)
