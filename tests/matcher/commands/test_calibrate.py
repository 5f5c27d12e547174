"""`kuato sample` and `kuato calibrate`."""

import json
import sys
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import pytest

from matcher.decision import Rules
from tests.matcher.commands.conftest import Kuato

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SAMPLES = Path(__file__).parent.parent.parent.parent / "samples"
RATES = ("--false-positive-rate", "0.05", "--false-negative-rate", "0.1")


@pytest.fixture(scope="module")
def labels() -> dict[str, Any]:
    return dict(json.loads((SAMPLES / "ground_truth.json").read_text()))


@pytest.fixture
def folder(tmp_path: Path, labels: dict[str, Any]) -> Path:
    """Three clusters of two, and two that belong to no other."""
    made = tmp_path / "labelled"
    for cluster in labels["clusters"][:3]:
        (made / cluster["id"]).mkdir(parents=True)
        for member in cluster["members"][:2]:
            copy(next(SAMPLES.glob(f"*/{member['file']}")), made / cluster["id"])
    for name in ("skerry-weather.png", "courier-news.webp"):
        copy(next(SAMPLES.glob(f"*/{name}")), made)
    return made


def test_bounds_are_found_written_and_used(kuato: Kuato, folder: Path, tmp_path: Path) -> None:
    rules, report = tmp_path / "rules.toml", tmp_path / "figures"
    [document] = kuato.json("calibrate", folder, folder, *RATES, "--out", rules, "--report", report)
    assert document["pictures"] == 8
    assert document["pairs"] == {"same": 3, "different": 25, "clusters": 5}
    assert document["targets"] == {"false_positive_rate": 0.05, "false_negative_rate": 0.1}
    assert set(document["algorithms"]) == {"pdq", "pdq-trimmed", "tiles", "tiles-trimmed", "sub-pictures", "local"}
    assert document["fused"]["on_used"]["false_positive_rate"]["wrong"] <= 0.05 * 25
    assert any("only 3 pairs belong together" in warning for warning in document["warnings"])
    written = Rules.load(rules)
    for name, found in document["algorithms"].items():
        assert written.bounds(name) == (found["yes"], found["maybe"])
    kept = tomllib.loads(rules.read_text())
    shipped = tomllib.loads((SAMPLES.parent / "config" / "decision.toml").read_text())
    assert {name for name in shipped if kept[name] != shipped[name]} <= set(document["algorithms"])
    assert json.loads((report / "calibration.json").read_text()) == document
    assert {"roc.png", "roc.svg", "local-distances.png", "fused-rates.svg"} <= {path.name for path in report.iterdir()}
    pair = sorted((folder / "tinlark").iterdir())
    [compared] = kuato.json("--set", f"decision.rules={rules}", "compare", *pair)
    assert {one["algorithm"]: one["threshold"] for one in compared["evidence"]}["pdq"] == written.bounds("pdq")[0]


def test_in_words(kuato: Kuato, folder: Path, tmp_path: Path) -> None:
    result = kuato(
        "calibrate", folder, folder, "--true-negative-rate", "0.95", "--true-positive-rate", "0.9", "--out", tmp_path / "rules.toml"
    )
    assert result.exit_code == 0, result.stderr
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["algorithm", "yes", "maybe", "alone:", "yes", "maybe", "best", "F1"]
    assert {row.split()[0] for row in rows[:6]} == {"pdq", "pdq-trimmed", "tiles", "tiles-trimmed", "sub-pictures", "local"}
    assert "the pairs used" in result.stdout and f"--set decision.rules={tmp_path / 'rules.toml'}" in result.stdout
    assert "warning: only 3 pairs belong together" in result.stderr


def test_reviews_count(kuato: Kuato, folder: Path, tmp_path: Path) -> None:
    reviews = tmp_path / "reviews.jsonl"
    extra = folder / "_unsure"
    extra.mkdir()
    copy(SAMPLES / "queries" / "tinlark-half.webp", extra)
    copy(SAMPLES / "queries" / "lookalike-login.png", extra)
    verdicts = [("tinlark-half.webp", "tinlark-login.png", "confirmed"), ("lookalike-login.png", "tinlark-login.png", "rejected")]
    reviews.write_text("".join(json.dumps({"a": a, "b": b, "verdict": verdict}) + "\n" for a, b, verdict in verdicts))
    [document] = kuato.json("calibrate", folder, folder, *RATES, "--reviews", reviews)
    assert document["pairs"] == {"same": 4, "different": 26, "clusters": 6}
    reviews.write_text(json.dumps({"a": "skerry-weather.png", "b": "tinlark-login.png", "verdict": "confirmed"}) + "\n")
    result = kuato("calibrate", folder, folder, *RATES, "--reviews", reviews)
    assert (result.exit_code, "contradictory labels" in result.stderr) == (2, True)


