"""A process that adds and removes pictures for as long as it lives, and writes down what was acknowledged.

    python -m tests.matcher.churn DATA_DIR LOG SEED [PICTURES]

Each line of the log is flushed before and after the operation: "+ SHA" begins adding, "A SHA" acknowledges it, "- SHA" begins
removing, "R SHA" acknowledges that. With PICTURES it adds that many, once each, and ends.
"""

import hashlib
import io
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from matcher.engine import Matcher
from matcher.errors import BadPicture, NotFound, StoreUnavailable
from matcher.settings import Settings
from matcher.source import Source


def drawing(seed: int) -> bytes:
    """Return a small PNG full of detail, another one for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((128, 96), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def matcher_on(data_dir: Path) -> Matcher:
    """Return a matcher on the embedded Redis of a folder, with one worker and a short lease."""
    return Matcher.open(Settings.load(environ={}, overrides={"data.dir": data_dir, "workers.count": 1, "add.lease_seconds": 2.0}))


class Log:
    """Lines that survive the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, mark: str, sha256: str) -> None:
        """Write one line, at once."""
        os.write(self._file, f"{mark} {sha256}\n".encode())


def churn(matcher: Matcher, log: Log, seed: int) -> None:
    """Add and remove pictures of our own at random until told to stop."""
    chance = random.Random(os.getpid())
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    while going:
        data = drawing(seed * 1000 + chance.randrange(40))
        sha256 = hashlib.sha256(data).hexdigest()
        removing = chance.random() < 0.4
        log.write("-" if removing else "+", sha256)
        try:
            if removing:
                matcher.remove(sha256)
            else:
                matcher.add(data, sources=[Source("churn", str(seed))])
            log.write("R" if removing else "A", sha256)
        except NotFound:
            log.write("R", sha256)
        except StoreUnavailable:
            time.sleep(0.05)
        except BadPicture:  # its worker was killed
            continue


def add_all(matcher: Matcher, log: Log, count: int) -> None:
    """Add the pictures 0 .. count - 1."""
    for n in range(count):
        log.write("A", matcher.add(drawing(n), sources=[Source("churn", str(os.getpid()))]).record.sha256)


def main(data_dir: str, log: str, seed: str, pictures: str = "") -> None:
    with matcher_on(Path(data_dir)) as matcher:
        if pictures:
            add_all(matcher, Log(Path(log)), int(pictures))
        else:
            churn(matcher, Log(Path(log)), int(seed))


if __name__ == "__main__":
    main(*sys.argv[1:])
