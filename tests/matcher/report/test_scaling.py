"""The exponent of growth, and that it is measured where it leaves nothing behind."""

import numpy as np
import pytest
import redis

from matcher.errors import NotAPicture
from matcher.evaluation import Trial
from matcher.report.scaling import Scaling, measure
from matcher.settings import Settings


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_exponent_of_a_power_is_found(exponent: float) -> None:
    sizes = (100, 200, 400, 800)
    noise = np.random.default_rng(1).uniform(0.98, 1.02, 4)
    seconds = tuple((0.002 * size**exponent * by for size, by in zip(sizes, noise, strict=True)))
    add, search = Scaling(sizes, (0.001,) * 4, seconds).exponents()
    assert search == pytest.approx(exponent, abs=0.03)
    assert add == pytest.approx(0, abs=1e-9)
    assert Scaling((5,), (0.1,), (0.2,)).exponents() == (0.0, 0.0)


def test_boxes_double_up_to_the_whole_set(tried: Trial, sample_settings: Settings, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        before = set(client.keys())
        steps: list[int] = []
        queries = {**tried.queries, "broken.png": NotAPicture("no picture")}
        found = measure(queries, sample_settings, lambda step, done, total: steps.append(done))
        assert set(client.keys()) == before
    count = len(tried.queries)
    assert found.sizes[-1] == count == len(steps)
    assert all(a == max(1, b // 2) for a, b in zip(found.sizes, found.sizes[1:], strict=False))
    assert len(found.add) == len(found.search) == len(found.sizes)
    assert all(seconds > 0 for seconds in (*found.add, *found.search))
