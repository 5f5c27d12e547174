"""A pool of worker processes: decodes and fingerprints outside the host, which no picture can hang, crash or fill.

Workers are started when first needed, each an exec'd process of its own session. One that misses the deadline is killed,
one that dies costs the one picture it held; the next picture gets another.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any

from matcher import wire
from matcher.child import Child, Died
from matcher.decode import Limits
from matcher.errors import BadRequest, Busy, DecodeCrash, DecodeTimeout, KuatoError, TooLarge
from matcher.extraction import Fingerprints
from matcher.fingerprints import registry
from matcher.fingerprints.base import Fingerprint

if TYPE_CHECKING:
    from typing_extensions import Self

    from matcher.settings import Settings

_REQUESTS = 2000  # after so many a worker is replaced, whatever its libraries may have leaked
_RESIDENT = 300 << 20  # bytes; a worker that still holds more between two pictures is replaced
_CLOSED = "the worker pool is closed"

_log = logging.getLogger(__name__)


class WorkerPool:
    """Fingerprints pictures in at most `workers` processes at once (0: as many as there are cores). Thread-safe.

    limits: for each picture. algorithms: names of the fingerprints that the workers load. settings: those that these read, as
    JSON can carry them (`registry.settings_of`).
    Use as a context manager, or call `close`. Workers end by themselves when their host does.
    """

    def __init__(self, limits: Limits, algorithms: Iterable[str], workers: int = 0, settings: Mapping[str, Any] | None = None) -> None:
        self.limits = limits
        self.algorithms = tuple(dict.fromkeys(algorithms))
        self._settings = dict(settings or {})
        self._places: list[Child | None] = [None] * (workers or len(os.sched_getaffinity(0)))  # None: nobody was started there yet
        self._size = len(self._places)
        self._waiting: deque[Future[Child | None]] = deque()
        self._closed = False
        self._warned = False
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: "Settings", algorithms: Mapping[str, Fingerprint]) -> "Self":
        """Return the pool that these settings want for these algorithms."""
        read = registry.settings_of(algorithms.values(), settings)
        return cls(settings.limits(), algorithms, settings["workers.count"], read)

    def fingerprint(
        self,
        data: bytes,
        *,
        query: bool = False,
        algorithms: Iterable[str] | None = None,
        name: str = "picture",
        waiting: float | None = None,
    ) -> Fingerprints:
        """Return the fingerprints of the picture in `data`.

        query: also those of the turned, mirrored and negative views. algorithms: some of the pool's (default: all).
        name: what an error calls the picture. waiting: seconds to wait for a free worker at most, None for as long as it takes.
        Raises the family of BadPicture; Busy; BadSettings when the workers cannot load an algorithm, BadRequest for one not loaded.
        """
        name = wire.printable(name, 120)
        asked = self.algorithms if algorithms is None else tuple(dict.fromkeys(algorithms))
        if unknown := [a for a in asked if a not in self.algorithms]:
            raise BadRequest(f"fingerprint {unknown[0]!r} is not enabled; enabled are {', '.join(self.algorithms)} (fingerprints.enabled)")
        if len(data) > self.limits.max_bytes:
            raise TooLarge(f"{name} has {len(data) / 1e6:.1f} MB, the limit is {self.limits.max_bytes / 1e6:.1f} (picture.max_bytes)")
        child = self._take(waiting)
        healthy = False
        try:
            child.send({"name": name, "query": query, "algorithms": asked}, data, self.limits.seconds)
            digest = sha256(data).hexdigest()  # while the worker decodes, and not left to it
            header, body = child.receive()
            outcome = wire.failure(header) or wire.believed(
                header, body, limits=self.limits, asked=asked, query=query, digest=digest, bytes_size=len(data)
            )
            healthy = True
        except TimeoutError:
            raise DecodeTimeout(f"{name} took longer than {self.limits.seconds:g} s (picture.max_seconds)") from None
        except Died as death:
            raise self._blame(death, name) from None
        except wire.Nonsense as nonsense:
            raise DecodeCrash(f"{name} made its worker give {nonsense}") from nonsense
        finally:
            self._give_back(child, healthy)
        if isinstance(outcome, KuatoError):
            raise outcome
        return outcome

    def _blame(self, death: Died, name: str) -> DecodeCrash | DecodeTimeout:
        if death.late:
            return DecodeTimeout(f"{name} took longer than {self.limits.seconds:g} s (picture.max_seconds)")
        return DecodeCrash(f"{name} made its worker end: {death}")

    @property
    def sandboxed(self) -> bool:
        """Whether workers are confined to computing (seccomp); starts one to know."""
        child = self._take()
        self._give_back(child, True)
        return not child.unconfined

    def close(self) -> None:
        """End all workers; those at work end with their picture, those who wait for one get RuntimeError. May be called again."""
        with self._lock:
            self._closed = True
            idle, self._places = [child for child in self._places if child], []
            waiting = [turn for turn in self._waiting if turn.set_running_or_notify_cancel()]
            self._waiting.clear()
        for turn in waiting:
            turn.set_exception(RuntimeError(_CLOSED))
        for child in idle:
            child.kill()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _take(self, waiting: float | None = None) -> Child:
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
            _log.warning("pictures are decoded without a sandbox: %s", child.unconfined)
        return child

    def _place(self, waiting: float | None) -> Child | None:
        """Return a place for a worker, with the worker when it has one."""
        with self._lock:
            if self._closed:
                raise RuntimeError(_CLOSED)
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
                busy = f"all {self._size} decoding processes were busy for {waiting:g} s"
                raise Busy(f"{busy} (web.busy_seconds, workers.count); ask again") from None
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
        try:
            return Child(self.limits, self.algorithms, self._settings, _REQUESTS)
        except Died:  # whoever killed it, no picture is to blame; but what dies twice will die again
            try:
                return Child(self.limits, self.algorithms, self._settings, _REQUESTS)
            except Died as death:
                raise KuatoError(f"a decoding worker did not start: {death}") from None

    def _give_back(self, child: Child, healthy: bool) -> None:
        place = child if healthy and child.served < _REQUESTS and child.resident() < _RESIDENT else None
        # Dead before its place is free: there are never more processes than places.
        try:
            if place is None:
                child.kill()
        finally:
            self._leave(place)
