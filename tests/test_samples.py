"""The samples: what they are, and what Kuato makes of them."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from matcher.decode import Limits, decode
from matcher.evaluation import evaluate
from matcher.settings import Settings

SAMPLES = Path(__file__).parent.parent / "samples"
FILES = {path.name: path for path in SAMPLES.glob("*/*") if path.suffix in (".png", ".jpg", ".webp")}
TRUTH = json.loads((SAMPLES / "ground_truth.json").read_text())
CLUSTERS = [[member["file"] for member in cluster["members"]] for cluster in TRUTH["clusters"]]


def test_there_are_enough_and_they_are_small() -> None:
    assert len(FILES) >= 12
    assert sum(path.stat().st_size for path in FILES.values()) < 1_200_000


def test_the_ground_truth_names_every_sample_once() -> None:
    named = [file for files in CLUSTERS for file in files] + TRUTH["distractors"]
    assert sorted(named) == sorted(FILES)


@pytest.mark.parametrize("path", FILES.values(), ids=lambda path: path.name)
def test_every_sample_can_be_decoded(path: Path) -> None:
    with Image.open(path) as image:
        assert decode(path.read_bytes(), Limits()).size == image.size


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> dict[str, dict[str, str]]:
    """For each sample the decision about each other one that was found."""
    folder = tmp_path_factory.mktemp("samples")
    images = folder / "images"
    images.mkdir()
    for path in FILES.values():
        shutil.copy(path, images)
    settings = Settings.load(environ={}, overrides={"redis.url": redis_url, "workers.count": 1})
    evaluate(images, folder / "predictions.jsonl", settings)
    lines = map(json.loads, (folder / "predictions.jsonl").read_text().splitlines())
    return {line["query"]: {match["file"]: match["decision"] for match in line["matches"]} for line in lines}


@pytest.mark.parametrize(
    "copy",
    [
        "marrowbridge-phishing-cookies.png",
        "tinlark-phishing-warning.jpg",
        "tinlark-half.webp",
        "ovalquay-phishing-text.webp",
        "ovalquay-in-browser.png",
    ],
)
def test_copies_are_accepted(answers: dict[str, dict[str, str]], copy: str) -> None:
    original = next(files[0] for files in CLUSTERS if copy in files)
    assert answers[copy].get(original) == "YES"


@pytest.mark.parametrize("copy", ["marrowbridge-mirrored.jpg", "octopus-crop.png", "octopus-forum-post.jpg"])
def test_harder_copies_are_at_least_for_review(answers: dict[str, dict[str, str]], copy: str) -> None:
    original = next(files[0] for files in CLUSTERS if copy in files)
    assert answers[copy].get(original) in ("YES", "MAYBE")


def test_nothing_wrong_is_accepted(answers: dict[str, dict[str, str]]) -> None:
    together = {(a, b) for files in CLUSTERS for a in files for b in files}
    assert [(a, b) for a, found in answers.items() for b, decision in found.items() if decision == "YES" and (a, b) not in together] == []
