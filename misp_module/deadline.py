"""A bounded number of jobs at once, and nobody waits past the deadline."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from matcher.errors import KuatoError

T = TypeVar("T")


class Busy(KuatoError):
    """All places were taken until the deadline."""

    code, status = "busy", 503


class Late(KuatoError):
    """The job was not done at the deadline; its answer will be dropped."""

    code, status = "late", 504


class Desk:
    """Runs jobs on at most `places` threads; `seconds` is the time from asking to the answer.

    A job that is late keeps its place until it ends, so that late ones cannot pile up.
    """

    def __init__(self, places: int, seconds: float) -> None:
        self._free = threading.Semaphore(places)
        self._threads = ThreadPoolExecutor(places, thread_name_prefix="misp-query")
        self._seconds = seconds

    def run(self, job: Callable[[], T]) -> T:
        """Return what `job` returns, or raise what it raises; Busy or Late at the deadline."""
        end = time.monotonic() + self._seconds
        if not self._free.acquire(timeout=self._seconds):
            raise Busy(f"Kuato was busy with other pictures for {self._seconds:g} s (misp.deadline); ask again in a moment.")
        future = self._threads.submit(job)
        future.add_done_callback(lambda _: self._free.release())
        if not wait([future], timeout=max(0.0, end - time.monotonic())).done:
            raise Late(f"The picture was not looked up within {self._seconds:g} s (misp.deadline); ask again in a moment.")
        return future.result()
