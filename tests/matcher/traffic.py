"""Pictures added and looked for all the while, and a reckoning of what was acknowledged."""

import threading
import time
from collections.abc import Callable
from types import TracebackType

from matcher.collection import Collection
from matcher.errors import StoreUnavailable
from tests.matcher.making import answers, picture, seen

_PAUSE = 0.02
_LATEST = 20


class Traffic:
    """Threads that add and threads that search, until the block ends; a context manager.

    connect: gives each a collection of its own. acknowledged: seeds of the pictures whose adding returned. refused: of those whose
    adding failed. wrong: of acknowledged ones that an answer lacked. answered: how many answers there were. gap: the longest time
    without an answer, seconds.
    """

    def __init__(self, connect: Callable[[], Collection], adders: int = 2, searchers: int = 1) -> None:
        self.acknowledged, self.refused, self.wrong = list[int](), list[int](), list[int]()
        self.answered, self.gap = 0, 0.0
        self._connect = connect
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._add, args=(n * 10_000_000,)) for n in range(adders)]
        self._threads += [threading.Thread(target=self._search) for _ in range(searchers)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _add(self, first: int) -> None:
        collection = self._connect()
        for n in range(first, first + 10_000_000):
            if self._over.is_set():
                return
            try:
                collection.add(picture(n), [seen(f"/{n}.png")])
                self.acknowledged.append(n)
            except StoreUnavailable:
                self.refused.append(n)
                time.sleep(_PAUSE)

    def _search(self) -> None:
        collection, last = self._connect(), time.monotonic()
        while not self._over.is_set():
            for n in self.acknowledged[-_LATEST:]:
                try:
                    found = answers(collection, picture(n))
                except StoreUnavailable:
                    time.sleep(_PAUSE)
                    continue
                self.wrong += [n] if found != [picture(n).sha256] else []
                self.answered += 1
                now = time.monotonic()
                self.gap, last = max(self.gap, now - last), now

    def lost(self, collection: Collection) -> list[int]:
        """Return what was acknowledged and is not known, not whole, or not found."""
        return [n for n in self.acknowledged if not _whole(collection, n)]


def _whole(collection: Collection, n: int) -> bool:
    known = collection.known(picture(n).sha256)
    if known is None or [source.id for source in known.sources] != [f"/{n}.png"]:
        return False
    return answers(collection, picture(n)) == [picture(n).sha256]
