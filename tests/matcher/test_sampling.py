"""Which pictures are drawn to be labelled."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.match import Decision
from matcher.sampling import Tie, drawn

NAMES = [f"p{number:02}" for number in range(40)]
# Two clusters of four, three doubtful pairs (one of them of a cluster's picture), the rest like no other.
TIES = [
    *(Tie(NAMES[a], NAMES[b], Decision.YES, 0.05) for a, b in [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7)]),
    *(Tie(NAMES[a], NAMES[b], Decision.MAYBE, 0.15) for a, b in [(8, 9), (10, 11), (0, 12)]),
]


def test_a_sample_has_all_three_kinds() -> None:
    sample = drawn(NAMES, TIES, 20, 1)
    assert len(sample.names) == len(set(sample.names)) == 20
    assert sorted(map(sorted, sample.clusters)) == [NAMES[:4], NAMES[4:8]]
    assert len(sample.singles) >= 6
    assert sample.doubtful
    assert set(sample.singles) <= set(NAMES[13:])


def test_a_doubtful_picture_is_in_no_cluster() -> None:
    sample = drawn(NAMES, TIES, 40, 1)
    assert sorted(map(sorted, sample.doubtful)) == [["p08", "p09"], ["p10", "p11"], ["p12"]]
    assert {(tie.a, tie.b) for tie in sample.ties} == {("p08", "p09"), ("p10", "p11"), ("p00", "p12")}
    assert len(sample.singles) == 40 - 8 - 5


def test_where_all_are_alike_or_none_is_there_are_as_many() -> None:
    chain = [Tie(a, b, Decision.YES, 0.1) for a, b in pairwise(NAMES)]
    assert len(drawn(NAMES, chain, 12, 1).names) == 12
    assert len(drawn(NAMES, [], 12, 1).singles) == 12
    assert sorted(drawn(NAMES[:3], [], 12, 1).names) == NAMES[:3]


@given(
    st.integers(2, 45),
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39), st.sampled_from([Decision.YES, Decision.MAYBE])), max_size=30),
)
def test_a_sample_is_as_large_as_asked_and_each_picture_is_in_it_once(
    count: int, seed: int, pairs: list[tuple[int, int, Decision]]
) -> None:
    ties = [Tie(NAMES[a], NAMES[b], decision, 0.1) for a, b, decision in pairs if a != b]
    sample = drawn(NAMES, ties, count, seed)
    assert len(sample.names) == len(set(sample.names)) == min(count, len(NAMES))
    assert all(len(group) > 1 for group in sample.clusters)
    assert sample == drawn(NAMES, ties, count, seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_cluster_does_not_fill_the_sample(seed: int) -> None:
    large = [Tie(NAMES[0], name, Decision.YES, 0.1) for name in NAMES[1:25]]
    sample = drawn(NAMES, large, 20, seed)
    assert sum(map(len, sample.clusters)) <= 5
