"""`kuato evaluate --report`: the whole report on the samples, and what it refuses."""

import base64
import csv
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from matcher.evaluation import Found
from matcher.labelled import read_file
from matcher.match import Decision
from matcher.report.scores import Scorer
from tests.matcher.commands.conftest import Kuato, documents

SAMPLES = Path(__file__).parent.parent.parent.parent / "samples"


class Page(HTMLParser):
    """Collects what a page would load, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action", "poster")]


@pytest.mark.slow
def test_the_report_on_the_samples(kuato: Kuato, tmp_path: Path) -> None:
    report, out = tmp_path / "new" / "report", tmp_path / "out.jsonl"
    compare = ["--compare", "hashes=fingerprints.enabled=pdq,tiles", "--compare", "none=search.candidates=1"]
    [summary] = kuato.json("evaluate", SAMPLES, "--report", report, "--out", out, *compare)
    figures = json.loads((report / "figures.json").read_text())
    assert summary == {"report": str(report / "report.html"), **figures}
    lines = documents(out.read_text())
    assert lines == documents((report / "predictions.jsonl").read_text())

    truth = read_file(SAMPLES / "ground_truth.json")
    short = {name: name for name in truth.names} | {line["query"].rpartition("/")[2]: line["query"] for line in lines}
    renamed = truth.renamed({name: short[name] for name in truth.names})
    answers = {line["query"]: [Found(m["file"], Decision(m["decision"]), m["distance"]) for m in line["matches"]] for line in lines}
    assert figures["scores"] == Scorer(renamed).scores(answers)
    assert list(figures["compared"]) == ["these settings", "hashes", "none"]
    assert figures["compared"]["these settings"]["base_any"] == figures["scores"]["all"]["base_any"]
    assert figures["compared"]["hashes"]["base_any"] < figures["scores"]["all"]["base_any"]
    assert figures["compared"]["hashes"]["algorithms"] == "pdq, tiles"
    assert figures["growth"]["sizes"][-1] == len(lines)

    _check_page((report / "report.html").read_text(), len(list((report / "charts").glob("*.png"))))
    rows = list(csv.DictReader(io.StringIO((report / "thresholds.csv").read_text())))
    names = {"local", "pdq", "pdq-trimmed", "tiles", "tiles-trimmed", "sub-pictures", "fused"}
    assert {row["algorithm"] for row in rows} == set(figures["algorithms"]) == names
    assert len(rows) == 101 * len(names)
    for path in sorted((report / "charts").glob("*.png")):
        assert path.with_suffix(".svg").read_text().startswith("<?xml"), path
        with Image.open(path) as picture:
            picture.verify()
    for name in ("similarity", "similarity-decisions", "storage", "storage-and-truth", "confusion"):
        assert json.loads((report / f"{name}.json").read_text()), name


def _check_page(text: str, charts: int) -> None:
    page = Page(text)
    assert page.loads and all(load.startswith("data:image/") for load in page.loads), "it loads nothing"
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    assert "url(" not in text and "@import" not in text
    assert len(page.loads) > charts
    for load in page.loads:
        kind, _, data = load.partition(";base64,")
        content = base64.b64decode(data, validate=True)
        start = {"data:image/png": b"\x89PNG", "data:image/jpeg": b"\xff\xd8", "data:image/svg+xml": b"<?xml"}[kind]
        assert content.startswith(start)
        if kind.endswith("svg+xml"):
            assert not re.search(rb'(href|src)="(?!#|data:)', content)
    assert "Wrong YES" in text and "Missed" in text and "hashes" in text


def test_a_folder_a_cluster_needs_no_file(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "house").mkdir(parents=True)
    for name in ("house.png", "house-small.jpg"):
        shutil.copy(gallery / name, tmp_path / "in" / "house" / name)
    shutil.copy(gallery / "boat.png", tmp_path / "in" / "boat<script>.png")
    [figures] = kuato.json("evaluate", tmp_path / "in", "--report", tmp_path / "report", "--no-growth")
    assert figures["scores"]["all"]["recall_any"] == 1.0
    assert figures["growth"] is None
    assert "<script>" not in (tmp_path / "report" / "report.html").read_text()
    assert figures["clusters"]["true_clusters"] == 1


TRUTHS: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "no JSON"),
    "another JSON": ({"pictures": []}, "no ground truth"),
    "one cluster": ({"clusters": [{"id": "a", "members": ["house.png", "house-small.jpg"]}]}, "one cluster"),
    "no two together": ({"clusters": [], "distractors": ["house.png", "boat.png"]}, "no two pictures"),
    "contradictory": (
        {"clusters": [{"id": "a", "members": ["house.png", "boat.png"]}, {"id": "b", "members": ["boat.png", "white.png"]}]},
        "contradictory",
    ),
    "another folder": ({"clusters": [{"id": "a", "members": ["x.png", "y.png"]}]}, "does not hold"),
}


@pytest.mark.parametrize("case", TRUTHS)
def test_a_truth_that_cannot_be(kuato: Kuato, gallery: Path, tmp_path: Path, case: str) -> None:
    document, said = TRUTHS[case]
    (tmp_path / "truth.json").write_text(document if isinstance(document, str) else json.dumps(document))
    result = kuato("evaluate", gallery, "--ground-truth", tmp_path / "truth.json", "--report", tmp_path / "report")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr
    assert not (tmp_path / "report").exists()


def test_words_that_do_not_fit(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    report = ["--report", tmp_path / "report"]
    for words, said in (
        ([gallery], "nothing is asked for"),
        ([gallery, "--out", tmp_path / "out", "--compare", "a=search.candidates=1"], "--report"),
        ([gallery, "--out", tmp_path / "out", "--ground-truth", tmp_path / "file"], "--report"),
        ([gallery, "--report", tmp_path / "file"], "no folder"),
        ([gallery, *report], "--ground-truth"),
        ([gallery, *report, "--compare", "a"], "--compare"),
        ([gallery, *report, "--compare", "a=search.candidates=1", "--compare", "a=search.candidates=2"], "one name"),
        ([gallery, *report, "--compare", "a=search.candidatez=1"], "search.candidatez"),
        ([tmp_path / "empty", *report], "ground"),
    ):
        result = kuato("evaluate", *words)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), words
        assert said in result.stderr, words
    assert not (tmp_path / "report").exists() and not (tmp_path / "out").exists()


def test_pictures_none_of_which_can_be_decoded(kuato: Kuato, gallery: Path, tmp_path: Path) -> None:
    whole = (gallery / "boat.png").read_bytes()
    for folder, name in (("a", "1.png"), ("a", "2.png"), ("b", "3.png")):
        (tmp_path / "in" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / folder / name).write_bytes(whole[:60] + name.encode())
    result = kuato("evaluate", tmp_path / "in", "--report", tmp_path / "report")
    assert (result.exit_code, "none of the 3 pictures" in result.stderr) == (3, True)
