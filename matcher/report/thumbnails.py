"""Small copies of the pictures that a report shows.

They are made in this process: the pictures are the operator's own, and each has just passed a confined worker.
"""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image

from matcher.decode import Limits, decode
from matcher.errors import BadPicture

LONGEST = 260
_QUALITY = 60


def thumbnails(names: Iterable[str], files: Mapping[str, Path], limits: Limits) -> dict[str, bytes]:
    """Return a JPEG of each picture, its longer side LONGEST pixels at most; without those that cannot be decoded any more."""
    found = {}
    for name in dict.fromkeys(names):
        try:
            pixels = decode(files[name].read_bytes(), limits, name=name).rgb(LONGEST)
        except (BadPicture, OSError, KeyError):
            continue
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
        found[name] = file.getvalue()
    return found
