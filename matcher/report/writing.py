"""A report on disk: one page for people, and everything in it as files for programs."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matcher.decode import Limits
from matcher.errors import BadRequest
from matcher.evaluation import Progress, no_progress
from matcher.report import graphs, html
from matcher.report.charts import charts
from matcher.report.findings import Findings
from matcher.report.thumbnails import thumbnails

PAGE = "report.html"


def write(folder: Path, findings: Findings, files: Mapping[str, Path], limits: Limits, progress: Progress = no_progress) -> Path:
    """Write the report into a folder, which is made where there is none; return the path of its page.

    files: name -> file of each picture. Files of an earlier report are written over. Raises BadRequest where that is not possible.
    """
    drawn = []
    for chart in charts(findings):
        drawn.append(chart)
        progress("draw", len(drawn), len(drawn))
    mistakes = findings.mistakes
    shown = [name for one in (*mistakes.wrong_yes, *mistakes.missed, *mistakes.wrong_maybe) for name in (one.query, one.known)]
    page = html.page(findings, drawn, thumbnails(shown, files, limits), "How well Kuato decides")
    contents = {PAGE: page.encode(), **dict(_data(findings))}
    for name, _, drawing in drawn:
        contents |= {f"charts/{name}.png": drawing.png, f"charts/{name}.svg": drawing.svg}
    try:
        (folder / "charts").mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise BadRequest(f"the report cannot be written to {folder}: {error.strerror}; name another folder (--report)") from error
    return folder / PAGE


def _data(findings: Findings) -> Iterator[tuple[str, bytes]]:
    trial, clustering = findings.trial, findings.clustering
    yield "figures.json", _json(findings.document())
    yield "thresholds.csv", _thresholds(findings)
    yield "predictions.jsonl", "".join(json.dumps(line) + "\n" for line in trial.lines()).encode()
    yield (
        "confusion.json",
        _json(
            {
                "rows": [one.true for one in clustering.pairs],
                "columns": [f"cluster|{number}" for number in clustering.columns],
                "shared": clustering.shared.tolist(),
                "pairs": [{"true": one.true, "proposed": one.proposed, **one.rates.row()} for one in clustering.pairs],
            }
        ),
    )
    similarity, storage = graphs.similarity(trial), graphs.storage(trial, clustering)
    yield "similarity.json", _json(similarity)
    yield "similarity-decisions.json", _json(graphs.similarity(trial, by_decision=True))
    yield "similarity.graphml", graphs.graphml(similarity).encode("utf-8", "backslashreplace")
    yield "storage.json", _json(storage)
    yield "storage.graphml", graphs.graphml(storage).encode("utf-8", "backslashreplace")
    yield "storage-and-truth.json", _json(graphs.merged(trial, clustering, findings.truth))


def _thresholds(findings: Findings) -> bytes:
    """Return what thresholds in steps of 0.01 do, a line each, as CSV."""
    rows = [{"algorithm": name, **one.row()} for name, spread in findings.spreads.items() for one in spread.table(100)]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()
