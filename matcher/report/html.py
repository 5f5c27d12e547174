"""The report as one HTML page that loads nothing: pictures are within it, and it has no scripts."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from matcher.report.findings import Findings
from matcher.report.mistakes import Mistake
from matcher.report.plots import Drawing

Chart = tuple[str, str, Drawing]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #e3e3e3; text-align: right; font-size: .88rem; }
th:first-child, td:first-child { text-align: left; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; max-width: 37rem; } figure img { max-width: 100%; }
figcaption { font-size: .82rem; color: #555; } .wide { max-width: 100%; }
.mistake { display: flex; gap: 1rem; align-items: flex-start; border-bottom: 1px solid #e3e3e3; padding: .7rem 0; }
.mistake figure { width: 17rem; } .mistake figcaption { overflow-wrap: anywhere; } .said { font-size: .85rem; }
.scroll { overflow-x: auto; }
"""
_WIDE = ("similarity-graph", "storage-graph")
_RATES = ("threshold", "tp", "fp", "tn", "fn", "tpr", "fpr", "precision", "f1", "accuracy", "mcc")


def page(findings: Findings, charts: Sequence[Chart], thumbnails: Mapping[str, bytes], title: str) -> str:
    """Return the page. thumbnails: name of a picture -> JPEG, of those that the mistakes name."""
    document = findings.document()
    parts = [
        _summary(document),
        _section("Found and missed", _scores(document["scores"]), _charts(charts, ("variants", "difficulties", "answers"))),
        _section("Variants and difficulties", _rows(document["scores"]["rows"])),
        _compared(document["compared"]),
        _section("Algorithms", _algorithms(document["algorithms"]), _charts(charts, ("roc", "precision-recall"))),
        _section("Distances and thresholds", _charts(charts, [name for name, _, _ in charts if name.startswith(("distances-", "rates-"))])),
        _section("At the thresholds in force", _in_force(document["algorithms"])),
        _section("Clusters", _clusters(document["clusters"]), _charts(charts, ("clusters",))),
        _growth(document["growth"], charts),
        _section("Graphs", _charts(charts, _WIDE)),
        _mistakes("Wrong YES", findings.mistakes.wrong_yes, findings.mistakes.counts[0], thumbnails),
        _mistakes("Missed", findings.mistakes.missed, findings.mistakes.counts[1], thumbnails),
        _mistakes("Wrong MAYBE", findings.mistakes.wrong_maybe, findings.mistakes.counts[2], thumbnails),
        _refused(document["refused"]),
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><h1>{escape(title)}</h1>\n' + "\n".join(parts) + "\n</body></html>\n"
    )


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(parts) + "</section>"


def _summary(document: Mapping[str, Any]) -> str:
    scores, errors = document["scores"]["all"], document["errors"]
    said = [
        f"{document['pictures']} pictures were searched, each among all the others; {len(document['refused'])} were refused.",
        f"Variants found by their original: {_number(scores['base_yes'])} with YES, {_number(scores['base_any'])} with YES or MAYBE.",
        f"YES that are right: {_number(scores['precision_yes'])}; {errors['wrong_yes']} pairs are wrong YES.",
        f"{errors['missed']} variants do not find the first picture of their cluster.",
        f"MAYBE is the best answer to {_number(document['answers']['queries_maybe'])} of the queries.",
    ]
    return "<p>" + "<br>".join(map(escape, said)) + "</p>"


def _scores(scores: Mapping[str, Any]) -> str:
    kinds = [kind for kind in ("all", "screenshot", "photo") if scores[kind]["queries"]]
    rows = [[figure, *(scores[kind][figure] for kind in kinds)] for figure in scores["all"]]
    return _table(["figure", *kinds], [*rows, ["missing_queries", scores["missing_queries"]]])


def _rows(rows: Mapping[str, Mapping[str, Any]]) -> str:
    return _table(
        ["found by its first member", "n", "YES", "YES or MAYBE"], [[name, r["n"], r["yes"], r["any"]] for name, r in rows.items()]
    )


def _compared(compared: Mapping[str, Mapping[str, Any]]) -> str:
    if not compared:
        return ""
    figures = list(next(iter(compared.values())))
    return _section(
        "Settings side by side",
        _table(["figure", *compared], [[figure, *(one[figure] for one in compared.values())] for figure in figures]),
    )


