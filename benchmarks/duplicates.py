"""What `kuato duplicates` costs on a folder, and whether it finds the copies that were put there.

    python benchmarks/duplicates.py --pictures 10000

Draws different pictures, and of every fifth a smaller copy in another format, of every tenth one with the same bytes. Tells
the time and memory of the whole command, and how many groups are right: all files of one picture, no others.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZE = (640, 480)


def draw(seed: int) -> Image.Image:
    """Return noise of all scales with some rectangles, the same for the same seed."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    for cells in (3, 7, 15, 40):
        pixels += cv2.resize(random.normal(0, 110 / cells**0.6, (cells, cells, 3)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    scene = np.ascontiguousarray(np.clip(pixels + 128, 0, 255).astype(np.uint8))
    for _ in range(40):
        left, top, width, height = (int(n) for n in random.integers((0, 0, 10, 10), (600, 440, 90, 70)))
        cv2.rectangle(scene, (left, top), (left + width, top + height), [int(c) for c in random.integers(0, 256, 3)], -1)
    return Image.fromarray(scene)


def write(job: tuple[Path, int]) -> int:
    """Write one picture with its copies; return how many files that were."""
    folder, number = job
    picture, path = draw(number), folder / f"{number}-a.jpg"
    picture.save(path, quality=90)
    if number % 5 == 0:
        picture.resize((SIZE[0] * 3 // 5, SIZE[1] * 3 // 5), Image.Resampling.LANCZOS).save(folder / f"{number}-b.webp", quality=70)
    if number % 10 == 0:
        (folder / f"{number}-c.jpg").write_bytes(path.read_bytes())
    return 1 + (number % 5 == 0) + (number % 10 == 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000, help="files in the folder, about")
    wanted = int(parser.parse_args().pictures / 1.3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "in")
        folder.mkdir()
        with ProcessPoolExecutor() as drawers:
            files = sum(drawers.map(write, ((folder, number) for number in range(wanted)), chunksize=50))
        started = time.perf_counter()
        command = [sys.executable, "-m", "matcher.cli", "duplicates", str(folder), "--json"]
        environ = {**os.environ, "XDG_CONFIG_HOME": name}
        answer = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True, text=True).stdout
        seconds = time.perf_counter() - started
    groups = [{Path(one["file"]).name for one in json.loads(line)["files"]} for line in answer.splitlines()]
    expected = defaultdict(set)
    for number in range(0, wanted, 5):
        expected[number] = {f"{number}-a.jpg", f"{number}-b.webp", *([f"{number}-c.jpg"] if number % 10 == 0 else [])}
    right = sum(group in expected.values() for group in groups)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{files} files: {seconds:.0f} s, {1000 * seconds / files:.1f} ms a file, largest process {peak:.0f} MB")
    print(f"{right} of {len(expected)} groups found and right, {len(groups) - right} others")


if __name__ == "__main__":
    main()
