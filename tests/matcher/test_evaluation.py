"""The evaluation on the samples, whose truth is known."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import redis

from matcher.errors import BadRequest, StoreUnavailable
from matcher.evaluation import Evaluation, evaluate
from matcher.settings import Settings

Lines = dict[str, dict[str, Any]]


def lines(out: Path) -> Lines:
    return {line["query"]: line for line in map(json.loads, out.read_text().splitlines())}


def decisions(found: Lines) -> dict[tuple[str, str], tuple[str, float]]:
    return {(query, match["file"]): (match["decision"], match["distance"]) for query, line in found.items() for match in line["matches"]}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, sample_files: list[Path]) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for path in sample_files:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def sample_files() -> list[Path]:
    root = Path(__file__).parent.parent.parent / "samples"
    return sorted(path for path in root.glob("*/*") if path.suffix in (".png", ".jpg", ".webp"))


@pytest.fixture(scope="module")
def own_settings(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(environ={}, overrides={"redis.url": redis_url, "data.dir": tmp_path_factory.mktemp("data"), "workers.count": 1})


@pytest.fixture(scope="module")
def evaluated(pictures: Path, own_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Lines]:
    out = tmp_path_factory.mktemp("out") / "predictions.jsonl"
    return evaluate(pictures, out, own_settings), lines(out)


@pytest.fixture
def keys(redis_url: str) -> Iterator[Callable[[], set[bytes]]]:
    with redis.Redis.from_url(redis_url) as client:
        yield lambda: set(client.keys())


def test_every_file_is_a_query_and_never_its_own_answer(evaluated: tuple[Evaluation, Lines], sample_files: list[Path]) -> None:
    figures, found = evaluated
    assert set(found) == {path.name for path in sample_files}
    assert figures == Evaluation(len(sample_files), 0, sum(len(line["matches"]) for line in found.values()))
    for query, line in found.items():
        named = [match["file"] for match in line["matches"]]
        assert query not in named
        assert len(named) == len(set(named))
        assert all(match["decision"] in ("YES", "MAYBE") and 0 <= match["distance"] <= 1 for match in line["matches"])


def test_the_truth_is_found_and_nothing_else_is_sure(evaluated: tuple[Evaluation, Lines], sample: Callable[[str], Path]) -> None:
    truth = json.loads(sample("ground_truth.json").read_text())
    related = {pair for cluster in truth["clusters"] for pair in permutations([member["file"] for member in cluster["members"]], 2)}
    found = decisions(evaluated[1])
    sure = {pair for pair, (decision, _) in found.items() if decision == "YES"}
    assert sure <= related
    assert len(set(found) & related) > 0.6 * len(related)


def test_names_carry_no_meaning(
    evaluated: tuple[Evaluation, Lines], pictures: Path, own_settings: Settings, tmp_path: Path, keys: Callable[[], set[bytes]]
) -> None:
    before = keys()
    chance = random.Random(3)
    names = {path.name: f"{chance.getrandbits(64):016x}" for path in pictures.iterdir()}
    (tmp_path / "renamed").mkdir()
    for old, new in names.items():
        shutil.copy(pictures / old, tmp_path / "renamed" / new)
    steps: list[tuple[str, int, int]] = []
    evaluate(tmp_path / "renamed", tmp_path / "out", own_settings, lambda *step: steps.append(step))
    expected = {(names[query], names[known]): decision for (query, known), decision in decisions(evaluated[1]).items()}
    assert decisions(lines(tmp_path / "out")) == expected
    assert steps == [(step, n, len(names)) for step in ("add", "search") for n in range(1, len(names) + 1)]
    assert keys() == before, "the temporary store is gone"


def test_copies_and_refused_files(pictures: Path, settings: Settings, tmp_path: Path, keys: Callable[[], set[bytes]]) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(pictures / "tinlark-login.png", folder / name)
    (folder / "notes\u2028.txt").write_text("no picture")
    (folder / "inner").mkdir()
    assert evaluate(folder, tmp_path / "out", settings) == Evaluation(3, 1, 2)
    found = lines(tmp_path / "out")
    assert "notes" in found.pop("notes\u2028.txt")["error"]
    assert decisions(found) == {("a.png", "b.png"): ("YES", 0.0), ("b.png", "a.png"): ("YES", 0.0)}
    assert keys() == set()


def test_no_files_no_evaluation(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name in ("empty", "file", "missing"):
        with pytest.raises(BadRequest, match=name):
            evaluate(tmp_path / name, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_stopped_in_the_middle_it_leaves_nothing(
    pictures: Path, settings: Settings, tmp_path: Path, keys: Callable[[], set[bytes]]
) -> None:
    def interrupt(step: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(pictures, tmp_path / "out", settings, interrupt)
    assert keys() == set()


def test_without_redis(pictures: Path, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        evaluate(pictures, tmp_path / "out", settings.with_overrides({"redis.url": "redis://127.0.0.1:1"}))
