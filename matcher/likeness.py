"""What embeddings are asked beyond being compared: expanding a query by its neighbours, and finding pictures by a description.

Between a text and a picture that shows what it says the angle is wide, too wide for an index of near vectors; so a description
is compared with the newest pictures one after the other.
"""

import heapq
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.collection import Collection
from matcher.errors import BadRequest
from matcher.extraction import AS_IS, Fingerprints
from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.embedding import Embedding, vector_of
from matcher.match import Answer, Decision, Evidence, Match, Relation
from matcher.records import Record
from matcher.search import MOST_NEAR, Scope

LONGEST = 500
_BATCH = 500
_NONE = 'pictures have no embeddings; enable them first (fingerprints.enabled = [.., "embedding"])'


class Likeness:
    """The embeddings of one collection; without the fingerprint enabled it has nothing to say.

    settings: embedding.expansion, embedding.alpha, embedding.scan.
    """

    def __init__(self, collection: Collection, algorithms: Mapping[str, Fingerprint], settings: Mapping[str, Any]) -> None:
        self._collection = collection
        self._algorithm = next((one for one in algorithms.values() if isinstance(one, Embedding)), None)
        self._expansion: int = settings["embedding.expansion"]
        self._alpha: float = settings["embedding.alpha"]
        self._scan: int = settings["embedding.scan"]

    def expanded(self, query: Fingerprints) -> Fingerprints:
        """Return a query whose embedding was moved towards the known ones nearest to it, as far as settings want that."""
        algorithm = self._algorithm
        value = query.values.get(algorithm.name) if algorithm else None
        if algorithm is None or value is None or not self._expansion:
            return query
        filing = self._collection.filing
        near = filing.bands[algorithm.name].search(filing.banded(algorithm.name, value)).ids[-MOST_NEAR:]
        records = self._collection.records.live(near.tolist()).values()
        known = [found for record in records if (found := self._collection.current(record).get(algorithm.name)) is not None]
        moved = algorithm.expanded(value, known, self._expansion, self._alpha)
        return replace(query, views=query.views | {AS_IS: query.values | {algorithm.name: moved}})

    def answer(self, described: bytes, scope: Scope) -> Answer:
        """Return the pictures that are likest to a description, given as its fingerprint, the likest first; all of them MAYBE."""
        algorithm = self._algorithm
        if algorithm is None:
            raise BadRequest(_NONE)
        started = time.perf_counter()
        ignored = {bank.id for bank in self._collection.banks.list() if bank.kind == "ignore"}
        best: list[tuple[float, int, Record]] = []
        seen, batch = 0, list[Record]()
        for record in self._collection.newest(batch=_BATCH):
            seen += 1
            if seen > self._scan:
                break
            if scope.admits(record) and not ignored.intersection(record.bank_ids):
                batch.append(record)
            if len(batch) >= _BATCH:
                best, batch = self._better(described, best, batch, scope.limit), []
        best = self._better(described, best, batch, scope.limit)
        matches = tuple(_match(algorithm, record, distance) for distance, _, record in sorted(best, key=lambda one: one[:2]))
        return Answer(
            sha256="0" * 64,
            decision=Decision.MAYBE if matches else Decision.NO,
            matches=matches,
            truncated=seen > self._scan,
            timings={"scan": (time.perf_counter() - started) * 1000},
        )

    def vectors(self) -> NDArray[np.float32]:
        """Return the embeddings of the newest pictures at length 1, float32 (n, d), n at most embedding.scan.

        Raises BadRequest where there are none, or they are whitened already.
        """
        algorithm = self._algorithm
        if algorithm is None:
            raise BadRequest(_NONE)
        if algorithm.whitened:
            raise BadRequest("these embeddings are whitened already; take the whitening out of the model's description first")
        records = islice(self._collection.newest(batch=_BATCH), self._scan)
        values = [found for record in records if (found := self._collection.current(record).get(algorithm.name)) is not None]
        if not values:
            raise BadRequest("no picture has an embedding yet; add some first")
        return np.stack([vector_of(value) for value in values])

    def _better(
        self, described: bytes, best: list[tuple[float, int, Record]], records: list[Record], limit: int
    ) -> list[tuple[float, int, Record]]:
        if self._algorithm is None:
            return best
        values = [(record, self._collection.current(record).get(self._algorithm.name)) for record in records]
        having = [(record, value) for record, value in values if value is not None]
        distances = self._algorithm.distance(described, [value for _, value in having])
        found = [(float(distance), record.id, record) for distance, (record, _) in zip(distances, having, strict=True)]
        return heapq.nsmallest(limit, [*best, *found], key=lambda one: one[:2])


def _match(algorithm: Embedding, record: Record, distance: float) -> Match:
    evidence = Evidence(algorithm.name, algorithm.family, distance, -1.0, Decision.MAYBE, note="likeness to the description")
    return Match(record, Decision.MAYBE, Relation.SHARES_CONTENT, distance, (evidence,))
