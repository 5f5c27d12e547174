"""A bounded number of jobs at once, and nobody waits past the deadline."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from matcher.errors import Busy, Late

T = TypeVar("T")


class Desk:
    """Runs jobs on at most `places` threads, in their order; `seconds` is the time from asking to the answer.

    A job that waited in vain is never begun. One that is late keeps its place until it ends, so that late ones cannot pile up.
    """

    def __init__(self, places: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(places, thread_name_prefix="misp-query")
        self._seconds = seconds

    def run(self, job: Callable[[float], T]) -> T:
        """Return what `job` returns, or raise what it raises; Busy or Late at the deadline, which the job is told (time.monotonic())."""
        future = self._threads.submit(job, time.monotonic() + self._seconds)
        if wait([future], timeout=self._seconds).done:
            return future.result()
        if future.cancel():
            raise Busy(f"Kuato was busy with other pictures for {self._seconds:g} s (misp.deadline); ask again in a moment.")
        raise Late(f"The picture was not looked up within {self._seconds:g} s (misp.deadline); ask again in a moment.")
