"""All that an evaluation found out, in figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from matcher.evaluation import Trial
from matcher.match import Decision
from matcher.report.clusters import Clustering
from matcher.report.mistakes import Mistakes
from matcher.report.pairs import FUSED, FUSED_BOUNDS
from matcher.report.scaling import Scaling
from matcher.report.scores import Scorer
from matcher.report.spread import Spread
from matcher.truth import GroundTruth


@dataclass(frozen=True)
class Findings:
    """What came of one trial, and of others it is compared with.

    spreads: by algorithm, and FUSED. scaling: None where it was not measured. compared: name of the settings -> their figures.
    """

    trial: Trial
    truth: GroundTruth
    spreads: Mapping[str, Spread]
    clustering: Clustering
    mistakes: Mistakes
    scaling: Scaling | None = None
    compared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def bounds(self, algorithm: str) -> tuple[float, float]:
        """Return the YES and the MAYBE distance of an algorithm, or of the fused decision."""
        return FUSED_BOUNDS if algorithm == FUSED else self.trial.rules.bounds(algorithm)

    def document(self) -> dict[str, Any]:
        """Return all figures as JSON has them."""
        growth = self.scaling
        exponents = growth.exponents() if growth else (0.0, 0.0)
        return {
            "pictures": self.trial.figures.pictures,
            "refused": {name: str(query) for name, query in self.trial.queries.items() if isinstance(query, Exception)},
            "scores": Scorer(self.truth).scores(self.trial.answers),
            "answers": shares(self.trial, self.truth),
            "algorithms": {name: spread.summary(*self.bounds(name)) for name, spread in self.spreads.items()},
            "clusters": self.clustering.summary(),
            "growth": growth
            and {
                "sizes": growth.sizes,
                "add_seconds": growth.add,
                "search_seconds": growth.search,
                "add_exponent": exponents[0],
                "search_exponent": exponents[1],
            },
            "errors": dict(zip(("wrong_yes", "missed", "wrong_maybe"), self.mistakes.counts, strict=True)),
            "compared": self.compared,
        }


def shares(trial: Trial, truth: GroundTruth) -> dict[str, float]:
    """Return how the answers are divided between YES, MAYBE and NO.

    queries_yes, .._maybe, .._no: by the best answer to each query. answers_maybe: of all answers. maybe_right: of all MAYBE, those between
    pictures that belong together. true_pairs_maybe: of the pairs that belong together.
    """
    best = [found[0].decision if found else Decision.NO for found in trial.answers.values()]
    pairs = [(name, one) for name, found in trial.answers.items() for one in found if not truth.skipped(name, one.file)]
    maybe = [truth.same(name, one.file) for name, one in pairs if one.decision is Decision.MAYBE]
    true = sum(len(names) * (len(names) - 1) for names in truth.clusters.values())
    return {
        **{f"queries_{one.value.lower()}": best.count(one) / max(len(best), 1) for one in Decision},
        "answers_maybe": len(maybe) / max(len(pairs), 1),
        "maybe_right": sum(maybe) / max(len(maybe), 1),
        "true_pairs_maybe": sum(maybe) / max(true, 1),
    }
