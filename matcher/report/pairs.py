"""The distances of all pairs of pictures of a trial, by each algorithm and by the fused decision.

A pair is (query, known), as a search asks: the query in all its views, the least distance counts. Pairs with a picture that was refused,
or that is too simple for the algorithm, have nothing to compare, and count at the distance 1.

Of large fingerprints (local features), whose comparison costs about a millisecond, and of any that would take too long, only the likely
pairs are compared: those that belong together, those the search answered with, the nearest of every picture by each other algorithm, and a
random sample of the rest. What is left counts at the distance 1, where unrelated pictures lie.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matcher.evaluation import Progress, Trial, no_progress
from matcher.evidence import nearest
from matcher.extraction import Fingerprints
from matcher.fingerprints.base import Fingerprint
from matcher.report.spread import Spread
from matcher.truth import GroundTruth

FUSED = "fused"
NEAREST = 2  # pictures by each other fingerprint whose costly ones are compared
SAMPLED = 4_000  # pairs of the rest whose costly ones are compared
BEARABLE = 600.0  # seconds that the comparison of all pairs may take
TRIED = 32  # pictures compared to know what one comparison costs

Row = NDArray[np.float64]
# Told an algorithm, a query, and its distances, float64 (n,), to the pictures of these numbers, int64 (n,); NaN: nothing to compare.
Listener = Callable[[str, int, NDArray[np.int64], Row], None]


class Pairs:
    """All pairs of the labelled pictures of one trial."""

    def __init__(self, trial: Trial, truth: GroundTruth) -> None:
        self.trial = trial
        self.truth = truth
        self.names = [name for name in truth.names if name in trial.queries]
        self._number = {name: number for number, name in enumerate(self.names)}
        ids = {id: number for number, id in enumerate(truth.clusters)}
        # A picture that belongs to no other has a number below zero of its own.
        self._cluster = np.array([ids.get(truth.cluster_of.get(name, ""), -1 - n) for n, name in enumerate(self.names)], np.int64)

    def spreads(self, progress: Progress = no_progress, listener: Listener = lambda *told: None) -> dict[str, Spread]:
        """Return how the distances lie, by algorithm, then of the fused decision (FUSED), whose bounds are in FUSED_BOUNDS.

        The fused distance puts answers in the order of a search: (0 for YES, 1 for MAYBE, 2 for NO, plus the match's distance) / 3; that of
        a pair the search did not answer with is 2/3 + the least distance of any small fingerprint / 3.
        """
        costly = {name for name, one in self.trial.algorithms.items() if one.large or self._seconds(one) > BEARABLE}
        small = {name: one for name, one in self.trial.algorithms.items() if name not in costly}
        found = {name: Spread() for name in (*self.trial.algorithms, FUSED)}
        likely: set[tuple[int, int]] = set()
        for number, (name, rows) in enumerate(zip(self.names, self._all_rows(small), strict=True)):
            least = np.full(len(self.names), np.inf)
            counted, same = self._counted(number), self._cluster == self._cluster[number]
            for algorithm, row in rows:
                found[algorithm].count(row[counted], same[counted])
                listener(algorithm, number, self._all, row)
                least = np.fmin(least, row)
                likely.update(_ordered(number, other) for other in _least(row, number, NEAREST))
            fused = self._fused(name, np.where(np.isfinite(least), least, 1.0))
            found[FUSED].count(fused[counted], same[counted])
            progress("compare", number + 1, len(self.names))
        likely |= self._related() | self._sampled()
        for name in sorted(costly):
            self._count_costly(self.trial.algorithms[name], likely, found[name], progress, listener)
        return found

    def answered(self) -> Spread:
        """Return how the fused distances of the answers lie; pairs the search did not answer with are at distance 1."""
        found = Spread()
        for number, name in enumerate(self.names):
            row, counted = np.full(len(self.names), np.nan), self._counted(number)
            for one in self.trial.answers[name]:
                if one.file in self._number:
                    row[self._number[one.file]] = (one.decision.rank + one.distance) / 3
            found.count(row[counted], (self._cluster == self._cluster[number])[counted])
        return found

    def _all_rows(self, small: Mapping[str, Fingerprint]) -> Iterator[list[tuple[str, Row]]]:
        """Yield the rows of each query in turn, computed by as many threads as there are cores; few are held at once."""
        cores = len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(cores) as threads:
            for start in range(0, len(self.names), 16 * cores):
                some = self.names[start : start + 16 * cores]
                yield from threads.map(lambda name: list(self._rows(name, small)), some)

    def _rows(self, name: str, small: Mapping[str, Fingerprint]) -> Iterator[tuple[str, Row]]:
        """Yield each algorithm's distances of one query to all pictures, float64 (n,), infinite where there is nothing to compare."""
        query = self.trial.queries[name]
        for algorithm in small.values():
            if isinstance(query, Fingerprints):
                yield algorithm.name, np.array([near for near, _ in nearest(algorithm, query.views, self._known, small)], np.float64)
            else:
                yield algorithm.name, np.full(len(self.names), np.inf)

    def _seconds(self, algorithm: Fingerprint) -> float:
        """Return about how long the comparison of all pairs in one view would take."""
        values = [known[algorithm.name] for known in self._known if algorithm.name in known][:TRIED]
        if not values:
            return 0.0
        algorithm.distance(values[0], values[:1])  # what it loads on first use is not counted
        started = time.perf_counter()
        algorithm.distance(values[0], values)
        return (time.perf_counter() - started) / len(values) * len(self.names) ** 2

    @cached_property
    def _all(self) -> NDArray[np.int64]:
        return np.arange(len(self.names))

    @cached_property
    def _known(self) -> list[Mapping[str, bytes]]:
        queries = (self.trial.queries[name] for name in self.names)
        return [query.values if isinstance(query, Fingerprints) else {} for query in queries]

    def _counted(self, number: int) -> NDArray[np.bool_]:
        """Return which pairs of a query count, bool (n,)."""
        counted = ~self._unsure
        counted[number] = False
        for other in self._ambiguous.get(number, ()):
            counted[other] = False
        return counted if not self._unsure[number] else np.zeros_like(counted)

    @cached_property
    def _unsure(self) -> NDArray[np.bool_]:
        return np.array([name in self.truth.unsure for name in self.names], np.bool_)

    @cached_property
    def _ambiguous(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for a, b in self.truth.ambiguous:
            if a in self._number and b in self._number:
                found.setdefault(self._number[a], set()).add(self._number[b])
                found.setdefault(self._number[b], set()).add(self._number[a])
        return found

    def _fused(self, name: str, least: Row) -> Row:
        fused = (2 + least) / 3
        for one in self.trial.answers[name]:
            if one.file in self._number:
                fused[self._number[one.file]] = (one.decision.rank + one.distance) / 3
        return fused

    def _related(self) -> set[tuple[int, int]]:
        """Return the pairs that belong together, and those that the search answered with."""
        number = self._number
        members = ([number[name] for name in names if name in number] for names in self.truth.clusters.values())
        together = {(a, b) for some in members for a in some for b in some if a < b}
        answered = ((number[name], number[one.file]) for name in self.names for one in self.trial.answers[name] if one.file in number)
        return together | {_ordered(a, b) for a, b in answered}

    def _sampled(self) -> set[tuple[int, int]]:
        count = len(self.names)
        if count * (count - 1) // 2 <= 2 * SAMPLED:  # few enough to compare them all
            return {(a, b) for a in range(count) for b in range(a + 1, count)}
        drawn = np.random.default_rng(len(self.names)).integers(0, count, (SAMPLED, 2))
        return {_ordered(a, b) for a, b in drawn.tolist() if a != b}

    def _count_costly(
        self, algorithm: Fingerprint, likely: set[tuple[int, int]], spread: Spread, progress: Progress, listener: Listener
    ) -> None:
        """Count the pairs of one costly algorithm; each that is compared in both directions, which hardly differ."""
        compared: dict[int, list[int]] = {}
        for a, b in sorted(likely):
            compared.setdefault(a, []).append(b)
        rest = [self._counted(number) for number in range(len(self.names))]
        for done, (number, others) in enumerate(compared.items(), 1):
            query = self.trial.queries[self.names[number]]
            kept = [other for other in others if rest[number][other]]
            known = [self._known[other] for other in kept]
            views = query.views if isinstance(query, Fingerprints) else {}
            enough = self.trial.rules.bounds(algorithm.name)[0]
            distances = np.array(_in_any_view(algorithm, views, known, enough), np.float64)
            same = self._cluster[kept] == self._cluster[number]
            spread.count(np.repeat(distances, 2), np.repeat(same, 2))
            listener(algorithm.name, number, np.array(kept, np.int64), distances)
            for other, distance in zip(kept, distances, strict=True):
                listener(algorithm.name, other, np.array([number]), np.array([distance]))
            rest[number][kept] = False
            for other in kept:
                rest[other][number] = False
            progress(f"compare by {algorithm.name}", done, len(compared))
        for number, counted in enumerate(rest):
            same = self._cluster == self._cluster[number]
            spread.count(np.full(int(counted.sum()), np.nan), same[counted])


# What the fused distance of a YES, and of a MAYBE, is at most.
FUSED_BOUNDS = (1 / 3, 2 / 3)


def _in_any_view(
    algorithm: Fingerprint, views: Mapping[str, Mapping[str, bytes]], known: list[Mapping[str, bytes]], enough: float
) -> list[float]:
    """Return the least distance over the views to each picture, NaN where there is nothing to compare.

    enough: what is as near as this in one view is not looked at in further ones; neither does a search.
    """
    found = [float("nan")] * len(known)
    name = algorithm.name
    having = [n for n, values in enumerate(known) if name in values]
    for values in views.values():
        if name in values and having:
            distances = algorithm.distance(values[name], [known[n][name] for n in having]).tolist()
            for n, distance in zip(having, distances, strict=True):
                found[n] = distance if np.isnan(found[n]) else min(found[n], distance)
            having = [n for n in having if found[n] > enough]
    return found


def _least(row: Row, number: int, count: int) -> list[int]:
    """Return the pictures with the least finite distances, but the query itself."""
    best = np.argpartition(row, min(count + 1, len(row) - 1))[: count + 1]
    return [other for other in best.tolist() if other != number and np.isfinite(row[other])]


def _ordered(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)
