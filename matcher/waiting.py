"""What waits for a person: doubts that are still doubts, each with all that is needed to decide it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matcher.doubts import Doubt
from matcher.errors import BadRequest
from matcher.match import Decision, Evidence, Relation
from matcher.records import Record
from matcher.reviews import Review, Verdict

if TYPE_CHECKING:
    from matcher.engine import Matcher

_AT_ONCE = 20
_LOOKED_AT = 400


@dataclass(frozen=True)
class Pair:
    """Two known pictures that may be the same. sizes: pictures in the cluster of each. usefulness: only its order means something."""

    one: Record
    other: Record
    decision: Decision
    relation: Relation
    distance: float
    evidence: tuple[Evidence, ...]
    usefulness: float
    sizes: tuple[int, int]


class Waiting:
    """The pairs that wait in one store. sees: which pictures exist for whoever asks."""

    def __init__(self, matcher: "Matcher", sees: Callable[[Record], bool] = lambda record: True) -> None:
        self._matcher = matcher
        self._sees = sees

    def count(self) -> int:
        """Return how many pairs wait, about: what was decided another way is still counted until it is met."""
        return self._matcher.collection.doubts.count()

    def next(self, skip: int, count: int) -> list[Pair]:
        """Return the most useful pairs after the first `skip`, fewer where no more are found soon."""
        found: list[Pair] = []
        at = skip
        while len(found) < count and at < skip + _LOOKED_AT:
            some = self._matcher.collection.doubts.best(at, _AT_ONCE)
            standing, gone = self._sorted(some)
            found += self._told([one for one in standing if self._sees(one[1]) and self._sees(one[2])][: count - len(found)])
            at += len(some) - len(gone)
            if len(some) < _AT_ONCE:
                break
        return found

    def judge(self, one: Record, other: Record, verdict: Verdict, who: str) -> list[Review]:
        """Keep a verdict on two pictures, and on all pairs that wait between their clusters; return the reviews that are new.

        Raises BadRequest for two pictures of one cluster that are to be told apart: these are to be split.
        """
        now = self._matcher.collection.records.live([one.id, other.id])
        there = self._matcher.collection.clusters.locate(now.values())
        mine, theirs = ((there[each.id].members if each.id in there else (each.id,)) for each in (one, other))
        if set(mine) == set(theirs) and verdict is Verdict.DIFFERENT:
            raise BadRequest("both are in one cluster already; take one of them out of it to tell them apart")
        sides = (frozenset(mine), frozenset(theirs))
        doubts = [Doubt(min(one.id, other.id), max(one.id, other.id), 0.0), *self._between(*sides)]
        records = self._matcher.collection.records.live({id for doubt in doubts for id in (doubt.a, doubt.b)})
        given = []
        for doubt in {(doubt.a, doubt.b): doubt for doubt in doubts}.values():
            a, b = records.get(doubt.a), records.get(doubt.b)
            if a is not None and b is not None and self._sees(a) and self._sees(b):
                given.append(self._matcher.clustering.review(a, b, verdict, who))
        return given

    def _between(self, ours: frozenset[int], yours: frozenset[int]) -> list[Doubt]:
        """Return the doubts between two sets of pictures."""
        every = self._matcher.collection.doubts.best(0, self.count())
        return [one for one in every if (one.a in ours and one.b in yours) or (one.b in ours and one.a in yours)]

    def _sorted(self, doubts: Sequence[Doubt]) -> tuple[list[tuple[Doubt, Record, Record]], list[Doubt]]:
        """Return those that are still to be decided, with their pictures, and those that are not, which no longer wait."""
        collection = self._matcher.collection
        ids = dict.fromkeys(id for doubt in doubts for id in (doubt.a, doubt.b))
        named = collection.clustered(collection.named(collection.records.live(ids).values()))
        records = {record.id: record for record in named}
        ignored = {bank.name for bank in collection.banks.list() if bank.kind == "ignore"}
        judged = {frozenset((one.a, one.b)) for one in collection.reviews.of_many([record.sha256 for record in named])}
        standing, settled, dead = list[tuple[Doubt, Record, Record]](), list[Doubt](), list[Doubt]()
        for doubt in doubts:
            a, b = records.get(doubt.a), records.get(doubt.b)
            if a is None or b is None or not ignored.isdisjoint((*a.banks, *b.banks)):
                dead.append(doubt)
            elif frozenset((a.sha256, b.sha256)) in judged or (a.cluster and a.cluster == b.cluster):
                settled.append(doubt)
            else:
                standing.append((doubt, a, b))
        collection.doubts.settle(settled)
        collection.doubts.drop(dead)
        return standing, settled + dead

    def _told(self, pairs: Iterable[tuple[Doubt, Record, Record]]) -> list[Pair]:
        return [self._pair(doubt, a, b) for doubt, a, b in pairs]

    def _pair(self, doubt: Doubt, a: Record, b: Record) -> Pair:
        # The later one asked, when it was added.
        one, other = (a, b) if a.id > b.id else (b, a)
        found = self._matcher.compare_known(one, other)
        there = self._matcher.collection.clusters.locate([one, other])
        sizes = [len(there[each.id].members) if each.id in there else 1 for each in (one, other)]
        return Pair(one, other, found.decision, found.relation, found.distance, found.evidence, doubt.usefulness, (sizes[0], sizes[1]))
