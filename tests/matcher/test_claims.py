"""Claims: one adder at a time, whatever happens."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.claims import Claim, Claims
from matcher.store import Store

ONE, OTHER = b"\x12\x34" + bytes(30), b"\x12\x35" + bytes(30)  # in one bucket


@pytest.fixture
def claims(store_url: str) -> Claims:
    return Claims(Store(lambda: store_url, "test:"))


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1), st.floats(0, 1e12))
def test_a_claim_is_read_as_it_was_written(id: int, generation: int, deadline: float) -> None:
    claim = Claim(id, generation, deadline if generation else 0.0)
    assert Claim.unpack(claim.pack()) == claim
    assert claim.settled == (generation == 0)


def test_ids_are_never_given_twice(claims: Claims) -> None:
    assert claims.last_id() == 0
    given: list[int] = []
    threads = [threading.Thread(target=lambda: given.extend(claims.new_id() for _ in range(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(1, 201))
    assert claims.last_id() == 200


def test_only_who_saw_the_present_claim_changes_it(claims: Claims) -> None:
    mine, yours = Claim(1, 1, 5.0), Claim(2, 1, 5.0)
    assert claims.swap(ONE, None, mine)
    assert not claims.swap(ONE, None, yours)
    assert not claims.swap(ONE, yours, Claim(2))
    assert claims.swap(ONE, mine, Claim(1))
    assert claims.get(ONE) == Claim(1)
    assert not claims.swap(ONE, mine, None)
    assert claims.swap(ONE, Claim(1), None)
    assert claims.get(ONE) is None


def test_a_lease_that_was_renewed_is_another_claim(claims: Claims) -> None:
    assert claims.swap(ONE, None, Claim(1, 1, 5.0))
    assert claims.swap(ONE, Claim(1, 1, 5.0), Claim(1, 2, 9.0))
    assert not claims.swap(ONE, Claim(1, 1, 5.0), Claim(1))


def test_pictures_of_one_bucket_do_not_disturb_each_other(claims: Claims) -> None:
    assert claims.swap(ONE, None, Claim(1))
    assert claims.swap(OTHER, None, Claim(2, 1, 3.0))
    assert claims.swap(ONE, Claim(1), None)
    assert dict(claims.all()) == {OTHER: Claim(2, 1, 3.0)}
    assert claims.count() == 1


def test_eight_at_once_and_one_wins(claims: Claims) -> None:
    won: list[int] = []

    def claim(id: int) -> None:
        if claims.swap(ONE, None, Claim(id, 1, 5.0)):
            won.append(id)

    threads = [threading.Thread(target=claim, args=(id,)) for id in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert claims.get(ONE) == Claim(won[0], 1, 5.0)
