"""Windows of time: nothing is missed, though others change what is listed."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misp_module.windows import windows

Row = dict[str, Any]


class Table:
    """Rows with times. moving: the share of questions after which a row gets a later time, beyond all that is asked for."""

    def __init__(self, times: list[int], limit: int, moving: float = 0.0, seed: int = 0) -> None:
        self.rows = [{"uuid": str(n), "at": at} for n, at in enumerate(times)]
        self.limit = limit
        self.moved: set[str] = set()
        self.asked = 0
        self._moving = moving
        self._chance = random.Random(seed)

    def ask(self, start: int, end: int, page: int) -> list[Row]:
        self.asked += 1
        found = sorted((row for row in self.rows if start <= row["at"] <= end), key=lambda row: (row["at"], int(row["uuid"])))
        if found and self._chance.random() < self._moving:
            row = self._chance.choice(found)
            row["at"] = 10**9
            self.moved.add(row["uuid"])
        return [dict(row) for row in found[(page - 1) * self.limit : page * self.limit]]


@given(times=st.lists(st.integers(10, 5000)), limit=st.integers(2, 20))
def test_all_that_is_there_comes(times: list[int], limit: int) -> None:
    table = Table(times, limit)
    found = [row["uuid"] for _, rows in windows(table.ask, 10, 5000, limit) for row in rows]
    assert sorted(found, key=int) == [row["uuid"] for row in table.rows]


@pytest.mark.parametrize("seed", range(30))
def test_what_does_not_change_comes_whatever_else_does(seed: int) -> None:
    chance = random.Random(seed)
    times = [chance.choice([100, 101, chance.randrange(1000)]) for _ in range(200)]
    table = Table(times, 7, moving=0.3, seed=seed)
    found = {row["uuid"] for _, rows in windows(table.ask, 0, 1000, 7) for row in rows}
    assert {row["uuid"] for row in table.rows} - table.moved <= found


def test_ends_follow_each_other_and_empty_years_cost_little() -> None:
    table = Table([1_700_000_000] * 3, 5)
    ends = [end for end, _ in windows(table.ask, 1_000_000_000, 1_772_000_000, 5)]
    assert ends == sorted(set(ends))
    assert ends[-1] == 1_772_000_000
    assert table.asked < 60
