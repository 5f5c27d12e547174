"""Rules that merge what several algorithms say: Douglas-Quaid's votes and means, with ties decided for review.

Source: Douglas-Quaid, github.com/CIRCL/douglas-quaid (distance engine). Where it is wrong, this is not: a tie there is the
first of YES, MAYBE, NO, so that a YES against a NO is a YES, and the harmonic mean there is 0, a perfect match; here a tie is a
MAYBE, and the harmonic mean is one.
"""

from collections.abc import Callable, Mapping, Sequence

from matcher.match import Decision

Vote = tuple[Decision, float]
Weighed = tuple[float, float]

_PARETO = 0.8


def pareto(votes: Sequence[Vote]) -> Decision:
    """Return the decision with more than 80 % of the votes, else MAYBE; four of five are not more."""
    decision = majority(votes)
    return decision if sum(each is decision for each, _ in votes) > _PARETO * len(votes) else Decision.MAYBE


def majority(votes: Sequence[Vote]) -> Decision:
    """Return the decision with most votes, of equals MAYBE."""
    return weighted_majority([(decision, 1.0) for decision, _ in votes])


def weighted_majority(votes: Sequence[Vote]) -> Decision:
    """Return the decision whose votes weigh most, of equals MAYBE."""
    weights = {each: sum(weight for decision, weight in votes if decision is each) for each in Decision}
    heaviest = max(weights.values())
    ahead = [decision for decision, weight in weights.items() if heaviest - weight <= 1e-9 * heaviest]
    return ahead[0] if len(ahead) == 1 else Decision.MAYBE


def pyramid(votes: Sequence[Vote]) -> Decision:
    """Return what the majority of the heaviest algorithms says if that is YES or NO, else of the next lighter ones, at last MAYBE."""
    for weight in sorted({weight for _, weight in votes}, reverse=True):
        decision = majority([vote for vote in votes if vote[1] == weight])
        if decision is not Decision.MAYBE:
            return decision
    return Decision.MAYBE


def weighted_mean(distances: Sequence[Weighed]) -> float:
    """Return the mean, each distance by its weight; without any weight the plain mean."""
    weight = sum(weight for _, weight in distances)
    return sum(distance * weight for distance, weight in distances) / weight if weight else mean(distances)


def mean(distances: Sequence[Weighed]) -> float:
    """Return the mean."""
    return sum(distance for distance, _ in distances) / len(distances)


def harmonic(distances: Sequence[Weighed]) -> float:
    """Return the harmonic mean, which the small distances rule: 0 as soon as one is."""
    if any(distance <= 0 for distance, _ in distances):
        return 0.0
    return len(distances) / sum(1 / distance for distance, _ in distances)


RULES: Mapping[str, Callable[[Sequence[Vote]], Decision]] = {
    "pareto": pareto,
    "majority": majority,
    "weighted-majority": weighted_majority,
    "pyramid": pyramid,
}
DISTANCES: Mapping[str, Callable[[Sequence[Weighed]], float]] = {
    "max": lambda distances: max(distance for distance, _ in distances),
    "min": lambda distances: min(distance for distance, _ in distances),
    "mean": mean,
    "weighted-mean": weighted_mean,
    "harmonic": harmonic,
}


def decide(rule: str, votes: Sequence[Vote]) -> Decision:
    """Return what a rule, one of RULES, makes of decisions with their weights; MAYBE without any."""
    return RULES[rule](votes) if votes else Decision.MAYBE


def distance(how: str, distances: Sequence[Weighed]) -> float:
    """Return what one of DISTANCES makes of distances with their weights; 1 without any."""
    return DISTANCES[how](distances) if distances else 1.0
