"""How the distances of same and of different pictures lie, and what every threshold between them would do.

Right definitions, over all pairs: at a threshold t a pair with distance <= t is taken for the same picture.
"""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRAIN = 10_000  # distances are counted in steps of 1 / GRAIN, which keeps hashes of up to 4,000 bits apart


@dataclass(frozen=True)
class Rates:
    """What a threshold does. tp, fp, tn, fn: pairs; the rates, 0..1 (mcc: -1..1), are 0 where they would divide by 0."""

    threshold: float
    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def tpr(self) -> float:
        """Recall: the share of the same pictures that is found."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def fpr(self) -> float:
        """The share of different pictures taken for the same."""
        return _ratio(self.fp, self.fp + self.tn)

    @property
    def precision(self) -> float:
        """The share of what is found that is right."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float:
        """The share of pairs that is told right."""
        return _ratio(self.tp + self.tn, self.tp + self.fp + self.tn + self.fn)

    def row(self) -> dict[str, float]:
        """Return all of it, and the rates that follow from these, by name."""
        tp, fp, tn, fn = self.tp, self.fp, self.tn, self.fn
        root = sqrt(float(tp + fp)) * sqrt(float(tp + fn)) * sqrt(float(tn + fp)) * sqrt(float(tn + fn))
        return {
            **asdict(self),
            "tpr": self.tpr,
            "tnr": _ratio(tn, fp + tn),
            "fpr": self.fpr,
            "fnr": _ratio(fn, tp + fn),
            "precision": self.precision,
            "npv": _ratio(tn, tn + fn),
            "fdr": _ratio(fp, tp + fp),
            "for": _ratio(fn, tn + fn),
            "f1": self.f1,
            "accuracy": self.accuracy,
            "mcc": _ratio(float(tp) * tn - float(fp) * fn, root),
        }


class Spread:
    """Counts the distances of pairs, those of the same picture and those of different ones.

    same, different: int64 (GRAIN + 1,), how many pairs have the distance index / GRAIN. compared: how many of all pairs were really
    compared; others count at the distance 1.
    """

    def __init__(self) -> None:
        self.same = np.zeros(GRAIN + 1, np.int64)
        self.different = np.zeros(GRAIN + 1, np.int64)
        self.compared = 0

    def count(self, distances: NDArray[np.float64], same: NDArray[np.bool_]) -> None:
        """Count pairs: distances, float64 (n,), NaN where there was nothing to compare; same, bool (n,)."""
        known = np.isfinite(distances)
        self.compared += int(np.count_nonzero(known))
        steps = np.rint(np.where(known, np.clip(distances, 0, 1), 1.0) * GRAIN).astype(np.int64)
        self.same += np.bincount(steps[same], minlength=GRAIN + 1)
        self.different += np.bincount(steps[~same], minlength=GRAIN + 1)

    @property
    def pairs(self) -> int:
        """How many pairs were counted."""
        return int(self.same.sum() + self.different.sum())

    def at(self, threshold: float) -> Rates:
        """Return what a threshold does; below 0 nothing is taken for the same."""
        end = int(np.floor(threshold * GRAIN + 1e-9)) + 1 if threshold >= 0 else 0
        tp, fp = int(self.same[:end].sum()), int(self.different[:end].sum())
        return Rates(threshold, tp, fp, int(self.different.sum()) - fp, int(self.same.sum()) - tp)

    def table(self, steps: int = 50) -> list[Rates]:
        """Return what the thresholds 0, 1 / steps, .., 1 do."""
        return [self.at(n / steps) for n in range(steps + 1)]

    def rates(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return thresholds, recall, false positive rate and precision of every threshold that differs, float64 (n,) each."""
        steps = np.flatnonzero(self.same + self.different)
        tp, fp = np.cumsum(self.same)[steps], np.cumsum(self.different)[steps]
        recall = tp / max(int(self.same.sum()), 1)
        return steps / GRAIN, recall, fp / max(int(self.different.sum()), 1), tp / np.maximum(tp + fp, 1)

    def average_precision(self) -> float:
        """Return uAP: the precision at each rank of one list of all pairs, weighted by the recall gained there; ties share a rank."""
        _, recall, _, precision = self.rates()
        return float(np.sum(np.diff(recall, prepend=0.0) * precision))

    def recall_at(self, precision: float) -> tuple[float, float]:
        """Return the largest recall at which so many of the pairs found are right, and its threshold; (0, -1) where none has it."""
        thresholds, recall, _, reached = self.rates()
        good = np.flatnonzero((reached >= precision) & (recall > 0))
        return (float(recall[good[-1]]), float(thresholds[good[-1]])) if len(good) else (0.0, -1.0)

    def area(self) -> float:
        """Return the area under the ROC: how often a pair of the same picture is nearer than one of different ones; ties half."""
        below = np.cumsum(self.different) - self.different
        farther = self.different.sum() - below - self.different / 2
        return _ratio(float(np.sum(self.same * farther)), float(self.same.sum()) * float(self.different.sum()))

    def best(self) -> Rates:
        """Return the threshold of the best F1, in the middle of those that share it."""
        thresholds, recall, _, precision = self.rates()
        f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-12)
        first = int(np.argmax(f1)) if len(f1) else 0
        if not len(f1) or not f1[first]:
            return self.at(-1.0)
        until = float(thresholds[first + 1]) if first + 1 < len(thresholds) else 1.0
        return self.at((float(thresholds[first]) + until) / 2 if until > thresholds[first] else until)

    def summary(self, yes: float, maybe: float) -> dict[str, Any]:
        """Return the figures of one algorithm whose bounds are `yes` and `maybe`."""
        recall, threshold = self.recall_at(0.9)
        return {
            "pairs": self.pairs,
            "compared": self.compared,
            "same": int(self.same.sum()),
            "area_under_roc": self.area(),
            "uap": self.average_precision(),
            "recall_at_90_precision": recall,
            "threshold_at_90_precision": threshold,
            "best_f1": self.best().row(),
            "yes": self.at(yes).row(),
            "maybe": self.at(maybe).row(),
        }

    def histogram(self, bins: int = 50) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the shares of the same and of the different pairs in each bin, and the edges of the bins."""
        edges = np.linspace(0, 1, bins + 1)
        place = np.minimum(np.arange(GRAIN + 1) * bins // GRAIN, bins - 1)
        same, different = (np.bincount(place, counts, bins) / max(int(counts.sum()), 1) for counts in (self.same, self.different))
        return same, different, edges


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
