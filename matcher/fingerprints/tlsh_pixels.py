"""TLSH of the picture's pixels rather than of its file.

Source: J. Oliver, C. Cheng, Y. Chen, "TLSH - A Locality Sensitive Hash", 2013; the py-tlsh library. Douglas-Quaid hashed each
picture saved as an uncompressed BMP, so that only the pixels counted.
"""

import numpy as np
import tlsh

from matcher.fingerprints.tlsh import TLSH
from matcher.picture import Picture

LONGEST = 512


class TLSHPixels(TLSH):
    """Statistics of the byte triplets of the pixels in a BMP's order.

    compute: 35 bytes, the hexadecimal hash without its "T1", of these bytes: the picture at most 512 pixels a side, rows from
        the bottom up, each pixel blue, green, red, each row filled with zeros to a multiple of four; no header. None with too
        little variety.
    distance: TLSH's own difference / 500, at most 1.
    """

    name, version, family = "tlsh-pixels", 1, "bytes"

    def compute(self, picture: Picture) -> bytes | None:
        found = tlsh.hash(pixel_bytes(picture))
        return bytes.fromhex(found.removeprefix("T1")) if found not in ("", "TNULL") else None


def pixel_bytes(picture: Picture) -> bytes:
    """Return the bytes that are hashed."""
    rows = picture.rgb(LONGEST)[::-1, :, ::-1].reshape(-1, 3 * picture.rgb(LONGEST).shape[1])
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()
