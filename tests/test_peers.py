"""The peers' rules of benchmarks/peers.py: Douglas-Quaid merges as the golden cases say, all pairs are found."""

import importlib.util
import io
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.matcher.fingerprints.drawn import file

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "peers.py"


@pytest.fixture(scope="module")
def peers() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("peers", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["peers"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["peers"]


def test_golden_merging(peers: ModuleType, shared: Path) -> None:
    checked = 0
    for case in json.loads((shared / "algorithms" / "golden.json").read_text())["douglas_quaid"]["merging"]:
        if set(case["input"]) <= set(peers.RULE):
            weights = {name: peers.RULE[name][2] for name in case["input"]}
            mean = sum(distance * weights[name] for name, (distance, _) in case["input"].items()) / sum(weights.values())
            assert mean == pytest.approx(case["distance"]["weighted_mean"])
            # Distances that mean the decisions of the case, which were given there by themselves.
            places = {"YES": lambda yes, maybe: yes, "MAYBE": lambda yes, maybe: (yes + maybe) / 2, "NO": lambda yes, maybe: 1.0}
            bounds = {name: peers.RULE[name][:2] for name in case["input"]}
            if all(decision != "MAYBE" or bounds[name][0] < bounds[name][1] for name, (_, decision) in case["input"].items()):
                distances = {name: places[decision](*bounds[name]) for name, (_, decision) in case["input"].items()}
                assert peers.merged(distances)[0] == case["decision"]["weighted_majority"], case
                checked += 1
    assert checked >= 6


def test_golden_orb(peers: ModuleType, shared: Path) -> None:
    """RANSAC_ORB was always 1 there, for want of identical descriptors."""
    folder = shared / "algorithms"
    pair = json.loads((folder / "golden.json").read_text())["orb_pairs"][0]
    a, b = (peers.see(folder / "images" / pair[side]) for side in "ab")
    assert peers.ransac_orb(a.descriptors, b.descriptors) == pair["upstream_ransac_orb_distance"] == 1
    assert peers.ransac_orb(a.descriptors, a.descriptors) == 0


def test_each_finds_what_it_can(peers: ModuleType, tmp_path: Path) -> None:
    mirrored = ImageOps.mirror(Image.open(io.BytesIO(file("photo"))))
    mirrored.save(tmp_path / "g.png")
    names = {"a.png": "page", "b.png": "page:edited", "c.webp": "page:half", "d.png": "page2"}
    names |= {"e.png": "white", "f.png": "white", "h.png": "photo"}
    for name, drawing in names.items():
        (tmp_path / name).write_bytes(file(drawing))
    with ProcessPoolExecutor(1) as pool:
        pictures = peers.seen(sorted(tmp_path.iterdir()), pool)
        answers = {name: rule(pictures) for name, rule in peers.peers(pool).items()}
    found = {name: {n: sorted(one.other for one in some) for n, some in answer.items() if some} for name, answer in answers.items()}
    assert found["pdq-31"] == {0: [1, 2], 1: [0, 2], 2: [0, 1]}
    assert found["pdq-31-turned"] == {0: [1, 2], 1: [0, 2], 2: [0, 1], 6: [7], 7: [6]}
    assert found["phash-same"][4] == [5]  # to whom flat pictures are all the same
    assert found["douglas-quaid"][0] == [1] and found["douglas-quaid"][4] == [5]  # and never a copy of half the size
    assert 3 not in found["douglas-quaid"] and 3 not in found["pdq-31"]


def test_all_pairs_are_compared(peers: ModuleType) -> None:
    random = np.random.default_rng(1)
    hashes = [random.integers(0, 256, 2, np.uint8).tobytes() for _ in range(60)]
    seen = [peers.Seen(Path(str(n)), value, value, (), np.zeros((0, 32), np.uint8), None) for n, value in enumerate(hashes)]
    answers = peers.within(seen, lambda picture: [picture.phash], 4)
    found = {(n, one.other) for n, some in answers.items() for one in some}
    assert found == {(a, b) for a in range(60) for b in range(60) if a != b and peers.differing(hashes[a], hashes[b]) <= 4} != set()


def test_predictions_are_written_as_evaluate_writes_them(peers: ModuleType, tmp_path: Path) -> None:
    pictures = [peers.Seen(Path(f"{name}.png"), b"", b"", (), np.zeros((0, 32), np.uint8), None) for name in "abc"]
    answers = {0: [peers.Found(1, "MAYBE", 0.1), peers.Found(2, "YES", 0.25)]}
    peers.write(answers, pictures, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["query"] for line in lines] == ["a.png", "b.png", "c.png"]
    assert [(match["file"], match["decision"]) for match in lines[0]["matches"]] == [("c.png", "YES"), ("b.png", "MAYBE")]
    assert lines[1]["matches"] == []
