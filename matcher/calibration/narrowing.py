"""Fewer MAYBE from a few reviewed pairs: the MAYBE bounds are drawn in until what people rejected is mostly a NO.

Reviewed pairs are no sample of all pairs: they are those of which a search was not sure. A calibration on them alone would take near ones
for the rule, so nothing is concluded from them but where, between the YES bound and the MAYBE bound, looking was worth while. YES bounds
stay as they are, so no pair gets a YES that had none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matcher.calibration.fused import decisions
from matcher.calibration.pairs import Pairs
from matcher.decision import Rules
from matcher.errors import BadRequest
from matcher.match import Decision

FEWEST = 10
_ROUNDS = 3


@dataclass(frozen=True)
class Narrowed:
    """MAYBE bounds that are drawn in. bounds: "algorithm.maybe" to a distance, only those that change.

    rejected, confirmed: how many of the reviewed pairs of each kind were a MAYBE, and how many of these still are.
    """

    bounds: Mapping[str, float]
    rejected: tuple[int, int]
    confirmed: tuple[int, int]


def narrowed(reviewed: Pairs, rules: Rules, lost: float = 0.1) -> Narrowed:
    """Return MAYBE bounds with which as few rejected pairs as possible are a MAYBE.

    lost: the share of the confirmed pairs that may become a NO for it, 0..1. Raises BadRequest for fewer than FEWEST pairs.
    """
    said = decisions(reviewed, rules, {})
    open_pairs = [pair for pair, decision in zip(reviewed.pairs, said, strict=True) if decision is Decision.MAYBE]
    if len(open_pairs) < FEWEST:
        raise BadRequest(f"only {len(open_pairs)} reviewed pairs are a MAYBE by the bounds in force; review {FEWEST} or more")
    some = Pairs(tuple(open_pairs), reviewed.group_of)
    may_lose = int(lost * int(some.same.sum()) + 1e-9)
    bounds: dict[str, float] = {}
    best = _cost(some, rules, bounds)
    for _ in range(_ROUNDS):
        before = best
        for name in some.algorithms:
            yes, maybe = rules.bounds(name)
            if maybe <= yes:
                continue
            for bound in _between(some, name, yes, maybe):
                tried = {**bounds, f"{name}.maybe": bound}
                cost = _cost(some, rules, tried)
                # Of bounds that do as well the widest stays: what nobody reviewed may be different.
                if cost[1] <= may_lose and cost[0] < best[0]:
                    best, bounds = cost, tried
        if best == before:
            break
    rejected, confirmed = int((~some.same).sum()), int(some.same.sum())
    return Narrowed(bounds, (rejected, best[0]), (confirmed, confirmed - best[1]))


def _between(pairs: Pairs, name: str, yes: float, maybe: float) -> list[float]:
    """Return bounds between YES and MAYBE that part the distances that occur, each in the middle of two, the widest first."""
    distances = pairs.distances(name)
    inside = np.unique(distances[(distances > yes) & (distances <= maybe)])[::-1]
    # As the calibration page shows and takes bounds: what is found is what is applied, there and on the command line.
    return np.round((inside + np.append(inside[1:], max(yes, 0.0))) / 2, 4).tolist() if inside.size else []


def _cost(pairs: Pairs, rules: Rules, bounds: Mapping[str, float]) -> tuple[int, int]:
    """Return how many rejected pairs are still a MAYBE, and how many confirmed ones became a NO."""
    said = decisions(pairs, rules, bounds)
    still = sum(decision is not Decision.NO for pair, decision in zip(pairs.pairs, said, strict=True) if not pair.same)
    gone = sum(decision is Decision.NO for pair, decision in zip(pairs.pairs, said, strict=True) if pair.same)
    return still, gone
