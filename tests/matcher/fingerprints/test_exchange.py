"""aHash, pHash, pHash simple, dHash, dHash vertical and wHash equal ImageHash's."""

from pathlib import Path

import pytest

from matcher.decode import Limits, decode
from matcher.fingerprints.ahash import AHash
from matcher.fingerprints.dhash import DHash
from matcher.fingerprints.dhash_vertical import DHashVertical
from matcher.fingerprints.exchange import ExchangeHash
from matcher.fingerprints.phash import PHash
from matcher.fingerprints.phash_simple import PHashSimple
from matcher.fingerprints.whash import WHash
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.golden import goldens, normal


class TestAHash(FingerprintContract):
    fingerprint = AHash()


class TestPHash(FingerprintContract):
    fingerprint = PHash()


class TestPHashSimple(FingerprintContract):
    fingerprint = PHashSimple()


class TestDHash(FingerprintContract):
    fingerprint = DHash()


class TestDHashVertical(FingerprintContract):
    fingerprint = DHashVertical()


class TestWHash(FingerprintContract):
    fingerprint = WHash()


ALL = pytest.mark.parametrize("algorithm", [AHash(), PHash(), PHashSimple(), DHash(), DHashVertical(), WHash()], ids=lambda a: a.name)


@ALL
def test_it_is_exchanged_on_request_only(algorithm: ExchangeHash) -> None:
    assert algorithm.exact and not algorithm.default


@ALL
def test_golden(algorithm: ExchangeHash, shared: Path) -> None:
    """Every golden value, those of flat pictures excepted: they identify nothing."""
    checked = 0
    for golden in goldens(shared):
        expected = bytes.fromhex(golden.of("imagehash")[algorithm.name.replace("-", "_")])
        assert algorithm.compute(golden.picture()) == (None if expected in algorithm.flat else expected), str(golden)
        checked += 1
    assert checked >= 55


@ALL
def test_golden_of_the_file_as_we_decode_it(algorithm: ExchangeHash, shared: Path) -> None:
    for golden in normal(shared):
        if golden.entry["mode"] == "I;16":
            continue  # Pillow makes it all white, we do not
        expected = bytes.fromhex(golden.of("imagehash")[algorithm.name.replace("-", "_")])
        found = algorithm.compute(decode(golden.path.read_bytes(), Limits(), full=True))
        assert found == (None if expected in algorithm.flat else expected), str(golden)