def test_of_many_pairs_some_are_drawn(kuato: Kuato, folder: Path) -> None:
    [document] = kuato.json("calibrate", folder, folder, *RATES, "--most-pairs", "12")
    assert (document["pairs"]["same"], document["pairs"]["different"]) == (3, 12)


def test_a_picture_that_cannot_be_decoded_is_left_out(kuato: Kuato, folder: Path) -> None:
    broken = folder / "tinlark" / "broken.png"
    broken.write_bytes((folder / "skerry-weather.png").read_bytes()[:300])
    result = kuato("calibrate", folder, folder, *RATES, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["refused"] and "tinlark/broken.png" in result.stderr
    assert json.loads(result.stdout)["pictures"] == 8


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{folder}", "{folder}"], 2, "give either --false-positive-rate or --true-negative-rate"),
        (["{folder}", "{folder}", "--false-positive-rate", "0.1"], 2, "give either --false-negative-rate or --true-positive-rate"),
        (["{folder}", "{folder}", "--false-positive-rate", "2", "--true-positive-rate", "0.5"], 2, "not in the range"),
        (["{folder}/nowhere", "{folder}", *RATES], 4, "is no folder"),
        (["{folder}", "{folder}/nowhere.json", *RATES], 4, "does not exist"),
        (["{folder}/tinlark", "{folder}/tinlark", *RATES], 2, "no two pictures belong together"),
        (["{folder}", "{folder}/skerry-weather.png", *RATES], 2, "is no JSON"),
        (["{folder}", "{folder}", *RATES, "--out", "{folder}/nowhere/rules.toml"], 2, "cannot be written"),
        (["{folder}", "{folder}", *RATES, "--hold-out", "1"], 2, "not in the range"),
    ],
)
def test_what_cannot_be_is_told(kuato: Kuato, folder: Path, arguments: list[str], code: int, message: str) -> None:
    result = kuato("calibrate", *(each.format(folder=folder) for each in arguments))
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


def test_one_cluster_is_not_enough(kuato: Kuato, folder: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    copytree(folder / "tinlark", one / "tinlark")
    result = kuato("calibrate", one, one, *RATES)
    assert (result.exit_code, "all pictures are in one cluster" in result.stderr) == (2, True)


def test_a_sample_is_grouped_and_can_be_calibrated_with(kuato: Kuato, tmp_path: Path) -> None:
    target = tmp_path / "sample"
    [document] = kuato.json("sample", "12", target, "--from", SAMPLES)
    assert document["pictures"] == 12
    assert document["clusters"] >= 2 and document["singles"] >= 2
    found = [path for path in target.rglob("*") if path.is_file() and path.name != "graph.json"]
    assert len(found) == 12
    ours = {path.name: path.read_bytes() for path in SAMPLES.glob("*/*")}
    assert all(ours[path.name] == path.read_bytes() for path in found)
    clusters = [path for path in target.iterdir() if path.name.startswith("cluster-")]
    assert len(clusters) == document["clusters"]
    truth = json.loads((SAMPLES / "ground_truth.json").read_text())
    of = {member["file"]: cluster["id"] for cluster in truth["clusters"] for member in cluster["members"]}
    assert all(len({of[path.name] for path in cluster.iterdir()}) == 1 < len(list(cluster.iterdir())) for cluster in clusters)
    by_folder = kuato.json("calibrate", target, target, *RATES)[0]["pairs"]
    by_graph = kuato.json("calibrate", target, target / "graph.json", *RATES)[0]["pairs"]
    assert by_folder == by_graph


def test_the_same_seed_draws_the_same_sample(kuato: Kuato, tmp_path: Path) -> None:
    names = []
    for number, seed in enumerate("112"):
        kuato.json("sample", "8", tmp_path / str(number), "--from", SAMPLES, "--seed", seed)
        names.append({path.relative_to(tmp_path / str(number)) for path in (tmp_path / str(number)).rglob("*.*")})
    assert names[0] == names[1] != names[2]


def test_known_pictures_are_drawn_where_their_files_still_are(kuato: Kuato, folder: Path, tmp_path: Path) -> None:
    empty = kuato("sample", "4", tmp_path / "sample")
    assert (empty.exit_code, "no known picture's file" in empty.stderr) == (2, True)
    kuato.json("add", folder)
    (folder / "skerry-weather.png").unlink()
    [document] = kuato.json("sample", "20", tmp_path / "sample")
    assert document["pictures"] == 7


def test_a_sample_does_not_mix_with_what_is_there(kuato: Kuato, folder: Path, tmp_path: Path) -> None:
    result = kuato("sample", "4", folder, "--from", SAMPLES)
    assert (result.exit_code, "exists and is not empty" in result.stderr) == (5, True)
    result = kuato("sample", "4", tmp_path / "a" / "b", "--from", SAMPLES)
    assert (result.exit_code, "there is no folder" in result.stderr) == (4, True)
    (tmp_path / "none").mkdir()
    assert kuato("sample", "4", tmp_path / "sample", "--from", tmp_path / "none").exit_code == 3
