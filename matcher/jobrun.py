"""The work on one job: several of its items at once, results saved as they come."""

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from matcher.errors import Busy, KuatoError, Late, StoreUnavailable
from matcher.job import Item, ItemResult, Job, State
from matcher.jobbook import JobBook, Standing, packed
from matcher.spool import Held

Work = Callable[[Job, Item], dict[str, Any]]

_SAVE_SECONDS = 0.5  # what a killed server has finished in such a time is done once more
_SAVE_RESULTS = 64
_LOOK_SECONDS = 1.0  # between two looks whether another process cancelled the job
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0  # seconds, when the store or the decoders are away
_MOST_BYTES = 32 << 20  # of the results of one job, as stored
# What concerns no picture: it is waited out.
_AWAY = (StoreUnavailable, Busy, Late)
_TOO_LONG = {
    "code": "too-large",
    "message": f"the results of this job take more than {_MOST_BYTES >> 20} MB; ask with a smaller limit, or fewer pictures a job",
}
_UNFORESEEN = {"code": KuatoError.code, "message": "this could not be done; Kuato's log tells why"}

_log = logging.getLogger(__name__)


class Run:
    """A job in work.

    work: called with the job and an item, in up to `threads` threads; returns JSON. Its KuatoError is the item's result, unless
    it tells that store or decoders are away. patience: seconds that they may be so.
    error: why `go` returned FAILED.
    """

    def __init__(self, book: JobBook, job: Job, held: Held, work: Work, threads: int, patience: float) -> None:
        self._book, self._job, self._held, self._work, self._threads, self._patience = book, job, held, work, threads, patience
        self.error: dict[str, str] | None = None
        self._halted = threading.Event()
        self._outcome: State | None = State.DONE
        self._unsaved: list[tuple[int, bytes, bool]] = []
        self._size = job.size
        self._looked = time.monotonic()
        self._resume = self._pause = self._away_since = 0.0

    def halt(self, outcome: State | None) -> None:
        """Begin no further item; what is in work is finished. outcome: what `go` shall return then."""
        if not self._halted.is_set():
            self._outcome = outcome
            self._halted.set()

    def go(self) -> State | None:
        """Work until all items have a result, the job is cancelled or to be given up; None when it was halted before, or is gone.

        Raises StoreUnavailable before anything is done, NotFound when the items cannot be read any more.
        """
        finished = self._book.finished(self._job.id)
        pending = deque(number for number in range(len(self._held.names())) if number not in finished)
        working: dict[Future[tuple[int, bytes, bool]], int] = {}
        with ThreadPoolExecutor(self._threads) as threads:
            while not self._halted.is_set() and (pending or working or self._unsaved):
                while pending and len(working) < self._threads and time.monotonic() >= self._resume:
                    number = pending.popleft()
                    working[threads.submit(self._one, number)] = number
                if working:
                    for future in wait(working, timeout=_SAVE_SECONDS, return_when=FIRST_COMPLETED).done:
                        self._take(future, working.pop(future), pending)
                else:
                    self._halted.wait(max(0.0, self._resume - time.monotonic()))
                self._save(last=not pending and not working)
            for future in wait(working).done:
                self._take(future, working.pop(future), pending)
            self._save(last=True)
        return State.DONE if not pending and not self._unsaved else self._outcome

    def _one(self, number: int) -> tuple[int, bytes, bool]:
        """Return the result of an item as it is stored; raises what concerns no picture."""
        name = self._held.names()[number]
        try:
            return number, packed(ItemResult(number, name, result=self._work(self._job, self._held.item(number)))), False
        except _AWAY:
            raise
        except KuatoError as error:
            if type(error) is KuatoError:  # decoders do not start, say
                raise
            failure = {"code": error.code, "message": str(error)}
        except Exception as error:
            if self._halted.is_set() and self._outcome is None:  # the server ends, and with it what the work needs
                raise KuatoError("stopped in the middle") from error
            # Where, but not with which words: these may name a picture of which nothing may be logged.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("job %s: item %d failed with %s\n%s", self._job.id, number, type(error).__name__, where)
            failure = _UNFORESEEN
        return number, packed(ItemResult(number, name, error=failure)), True

    def _take(self, future: Future[tuple[int, bytes, bool]], number: int, pending: deque[int]) -> None:
        try:
            number, value, failed = future.result()
        except KuatoError as error:
            pending.appendleft(number)
            self._wait_out(error)
            return
        if self._size + len(value) > _MOST_BYTES:
            value, failed = packed(ItemResult(number, self._held.names()[number], error=_TOO_LONG)), True
        self._size += len(value)
        self._unsaved.append((number, value, failed))
        self._pause = self._away_since = 0.0

    def _save(self, last: bool) -> None:
        now = time.monotonic()
        due = self._unsaved and (last or len(self._unsaved) >= _SAVE_RESULTS or now - self._looked >= _SAVE_SECONDS)
        if not due and now - self._looked < _LOOK_SECONDS:
            return
        if now < self._resume and not self._halted.is_set():
            return
        try:
            standing = self._book.save(self._job.id, self._unsaved)
        except StoreUnavailable as error:
            self._wait_out(error)
            return
        self._looked, self._unsaved = now, []
        if standing is not Standing.GO_ON:
            self.halt(State.CANCELLED if standing is Standing.CANCEL else None)

    def _wait_out(self, error: KuatoError) -> None:
        """Pause, longer each time; give the job up after too long."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _SHORTEST_PAUSE)
        self._resume = now + self._pause
        _log.warning("job %s pauses for %.1f s: %s", self._job.id, self._pause, error.code)
        if now - self._away_since >= self._patience:
            self.error = {"code": error.code, "message": f"given up after {self._patience:.0f} s: {_public(error)}"}
            self.halt(State.FAILED)


def _public(error: KuatoError) -> str:
    """Return what anybody may know of an error: where the store is, is the operator's to know."""
    return "Kuato's store was away" if isinstance(error, StoreUnavailable) else str(error)
