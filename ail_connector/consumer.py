"""The stand-alone consumer: several workers that take messages of AIL, and give tags back, until told to end."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ail_connector.errors import AilUnavailable
from ail_connector.handling import RETRIED, Handling, NotYet
from ail_connector.queue import Queue, Taken, holder_name
from matcher.errors import Busy, KuatoError, StoreMismatch, StoreUnavailable

_IDLE = 0.5  # seconds until an empty list is looked at again
_AWAY = 2.0  # seconds until a server that is away is asked again
_DEATHS = 20  # of those that took a message, until it is given up; pictures are decoded in other processes, so few die of one
_CARE = 5.0  # seconds between two looks after what others left

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often a message is taken up, and how many seconds it waits in between; for failures, and for screenshots to come."""

    tries: int
    seconds: float
    screenshot_tries: int
    screenshot_seconds: float


class Consumer:
    """Runs workers on one or more queues.

    most_tags: while so many tags wait for AIL, no message is begun. care: called now and then with what tells whether to end, for work
    that has no message. told: called after each message with how many tags were sent.
    """

    def __init__(
        self,
        queues: Sequence[Queue],
        handling: Handling,
        patience: Patience,
        workers: int = 1,
        most_tags: int = 10_000,
        care: Callable[[Callable[[], bool]], None] = lambda ended: None,
        told: Callable[[int], None] = lambda sent: None,
    ) -> None:
        self._queues = list(queues)
        self._handling = handling
        self._patience = patience
        self._workers = workers
        self._most_tags = most_tags
        self._care = care
        self._told = told
        self._stop = threading.Event()
        self._over = threading.Event()
        self._crowded = False
        self._failed: KuatoError | None = None
        self._begun = dict[tuple[str, str], str]()

    def run(self, stop: threading.Event | None = None, until_empty: bool = False) -> None:
        """Work until `stop` is set, and what is in hand is finished; or until nothing waits and nothing is to be tried again.

        Raises StoreMismatch.
        """
        self._stop = stop or threading.Event()
        for queue in self._queues:
            self._try(queue.join)
            # What died with an earlier process of ours is taken before anything else.
            self._try(queue.release_orphans)
        threads = [threading.Thread(target=self._work, args=(n, until_empty), name=f"worker {n}") for n in range(self._workers)]
        keeper = threading.Thread(target=self._keep, name="keeper")
        for thread in (*threads, keeper):
            thread.start()
        for thread in threads:
            thread.join()
        self._over.set()
        keeper.join()
        for queue in self._queues:
            self._try(queue.leave)
        if self._failed:
            raise self._failed

    def _work(self, number: int, until_empty: bool) -> None:
        holder = holder_name(number)
        while not self._stop.is_set():
            if self._crowded:
                self._stop.wait(_IDLE)
                continue
            try:
                # Each queue in turn, so that a long one does not starve the other.
                worked = [self._step(queue, holder) for queue in self._queues if not self._stop.is_set()]
                if not any(worked):
                    if until_empty and not any(queue.waiting() or queue.held() for queue in self._queues):
                        return
                    self._stop.wait(_IDLE)
            except StoreMismatch as error:
                self._failed = error
                self._stop.set()
            except (AilUnavailable, StoreUnavailable, Busy) as error:
                # What this worker holds it gets again with its next question; nobody else need wait for the lease.
                _log.warning("%s; trying again", error)
                self._stop.wait(_AWAY)
            except Exception:  # noqa: BLE001 - the loop goes on, whatever comes
                _log.exception("a worker goes on after what should not happen")
                self._stop.wait(_AWAY)

    def _step(self, queue: Queue, holder: str) -> bool:
        """Take one message and see it to its end; False when there was none."""
        taken = queue.take(holder)
        if taken is None:
            return False
        again = taken.tries > 1 or self._begun.get((queue.module, holder)) == taken.ticket
        self._begun[queue.module, holder] = taken.ticket
        if taken.deaths >= _DEATHS:
            queue.bury(holder, taken, f"{taken.deaths} that took it did not come back: they died of it, or with it")
            return True
        try:
            handled = self._handling.handle(taken.message, again, last=taken.failures + 1 >= self._patience.screenshot_tries)
        except NotYet:
            queue.later(holder, taken, self._patience.screenshot_seconds)
            return True
        except (AilUnavailable, StoreUnavailable, Busy):
            raise
        except RETRIED as error:
            self._put_off(queue, holder, taken, f"{error} [{error.code}]")
            return True
        except Exception as error:  # noqa: BLE001 - a message that nobody foresaw is kept aside, and the loop goes on
            _log.exception("%s, ticket %s", queue.module, taken.ticket)
            self._put_off(queue, holder, taken, f"{type(error).__name__}: {error}")
            return True
        sent = queue.finish(holder, taken, handled.tags, handled.outcome)
        if sent >= 0:
            self._told(sent)
        return True

    def _put_off(self, queue: Queue, holder: str, taken: Taken, why: str) -> None:
        if taken.failures + 1 >= self._patience.tries:
            _log.warning("%s, ticket %s: given up after %d tries; see `kuato ail dead`", queue.module, taken.ticket, taken.failures + 1)
            queue.bury(holder, taken, why)
        else:
            queue.later(holder, taken, self._patience.seconds)

    def _keep(self) -> None:
        """Look after what no worker does: what dead ones held, how many tags wait, what has no message."""
        while not (self._over.wait(_CARE) or self._stop.is_set()):
            started = time.monotonic()
            self._try(self._look_after)
            self._try(lambda: self._care(lambda: self._stop.is_set() or self._over.is_set()))
            _log.debug("looked after the rest in %.2f s", time.monotonic() - started)

    def _look_after(self) -> None:
        for queue in self._queues:
            if freed := queue.release_orphans():
                _log.info("%s: %d messages of processes that ended are taken up again", queue.module, freed)
        waiting = max((queue.tags_waiting() for queue in self._queues), default=0)
        if (waiting >= self._most_tags) != self._crowded:
            self._crowded = not self._crowded
            _log.warning("%d tags wait for AIL's module Tags; %s", waiting, "no message is begun" if self._crowded else "going on")

    def _try(self, what: Callable[[], object]) -> None:
        try:
            what()
        except (AilUnavailable, StoreUnavailable, Busy) as error:
            _log.warning("%s; going on", error)
