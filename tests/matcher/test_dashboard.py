"""The dashboard's figures, of a real store."""

from matcher.collection import Collection
from matcher.dashboard import GOOD, ODD, WRONG, by_day, share, signs
from matcher.match import Decision
from matcher.reviews import Verdict
from matcher.store import Store
from matcher.tally import DAY, Tally
from tests.matcher.making import ALGORITHMS, picture

NOON = 20_000 * DAY + DAY / 2


class Clock:
    """A clock that tests move."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_what_came_and_was_decided_is_told_by_day(store_url: str) -> None:
    clock = Clock()
    store = Store(lambda: store_url, "test:")
    collection, tally = Collection(store, ALGORITHMS, clock=clock), Tally(store, clock)
    for days_ago, pictures in ((5, 1), (2, 3), (0, 2)):
        clock.now = NOON - days_ago * DAY
        for n in range(pictures):
            collection.add(picture(100 * days_ago + n))
        tally.decided(Decision.YES)
        tally.decided(Decision.NO)
        tally.message(alerts=0)
        tally.message(alerts=3)
    collection.remove(picture(201).sha256)
    collection.reviews.give(picture(0).sha256, picture(1).sha256, Verdict.SAME, "ana")
    days = by_day(collection, tally, 4)
    assert [(one.added, one.searches, one.yes, one.messages, one.alerts, one.reviews) for one in days] == [
        (0, 0, 0, 0, 0, 0),
        (3, 2, 1, 2, 1, 0),
        (0, 0, 0, 0, 0, 0),
        (2, 2, 1, 2, 1, 1),
    ]
    assert by_day(collection, tally, 30)[-6].added == 1


def test_counts_are_gathered_before_they_are_written(store_url: str) -> None:
    clock = Clock()
    store = Store(lambda: store_url, "test:")
    writing, reading = Tally(store, clock), Tally(store, clock)
    for _ in range(3):
        writing.note("YES")
    assert reading.days(1)[0][1] == {"YES": 1}
    clock.now += 10
    writing.note("YES")
    assert reading.days(1)[0][1] == {"YES": 4}


def test_counting_never_fails() -> None:
    Tally(Store(lambda: "redis://127.0.0.1:1/0", "test:")).decided(Decision.YES)


def test_signs_tell_what_is_not_well() -> None:
    def states(**about: object) -> dict[str, str]:
        return {sign.name: sign.state for sign in signs({"aof_enabled": 1, **about}, {"failed": 0}, None)}

    assert set(states().values()) == {GOOD}
    assert states(aof_enabled=0)["durability"] == WRONG == states(aof_last_write_status="err")["durability"]
    assert [sign.state for sign in signs({}, {"failed": 2}, 500) if sign.name in ("memory", "jobs")] == [ODD, ODD]
    assert share(1, 0) is None and share(1, 4) == 0.25
