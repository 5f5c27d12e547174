"""The golden vectors: what the algorithms' first authors' code gave for some forty pictures."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from matcher.picture import Picture


@dataclass(frozen=True)
class Golden:
    """One picture as another tool loaded it (variant), and all that was computed from it."""

    path: Path
    variant: str
    entry: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.path.name} ({self.variant})"

    def of(self, tool: str) -> dict[str, Any]:
        """Return what `tool` gave for this variant, {} if it was not asked."""
        return dict(self.entry.get(tool, {}).get(self.variant, {}))

    def picture(self) -> Picture:
        with Image.open(self.path) as image:
            pixels = np.asarray(_load(image, self.variant))
        return Picture(self.path.read_bytes(), str(self.entry["format"]), (pixels.shape[1], pixels.shape[0]), pixels)


def goldens(shared: Path, variants: tuple[str, ...] = ("rgb", "white", "raw", "rgb_untransposed", "raw_transposed")) -> Iterator[Golden]:
    """Yield every picture in every variant that has golden values."""
    folder = shared / "algorithms"
    for name, entry in json.loads((folder / "golden.json").read_text())["images"].items():
        for variant in variants:
            if variant in entry["imagehash"]:
                yield Golden(folder / "images" / name, variant, entry)


def normal(shared: Path) -> Iterator[Golden]:
    """Yield every picture in the variant that is our normal form: turned, transparency on white."""
    for golden in goldens(shared, ("rgb", "white")):
        if golden.variant == "white" or "white" not in golden.entry["imagehash"]:
            yield golden


def _load(image: Image.Image, variant: str) -> Image.Image:
    if variant not in ("raw", "rgb_untransposed"):
        image = ImageOps.exif_transpose(image)
    if variant == "white":
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
    return image.convert("L" if variant.startswith("raw") else "RGB")


def golden_pairs(shared: Path, turned: bool) -> Iterator[tuple[dict[str, Any], Picture, Picture]]:
    """Yield every pair with golden distances, and both of its pictures."""
    for pair in json.loads((shared / "algorithms" / "golden.json").read_text())["pairs"]:
        yield pair, as_rgb(shared, pair["a"], turned), as_rgb(shared, pair["b"], turned)


def as_rgb(shared: Path, name: str, turned: bool) -> Picture:
    """Return a golden picture as RGB, without its transparency; not turned, as most tools read it, or turned as EXIF says."""
    with Image.open(shared / "algorithms" / "images" / name) as image:
        pixels = np.asarray(_load(image, "rgb" if turned else "rgb_untransposed"))
    return Picture(b"", "RGB", (pixels.shape[1], pixels.shape[0]), pixels)
