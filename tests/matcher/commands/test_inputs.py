"""Work on many inputs at once."""

import time
from collections.abc import Iterator

from matcher.commands.inputs import batches, in_parallel


def test_batches_hold_so_many_at_most() -> None:
    assert list(batches(range(7), 3, 60)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches((), 3, 60)) == []


def test_a_batch_is_not_waited_for() -> None:
    def slow() -> Iterator[int]:
        for n in range(4):
            time.sleep(0.02)
            yield n

    assert list(batches(slow(), 100, 0.01)) == [[0, 1], [2, 3]]
    assert list(batches(range(3), 100, 0)) == [[0], [1], [2]]


def test_results_come_in_order() -> None:
    def work(n: int) -> int:
        time.sleep(0.02 if n % 5 == 0 else 0)
        return n * n

    assert list(in_parallel(work, range(50), 4)) == [n * n for n in range(50)]
