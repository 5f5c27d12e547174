"""`kuato hash`: without Redis."""

import hashlib
from pathlib import Path

import imagehash
import pytest
from PIL import Image

from matcher.fingerprints import registry
from tests.matcher.commands.conftest import Kuato, documents


@pytest.fixture
def offline(kuato: Kuato) -> Kuato:
    kuato.options.append("--redis=redis://127.0.0.1:1")
    return kuato


def test_one_algorithm_as_other_tools_print_it(offline: Kuato, gallery: Path) -> None:
    house = gallery / "house.png"
    lines = [line.split("  ") for line in offline("hash", house, "--algorithm", "phash").stdout.splitlines()]
    with Image.open(house) as image:
        phash = str(imagehash.phash(image))
    assert lines == [[hashlib.sha256(house.read_bytes()).hexdigest(), "sha256", str(house)], [phash, "phash", str(house)]]


def test_all_are_all_that_are_installed(offline: Kuato, gallery: Path) -> None:
    [found] = offline.json("hash", "--all", gallery / "boat.png")
    assert set(found["fingerprints"]) | set(found["too_simple"]) == {name for name, kind in registry.available().items() if kind.confined}
    assert (found["width"], found["height"], found["format"]) == (640, 480, "PNG")


def test_the_default_is_what_the_settings_enable(offline: Kuato, gallery: Path) -> None:
    [found] = offline.json("--set", "fingerprints.enabled=dhash,pdq", "hash", gallery / "boat.png")
    assert list(found["fingerprints"]) == ["dhash", "pdq"]


def test_too_simple_is_said_in_place_of_the_value(offline: Kuato, gallery: Path) -> None:
    result = offline("hash", gallery / "white.png", "--algorithm", "pdq")
    assert result.stdout.splitlines()[1] == f"too-simple  pdq  {gallery / 'white.png'}"


def test_a_bad_file_does_not_stop_the_others(offline: Kuato, gallery: Path) -> None:
    result = offline("hash", __file__, gallery / "boat.png", "--algorithm", "pdq", "--json")
    failed, hashed = documents(result.stdout)
    assert (result.exit_code, failed["error"]["code"], "pdq" in hashed["fingerprints"]) == (3, "not-a-picture", True)


def test_a_folder_without_pictures_is_an_error(offline: Kuato, tmp_path: Path) -> None:
    result = offline("hash", tmp_path)
    assert (result.exit_code, "there are no pictures in" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [(["--algorithm", "nope"], 2, "no fingerprint is called 'nope'"), (["--all", "--algorithm", "pdq"], 2, "exclude each other")],
)
def test_wrong_algorithms(offline: Kuato, gallery: Path, arguments: list[str], code: int, reason: str) -> None:
    result = offline("hash", gallery / "boat.png", *arguments)
    assert (result.exit_code, reason in result.stderr) == (code, True)
