"""What fingerprints cost on one core, beside Pillow's full decode and beside other libraries, in the same run.

    python benchmarks/fingerprint.py

Two pictures are drawn: `page`, flat colours and text as on a login page, and `photo`, noise of all scales. For each file
three things take turns, and the medians are compared: Pillow decodes it; Kuato decodes and fingerprints it with the
default set; ImageHash's four hashes, pdqhash and OpenCV's ORB run one after another on the decoded picture at full size.
Processor time is compared, which also holds on a busy machine; our steps alone are timed by the clock. Exits with 1 when a
ratio is beyond its limit.
"""

import argparse
import io
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import cv2
import imagehash
import numpy as np
import pdqhash
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from matcher.decode import Limits
from matcher.extraction import extract
from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.registry import load

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class File:
    """A picture as a file, and how many times Pillow's decode all of ours may take."""

    name: str
    data: bytes
    limit: float


@dataclass(frozen=True)
class Measured:
    """Milliseconds, medians over the runs; `steps` are ours, `others` theirs."""

    name: str
    limit: float
    decode: float
    ours: float
    steps: dict[str, float]
    others: dict[str, float]

    @property
    def ratio(self) -> float:
        """Our decode and default set, in decodes of Pillow's."""
        return self.ours / self.decode

    @property
    def faster(self) -> float:
        """How many times the others' fingerprints take ours, decoding left out."""
        return sum(self.others.values()) / sum(cost for step, cost in self.steps.items() if step != "decode")


