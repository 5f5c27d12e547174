"""The dashboard's figures: what waits, what came and was decided day by day, and whether the store is well."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matcher.collection import Collection
from matcher.match import Decision
from matcher.reviews import Review
from matcher.tally import ALERTS, DAY, MESSAGES, Tally, day, last_days

GOOD, ODD, WRONG = "good", "odd", "wrong"
_LOOKED_AT = 200


@dataclass(frozen=True)
class Day:
    """One day (UTC, YYYYMMDD). added: pictures, those removed since too. reviews: verdicts of people that still hold.

    yes, maybe, no: searches by their decision. messages: those of AIL; alerts: those of them for which tags were given.
    """

    day: str
    added: int = 0
    reviews: int = 0
    yes: int = 0
    maybe: int = 0
    no: int = 0
    messages: int = 0
    alerts: int = 0

    @property
    def searches(self) -> int:
        """Searches answered."""
        return self.yes + self.maybe + self.no


@dataclass(frozen=True)
class Sign:
    """Whether something is well. state: GOOD, ODD or WRONG. name, text: for people."""

    state: str
    name: str
    text: str


def by_day(collection: Collection, tally: Tally, count: int) -> list[Day]:
    """Return the figures of the last days, today last. Raises StoreUnavailable."""
    now = collection.clock()
    names = last_days(now, count)
    added = _added(collection, names, now)
    reviews = _reviewed(collection.reviews.all(), names)
    return [
        Day(
            name,
            added[name],
            reviews[name],
            counted.get(Decision.YES.value, 0),
            counted.get(Decision.MAYBE.value, 0),
            counted.get(Decision.NO.value, 0),
            counted.get(MESSAGES, 0),
            counted.get(ALERTS, 0),
        )
        for name, counted in tally.days(count)
        if name in added
    ]


def share(part: int, whole: int) -> float | None:
    """Return part / whole, None where there is nothing to share."""
    return part / whole if whole else None


def signs(info: dict[str, Any], jobs: dict[str, int], more_pictures: int | None) -> list[Sign]:
    """Return how the store is.

    info: what the server says of itself. jobs: how many are in each state. more_pictures: how many still fit, None for no bound.
    """
    hours = int(info.get("uptime_in_seconds", 0)) // 3600
    found = [Sign(GOOD, "redis", f"Redis {info.get('redis_version', '?')} answers, up for {hours} h")]
    if "aof_enabled" in info and not int(info["aof_enabled"]):
        found.append(Sign(WRONG, "durability", "Redis keeps no append-only file: what was added last is lost when it ends"))
    elif str(info.get("aof_last_write_status", "ok")) != "ok":
        found.append(Sign(WRONG, "durability", "Redis cannot write its append-only file; is the disk full?"))
    else:
        found.append(Sign(GOOD, "durability", "Redis keeps an append-only file"))
    if more_pictures is not None and more_pictures < 10_000:
        found.append(Sign(ODD if more_pictures else WRONG, "memory", f"memory for {more_pictures} more pictures is left"))
    else:
        room = "without a bound" if more_pictures is None else f"for {more_pictures:,} more pictures"
        found.append(Sign(GOOD, "memory", f"memory {room} is left"))
    failed = jobs.get("failed", 0)
    found.append(Sign(ODD, "jobs", f"{failed} jobs failed") if failed else Sign(GOOD, "jobs", "no job failed"))
    return found


def _added(collection: Collection, names: list[str], now: float) -> dict[str, int]:
    """Return how many pictures were added on each day."""
    start = int(now // DAY) * DAY
    last, low, bounds = collection.claims.last_id() + 1, 1, list[int]()
    for back in range(len(names) - 1, -1, -1):
        low = first_since(collection, start - back * DAY, low, last)
        bounds.append(low)
    return {name: end - begin for name, begin, end in zip(names, bounds, [*bounds[1:], last], strict=True)}


def first_since(collection: Collection, since: float, low: int = 1, high: int = 0) -> int:
    """Return the least id of a picture that was added since, `high` for none (0: one more than the last id).

    Ids are given in the order of time; those of removed pictures count with what is behind them.
    """
    high = high or collection.claims.last_id() + 1
    while low < high:
        middle = (low + high) // 2
        there = next(iter(collection.records.live(range(middle, min(middle + _LOOKED_AT, high))).values()), None)
        if there is None or there.added >= since:
            high = middle
        else:
            low = there.id + 1
    return low


def _reviewed(reviews: Iterable[Review], names: list[str]) -> Counter[str]:
    wanted = set(names)
    return Counter(when for when in (day(review.when) for review in reviews) if when in wanted)
