"""The pHash of 576 bits equals ambience's."""

from pathlib import Path

from matcher.decode import Limits, decode
from matcher.fingerprints.phash576 import FLAT, PHash576
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.fingerprints.drawn import drawn
from tests.matcher.fingerprints.golden import golden_pairs, goldens, normal


class TestPHash576(FingerprintContract):
    fingerprint = PHash576()


def kept(hexadecimal: str) -> bytes | None:
    value = bytes.fromhex(hexadecimal)
    return None if value in FLAT else value


def test_golden(shared: Path) -> None:
    """Every golden value and that of the mirrored query, those of flat pictures excepted."""
    checked = 0
    for golden in goldens(shared):
        if not (value := golden.of("phash576")):
            continue
        expected = {"as is": kept(value["phash576"]), "mirrored": kept(value["phash576_mirrored"])}
        found = PHash576().compute_views(golden.picture())
        assert found == {view: value for view, value in expected.items() if value is not None}, str(golden)
        assert PHash576().compute(golden.picture()) == expected["as is"]
        checked += 1
    assert checked >= 45


def test_golden_of_the_file_as_we_decode_it(shared: Path) -> None:
    for golden in normal(shared):
        if golden.entry["mode"] == "I;16":
            continue  # Pillow makes it all white, we do not
        found = PHash576().compute(decode(golden.path.read_bytes(), Limits(), full=True))
        assert found == kept(golden.of("phash576")["phash576"]), str(golden)


def test_golden_distances(shared: Path) -> None:
    checked = 0
    for pair, a, b in golden_pairs(shared, turned=True):
        ours, theirs = PHash576().compute(a), PHash576().compute(b)
        if ours is not None and theirs is not None:
            assert round(float(PHash576().distance(ours, [theirs])[0]) * 576) == pair["phash576_hamming"], pair
            checked += 1
    assert checked >= 12


def test_a_mirrored_file_is_near_the_mirrored_query() -> None:
    known, asked = PHash576().compute(drawn("photo").view("mirrored")), PHash576().compute_views(drawn("photo"))
    assert known is not None
    assert PHash576().distance(asked["mirrored"], [known])[0] * 576 <= 8
    assert PHash576().distance(asked["as is"], [known])[0] * 576 > 200


def test_it_is_found_on_request_only() -> None:
    assert PHash576().exact and not PHash576().default
