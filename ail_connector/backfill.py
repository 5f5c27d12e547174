"""What AIL has on disk already: gone through in the order of the files, once, at a pace that leaves AIL alone."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from ail_connector.database import Database
from ail_connector.errors import FileMissing, OddMessage
from ail_connector.installation import FAVICON, SCREENSHOT
from ail_connector.objects import Files
from ail_connector.processing import Processing
from ail_connector.queue import Queue
from matcher.errors import BadPicture
from matcher.store import Store

_KIND = b"e"  # as the caps, see daily.py: under "backfill " and a type, the last id up to which all was done
_AT_ONCE = 50

_log = logging.getLogger(__name__)


@dataclass
class Progress:
    """How far it is. share: of all ids of the type that are done, 0..1, as hashes are spread evenly; outcomes: how many by name."""

    kind: str
    done: int = 0
    share: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    tags: int = 0


class Backfill:
    """Works through the files of an installation. placeholders: SHA-256 of screenshots that are passed over."""

    def __init__(
        self, store: Store, processing: Processing, database: Database, files: Files, queue: Queue, placeholders: frozenset[str]
    ) -> None:
        self._store = store
        self._processing = processing
        self._database = database
        self._files = files
        self._queue = queue
        self._placeholders = placeholders

    def run(
        self,
        kind: str,
        *,
        rate: float = 0.0,
        threads: int = 2,
        limit: int | None = None,
        restart: bool = False,
        stop: Event | None = None,
        told: Callable[[Progress], None] = lambda progress: None,
    ) -> Progress:
        """Go through the objects of a type, from where the last run ended. Interrupted, it goes on with the next run.

        rate: most pictures a second, 0: as fast as can be. limit: most pictures. Raises StoreUnavailable, AilUnavailable, Busy.
        """
        stop, progress, begun = stop or Event(), Progress(kind), time.monotonic()
        after = "" if restart else (self._store.read([self._key(kind)])[0] or b"").decode()
        ids = self._files.ids(kind, after)
        with ThreadPoolExecutor(threads) as pool:
            for some in _batches(ids, limit):
                if stop.is_set():
                    break
                # The first of a run may have been begun by one that was interrupted.
                again = progress.done == 0
                for outcome, tags in pool.map(partial(self._one, kind, again=again), some):
                    progress.outcomes[outcome] = progress.outcomes.get(outcome, 0) + 1
                    progress.tags += tags
                self._store.write(self._key(kind), some[-1].encode())
                progress.done += len(some)
                progress.share = int(some[-1][:6], 16) / 0x1000000 if kind != FAVICON else 0.0
                told(progress)
                if rate:
                    stop.wait(max(0.0, begun + progress.done / rate - time.monotonic()))
        return progress

    def _one(self, kind: str, id: str, again: bool) -> tuple[str, int]:
        if kind == SCREENSHOT and id in self._placeholders:
            return "placeholder", 0
        try:
            data = self._files.read(kind, id)
            sighting = self._database.sighting(kind, id, date=self._files.date(kind, id))
            outcome = self._processing.process(data, sighting, again=again)
        except (BadPicture, OddMessage, FileMissing) as error:
            _log.info("%s: %s", kind, error.code)
            return error.code.replace("-", " "), 0
        return outcome.name, self._queue.send(outcome.tags, "backfill") if outcome.tags else 0

    def _key(self, kind: str) -> bytes:
        return self._store.key(_KIND, b"backfill " + kind.encode())


def _batches(ids: Iterator[str], limit: int | None) -> Iterator[list[str]]:
    some = list[str]()
    for number, id in enumerate(ids):
        if limit is not None and number >= limit:
            break
        some.append(id)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some
