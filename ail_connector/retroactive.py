"""Tags for what AIL had before: a picture that was put into a bank today is looked for among all that AIL ever sent."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ail_connector.company import pairwise
from ail_connector.places import OBJECT
from ail_connector.processing import Processing
from ail_connector.queue import Queue
from ail_connector.rules import TELLING
from matcher.bank import Bank
from matcher.engine import Matcher
from matcher.match import Decision, Match, Relation
from matcher.records import Record
from matcher.search import emitted

_KIND = b"e"  # as the caps, see daily.py: under "bank " and the number of a bank, the ids of its pictures that were seen to, uint32
_AT_ONCE = 20
_MOST = 1000


class Retroactive:
    """Goes through the pictures of banks that tell something, each once."""

    def __init__(self, matcher: Matcher, processing: Processing, queue: Queue) -> None:
        self._matcher = matcher
        self._collection = matcher.collection
        self._processing = processing
        self._queue = queue

    def run(self, stop: Callable[[], bool] = lambda: False, told: Callable[[int, int], None] = lambda done, tags: None) -> int:
        """See to all pictures that are new in banks; return how many tags were sent.

        stop: asked before each picture. told: called with how many pictures were seen to, and how many tags sent. Interrupted, it can
        be repeated: no tag is sent twice. Raises StoreUnavailable, AilUnavailable.
        """
        done = sent = 0
        for bank in self._matcher.banks.list():
            if bank.kind not in TELLING:
                continue
            for some in self._new(bank):
                for id in some:
                    if stop():
                        return sent
                    for record in self._collection.newest([id]):
                        sent += self._see_to(record) if bank.id in record.bank_ids else 0
                    done += 1
                    told(done, sent)
                self._note(bank, some)
        return sent

    def _see_to(self, known: Record) -> int:
        sent = 0
        for record, match in self._had_before(known):
            if outcome := self._processing.judge(record, match).tags:
                sent += self._queue.send(outcome, "tagged later")
        return sent

    def _had_before(self, known: Record) -> Iterator[tuple[Record, Match]]:
        """Yield the pictures of AIL that are like a known one, which is the match of each."""
        book = {bank.id: bank for bank in self._matcher.banks.list()}
        emits = emitted(known, book)
        if _is_ails(known):
            yield known, Match(known, Decision.YES, Relation.SAME_PICTURE, 0.0, (), emits)
        answer = self._matcher.search_sha256(known.sha256, limit=_MOST, exclude=lambda record: not _is_ails(record))
        for match in answer.matches:
            yield match.picture, replace(match, picture=known, emits=emits if match.decision is Decision.YES else ())
        yield from self._company(known, answer.matches, emits)

    def _company(self, known: Record, found: tuple[Match, ...], emits: tuple[str, ...]) -> Iterator[tuple[Record, Match]]:
        """Yield what else is in the clusters of those that were found: a search compares but the newest of many copies."""
        there = {match.picture.id for match in found} | {known.id}
        clusters = self._collection.clusters.locate(match.picture for match in found)
        ids = {id for cluster in clusters.values() for id in cluster.members} - there
        for match in pairwise(self._matcher, known, ids):
            if match.decision is Decision.YES and _is_ails(match.picture):
                yield match.picture, replace(match, picture=known, emits=emits)

    def _new(self, bank: Bank) -> Iterator[list[int]]:
        ids = self._collection.lists.banked(bank.id)
        new = np.setdiff1d(ids, self._seen(bank))
        for at in range(0, len(new), _AT_ONCE):
            yield [int(id) for id in new[at : at + _AT_ONCE]]

    def _seen(self, bank: Bank) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
        return np.frombuffer(self._collection.store.read([self._key(bank)])[0] or b"", "<u4")

    def _note(self, bank: Bank, some: list[int]) -> None:
        seen = np.union1d(self._seen(bank), np.array(some, "<u4")).astype("<u4")
        self._collection.store.write(self._key(bank), seen.tobytes())

    def _key(self, bank: Bank) -> bytes:
        return self._collection.store.key(_KIND, b"bank %d" % bank.id)


def _is_ails(record: Record) -> bool:
    return any(source.kind == OBJECT for source in record.sources)
