"""Pictures of figures: curves, histograms, bars, matrices and graphs, each as PNG and SVG.

Needs matplotlib (the extra `report`), which is imported when the first picture is drawn.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matcher.errors import BadRequest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#1b6ca8", "#c4511d", "#2f8f4e", "#7b4fa3", "#8a6d1d", "#1d8a8a", "#b03060", "#555555")
_DPI = 110


@dataclass(frozen=True)
class Drawing:
    """One picture in both formats."""

    png: bytes
    svg: bytes


@dataclass(frozen=True)
class Labels:
    """title, and what the axes show. limits: (left, right) and (bottom, top) of the axes, None for what the figures need."""

    title: str
    x: str
    y: str
    across: tuple[float, float] | None = None
    up: tuple[float, float] | None = None


def curve(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]],
    labels: Labels,
    *,
    marks: Mapping[str, float] | None = None,
    log: str = "",
    dots: bool = False,
) -> Drawing:
    """Draw lines, name -> (x, y), float (n,) each.

    marks: name -> x of a dashed upright line, such as a threshold. log: the axes on a logarithmic scale, "", "x", "y" or "xy".
    dots: also mark the points themselves.
    """
    figure, axes = _begun(labels)
    for number, (name, (x, y)) in enumerate(lines.items()):
        axes.plot(np.asarray(x), np.asarray(y), label=name, color=_colour(number), linewidth=1.6, marker="o" if dots else "", markersize=4)
    for number, (name, at) in enumerate((marks or {}).items()):
        axes.axvline(at, label=f"{name} {at:.3g}", color=_colour(number + 1), linestyle="--", linewidth=1)
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
    axes.grid(alpha=0.25)
    return _drawn(figure, axes, labels, legend=bool(lines))


def histogram(counts: Mapping[str, ArrayLike], edges: ArrayLike, labels: Labels, *, marks: Mapping[str, float] | None = None) -> Drawing:
    """Draw histograms over each other, name -> share or count of each bin, float (n,); edges: of the bins, float (n + 1,)."""
    figure, axes = _begun(labels)
    for number, (name, heights) in enumerate(counts.items()):
        axes.stairs(
            np.asarray(heights, np.float64), np.asarray(edges, np.float64), fill=True, alpha=0.45, color=_colour(number), label=name
        )
    for number, (name, at) in enumerate((marks or {}).items()):
        axes.axvline(at, label=f"{name} {at:.3g}", color=_colour(number + 2), linestyle="--", linewidth=1)
    axes.grid(alpha=0.25)
    return _drawn(figure, axes, labels, legend=True)


def bars(rows: Sequence[str], series: Mapping[str, ArrayLike], labels: Labels) -> Drawing:
    """Draw lying bars, one group a row, one bar of it a series: name -> length in each row, float (rows,)."""
    figure, axes = _begun(labels, height=1.2 + 0.16 * max(len(rows), 6) * (1 + 0.6 * len(series)))
    thick = 0.8 / max(len(series), 1)
    places = np.arange(len(rows), dtype=np.float64)
    for number, (name, lengths) in enumerate(series.items()):
        axes.barh(
            places + (number - (len(series) - 1) / 2) * thick, np.asarray(lengths, np.float64), thick, label=name, color=_colour(number)
        )
    axes.set_yticks(places, rows, fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.25)
    return _drawn(figure, axes, labels, legend=len(series) > 1)


def matrix(values: ArrayLike, labels: Labels) -> Drawing:
    """Draw a matrix, float (rows, columns), as shades; 0 stays white."""
    shown = np.asarray(values, np.float64)
    figure, axes = _begun(labels, height=5.0)
    image = axes.imshow(np.where(shown > 0, shown, np.nan), cmap="viridis_r", aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=axes, shrink=0.8)
    return _drawn(figure, axes, labels, legend=False)


def network(
    places: NDArray[np.float64], colours: Sequence[str], edges: Sequence[tuple[int, int]], edge_colours: Sequence[str], labels: Labels
) -> Drawing:
    """Draw a graph: places of the nodes, float64 (n, 2), and their colours; edges as pairs of nodes, and their colours."""
    from matplotlib.collections import LineCollection

    figure, axes = _begun(labels, width=9.0, height=9.0)
    lines = LineCollection([places[[a, b]] for a, b in edges], colors=list(edge_colours), linewidths=0.5)
    axes.add_collection(lines)
    axes.scatter(places[:, 0], places[:, 1], s=max(0.8, min(30.0, 6000 / max(len(places), 1))), c=list(colours), zorder=2, linewidths=0)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.margins(0.02)
    return _drawn(figure, axes, labels, legend=False)


def available() -> None:
    """Raise BadRequest where matplotlib is missing: better told before the work than after it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise BadRequest("pictures need matplotlib, which is not installed: pip install 'kuato[report]'") from None


def _begun(labels: Labels, width: float = 7.0, height: float = 4.2) -> "tuple[Figure, Axes]":
    available()
    # Not pyplot: it keeps every figure, and chooses a screen to show it on.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(labels.title, fontsize=10)
    axes.set_xlabel(labels.x)
    axes.set_ylabel(labels.y)
    return figure, axes


def _drawn(figure: "Figure", axes: "Axes", labels: Labels, *, legend: bool) -> Drawing:
    import matplotlib

    if labels.across:
        axes.set_xlim(*labels.across)
    if labels.up:
        axes.set_ylim(*labels.up)
    if legend:
        axes.legend(fontsize=7, framealpha=0.7)
    # The same figures give the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "kuato", "svg.fonttype": "none"}):
        return Drawing(_saved(figure, "png", {"Software": None}), _saved(figure, "svg", {"Date": None}))


def _saved(figure: "Figure", format: str, metadata: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format=format, dpi=_DPI, metadata=metadata)
    return file.getvalue()


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
