"""Clients that add, search and delete the same pictures at once: what was acknowledged holds (benchmarks/api.py, shortened).

KUATO_TEST_CHURN=120 lets them work for so many seconds.
"""

import os

import pytest

from benchmarks.api import ADD, DELETE, GET, SEARCH, Churn, Event, drawing, violations
from tests.matcher.web.serving import serving

SECONDS = float(os.environ.get("KUATO_TEST_CHURN", "15"))


def add(begun: float, ended: float, status: int = 201) -> Event:
    return Event(ADD, "p", begun, ended, status)


def delete(begun: float, ended: float, status: int = 204) -> Event:
    return Event(DELETE, "p", begun, ended, status)


def seen(begun: float, ended: float, found: bool, kind: str = GET) -> Event:
    return Event(kind, "p", begun, ended, 200, found)


@pytest.mark.parametrize(
    "events",
    [
        [add(1, 2), seen(3, 4, False)],
        [add(1, 2), seen(3, 4, False, SEARCH)],
        [add(1, 2, 200), seen(3, 4, False)],
        [add(1, 2), delete(3, 4), seen(5, 6, True)],
        [add(1, 2), delete(3, 4, 404), seen(5, 6, True)],
        [add(1, 2), delete(3, 4), add(5, 6), seen(7, 8, False)],
        [add(1, 2), delete(3, 4), seen(5, 6, True), add(7, 8)],
        [delete(1, 2), add(3, 4), seen(5, 6, False)],
        [seen(1, 2, True), add(3, 4)],
    ],
)
def test_what_cannot_be_is_noticed(events: list[Event]) -> None:
    assert len(violations(events)) >= 1


@pytest.mark.parametrize(
    "events",
    [
        [add(1, 2), seen(3, 4, True)],
        [seen(1, 2, False), add(3, 4)],
        [add(1, 3), seen(2, 4, True)],
        [add(1, 3), seen(2, 4, False)],
        [add(1, 2, 500), seen(3, 4, False)],
        [add(1, 2), delete(3, 5), seen(4, 6, True)],
        [add(1, 2), delete(3, 5), seen(4, 6, False)],
        [add(1, 2), delete(3, 4), seen(5, 7, True), add(6, 8)],
        [add(1, 4), delete(2, 3), seen(5, 6, True)],
        [add(1, 4), delete(2, 3), seen(5, 6, False)],
        [Event(ADD, "q", 1, 2, 201), seen(3, 4, False)],
    ],
)
def test_what_can_be_is_not(events: list[Event]) -> None:
    assert violations(events) == []


@pytest.mark.slow
def test_what_is_acknowledged_holds(redis_url: str, store_url: str, tmp_path) -> None:
    with serving(redis_url, tmp_path, web__rate_limit=0) as server:
        churn = Churn(server.url, [drawing(seed) for seed in range(100)], 32)
        churn.run(SECONDS)
    assert churn.failures == []
    assert violations(churn.events) == []
    for kind, found in ((SEARCH, True), (SEARCH, False), (GET, True), (GET, False)):
        assert [event for event in churn.events if (event.kind, event.found) == (kind, found)]
    assert {event.status for event in churn.events if event.kind == ADD} == {200, 201}
    assert {event.status for event in churn.events if event.kind == DELETE} == {204, 404}
