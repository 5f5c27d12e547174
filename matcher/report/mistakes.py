"""The worst errors of a trial, with what each algorithm said of the two pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matcher.evaluation import Found, Trial
from matcher.evidence import gather
from matcher.extraction import Fingerprints
from matcher.match import Decision, Evidence
from matcher.truth import GroundTruth

MOST = 24  # shown of each kind
DIFFICULTIES = ("base", "easy", "medium", "?", "hard", "very_hard")


@dataclass(frozen=True)
class Mistake:
    """Two pictures of which the wrong thing was said. about: what the truth says. evidence: of each algorithm, the telling first."""

    query: str
    known: str
    decision: Decision
    distance: float
    about: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Mistakes:
    """wrong_yes: the nearest first. missed: variants answered NO, the easiest first. wrong_maybe: the nearest first; MOST of each.

    counts: how many there are of each in all, each pair of pictures once.
    """

    wrong_yes: tuple[Mistake, ...]
    missed: tuple[Mistake, ...]
    wrong_maybe: tuple[Mistake, ...]
    counts: tuple[int, int, int]


def difficulty(name: str) -> int:
    """Return the place of a difficulty among the others, the easiest first."""
    return DIFFICULTIES.index(name) if name in DIFFICULTIES else len(DIFFICULTIES)


def worst(trial: Trial, truth: GroundTruth) -> Mistakes:
    """Return the worst errors of a trial."""
    labelled = set(truth.names)
    wrong = [
        (name, one)
        for name, found in trial.answers.items()
        for one in found
        if {name, one.file} <= labelled and not truth.same(name, one.file) and not truth.skipped(name, one.file)
    ]
    yes = _once([pair for pair in wrong if pair[1].decision is Decision.YES])
    maybe = _once([p for p in wrong if p[1].decision is Decision.MAYBE and truth.worst(p[0], p[1].file) is Decision.NO])
    missed = sorted(_missed(trial, truth), key=lambda pair: (difficulty(truth.difficulty_of.get(pair[0], "?")), pair))
    return Mistakes(
        tuple(_mistake(trial, truth, name, one) for name, one in yes[:MOST]),
        tuple(_mistake(trial, truth, name, Found(other, Decision.NO, 1.0)) for name, other in missed[:MOST]),
        tuple(_mistake(trial, truth, name, one) for name, one in maybe[:MOST]),
        (len(yes), len(missed), len(maybe)),
    )


def _once(pairs: Iterable[tuple[str, Found]]) -> list[tuple[str, Found]]:
    """Return the pairs, the nearest first, each two pictures once."""
    nearest = sorted(pairs, key=lambda pair: (pair[1].distance, pair[0], pair[1].file))
    return list({frozenset((name, one.file)): (name, one) for name, one in reversed(nearest)}.values())[::-1]


def _missed(trial: Trial, truth: GroundTruth) -> list[tuple[str, str]]:
    """Return the pictures for which the first of their cluster was not found, with that first."""
    answered = {(name, one.file) for name, found in trial.answers.items() for one in found}
    return [
        (name, members[0])
        for members in truth.clusters.values()
        for name in members[1:]
        if name in trial.queries and members[0] in trial.queries and not truth.skipped(name, members[0])
        if (name, members[0]) not in answered
    ]


def _mistake(trial: Trial, truth: GroundTruth, query: str, one: Found) -> Mistake:
    return Mistake(query, one.file, one.decision, one.distance, _about(truth, query, one.file), _evidence(trial, query, one.file))


def _about(truth: GroundTruth, query: str, known: str) -> str:
    if truth.same(query, known):
        details = [truth.variant_of.get(query), truth.difficulty_of.get(query)]
        return f"same: {truth.cluster_of[query]}" + "".join(f", {one}" for one in details if one)
    if truth.worst(query, known) is Decision.MAYBE:
        return "different, but alike"
    return " against ".join(truth.cluster_of.get(name, "a single picture") for name in (query, known))


def _evidence(trial: Trial, query: str, known: str) -> tuple[Evidence, ...]:
    asked, stored = trial.queries[query], trial.queries[known]
    if not (isinstance(asked, Fingerprints) and isinstance(stored, Fingerprints)):
        return ()
    found: Sequence[Evidence] = gather(asked.views, stored.values, trial.algorithms, trial.rules)
    return tuple(sorted(found, key=lambda one: (one.decision.rank, one.distance)))
