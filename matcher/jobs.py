"""Jobs: work that is acknowledged at once, done in the background, and not lost when the server is.

A job is on disk (`matcher.spool`) and in Redis (`matcher.jobbook`) before it is acknowledged; the message that has it worked on
(`matcher.dispatch`) comes last. Whoever works on it holds its folder; when that process dies, the lock is gone, and the next
look at the unfinished jobs finds one that is running and held by nobody. What has a result by then is not done again.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from matcher.dispatch import Dispatcher
from matcher.errors import BadRequest, Busy, KuatoError, NotFound, StoreUnavailable
from matcher.job import Item, ItemResult, Job, State, is_id, new_id
from matcher.jobbook import JobBook
from matcher.jobcare import JobCare
from matcher.jobrun import Run, Work
from matcher.settings import Settings
from matcher.spool import Held, Spool
from matcher.store import Store

_SWEEP_SECONDS = 5.0
_TIDY_SECONDS = 60.0
_POLL_SECONDS = 0.5
_STOP_SECONDS = 30.0
_MOST_TRIES = 10
_MOST_SENT = 20  # at one sweep
_BATCH = 200  # jobs read at once
_PAGE_BYTES = 2 << 20  # of results in one answer, as stored; JSON takes ten times as much

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """Some jobs, newest first. next: what to ask for the following ones with, "" when there are none."""

    jobs: tuple[Job, ...]
    next: str


@dataclass(frozen=True)
class Results:
    """Results of items in their order. next: what to ask for the following ones with, None when there will be none."""

    results: tuple[ItemResult, ...]
    next: int | None


class Jobs:
    """The jobs of a store. Safe to share between threads; several processes may work on the same jobs.

    handlers: what to do with each item, by kind of job. `start` begins to work, `stop` hands back what is not finished; all
    else can be asked before, and by processes that never start.
    patience: seconds that store or decoders may be away before a job is given up.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        handlers: Mapping[str, Work],
        clock: Callable[[], float] = time.time,
        patience: float = 3600.0,
    ) -> None:
        self._handlers = dict(handlers)
        self._clock = clock
        self._patience = patience
        self._book = JobBook(store)
        self._store = store
        self._spool = Spool(settings["jobs.dir"] or settings["data.dir"] / "jobs", settings["jobs.max_bytes"])
        self._most_waiting: int = settings["jobs.max_waiting"]
        self._care = JobCare(self._book, self._spool, settings, clock, self._note_end)
        self._threads: int = settings["jobs.threads"]
        self._items_at_once = settings.workers()
        self._waiters = threading.BoundedSemaphore(max(1, settings["web.threads"] // 2))
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._polling = threading.Lock()
        self._seen: dict[str, tuple[float, Job]] = {}
        self._runs: dict[str, Run] = {}
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._made: Dispatcher | None = None

    def submit(
        self,
        kind: str,
        items: Iterable[Item],
        *,
        parameters: Mapping[str, Any] | None = None,
        caller: Mapping[str, Any] | None = None,
    ) -> Job:
        """Accept a job: once this returns, it is done sooner or later, whatever happens to this process.

        items: read one by one, so they need not be in memory together. parameters, caller: see Job.
        Raises BadRequest for an unknown kind or no items, Busy when too much waits, StoreFull, StoreUnavailable, BadSettings;
        then nothing was accepted.
        """
        if kind not in self._handlers:
            raise BadRequest(f"there is no kind of job {kind[:80]!r}; there are {', '.join(sorted(self._handlers))}")
        now = self._clock()
        id = new_id(now)
        with self._spool.create(id) as held:
            try:
                if not self._book.place(id, self._spool.id, self._most_waiting):
                    raise Busy(f"{self._most_waiting} jobs are not done yet, the limit (jobs.max_waiting); come back when some are")
                job = Job(id, kind, self._spool.id, held.fill(items), dict(parameters or {}), dict(caller or {}), created=now)
                if not job.total:
                    raise BadRequest("a job without anything to do; give at least one picture")
                self._book.create(job)
            except BaseException:
                self._undo(id, held)
                raise
        with suppress(StoreUnavailable):  # it is accepted; the next look at what waits will send it
            self._dispatcher.send(id)
        return job

    def _undo(self, id: str, held: Held) -> None:
        # The folder first: should the job have been written down all the same, it ends as one that cannot be read.
        held.delete()
        with suppress(StoreUnavailable):
            self._book.forget([id])
            self._book.free(id)

    def get(self, id: str) -> Job:
        """Return a job. Raises NotFound, also for what is no id."""
        job = self._book.read([id])[0] if is_id(id) else None
        if job is None:
            raise NotFound(f"there is no job {id[:80]!r}, or its results are no longer kept (jobs.keep_hours)")
        return job

    def results(self, id: str, after: int = -1, limit: int = 100) -> Results:
        """Return the results of the items after number `after`; of a job that goes on, up to the first that has none yet.

        Raises NotFound.
        """
        job = self.get(id)
        at, size = max(0, after + 1), 0
        found: list[ItemResult] = []
        while at < job.total and len(found) < limit and size < _PAGE_BYTES:
            some, more = self._book.results(id, at, min(job.total, at + limit - len(found)), _PAGE_BYTES - size)
            size += more
            for result in some:
                if result is None and not job.state.final:
                    return Results(tuple(found), at - 1)
                found += [result] if result is not None else []
                at += 1
        return Results(tuple(found), at - 1 if at < job.total else None)

    def wait(self, id: str, seconds: float) -> Job:
        """Return a job when it has ended, or after so many seconds as it then is. Raises NotFound.

        At most half of web.threads wait at once, so that others can still ask; one more gets its answer right away.
        """
        job = self.get(id)
        if job.state.final or seconds <= 0 or not self._waiters.acquire(blocking=False):
            return job
        deadline = time.monotonic() + seconds
        try:
            while not job.state.final and not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
                with self._changed:
                    self._changed.wait(min(_POLL_SECONDS, left))
                job = self._recent(id)
        finally:
            self._waiters.release()
        return job

    def cancel(self, id: str) -> Job:
        """End a job: one that waits at once, one in work with the items that are. One that has ended stays as it is. Raises NotFound."""
        job = self.get(id)
        if self._book.cancel(id):
            with self._lock:
                run = self._runs.get(id)
            if run is not None:
                run.halt(State.CANCELLED)
            elif job.spool == self._spool.id:
                self._care.end_cancelled(id)
            elif job.state is State.QUEUED or job.cancelling:
                self._care.end(id, State.CANCELLED, None)  # of another host, which may be gone for good
        return self.get(id)

    def list(self, limit: int = 100, after: str = "", token: str | None = None) -> Page:
        """Return jobs, newest first. after: `next` of the page before. token: only those that this token asked for."""
        if after and not is_id(after):
            raise BadRequest(f"{after[:80]!r} follows no page; give the `next` of the page before")
        found: list[Job] = []
        while len(found) < limit and (ids := self._book.page(after, _BATCH)):
            for id, job in zip(ids, self._book.read(ids), strict=True):
                after = id
                if job is not None and token in (None, job.token):
                    found.append(job)
                    if len(found) == limit:
                        break
        return Page(tuple(found), after if len(found) == limit else "")

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state, of those that are kept."""
        states = Counter(job.state for job in self._book.read(self._book.all()) if job is not None)
        return {state.value: states[state] for state in State}

    def start(self) -> None:
        """Begin to work, in threads of this process. Raises BadSettings when jobs.dir cannot be used."""
        self._stopping.clear()
        self._dispatcher.start()
        self._keeper = threading.Thread(target=self._keep, name="jobs", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """Finish the items in work and hand back the rest: the next to start goes on with them. Those who wait are answered."""
        self._stopping.set()
        with self._changed:
            for run in self._runs.values():
                run.halt(None)
            self._changed.notify_all()
        if self._keeper is not None:
            self._dispatcher.stop(_STOP_SECONDS)
            self._keeper.join(_STOP_SECONDS)
            self._keeper = self._made = None

    @property
    def _dispatcher(self) -> Dispatcher:
        # One queue for each spool: who cannot read what a job is to work on must not be sent it.
        with self._lock:
            if self._made is None:
                self._made = Dispatcher(self._store, f"jobs-{self._spool.id}", self._look, self._threads)
            return self._made

    def _look(self, id: str) -> None:
        """Work on a job if there is something to do, and nobody does it."""
        try:
            if self._stopping.is_set():
                self._dispatcher.send(id)  # for the next who starts
            else:
                self._work_on(id)
        except StoreUnavailable as error:
            _log.warning("job %s must wait: %s", id, error)  # and is found by the next sweep
        except Exception:  # noqa: BLE001 - whatever it is: the next job is not to suffer
            _log.exception("job %s cannot be worked on", id)

    def _work_on(self, id: str) -> None:
        held = self._care.take(id)
        if held is None:
            return
        with held:
            job = self._book.read([id])[0]
            if job is None or job.state.final or job.cancelling:
                self._care.settle(id, job, held)
                return
            if job.kind not in self._handlers or job.tries >= _MOST_TRIES:
                known = job.kind in self._handlers
                why = (
                    f"its work ended {job.tries} times without any progress" if known else f"jobs of kind {job.kind!r} are no longer known"
                )
                self._care.end(id, State.FAILED, held, {"code": KuatoError.code, "message": why})
                return
            if not self._book.begin(id, self._clock()):
                return
            outcome, error = self._run(self._book.read([id])[0] or job, held)
            if outcome is not None:
                self._care.end(id, outcome, held, error)
                return
            if not self._book.hand_back(id):
                self._care.settle(id, None, held)  # somebody deleted it
                return
        self._dispatcher.send(id)

    def _run(self, job: Job, held: Held) -> tuple[State | None, dict[str, str] | None]:
        run = Run(self._book, job, held, self._handlers[job.kind], self._items_at_once, self._patience)
        with self._lock:
            self._runs[job.id] = run
        try:
            # Both may have come before the run could be found.
            if self._stopping.is_set():
                run.halt(None)
            elif job.cancelling:
                run.halt(State.CANCELLED)
            return run.go(), run.error
        except NotFound as error:
            return State.FAILED, {"code": error.code, "message": str(error)}
        finally:
            with self._lock:
                del self._runs[job.id]

    def _recent(self, id: str) -> Job:
        """Return a job as it was a moment ago, read once for all who wait for it. Raises NotFound."""
        now = time.monotonic()
        with self._polling:
            at, job = self._seen.get(id, (0.0, None))
            if job is None or now - at >= _POLL_SECONDS / 2:
                self._seen = {known: seen for known, seen in self._seen.items() if now - seen[0] < _POLL_SECONDS}
                job = self.get(id)
                self._seen[id] = (now, job)
        return job

    def _keep(self) -> None:
        """Look after what waits for as long as this process works."""
        tidied = 0.0
        while not self._stopping.is_set():
            try:
                self.sweep()
                if not tidied or time.monotonic() - tidied >= _TIDY_SECONDS:
                    tidied = time.monotonic()
                    self.tidy()
            except StoreUnavailable as error:
                _log.warning("jobs cannot be looked after: %s", error)
            except Exception:  # noqa: BLE001 - it will be tried again, and must not end for good
                _log.exception("jobs cannot be looked after")
            self._stopping.wait(_SWEEP_SECONDS)

    def sweep(self) -> None:
        """Have the unfinished jobs worked on that nobody works on; done every few seconds once started."""
        with self._lock:
            idle = len(self._runs) < self._threads
        for id in self._care.left(idle)[:_MOST_SENT]:
            self._dispatcher.send(id)

    def tidy(self) -> None:
        """Delete what nobody will ask for any more; done every minute once started."""
        self._care.tidy()

    def _note_end(self, id: str) -> None:
        with self._polling:
            self._seen.pop(id, None)
        with self._changed:
            self._changed.notify_all()
