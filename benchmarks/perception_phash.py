"""How far the pHash of thorn's perception library, as MISP's cert-pl-phishing objects hold it, is from the one computed here.

    python benchmarks/perception_phash.py --images FOLDER

perception's definition (hash_size 8, highfreq_factor 4, first term included): OpenCV's grey, shrunk to 32 x 32 by area, DCT, the
lowest 8 x 8 frequencies against their median. ImageHash's differs in one thing: it shrinks with Lanczos' filter.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import scipy.fftpack

from matcher.decode import decode
from matcher.errors import BadPicture
from matcher.fingerprints.phash import PHash
from matcher.picture import Picture
from matcher.settings import Settings


def perception(picture: Picture) -> bytes:
    """Return the hash by perception's definition, 8 bytes."""
    grey = cv2.cvtColor(picture.rgb(), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    lowest = scipy.fftpack.dct(scipy.fftpack.dct(small, axis=1), axis=0)[:8, :8].ravel()
    return np.packbits(lowest >= np.median(lowest)).tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    limits, ours, bits = Settings.load(environ={}).limits(), PHash(), Counter[int]()
    too_simple = 0
    for path in sorted(parser.parse_args().images.rglob("*")):
        try:
            picture = decode(path.read_bytes(), limits, full=True, name=path.name) if path.is_file() else None
        except BadPicture:
            continue
        if picture is None or (known := ours.compute(picture)) is None:
            too_simple += picture is not None
            continue
        bits[(int.from_bytes(known, "big") ^ int.from_bytes(perception(picture), "big")).bit_count()] += 1
    pictures = sum(bits.values())
    shares = {f"within {most}": round(sum(n for far, n in bits.items() if far <= most) / pictures, 4) for most in (0, 2, 4, 8)}
    print(json.dumps({"pictures": pictures, "too_simple": too_simple, "differing_bits": dict(sorted(bits.items())), **shares}))


if __name__ == "__main__":
    main()
