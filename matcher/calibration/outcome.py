"""What decisions on labelled pairs were worth, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.calibration.fit import FUSED, Fit, fit
from matcher.calibration.fused import decisions
from matcher.calibration.intervals import Rate, by_groups
from matcher.calibration.pairs import Pairs
from matcher.calibration.thresholds import Targets
from matcher.decision import Rules
from matcher.match import Decision

_SEED = 7
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A rate, and 95 % intervals of it: as if all pairs were independent, and with whole clusters drawn anew."""

    rate: Rate
    by_pairs: tuple[float, float]
    by_clusters: tuple[float, float]

    @property
    def value(self) -> float:
        """The share, 0..1."""
        return self.rate.value

    def __str__(self) -> str:
        low, high = min(self.by_pairs[0], self.by_clusters[0]), max(self.by_pairs[1], self.by_clusters[1])
        return f"{self.value:.2%} ({low:.2%} to {high:.2%})"


@dataclass(frozen=True)
class Outcome:
    """What decisions on pairs were worth.

    false_positive: different pairs with a YES. false_negative: pairs that belong together with a NO. review: different ones with a MAYBE.
    """

    false_positive: Estimate
    false_negative: Estimate
    review: Estimate

    @classmethod
    def of(cls, parts: Sequence[tuple[Pairs, Codes]], repeats: int = 1) -> "Outcome":
        """Return what decisions, as ranks int64 (n,), are worth. repeats: how often each pair is among the parts."""
        names = sorted({group for pairs, _ in parts for group in pairs.groups})
        number = {name: n for n, name in enumerate(names)}
        ends = [np.array([number[g] for g in pairs.groups], np.int64)[pairs.ends] for pairs, _ in parts if len(pairs)]
        codes = np.concatenate([codes for _, codes in parts]) if parts else np.zeros(0, np.int64)
        same = np.concatenate([pairs.same for pairs, _ in parts]) if parts else np.zeros(0, bool)
        where = np.concatenate(ends) if ends else np.zeros((0, 2), np.int64)

        def estimate(of: NDArray[np.bool_], wrong: Decision) -> Estimate:
            bad = codes[of] == wrong.rank
            once = Rate(round(int(bad.sum()) / repeats), round(len(bad) / repeats))
            clusters = by_groups(bad, where[of, 0], where[of, 1], len(names), _SEED)
            return Estimate(Rate(int(bad.sum()), len(bad)), once.interval, clusters)

        return cls(estimate(~same, Decision.YES), estimate(same, Decision.NO), estimate(~same, Decision.MAYBE))


def decided(pairs: Pairs, rules: Rules, found: Fit) -> dict[str, Codes]:
    """Return the ranks of the decisions on each pair: of every algorithm by itself, and of the rule (FUSED)."""
    codes: dict[str, Codes] = {}
    for name, thresholds in found.alone.items():
        far = pairs.distances(name)
        codes[name] = np.where(far <= thresholds.yes, 0, np.where(far <= max(thresholds.yes, thresholds.maybe), 1, 2)).astype(np.int64)
    codes[FUSED] = np.array([decision.rank for decision in decisions(pairs, rules, found.fused.bounds)], np.int64)
    return codes


def outcomes(pairs: Pairs, rules: Rules, found: Fit) -> dict[str, Outcome]:
    """Return what the bounds are worth on these pairs."""
    return {name: Outcome.of([(pairs, codes)]) for name, codes in decided(pairs, rules, found).items()}


def folded(groups: Sequence[str], folds: int, seed: int) -> list[tuple[str, ...]]:
    """Return the groups in parts of nearly one size, at random."""
    order = np.random.default_rng(seed).permutation(len(groups))
    return [tuple(groups[n] for n in sorted(order[part::folds])) for part in range(folds)]


def cross_checked(pairs: Pairs, rules: Rules, targets: Targets, folds: int, rounds: int, seed: int) -> Mapping[str, Outcome]:
    """Return what bounds are worth on pictures they were not made from: each part is judged by those of the other parts.

    Clusters stay whole. What only one part could be calibrated for is left out.
    """
    parts: dict[str, list[tuple[Pairs, Codes]]] = {}
    for turn in range(rounds):
        for unseen in folded(pairs.groups, folds, seed + turn):
            seen = pairs.within(set(pairs.groups) - set(unseen))
            tested = pairs.within(unseen)
            if not len(tested) or not seen.same.any() or seen.same.all():
                continue
            for name, codes in decided(tested, rules, fit(seen, rules, targets)).items():
                parts.setdefault(name, []).append((tested, codes))
    return {name: Outcome.of(some, rounds) for name, some in parts.items()}