def _algorithms(algorithms: Mapping[str, Mapping[str, Any]]) -> str:
    columns = ("pairs", "compared", "same", "area_under_roc", "uap", "recall_at_90_precision", "threshold_at_90_precision")
    rows = [[name, *(one[key] for key in columns), one["best_f1"]["f1"], one["best_f1"]["threshold"]] for name, one in algorithms.items()]
    note = (
        "<p>All pairs (query, known) count. Those that were not compared count at distance 1. The fused distance is that of the answer: "
        "YES up to 1/3, MAYBE up to 2/3.</p>"
    )
    return note + _table(["algorithm", *columns, "best F1", "its threshold"], rows)


def _in_force(algorithms: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [f"{name}, {bound.upper()}", *(one[bound][key] for key in _RATES)] for name, one in algorithms.items() for bound in ("yes", "maybe")
    ]
    return _table(["bound", *_RATES], rows)


def _clusters(clusters: Mapping[str, Any]) -> str:
    plain = [[key.replace("_", " "), value] for key, value in clusters.items() if key != "mean"]
    means = [[f"mean {key}", value] for key, value in clusters["mean"].items()]
    note = (
        "<p>A proposed cluster is what YES answers of the relation <i>same picture</i> tie together; each true one is paired with the "
        "proposed one that shares most pictures with it.</p>"
    )
    return note + _table(["clusters", ""], plain + means)


def _growth(growth: Mapping[str, Any] | None, charts: Sequence[Chart]) -> str:
    if growth is None:
        return ""
    rows = [
        [size, 1000 * add, 1000 * search]
        for size, add, search in zip(growth["sizes"], growth["add_seconds"], growth["search_seconds"], strict=True)
    ]
    exponents = f"{growth['add_exponent']:.2f} for adding, {growth['search_exponent']:.2f} for searching"
    said = f"<p>time = a · size<sup>b</sup>, with b = {exponents}.</p>"
    return _section("Growth", said, _table(["pictures in the store", "add (ms)", "search (ms)"], rows), _charts(charts, ("growth",)))


def _mistakes(title: str, mistakes: Sequence[Mistake], count: int, thumbnails: Mapping[str, bytes]) -> str:
    shown = f" ({len(mistakes)} of {count})" if count > len(mistakes) else f" ({count})"
    return _section(title + shown, *(_mistake(one, thumbnails) for one in mistakes))


def _mistake(one: Mistake, thumbnails: Mapping[str, bytes]) -> str:
    pictures = "".join(_picture(name, thumbnails.get(name)) for name in (one.query, one.known))
    said = [f"{each.algorithm}: {each.distance:.3f} {each.decision.value}{f' ({each.note})' if each.note else ''}" for each in one.evidence]
    head = one.decision.value + (f" {one.distance:.3f}" if one.distance < 1 else "")
    text = "<br>".join(map(escape, [one.about, *(said or ["nothing to compare"])]))
    return f'<div class="mistake">{pictures}<div class="said"><b>{escape(head)}</b><br>{text}</div></div>'


def _picture(name: str, thumbnail: bytes | None) -> str:
    image = f'<img alt="" src="{_inline("jpeg", thumbnail)}">' if thumbnail else "(no picture)"
    return f"<figure>{image}<figcaption>{escape(_shown(name))}</figcaption></figure>"


def _refused(refused: Mapping[str, str]) -> str:
    return _section("Refused", _table(["picture", "why"], [[_shown(name), why] for name, why in refused.items()])) if refused else ""


def _charts(charts: Iterable[Chart], names: Iterable[str]) -> str:
    wanted = list(names)
    shown = sorted((chart for chart in charts if chart[0] in wanted), key=lambda chart: wanted.index(chart[0]))
    return '<div class="charts">' + "".join(_figure(*chart) for chart in shown) + "</div>"


def _figure(name: str, text: str, drawing: Drawing) -> str:
    # A graph of thousands of nodes is a fraction of its SVG as pixels.
    source = _inline("png", drawing.png) if name in (*_WIDE, "clusters") else _inline("svg+xml", drawing.svg)
    wide = ' class="wide"' if name in _WIDE else ""
    return f'<figure{wide}><img alt="{escape(text)}" src="{source}"><figcaption>{escape(text)} ({escape(name)})</figcaption></figure>'


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(_number(cell))}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<div class="scroll"><table><tr>{top}</tr>\n{body}</table></div>'


def _number(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if value and abs(value) < 0.01 else f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def _inline(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode('ascii')}"


def _shown(name: str) -> str:
    """Return a file's name as text that can be written as UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