def page(width: int, height: int) -> Image.Image:
    """Return a login page: bars, a card with fields and a button, columns of small text."""
    rng = np.random.default_rng(1)
    image = Image.new("RGB", (width, height), "#f4f6f9")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, height // 12), fill="#1d3f72")
    draw.text((40, height // 40), "Harbour Bank", fill="white", font_size=height // 24)
    left, top = width // 3, height // 4
    draw.rounded_rectangle((left, top, width - left, height * 3 // 4), 16, fill="white", outline="#c9d1dc", width=2)
    for row, label in enumerate(("User name", "Password", "Code from your token")):
        y = top + 60 + row * height // 9
        draw.text((left + 40, y), label, fill="#445060", font_size=22)
        draw.rectangle((left + 40, y + 34, width - left - 40, y + 80), outline="#9aa7b8", width=2)
    draw.rounded_rectangle((left + 40, height * 3 // 4 - 80, width - left - 40, height * 3 // 4 - 24), 8, fill="#d9821f")
    for column in (30, width - left + 40):
        for y in range(height // 8, height - 60, 26):
            words = " ".join("".join(chr(97 + c) for c in rng.integers(0, 26, rng.integers(2, 10))) for _ in range(8))
            draw.text((column, y), words[:52], fill="#303844", font_size=18)
    return image


def photo(width: int, height: int) -> Image.Image:
    """Return noise of all scales, of photograph-like spectrum, with a few sharp edges."""
    rng = np.random.default_rng(2)
    pixels = np.full((height, width, 3), 120, np.float32)
    cells = 3
    while cells < width:
        coarse = rng.normal(0, 90 / cells**0.55, (max(2, cells * height // width), cells, 3)).astype(np.float32)
        pixels += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        cells *= 2
    for _ in range(40):
        x, y, radius = rng.integers(0, width), rng.integers(0, height), rng.integers(height // 60, height // 8)
        colour = tuple(float(c) for c in rng.normal(0, 35, 3))
        shape = cv2.circle(np.zeros_like(pixels), (int(x), int(y)), int(radius), colour, -1, cv2.LINE_AA)
        pixels += shape
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def files() -> Iterable[File]:
    """Yield the files to be measured, one at a time."""
    yield File("page-1280x800.png", saved(page(1280, 800), "PNG"), 2.2)
    yield File("page-1920x1080.png", saved(page(1920, 1080), "PNG"), 1.7)
    yield File("photo-1920x1080.png", saved(photo(1920, 1080), "PNG"), 1.7)
    yield File("photo-4000x3000.jpg", saved(photo(4000, 3000), "JPEG"), 1.3)


def saved(image: Image.Image, format: str) -> bytes:
    """Return the image as a file."""
    file = io.BytesIO()
    image.save(file, format, quality=90)
    return file.getvalue()


def measure(file: File, algorithms: dict[str, Fingerprint], runs: int) -> Measured:
    """Let the three take turns `runs` times, after one turn to warm up."""
    image = Image.open(io.BytesIO(file.data)).convert("RGB")
    pixels = np.asarray(image)
    orb = cv2.ORB.create()
    others: dict[str, Callable[[], object]] = {
        "ahash": lambda: imagehash.average_hash(image),
        "phash": lambda: imagehash.phash(image),
        "dhash": lambda: imagehash.dhash(image),
        "whash": lambda: imagehash.whash(image),
        "pdqhash": lambda: pdqhash.compute(pixels),
        "ORB": lambda: orb.detectAndCompute(pixels, None),
    }
    spent: dict[str, list[float]] = defaultdict(list)
    for run in range(runs + 1):
        costs = {"Pillow": timed(lambda: Image.open(io.BytesIO(file.data)).load())}
        started = time.process_time()
        steps = extract(file.data, algorithms, Limits()).timings
        costs["ours"] = (time.process_time() - started) * 1000
        costs |= {f"step {step}": cost for step, cost in steps.items()}
        costs |= {f"other {name}": timed(call) for name, call in others.items()}
        for name, cost in costs.items() if run else ():
            spent[name].append(cost)
    medians = {name: statistics.median(costs) for name, costs in spent.items()}
    return Measured(file.name, file.limit, medians["Pillow"], medians["ours"], parts(medians, "step "), parts(medians, "other "))


def timed(call: Callable[[], object]) -> float:
    """Return the milliseconds of processor time that `call` takes."""
    started = time.process_time()
    call()
    return (time.process_time() - started) * 1000


def parts(medians: dict[str, float], kind: str) -> dict[str, float]:
    """Return those whose name begins with `kind`, without it."""
    return {name.removeprefix(kind): cost for name, cost in medians.items() if name.startswith(kind)}


def report(results: list[Measured], least: float) -> None:
    """Print the ratios against their limits, and where the time goes."""
    console = Console(width=120)
    headings = "file", "Pillow decode", "ours, with decode", "ratio", "limit", "others / ours", "at least"
    ratios = Table(*headings, title="One core, medians, ms")
    for m in results:
        ours = f"{m.ours:.1f}", f"{m.ratio:.2f}", f"{m.limit:.1f}"
        ratios.add_row(m.name, f"{m.decode:.1f}", *ours, f"{m.faster:.1f}", f"{least:.0f}", style="" if kept(m, least) else "red")
    console.print(ratios)
    for title, steps in (("Ours, ms", "steps"), ("Others on the decoded picture, ms", "others")):
        names = list(getattr(results[0], steps))
        table = Table("file", *names, title=title)
        for m in results:
            table.add_row(m.name, *(f"{getattr(m, steps)[name]:.2f}" for name in names))
        console.print(table)


def kept(measured: Measured, least: float) -> bool:
    """Tell whether both ratios are within their limits."""
    return measured.ratio <= measured.limit and measured.faster >= least


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11, help="of each, the three taking turns")
    parser.add_argument("--algorithms", nargs="*", help="instead of the default set")
    parser.add_argument("--faster", type=float, default=3.0, help="how many times faster than the others ours must be")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    results = [measure(file, load(options.algorithms), options.runs) for file in files()]
    if options.json:
        print(json.dumps([asdict(m) | {"ratio": m.ratio, "faster": m.faster, "kept": kept(m, options.faster)} for m in results], indent=1))
    else:
        report(results, options.faster)
    return 0 if all(kept(m, options.faster) for m in results) else 1


if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():  # the linear algebra reads it once, when NumPy is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    sys.exit(main())
