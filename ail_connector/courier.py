"""Posting to MISP what is told on: at once, or by a consumer every so many minutes."""

import logging
import threading
import time
from collections.abc import Callable

from ail_connector.onward import Onward, event_of
from matcher.collection import Collection
from matcher.delivery import Delivery
from matcher.errors import KuatoError

_KIND = b"e"  # as the caps, see daily.py: under "post", when it is time (seconds since the epoch)
_AGAIN = 600.0  # seconds until what could not be posted is tried again, unless its time comes before

_log = logging.getLogger(__name__)


class Courier:
    """Posts what waits. every: seconds, for `care`; 0: it never posts. clock: seconds since the epoch."""

    def __init__(self, collection: Collection, delivery: Delivery, every: float = 0.0, clock: Callable[[], float] = time.time) -> None:
        self._collection = collection
        self._delivery = delivery
        self._every = every
        self._clock = clock
        self._onward = Onward(collection.store, clock)
        self._working: threading.Thread | None = None

    def post(self, told: Callable[[str, int], None] = lambda address, count: None) -> int:
        """Post all that waits now, many matches as one event, and forget it; return how many matches that were.

        told: called for each event with its address, and with how many matches are in it. Killed anywhere, it is done again with the
        same events. Raises KuatoError.
        """
        left, posted = self._onward.count(), 0
        while (batch := self._onward.seal()).rows:
            event = event_of(batch, self._collection)
            if event["Event"]["Object"]:
                told(self._delivery.deliver(event), len(event["Event"]["Object"]))
                posted += len(event["Event"]["Object"])
            left -= self._onward.drop(batch)
            if left <= 0:
                break
        return posted

    def care(self) -> None:
        """Begin to post when it is time, in a thread that holds up nobody, not even the end of the process: what it does can be redone."""
        if not self._every or (self._working and self._working.is_alive()) or not self._due():
            return
        self._working = threading.Thread(target=self._try, name="courier", daemon=True)
        self._working.start()

    def _due(self) -> bool:
        """Whether it is time, and for us: several consumers look at the same time, and whoever moves the time on posts."""
        key, now = self._collection.store.key(_KIND, b"post"), self._clock()
        due = self._collection.store.read([key])[0]
        # When it was longer than now between two of them, that was another setting.
        if due is None or float(due) > now + self._every:
            self._collection.store.write(key, self._in(self._every))
            return False
        return now >= float(due) and self._collection.store.replace(key, due, self._in(self._every))

    def _try(self) -> None:
        try:
            if posted := self.post():
                _log.info("%d matches were posted to MISP", posted)
            return
        except KuatoError as error:
            _log.warning("%s [%s]; the matches are posted later", error, error.code)
        except Exception:  # noqa: BLE001 - whatever a server answers, the consumer goes on
            _log.exception("the matches are posted later")
        if self._every > _AGAIN:
            try:
                self._collection.store.write(self._collection.store.key(_KIND, b"post"), self._in(_AGAIN))
            except KuatoError as error:
                _log.warning("%s", error)

    def _in(self, seconds: float) -> bytes:
        return b"%.3f" % (self._clock() + seconds)
