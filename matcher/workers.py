"""The processes of one pool: started when first needed, lent to one caller at a time, replaced when they are spent or dead."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass

from matcher.child import Child, Died
from matcher.errors import Busy, KuatoError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """What the processes of a pool are, in the words of errors.

    what: such as "decoding". unconfined: what is logged when they run without a sandbox. settings: what bounds their number.
    requests: after so many one is replaced. resident: bytes; one that holds more between two pictures is replaced.
    """

    what: str
    unconfined: str
    settings: str
    requests: int
    resident: int


@dataclass(frozen=True)
class Standing:
    """How the processes of a pool stand. size: places. busy: at work. waiting: callers. started, lost: since the pool was made."""

    size: int
    busy: int
    waiting: int
    started: int
    lost: int


class Workers:
    """At most `count` processes, each made by `start`. Thread-safe. Those who wait for one are served in their order."""

    def __init__(self, start: Callable[[], Child], count: int, kind: Kind) -> None:
        self._start = start
        self._kind = kind
        self._places: list[Child | None] = [None] * count  # None: nobody was started there yet
        self._size = count
        self._waiting: deque[Future[Child | None]] = deque()
        self._closed = False
        self._warned = False
        self._begun = self._lost = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """End all workers; those at work end with their picture, those who wait for one get RuntimeError. May be called again."""
        with self._lock:
            self._closed = True
            idle, self._places = [child for child in self._places if child], []
            waiting = [turn for turn in self._waiting if turn.set_running_or_notify_cancel()]
            self._waiting.clear()
        for turn in waiting:
            turn.set_exception(RuntimeError(self._gone))
        for child in idle:
            child.kill()

    def standing(self) -> Standing:
        """Return how the processes stand at this moment."""
        with self._lock:
            return Standing(self._size, self._size - len(self._places), len(self._waiting), self._begun, self._lost)

    @property
    def _gone(self) -> str:
        return f"the pool of {self._kind.what} processes is closed"

    def take(self, waiting: float | None = None) -> Child:
        """Return an idle worker, a new one, or wait for one; those who wait are served in their order."""
        child = self._place(waiting)
        if child is None or not child.alive():
            try:
                child = self._started()
            except BaseException:
                self._leave(None)
                raise
        if child.unconfined and not self._warned:
            self._warned = True
            _log.warning("%s: %s", self._kind.unconfined, child.unconfined)
        return child

    def _place(self, waiting: float | None) -> Child | None:
        """Return a place for a worker, with the worker when it has one."""
        with self._lock:
            if self._closed:
                raise RuntimeError(self._gone)
            if self._places:
                return self._places.pop()
            turn: Future[Child | None] = Future()
            self._waiting.append(turn)
        try:
            return turn.result(waiting)
        except BaseException as error:
            if not turn.cancel() and not turn.exception():
                self._leave(turn.result())
            if isinstance(error, FutureTimeout):
                busy = f"all {self._size} {self._kind.what} processes were busy for {waiting:g} s"
                raise Busy(f"{busy} ({self._kind.settings}); ask again") from None
            raise

    def _leave(self, place: Child | None) -> None:
        """Hand a place to whoever has waited longest, so that nobody who comes later takes it first."""
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(place)
                    return
            if place is None or not self._closed:
                # Taken from the end: a worker that is there before one that is to be started.
                self._places.insert(len(self._places) if place else 0, place)
                return
        place.kill()

    def _started(self) -> Child:
        with self._lock:
            self._begun += 1
        try:
            return self._start()
        except Died:  # whoever killed it, no picture is to blame; but what dies twice will die again
            try:
                return self._start()
            except Died as death:
                raise KuatoError(f"a {self._kind.what} worker did not start: {death}") from None

    def give_back(self, child: Child, healthy: bool) -> None:
        """Take back what `take` lent. healthy: it may serve the next picture."""
        with self._lock:
            self._lost += not healthy
        place = child if healthy and child.served < self._kind.requests and child.resident() < self._kind.resident else None
        # Dead before its place is free: there are never more processes than places.
        try:
            if place is None:
                child.kill()
        finally:
            self._leave(place)
