"""The set of look-alike pages: its labels are consistent, its pages differ where they must and only there."""

import json
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import imagehash
import pytest
from PIL import Image

from benchmarks.looks.brands import make_brands
from benchmarks.looks.browser import missing
from benchmarks.looks.designs import DESIGNS, Design
from benchmarks.looks.page import Page
from benchmarks.looks.truth import transversals
from benchmarks.looks.words import LANGUAGES

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "lookalikes.py"
BRANDS = make_brands(3, 26)


def page(design: Design, brand: int = 0, contents: int = 0, **look: Any) -> Page:
    return Page(3, design.name, BRANDS[brand], contents, **({"language": "en"} | look))


def test_brands_have_names_of_their_own() -> None:
    assert len({brand.name for brand in BRANDS}) == 26
    assert make_brands(3, 26) == BRANDS != make_brands(4, 26)


def test_every_text_is_there_in_every_language() -> None:
    for language in LANGUAGES.values():
        assert all(text.strip() for text in language.texts.values())
        assert language.texts.keys() == LANGUAGES["en"].texts.keys()


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_a_page_is_the_same_again_and_another_for_each_brand_and_contents(design: Design) -> None:
    html = design.draw(page(design))
    assert design.draw(page(design)) == html
    assert len({html, design.draw(page(design, brand=1)), design.draw(page(design, contents=1))}) == 3


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_a_look_changes_the_page(design: Design) -> None:
    looks = {"changed": {"visit": 1}, "theme": {"dark": True}, "cookie": {"cookie": True}, "language": {"language": "ru"}}
    html = design.draw(page(design))
    for variant, look in looks.items():
        if variant not in design.without:
            assert design.draw(page(design, **look)) != html, variant


def test_groups_hold_each_pair_of_files_of_different_pages_once() -> None:
    pages = [["a1", "a2", "a3"], ["b1"], ["c1", "c2"], ["d1", "d2", "d3", "d4", "d5", "d6"]]
    together = Counter(frozenset(pair) for group in transversals(pages) for pair in combinations(group, 2))
    expected = [frozenset((a, b)) for one, other in combinations(pages, 2) for a in one for b in other]
    assert together == Counter(expected)


def test_a_wrong_design_is_named(tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, SCRIPT, tmp_path, "--designs", "webmail,nothing"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "no design nothing; there are bank, webmail" in result.stderr


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of three designs with two pages each, as the script makes it."""
    lacking = missing()
    if lacking:
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("looks")
    command = [sys.executable, SCRIPT, folder, "--seed", "7", "--pages", "2", "--sparse", "2", "--designs", "webmail,threads,receipt"]
    subprocess.run(command, check=True, timeout=300, stdout=subprocess.DEVNULL)
    return folder


def test_the_ground_truth_names_every_picture(tiny: Path) -> None:
    truth = json.loads((tiny / "ground_truth.json").read_text("utf-8"))
    members = [member["file"] for cluster in truth["clusters"] for member in cluster["members"]]
    named = members + [entry["file"] for entry in truth["distractors"]]
    assert sorted(named) == sorted(path.name for path in (tiny / "images").iterdir())
    assert len(truth["clusters"]) == 3
    assert all(cluster["members"][0]["variant"] == "base" and len(cluster["members"]) == 6 for cluster in truth["clusters"])
    assert len(truth["distractors"]) == 3 + 6 * 2


def test_a_group_of_look_alikes_never_holds_two_pictures_of_one_page(tiny: Path) -> None:
    truth = json.loads((tiny / "ground_truth.json").read_text("utf-8"))
    cluster_of = {member["file"]: cluster["id"] for cluster in truth["clusters"] for member in cluster["members"]}
    for group in truth["hard_negatives"]:
        pages = [cluster_of.get(file, file) for file in group["files"]]
        assert len(set(pages)) == len(pages) > 1


def test_the_pictures_show_pages(tiny: Path) -> None:
    truth = json.loads((tiny / "ground_truth.json").read_text("utf-8"))
    hashes = []
    for cluster in truth["clusters"]:
        with Image.open(tiny / "images" / cluster["members"][0]["file"]) as picture:
            assert picture.width >= 1280
            assert picture.convert("L").getextrema()[1] - picture.convert("L").getextrema()[0] > 100
            hashes.append(imagehash.phash(picture))
    assert all(a - b > 8 for a, b in combinations(hashes, 2))
