"""The pictures of a report."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from matcher.report import graphs
from matcher.report.findings import Findings, shares
from matcher.report.layout import places
from matcher.report.mistakes import difficulty
from matcher.report.plots import COLOURS, Drawing, Labels, bars, curve, histogram, matrix, network
from matcher.report.scaling import Scaling
from matcher.report.scores import Scorer
from matcher.report.spread import Spread

UNIT = (0.0, 1.02)
RIGHT, WRONG, NEUTRAL = "#2f8f4e", "#cc2222", "#999999"
_POINTS = 2000  # of a curve, at most


def charts(findings: Findings) -> Iterator[tuple[str, str, Drawing]]:
    """Yield the name, a sentence of explanation, and the picture of each chart."""
    spreads = findings.spreads
    yield "roc", "Recall against the share of different pairs taken for the same; towards the upper left is better.", _roc(spreads)
    yield "precision-recall", "Precision against recall, over one list of all pairs.", _precision(spreads)
    for name, spread in spreads.items():
        marks = {word: at for word, at in zip(("YES", "MAYBE"), findings.bounds(name), strict=True) if at >= 0}
        text = "Distances of the same and of different pictures; the bounds are dashed."
        yield f"distances-{name}", text, _distances(name, spread, marks)
        yield f"rates-{name}", "What every threshold would do.", _rates(name, spread, marks)
    yield from _found(findings)
    yield "answers", "How the best answers are divided.", _answers(findings)
    if findings.clustering.shared.size:
        text = "How many pictures each true cluster (row) shares with each proposed one (column): a diagonal is what is wanted."
        yield "clusters", text, matrix(findings.clustering.shared, Labels("True and proposed clusters", "proposed cluster", "true cluster"))
    if findings.scaling is not None:
        yield "growth", "Time of one adding and of one search against the size of the store.", _growth(findings.scaling)
    yield (
        "similarity-graph",
        "Every picture and its two best answers: green is right, red is wrong, grey not to be counted.",
        _similarity(findings),
    )
    yield (
        "storage-graph",
        "Proposed clusters and their pictures; one colour a true cluster, grey what belongs to no other.",
        _storage(findings),
    )


def _roc(spreads: Mapping[str, Spread]) -> Drawing:
    lines = {}
    for name, spread in _each(spreads):
        _, recall, fpr, _ = spread.rates()
        kept = _thinned(len(fpr))
        lines[f"{name} ({spread.area():.4f})"] = np.maximum(fpr[kept], _least(spread)), recall[kept]
    return curve(lines, Labels("ROC (area)", "false positive rate", "recall", None, UNIT), log="x")


def _precision(spreads: Mapping[str, Spread]) -> Drawing:
    lines = {}
    for name, spread in _each(spreads):
        _, recall, _, precision = spread.rates()
        kept = _thinned(len(recall))
        lines[f"{name} (uAP {spread.average_precision():.3f})"] = recall[kept], precision[kept]
    return curve(lines, Labels("Precision and recall", "recall", "precision", UNIT, UNIT))


def _each(spreads: Mapping[str, Spread]) -> list[tuple[str, Spread]]:
    return [(name, spread) for name, spread in spreads.items() if spread.compared]


def _distances(name: str, spread: Spread, marks: dict[str, float]) -> Drawing:
    same, different, edges = spread.histogram()
    return histogram({"same": same, "different": different}, edges, Labels(f"Distances: {name}", "distance", "share of pairs"), marks=marks)


def _rates(name: str, spread: Spread, marks: dict[str, float]) -> Drawing:
    table = spread.table(200)
    at = [one.threshold for one in table]
    rows = [one.row() for one in table]
    wanted = {"recall (TPR)": "tpr", "FPR": "fpr", "precision": "precision", "F1": "f1", "accuracy": "accuracy"}
    lines = {title: (at, [row[key] for row in rows]) for title, key in wanted.items()}
    return curve(lines, Labels(f"By threshold: {name}", "threshold", "rate", UNIT, UNIT), marks=marks)


def _found(findings: Findings) -> Iterator[tuple[str, str, Drawing]]:
    rows = Scorer(findings.truth).scores(findings.trial.answers)["rows"]
    for name, title, of_difficulty in (("variants", "Found by variant", False), ("difficulties", "Found by difficulty", True)):
        shown = [row for row in rows if row.startswith("difficulty:") == of_difficulty]
        shown.sort(key=lambda row: difficulty(row.removeprefix("difficulty:")) if row.startswith("difficulty:") else 0)
        if shown:
            series = {"YES or MAYBE": [rows[row]["any"] for row in shown], "YES": [rows[row]["yes"] for row in shown]}
            labels = [f"{row.removeprefix('difficulty:')} ({rows[row]['n']})" for row in shown]
            yield (
                name,
                "Share of the variants by which the first of their cluster was found.",
                bars(labels, series, Labels(title, "share", "", UNIT)),
            )


def _answers(findings: Findings) -> Drawing:
    found = shares(findings.trial, findings.truth)
    labels = {
        "best answer is YES": "queries_yes",
        "best answer is MAYBE": "queries_maybe",
        "no answer": "queries_no",
        "MAYBE, of all answers": "answers_maybe",
        "right ones, of all MAYBE": "maybe_right",
        "MAYBE, of the true pairs": "true_pairs_maybe",
    }
    return bars(list(labels), {"share": [found[key] for key in labels.values()]}, Labels("Answers", "share", "", UNIT))


def _growth(scaling: Scaling) -> Drawing:
    add, search = scaling.exponents()
    lines = {
        f"add (exponent {add:.2f})": (scaling.sizes, [1000 * seconds for seconds in scaling.add]),
        f"search (exponent {search:.2f})": (scaling.sizes, [1000 * seconds for seconds in scaling.search]),
    }
    return curve(lines, Labels("Growth", "pictures in the store", "ms"), log="xy", dots=True)


def _similarity(findings: Findings) -> Drawing:
    truth, graph = findings.truth, graphs.similarity(findings.trial)
    names = [node["id"] for node in graph["nodes"]]
    edges = list(graphs.edges(graph, names))
    colours = [
        NEUTRAL if truth.skipped(edge["from"], edge["to"]) else RIGHT if truth.same(edge["from"], edge["to"]) else WRONG
        for edge in graph["edges"]
    ]
    return network(places(names, edges), _cluster_colours(findings, names), edges, colours, Labels("Similarity graph", "", ""))


def _storage(findings: Findings) -> Drawing:
    groups = [group for group in findings.clustering.proposed if group]
    names = [name for group in groups for name in group]
    number = {name: n for n, name in enumerate(names)}
    edges = [(number[group[0]], number[name]) for group in groups for name in group[1:]]
    colours = _cluster_colours(findings, names)
    return network(places(names, edges), colours, edges, ["#dddddd"] * len(edges), Labels("Storage graph", "", ""))


def _cluster_colours(findings: Findings, names: list[str]) -> list[str]:
    number = {cluster: n for n, cluster in enumerate(findings.truth.clusters)}
    of = findings.truth.cluster_of
    return [COLOURS[number[of[name]] % len(COLOURS)] if name in of else "#bbbbbb" for name in names]


def _thinned(count: int) -> NDArray[np.int64]:
    """Return which points of a curve to draw."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, _POINTS)).astype(np.int64)) if count else np.zeros(0, np.int64)


def _least(spread: Spread) -> float:
    """Return where a false positive rate of 0 is drawn on a logarithmic axis: below the least that could be measured."""
    return 0.5 / max(int(spread.different.sum()), 1)
