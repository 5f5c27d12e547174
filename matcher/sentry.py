"""Finds what matches too much when pictures are looked up among the others: a hub of many clusters, a hash of many unlike pictures.

That a page was seen ten thousand times is no reason: its copies are alike place by place. That a picture is the same as those of
many clusters, or that a thousand pictures have one hash and nothing else in common, is: hashes collide by chance in none of a million
pictures so often, but anybody can make pictures whose hashes collide.
"""

import logging
from collections.abc import Mapping, Sequence

from matcher.collection import Collection
from matcher.decision import Rules
from matcher.evidence import gather_many
from matcher.extraction import Fingerprints
from matcher.fingerprints.base import Fingerprint
from matcher.match import Answer, Decision, Match, Relation
from matcher.quarantine import Cause, Held
from matcher.records import Record

_log = logging.getLogger(__name__)
# Of a crowd, the newest so many are compared; fewer alike than this share, and it is held.
_COMPARED = 64
_ALIKE = 0.5


class Sentry:
    """Watches over one collection.

    clusters: a picture that is the same as those of more of them is held; pictures: a hash of so many unlike ones is. 0: none is.
    """

    def __init__(
        self, collection: Collection, algorithms: Mapping[str, Fingerprint], rules: Rules, clusters: int = 12, pictures: int = 1000
    ) -> None:
        self._collection = collection
        self._small = {name: algorithm for name, algorithm in algorithms.items() if not algorithm.large}
        self._rules = rules
        self._clusters = clusters
        self._pictures = pictures

    def hub(self, record: Record, matches: Sequence[Match]) -> Held | None:
        """Hold a picture that is the same as those of too many clusters; return it, None where it is not held.

        Pictures that were never looked up themselves do not count: they may be of one cluster and nobody has said so yet.
        """
        same = [match.picture for match in matches if match.decision is Decision.YES and match.relation is Relation.SAME_PICTURE]
        if not self._clusters or len(same) <= self._clusters:
            return None
        there = self._collection.clusters.locate(same)
        sides = {there[one.id].id if one.id in there else str(one.id) for one in same if one.placed or one.id in there}
        if len(sides) <= self._clusters:
            return None
        held = self._collection.quarantine.hold(record.sha256, record.id, Cause.CLUSTERS, len(sides))
        return _told(held)

    def crowd(self, query: Fingerprints, answer: Answer) -> Held | None:
        """Hold a hash that too many unlike pictures have; return it, None where none is held. answer: what was found near the query."""
        if not self._pictures or not answer.truncated:
            return None
        cordon, filing = self._collection.quarantine.cordon(), self._collection.filing
        for name, value in query.values.items():
            space, filed = filing.space(name), filing.banded(name, value)
            if space is None or cordon.crowded(space, filed):
                continue
            ids = filing.bands[space].search(filed).ids
            if len(ids) < self._pictures:
                continue
            known = [self._collection.current(record) for record in self._collection.records.live(ids[-_COMPARED:].tolist()).values()]
            told = [self._rules.judge(some)[0] for some in gather_many({"as is": query.values}, known, self._small, self._rules)]
            if sum(decision is Decision.YES for decision in told) < _ALIKE * len(told):
                return _told(self._collection.quarantine.hold(f"{space}:{filed.hex()}", 0, Cause.CROWD, len(ids)))
        return None


def _told(held: Held | None) -> Held | None:
    if held is not None:
        _log.warning("a %s was put in quarantine: %s, %d (kuato quarantine list)", held.kind, held.cause.value, held.count)
    return held
