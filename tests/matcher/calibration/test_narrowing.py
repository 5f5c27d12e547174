"""Fewer MAYBE from a few reviewed pairs: the MAYBE bounds are drawn in, and nothing else changes."""

import pytest

from matcher.calibration.fused import decisions
from matcher.calibration.narrowing import FEWEST, narrowed
from matcher.calibration.pairs import Pair, Pairs
from matcher.decision import Bounds, Rules
from matcher.errors import BadRequest
from matcher.match import Decision, Evidence

RULES = Rules({"pdq": Bounds(0.1, 0.4), "tiles": Bounds(0.05, 0.3, alone=True)})


def pair(number: int, same: bool, **distances: float) -> Pair:
    said = (Evidence(name, name, far, RULES.bounds(name)[0], RULES.decide(name, far)) for name, far in distances.items())
    return Pair(f"{number}a", f"{number}b", same, tuple(said))


def pairs(*some: Pair) -> Pairs:
    return Pairs(some, {name: name for each in some for name in (each.a, each.b)})


def test_bounds_are_drawn_in_to_where_what_was_confirmed_still_is_found() -> None:
    confirmed = [pair(n, True, pdq=0.15 + n / 1000, tiles=0.9) for n in range(10)]
    rejected = [pair(100 + n, False, pdq=0.25 + n / 1000, tiles=0.9) for n in range(10)]
    found = narrowed(pairs(*confirmed, *rejected), RULES)
    assert set(found.bounds) == {"pdq.maybe"} and 0.159 <= found.bounds["pdq.maybe"] < 0.25
    assert (found.rejected, found.confirmed) == ((10, 0), (10, 10))
    assert narrowed(pairs(*confirmed, *rejected), RULES).bounds == found.bounds


def test_at_most_so_many_confirmed_pairs_are_lost_for_it() -> None:
    mixed = [pair(n, n % 2 == 0, pdq=0.2 + n / 1000) for n in range(20)]
    for lost in (0.0, 0.1, 0.5):
        found = narrowed(pairs(*mixed), RULES, lost)
        assert found.confirmed[1] >= found.confirmed[0] - int(lost * 10)
    assert narrowed(pairs(*mixed), RULES, 0.0).rejected == (10, 9)  # only the one beyond all that were confirmed
    assert narrowed(pairs(*mixed), RULES, 1.0).rejected == (10, 0)


def test_no_pair_gets_a_yes_that_had_none() -> None:
    some = [pair(n, n % 3 > 0, pdq=0.1 + n / 50, tiles=0.04 + n / 40) for n in range(30)]
    bounds = narrowed(pairs(*some), RULES).bounds
    assert all(name.endswith(".maybe") for name in bounds)
    before, after = decisions(pairs(*some), RULES, {}), decisions(pairs(*some), RULES, bounds)
    assert all((one is Decision.YES) == (other is Decision.YES) for one, other in zip(before, after, strict=True))


def test_where_everything_was_confirmed_nothing_changes() -> None:
    assert dict(narrowed(pairs(*(pair(n, True, pdq=0.3) for n in range(12))), RULES).bounds) == {}


def test_too_few_pairs_that_are_a_maybe() -> None:
    sure = [pair(n, True, tiles=0.01) for n in range(50)]
    open_ones = [pair(100 + n, False, pdq=0.3) for n in range(FEWEST - 1)]
    with pytest.raises(BadRequest, match=f"only {FEWEST - 1} reviewed pairs"):
        narrowed(pairs(*sure, *open_ones), RULES)
