"""Pictures of a calibration: distances with the bounds among them, rates by distance, and which algorithm separates best."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.calibration.calibrate import Calibration
from matcher.calibration.fit import FUSED
from matcher.calibration.thresholds import Rates, Thresholds
from matcher.report.plots import Drawing, Labels, curve, histogram

_BINS = np.linspace(0.0, 1.0, 51)
_POINTS = 400


def draw(calibration: Calibration, folder: Path) -> list[Path]:
    """Write every picture into a folder, as PNG and SVG, and return the files. Raises BadRequest without matplotlib, OSError."""
    written = []
    for name, drawing in _drawings(calibration):
        for suffix, data in (("png", drawing.png), ("svg", drawing.svg)):
            path = folder / f"{name}.{suffix}"
            path.write_bytes(data)
            written.append(path)
    return written


def _drawings(calibration: Calibration) -> Iterator[tuple[str, Drawing]]:
    found, pairs = calibration.found, calibration.used
    for name, rates in found.rates.items():
        distances = pairs.distances(name)
        counts = {
            "different": _shares(distances[~pairs.same]),
            "belong together": _shares(distances[pairs.same]),
        }
        marks = _marks(found.alone[name])
        yield f"{name}-distances", histogram(counts, _BINS, Labels(f"{name}: distances", "distance", "share of the pairs"), marks=marks)
        yield f"{name}-rates", _rates(rates, Labels(f"{name}: rates by itself", "distance", "share of the pairs", up=(0, 1)), marks)
    labels = Labels("the fused decision: rates", "level of the bounds", "share of the pairs", up=(0, 1))
    yield "fused-rates", _rates(found.fused.rates, labels, _marks(found.fused.thresholds))
    every = {**found.rates, FUSED: found.fused.rates}
    lines = {name: (rates.false_positive, 1 - rates.false_negative) for name, rates in every.items()}
    labels = Labels("ROC: what is found against what is wrongly found", "false-positive rate", "true-positive rate", (0, 1), (0, 1))
    yield "roc", curve(lines, labels)


def _rates(rates: Rates, labels: Labels, marks: dict[str, float]) -> Drawing:
    thin = np.unique(np.linspace(0, len(rates.grid) - 1, min(_POINTS, len(rates.grid))).astype(int))
    lines = {
        "false positive": (rates.grid[thin], rates.false_positive[thin]),
        "false negative": (rates.grid[thin], rates.false_negative[thin]),
    }
    return curve(lines, labels, marks=marks)


def _marks(thresholds: Thresholds) -> dict[str, float]:
    """Return the bounds that lie on the axis."""
    return {name: at for name, at in (("YES up to", thresholds.yes), ("MAYBE up to", thresholds.maybe)) if at >= 0}


def _shares(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.histogram(distances[np.isfinite(distances)], _BINS)[0] / max(len(distances), 1)
