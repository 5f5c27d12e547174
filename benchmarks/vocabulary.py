"""Draws the pictures that the vocabulary of config/vocabulary.npy is made of: nobody's, so that everybody may have it.

    python benchmarks/vocabulary.py FOLDER
    kuato vocabulary build FOLDER samples --words 1000 --out config/vocabulary.npy --force

Pages of words and boxes in many sizes, and scenes of noise, polygons and lines as rough or smooth as photographs; of each a
smaller and blurred copy. The same pictures every time.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (960, 640)
Random = np.random.Generator


def page(random: Random) -> Image.Image:
    """Return a page: a bar, boxes, buttons, columns of words in sizes from 10 to 60 pixels, bright on dark or dark on bright."""
    ground, ink = (colour(random, 225, 256), colour(random, 0, 90))
    if random.random() < 0.25:
        ground, ink = ink, ground
    image = Image.new("RGB", SIZE, ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIZE[0], int(random.integers(30, 110))), fill=colour(random, 0, 256))
    for _ in range(int(random.integers(6, 16))):
        x, y, w, h = (int(random.integers(*span)) for span in ((0, 800), (20, 560), (60, 420), (20, 260)))
        if random.random() < 0.6:
            radius = int(random.integers(0, 12))
            draw.rounded_rectangle((x, y, x + w, y + h), radius, fill=colour(random, 120, 256), outline=colour(random, 0, 200))
        size = int(random.choice([10, 12, 13, 14, 16, 18, 22, 28, 38, 60]))
        for line in range(y + 4, y + h - size, int(size * 1.4)):
            draw.text((x + 6, line), words(random, int(1.7 * w / size)), fill=ink, font_size=size)
    for _ in range(int(random.integers(0, 12))):
        x, y, radius = (int(random.integers(*span)) for span in ((0, 950), (0, 630), (4, 30)))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour(random, 0, 256), outline=ink)
    return image


def scene(random: Random) -> Image.Image:
    """Return noise of all scales under polygons and lines, each with its own shade, blurred by little."""
    pixels = np.full((SIZE[1], SIZE[0], 3), random.uniform(60, 190), np.float32)
    slope, strength = random.uniform(0.35, 1.2), random.uniform(60, 220)
    cells = 3
    while cells < SIZE[0]:
        coarse = random.normal(0, strength / cells**slope, (max(2, cells * SIZE[1] // SIZE[0]), cells, 3)).astype(np.float32)
        pixels += cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
        cells *= 2
    for _ in range(int(random.integers(10, 60))):
        middle, reach = random.uniform((0, 0), SIZE), random.uniform(8, 160)
        corners = (middle + random.normal(0, reach, (int(random.integers(3, 9)), 2))).astype(np.int32)
        shade = random.normal(0, 45, 3).tolist()
        shape = np.zeros_like(pixels)
        if random.random() < 0.6:
            cv2.fillPoly(shape, [corners], shade, cv2.LINE_AA)
        else:
            cv2.polylines(shape, [corners], False, shade, int(random.integers(1, 9)), cv2.LINE_AA)
        pixels += shape
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.5)))


def colour(random: Random, darkest: int, brightest: int) -> tuple[int, int, int]:
    """Return a colour between two brightnesses."""
    red, green, blue = random.integers(darkest, brightest, 3).tolist()
    return red, green, blue


def words(random: Random, letters: int) -> str:
    """Return words of so many letters in all, some with capitals, some numbers."""
    alphabet = list("eeeettaaooinshrdlucmfywgpbvkxqjz" + "EASTRINOLCD0123456789,.-:" + " " * 9)
    return "".join(random.choice(alphabet, max(1, letters)))


def pictures(count: int) -> Iterator[tuple[str, Image.Image]]:
    """Yield `count` pages and as many scenes, with a copy of each, by name."""
    for number in range(count):
        for kind, draw in (("page", page), ("scene", scene)):
            image = draw(np.random.default_rng([number, kind == "page"]))
            yield f"{kind}-{number}", image
            smaller = image.resize((SIZE[0] * 3 // 5, SIZE[1] * 3 // 5), Image.Resampling.LANCZOS)
            yield f"{kind}-{number}-small", smaller.filter(ImageFilter.GaussianBlur(0.6))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=150, help="pages, and as many scenes")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, image in pictures(options.pictures):
        image.save(options.folder / f"{name}.png")


if __name__ == "__main__":
    main()
