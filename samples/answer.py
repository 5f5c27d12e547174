"""Draws docs/images/answer.png: two answers as Kuato gives them, each with the question, the known picture, and what they share.

python samples/answer.py
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from canvas import Canvas
from PIL import Image

SAMPLES = Path(__file__).parent
PAIRS = [
    ("queries/tinlark-phishing-warning.jpg", "baseline/tinlark-login.png", "somebody's report"),
    ("queries/market-photo.jpg", "seen/market-listing.jpg", "a photograph from a phone"),
]
WIDTH, ROW, SIDE = 1000, 330, 390
COLOURS = {"YES": "#0f766e", "MAYBE": "#b45309", "NO": "#475467"}


def answer(query: Path, known: Path) -> dict[str, Any]:
    """Return what Kuato says of two pictures."""
    kuato = Path(sys.executable).with_name("kuato")
    said = subprocess.run([kuato, "compare", "--json", query, known], capture_output=True, text=True, check=True).stdout
    return dict(json.loads(said))


def show(canvas: Canvas, path: Path, left: float, top: float, region: list[float], colour: str) -> None:
    """Lay a picture on the canvas, and a frame around a region of it (left, top, right, bottom in 0..1)."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
        picture.thumbnail((SIDE, ROW - 90))
    canvas.card((left - 4, top - 4, left + picture.width + 4, top + picture.height + 4), 6)
    canvas.put(picture, left, top)
    x0, y0, x1, y1 = (side * length for side, length in zip(region, picture.size * 2, strict=True))
    canvas.box((left + x0, top + y0, left + x1, top + y1), None, 4, colour, 3)


def draw() -> Image.Image:
    """Return the picture."""
    canvas = Canvas(WIDTH, ROW * len(PAIRS) + 20, "#f2f4f7", "#e4e7ec")
    for number, (query, known, source) in enumerate(PAIRS):
        said = answer(SAMPLES / query, SAMPLES / known)
        top = number * ROW + 50
        (local,) = [one for one in said["evidence"] if one["alignment"]]
        colour = COLOURS[said["decision"]]
        canvas.text(40, top - 18, f"asked: {source}", 15, "#475467")
        canvas.text(560, top - 18, f"known: {known.partition('/')[2]}", 15, "#475467")
        show(canvas, SAMPLES / query, 40, top, local["alignment"]["query_region"], colour)
        show(canvas, SAMPLES / known, 560, top, local["alignment"]["known_region"], colour)
        canvas.box((446, top + 70, 542, top + 104), colour, 17)
        canvas.text(494, top + 94, said["decision"], 20, "white", "ms", 0.4)
        say = ", ".join(one["algorithm"] for one in said["evidence"] if one["decision"] == said["decision"])
        says = f"{say} {'say' if ',' in say else 'says'} {said['decision']}"
        line = f"{said['relation']}: {local['alignment']['inliers']} features agree; {says}"
        canvas.text(40, top + ROW - 62, line, 15)
    return canvas.done()


if __name__ == "__main__":
    target = SAMPLES.parent / "docs" / "images" / "answer.png"
    target.parent.mkdir(exist_ok=True)
    draw().quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
    print(target)
