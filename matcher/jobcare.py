"""What jobs leave: ending them, finding those that nobody works on, deleting what nobody will ask for any more.

Whoever holds the folder of a job may end it; nobody else writes its state then.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from matcher.errors import NotFound
from matcher.job import Job, State
from matcher.jobbook import JobBook
from matcher.settings import Settings
from matcher.spool import Held, Spool

_MOST_KEPT = 10_000  # ended jobs

_log = logging.getLogger(__name__)


class JobCare:
    """Looks after the jobs of a store whose folders are in one spool. ended: called with the id of each job that ends."""

    def __init__(self, book: JobBook, spool: Spool, settings: Settings, clock: Callable[[], float], ended: Callable[[str], None]) -> None:
        self._book, self._spool, self._clock, self._ended = book, spool, clock, ended
        self._keep_seconds = settings["jobs.keep_hours"] * 3600.0
        self._keep_bytes: int = settings["jobs.keep_bytes"]
        self._waited: set[str] = set()

    def take(self, id: str) -> Held | None:
        """Return the folder of a job, held; None while another works on it, and when it is lost, with which the job has failed."""
        for _ in range(5):
            try:
                held = self._spool.hold(id)
            except NotFound as error:
                self.end(id, State.FAILED, None, {"code": error.code, "message": str(error)})
                return None
            if held is not None:
                return held
            time.sleep(0.02)  # somebody may just be looking whether it is held
        return None

    def end(self, id: str, state: State, held: Held | None, error: dict[str, str] | None = None) -> None:
        """End a job. Its state before its folder: what is to be done is there for as long as it may be."""
        self._book.end(id, state, self._clock(), self._keep_seconds, error)
        if held is not None:
            held.delete()
        self._book.free(id)
        self._ended(id)

    def settle(self, id: str, job: Job | None, held: Held) -> None:
        """Clear away what is left of a job that has ended, never was one (None), or is to be cancelled, which is done before."""
        if job is not None and not job.state.final:
            self.end(id, State.CANCELLED, held)
        else:
            held.delete()
            self._book.free(id)

    def end_cancelled(self, id: str) -> None:
        """End a job that is to be cancelled, unless somebody works on it, who will."""
        with suppress(NotFound):
            held = self._spool.hold(id)
            if held is not None:
                with held:
                    job = self._book.read([id])[0]
                    if job is None or job.state.final or job.cancelling:
                        self.settle(id, job, held)

    def left(self, idle: bool) -> list[str]:
        """Return the unfinished jobs that somebody must be sent: those of processes that died, and those whose message was lost.

        idle: whether this process has nothing to do. What then waits at two calls in a row has no message.
        """
        ids = sorted(id for id, spool in self._book.unfinished().items() if spool == self._spool.id)
        waiting, found = list[str](), list[str]()
        for id, job in zip(ids, self._book.read(ids), strict=True):
            if job is None or job.state.final:
                self._clear(id)
            elif job.cancelling:
                self.end_cancelled(id)
            elif job.state is State.QUEUED:
                waiting.append(id)
            elif self._is_free(id) and self._book.hand_back(id):
                _log.warning("job %s was left by a process that ended; it goes on", id)
                found.append(id)
        if idle:
            found += [id for id in waiting if id in self._waited]
        self._waited = set(waiting) if idle else set()
        return found

    def tidy(self) -> None:
        """Delete what nobody will ask for any more: folders without a job, and results beyond their limits."""
        unfinished = self._book.unfinished()
        for id, changed in self._spool.jobs().items():
            if id not in unfinished:
                self._clear(id, changed)
        ids = self._book.all()
        jobs = self._book.read(ids)
        gone = [id for id, job in zip(ids, jobs, strict=True) if job is None]
        ended = sorted((job for job in jobs if job is not None and job.state.final), key=lambda job: job.ended)
        size, count = sum(job.size for job in ended), len(ended)
        for job in ended:
            if size <= self._keep_bytes and count <= _MOST_KEPT:
                break
            gone.append(job.id)
            size, count = size - job.size, count - 1
        self._book.forget(gone)

    def _clear(self, id: str, changed: float | None = None) -> None:
        """Delete what is left of a job that has ended or was never acknowledged, unless somebody holds it.

        changed: when its folder was, None where the store has it among the unfinished.
        """
        try:
            held = self._spool.hold(id)
        except NotFound:
            self._book.free(id)
            return
        if held is None:
            return
        with held:
            job = self._book.read([id])[0]  # once it is held, nobody else writes it down
            # One that this store does not know may be another store's, if redis.url was changed; it is left for a while.
            ours = changed is None or held.unfinished or self._clock() - changed > self._keep_seconds
            if job.state.final if job is not None else ours:
                self.settle(id, job, held)

    def _is_free(self, id: str) -> bool:
        """Whether nobody holds the folder of a job; a lost one is nobody's."""
        try:
            held = self._spool.hold(id)
        except NotFound:
            return True
        if held is None:
            return False
        held.close()
        return True
