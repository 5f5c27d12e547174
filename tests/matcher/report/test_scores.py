"""The figures are those of the contract's own script, on random answers to a real truth."""

import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from matcher.evaluation import Found
from matcher.labelled import read_file
from matcher.match import Decision
from matcher.report.scores import Scorer
from matcher.truth import GroundTruth, Lookalikes


@pytest.fixture(scope="module")
def script(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", shared / "eval" / "score.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module
    spec.loader.exec_module(module)
    return module


def answered(truth: GroundTruth, seed: int) -> dict[str, list[Found]]:
    """Answers of a search that is often right."""
    chance = random.Random(seed)
    answers = {}
    alike = {name: group.files for group in truth.lookalikes for name in group.files}
    for query in truth.names:
        if chance.random() < 0.02:
            continue
        members = truth.clusters.get(truth.cluster_of.get(query, ""), ())
        others = [*chance.sample(truth.names, 2), *chance.sample(members, len(members) // 2), *alike.get(query, ())[:3]]
        answers[query] = [
            Found(name, chance.choice([Decision.YES, Decision.MAYBE, Decision.NO]), chance.random()) for name in dict.fromkeys(others)
        ]
    return answers


def as_lines(answers: dict[str, list[Found]]) -> str:
    return "".join(
        json.dumps({"query": query, "matches": [{"file": m.file, "decision": m.decision.value, "distance": m.distance} for m in found]})
        + "\n"
        for query, found in answers.items()
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_the_figures_of_the_script(script: ModuleType, shared: Path, tmp_path: Path, seed: int) -> None:
    path = shared / "data" / "dev" / "ground_truth.json"
    truth = read_file(path)
    answers = answered(truth, seed)
    (tmp_path / "predictions.jsonl").write_text(as_lines(answers))
    theirs = script.Truth(path)
    expected: dict[str, Any] = script.score(theirs, script.read_predictions(tmp_path / "predictions.jsonl", theirs))
    ours = Scorer(truth).scores(answers)
    assert ours == expected
    assert ours["all"]["false_yes_hard"] > 0
    assert ours["missing_queries"] > 0


def test_each_figure_by_hand() -> None:
    truth = GroundTruth(
        {"one": ("a", "b", "c")},
        ("d", "e", "f"),
        {"a": "base", "b": "crop", "c": "blur"},
        {"f": "photo"},
        (Lookalikes(("d", "e"), Decision.MAYBE),),
        difficulty_of={"b": "hard"},
        distractors=frozenset("f"),
    )
    yes, maybe = Decision.YES, Decision.MAYBE
    answers = {
        "a": [Found("b", yes, 0.1), Found("d", maybe, 0.3)],
        "b": [Found("d", yes, 0.1), Found("a", maybe, 0.2)],
        "c": [],
        "d": [Found("e", maybe, 0.1)],
        "e": [Found("d", yes, 0.1)],
        "f": [Found("a", yes, 0.1), Found("c", maybe, 0.2)],
    }
    found = Scorer(truth).scores(answers)
    assert found["all"] == {
        "queries": 6,
        "true_pairs": 6,
        "recall_yes": 0.1667,
        "recall_any": 0.3333,
        "base_yes": 0.0,
        "base_any": 0.5,
        "top1": 0.3333,
        "precision_yes": 0.25,
        "precision_base": 0.0,
        "false_yes": 3,
        "false_yes_hard": 1,
        "false_yes_per_million": 125000.0,
        "lone_yes_per_1000": 1000.0,
        "review_load": 0.3333,
    }
    assert found["photo"]["queries"] == 1
    assert found["rows"] == {
        "difficulty:?": {"n": 1, "yes": 0.0, "any": 0.0},
        "difficulty:hard": {"n": 1, "yes": 0.0, "any": 1.0},
        "screenshot:blur": {"n": 1, "yes": 0.0, "any": 0.0},
        "screenshot:crop": {"n": 1, "yes": 0.0, "any": 1.0},
    }
    assert found["missing_queries"] == 0


def test_nothing_of_nothing_is_no_figure() -> None:
    found = Scorer(GroundTruth({}, ("a", "b"))).scores({})
    assert found["all"]["recall_yes"] is None
    assert found["all"]["lone_yes_per_1000"] == 0
    assert found["missing_queries"] == 2


def test_only_what_was_asked_counts() -> None:
    truth = GroundTruth({"a": ("a1", "a2", "a3")}, ("e", "f"))
    answers = {"a2": [Found("a1", Decision.YES, 0.1)], "e": [Found("unknown to the truth", Decision.MAYBE, 0.2)]}
    some = Scorer(truth, frozenset({"a2", "e"})).scores(answers)
    assert (some["all"]["queries"], some["all"]["base_any"], some["all"]["review_load"], some["missing_queries"]) == (2, 1.0, 0.5, 0)
    every = Scorer(truth).scores(answers)
    assert (every["all"]["queries"], every["all"]["base_any"], every["all"]["review_load"], every["missing_queries"]) == (5, 0.5, 0.2, 3)
