"""The shared set of hostile and odd files, each through the real worker, each with the outcome that a sane service gives."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from matcher.decode import Limits, decode
from matcher.errors import BadPicture, DecodeCrash, DecodeTimeout
from matcher.extraction import Fingerprints
from matcher.fingerprints import registry
from matcher.pool import WorkerPool
from tests.matcher.processes import named, peak_memory

LIMITS = Limits(seconds=2.0)

# Where the set leaves the choice: what we do.
ACCEPTED = {
    "truncated_tail.jpg": "with a warning",
    "no_iend.png": "all pixels are there",
    "tiff_float32.tif": "scaled, with a warning",
    "favicon.ico": "its largest picture",
    "ztxt_3MB_expands.png": "text is not read",
    "ztxt_bomb_64MB.png": "text is not read",
    "iccp_bomb_64MB.png": "colour profiles are not read",
}
REFUSED = {
    "corrupt_scan.jpg": "DamagedPicture",
    "cursor.cur": "NotAPicture",
    "avif.avif": "NotAPicture",
    "jpeg2000.jp2": "NotAPicture",
    "tga.tga": "NotAPicture",
    "ppm.ppm": "NotAPicture",
}


@pytest.fixture(scope="module")
def malformed(shared: Path) -> Path:
    return shared / "data" / "malformed"


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(LIMITS, [*registry.load(), "pdq"], 1) as pool:
        yield pool


def outcome(pool: WorkerPool, path: Path) -> Fingerprints | BadPicture:
    try:
        return pool.fingerprint(path.read_bytes(), query=True, name=path.name)
    except BadPicture as error:
        return error


def test_every_file_has_its_expected_outcome(malformed: Path, pool: WorkerPool) -> None:
    files = json.loads((malformed / "ground_truth.json").read_text())["files"]
    assert len(files) == 110
    assert pool.fingerprint((malformed / "files" / "rgba_half.png").read_bytes())
    (worker,) = named("matcher.worker")
    wrong: list[tuple[object, ...]] = []
    for entry in files:
        name = entry["file"]
        started = time.monotonic()
        found = outcome(pool, malformed / "files" / name)
        spent = time.monotonic() - started
        accepted = isinstance(found, Fingerprints)
        expected = {"accept": True, "error": False, "either": name in ACCEPTED}[entry["expect"]]
        if entry["expect"] == "either" and (name in ACCEPTED) == (name in REFUSED):
            wrong.append((name, "not decided"))
        if accepted != expected or spent > 2.0 or isinstance(found, (DecodeCrash, DecodeTimeout)):
            wrong.append((name, found, spent))
        if not accepted and REFUSED.get(name, type(found).__name__) != type(found).__name__:
            wrong.append((name, found))
        if not accepted and not str(found).startswith(name[:20].split("\u202e")[0]):
            wrong.append((name, str(found)))
    assert wrong == []
    assert named("matcher.worker") == {worker}, "one worker survives them all"
    assert peak_memory(worker) < 300 << 20


def test_orientations_match_each_other(malformed: Path, pool: WorkerPool) -> None:
    found = [outcome(pool, malformed / "files" / f"exif_orientation_{n}.jpg") for n in range(1, 9)]
    hashes = [f.values["pdq"] for f in found if isinstance(f, Fingerprints)]
    assert len(hashes) == 8 and {f.size for f in found if isinstance(f, Fingerprints)} == {(240, 180)}
    distances = registry.load(["pdq"])["pdq"].distance(hashes[0], hashes)
    assert distances.max() * 256 <= 31


@pytest.mark.parametrize(
    ("name", "twin", "apart"),
    [
        ("interlaced_adam7.png", "cmyk_reference.png", 0),
        ("trailing_garbage.png", "cmyk_reference.png", 0),
        ("ztxt_bomb_64MB.png", "cmyk_reference.png", 0),
        ("corrupt_icc.png", "cmyk_reference.png", 0),
        ("cmyk.jpg", "cmyk_reference.png", 8),
        ("tiff_cmyk_lzw.tif", "cmyk_reference.png", 8),
        ("truncated_tail.jpg", "jpeg_named.png", 1),
    ],
)
def test_twins_show_the_same(malformed: Path, name: str, twin: str, apart: float) -> None:
    one, other = (decode((malformed / "files" / n).read_bytes(), LIMITS) for n in (name, twin))
    assert one.pixels.shape == other.pixels.shape
    assert np.abs(one.pixels.astype(int) - other.pixels).mean() <= apart


@pytest.mark.parametrize("name", ["white.png", "fully_transparent.png", "1x1.png", "1x1.gif", "animated_blank_first_frame.gif", "8x8.jpg"])
def test_what_shows_nothing_is_too_simple(malformed: Path, pool: WorkerPool, name: str) -> None:
    found = outcome(pool, malformed / "files" / name)
    assert isinstance(found, Fingerprints) and "pdq" in found.too_simple


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tif", "bmp"])
def test_half_a_file_is_called_truncated(malformed: Path, pool: WorkerPool, suffix: str) -> None:
    assert "image is truncated" in str(outcome(pool, malformed / "files" / f"truncated_half.{suffix}"))
