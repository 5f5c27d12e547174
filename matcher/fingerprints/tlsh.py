"""TLSH, a locality-sensitive hash of the file's bytes.

Source: J. Oliver, C. Cheng, Y. Chen, "TLSH - A Locality Sensitive Hash", 2013; the py-tlsh library.
It measures the encoding, not the picture: the same picture saved again is as far away as another picture.
"""

from collections.abc import Sequence

import numpy as np
import tlsh
from numpy.typing import NDArray

from matcher.fingerprints.base import Fingerprint
from matcher.picture import Picture

LARGEST = 500
BYTES = 35


class TLSH(Fingerprint):
    """Statistics of the byte triplets of the file.

    compute: 35 bytes, the hexadecimal hash without its "T1"; None for fewer than 50 bytes, or too little variety.
    distance: TLSH's own difference / 500, at most 1. It has no useful upper bound: files of one edit differ by less than
        50, unrelated pictures by 240 to 530.
    """

    name, version, family = "tlsh", 1, "bytes"

    def compute(self, picture: Picture) -> bytes | None:
        found = tlsh.hash(picture.data)
        return bytes.fromhex(found.removeprefix("T1")) if found not in ("", "TNULL") else None

    def valid(self, fingerprint: bytes) -> bool:
        return len(fingerprint) == BYTES

    def distance(self, query: bytes, candidates: Sequence[bytes]) -> NDArray[np.float64]:
        ours = query.hex().upper()
        differences = np.array([tlsh.diff(ours, known.hex().upper()) for known in candidates], np.float64)
        return np.minimum(differences / LARGEST, 1.0)
