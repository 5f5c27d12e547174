"""Quality holds: how much the shipped settings find, and how much of that is right, on pictures that are the same each time.

A third of the development set where that is at hand; else, and always, the samples and photographs that are drawn here.
"""

import base64
import random
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.looks.edits import EDITS
from benchmarks.looks.photos import photo_url
from matcher.evaluation import trial
from matcher.labelled import read
from matcher.report.scores import Scorer
from matcher.settings import Settings
from matcher.truth import GroundTruth

SAMPLES = Path(__file__).parent.parent.parent / "samples"
PARTS = 3
DRAWN, LONE = 8, 16
SHOWN = ("base_yes", "base_any", "top1", "precision_yes", "precision_base", "false_yes", "lone_yes_per_1000", "review_load")


@pytest.fixture
def shipped(redis_url: str, tmp_path: Path) -> Settings:
    return Settings.load(environ={}, overrides={"redis.url": redis_url, "data.dir": tmp_path / "data"})


def scores(files: Mapping[str, Path], truth: GroundTruth, settings: Settings) -> dict[str, Any]:
    """What `kuato evaluate --report` tells of these pictures, under names that tell nothing, in an order that tells nothing."""
    chance = random.Random(len(files))
    names = {name: f"{chance.getrandbits(64):016x}" for name in truth.names}
    anonymous = {new: files[name] for new, name in sorted((new, name) for name, new in names.items())}
    return Scorer(truth.renamed(names)).scores(trial(anonymous, settings).answers)


def check(found: Mapping[str, Any], least: Mapping[str, float], most: Mapping[str, float]) -> None:
    """Hold figures against bounds; whatever fails, all of them are told."""
    low = [f"{name} {found['all'][name]} is below {bound}" for name, bound in least.items() if found["all"][name] < bound]
    high = [f"{name} {found['all'][name]} is above {bound}" for name, bound in most.items() if found["all"][name] > bound]
    lines = [f"{kind}: " + ", ".join(f"{name} {found[kind][name]}" for name in SHOWN) for kind in ("all", "screenshot", "photo")]
    rows = [f"{name}: n {row['n']}, YES {row['yes']}, YES or MAYBE {row['any']}" for name, row in found["rows"].items()]
    assert not low + high, "\n".join([*low, *high, *lines, *rows])


def part(truth: GroundTruth) -> GroundTruth:
    """One of PARTS parts, the same each time: whole clusters, with what is easily confused with them."""
    return truth.only(name for key, names in truth.families.items() if sha256(key.encode()).digest()[0] % PARTS == 0 for name in names)


@pytest.mark.slow
def test_on_a_third_of_the_development_set(shared: Path, shipped: Settings) -> None:
    folder = shared / "data" / "dev"
    if not folder.is_dir():
        pytest.skip(f"needs the development set, {folder.name}/, in the folder beside the project")
    labelled = read(folder / "images", folder / "ground_truth.json")
    truth = part(labelled.truth)
    assert len(labelled.truth.names) / 4 < len(truth.names) < len(labelled.truth.names) / 2.5
    found = scores(labelled.path_of, truth, shipped)
    check(
        found,
        {"base_yes": 0.83, "base_any": 0.92, "top1": 0.94, "precision_yes": 0.99, "precision_base": 0.999},
        {"lone_yes_per_1000": 0, "review_load": 0.4},
    )


def test_on_samples_and_drawn_photographs(tmp_path: Path, shipped: Settings) -> None:
    labelled = read(SAMPLES, SAMPLES / "ground_truth.json")
    files, truth = drawn(tmp_path)
    both = GroundTruth(
        {**labelled.truth.clusters, **truth.clusters},
        (*labelled.truth.singles, *truth.singles),
        {**labelled.truth.variant_of, **truth.variant_of},
        {**labelled.truth.kind_of, **truth.kind_of},
    )
    found = scores({**labelled.path_of, **files}, both, shipped)
    check(
        found,
        {"base_yes": 0.9, "base_any": 0.94, "top1": 0.93, "precision_yes": 1, "precision_base": 1},
        {"lone_yes_per_1000": 0, "review_load": 1.5},
    )


def drawn(folder: Path) -> tuple[dict[str, Path], GroundTruth]:
    """Photographs of nowhere, some with all that may happen to one, some alone."""
    files, clusters, variants = dict[str, Path](), dict[str, tuple[str, ...]](), dict[str, str]()
    for n in range(DRAWN + LONE):
        chance = random.Random(f"quality {n}")
        url = photo_url(chance, 640, 480)
        base = folder / f"{n}.jpg"
        base.write_bytes(base64.b64decode(url.partition(",")[2]))
        files[base.name] = base
        if n >= DRAWN:
            continue
        with Image.open(base) as opened:
            picture = opened.convert("RGB")
        for variant, (edit, _) in EDITS.items():
            path = folder / f"{n} {variant}.jpg"
            edit(picture, chance).save(path, quality=35 if variant == "recompressed" else 80)
            files[path.name], variants[path.name] = path, variant
        clusters[str(n)] = (base.name, *(f"{n} {variant}.jpg" for variant in EDITS))
    singles = tuple(f"{n}.jpg" for n in range(DRAWN, DRAWN + LONE))
    return files, GroundTruth(clusters, singles, variants, dict.fromkeys(files, "photo"))
