"""TLSH of the file's bytes equals py-tlsh's."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import tlsh

from matcher.fingerprints.tlsh import TLSH
from matcher.picture import Picture
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn, file
from tests.matcher.fingerprints.golden import goldens


class TestTLSH(FingerprintContract):
    fingerprint = TLSH()
    same: ClassVar = [("photo", "photo:edited"), ("page", "page:edited")]
    different: ClassVar = [("photo", "page"), ("photo", "photo:q30"), ("page", "page2")]
    too_simple: ClassVar[list[str]] = []


def bytes_only(data: bytes) -> Picture:
    return Picture(data, "PNG", (1, 1), np.zeros((1, 1), np.uint8))


def test_golden(shared: Path) -> None:
    for golden in goldens(shared, ("rgb",)):
        expected, found = golden.entry["tlsh_file"], TLSH().compute(golden.picture())
        assert (found is None) if expected == "TNULL" else (found is not None and "T1" + found.hex().upper() == expected), str(golden)


def test_distance_is_tlshs_own_difference_over_500() -> None:
    a, b = TLSH().compute(drawn("photo")), TLSH().compute(drawn("photo:q30"))
    assert a and b
    theirs = tlsh.diff(tlsh.hash(file("photo")), tlsh.hash(file("photo:q30")))
    assert TLSH().distance(a, [b])[0] == min(theirs / 500, 1)


def test_too_few_or_too_even_bytes_have_none() -> None:
    assert TLSH().compute(bytes_only(b"short")) is None
    assert TLSH().compute(bytes_only(b"")) is None
    assert TLSH().compute(bytes_only(bytes(10_000))) is None
