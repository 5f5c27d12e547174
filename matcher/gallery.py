"""Clusters and proposals as they are shown: with the pictures that are there, and that whoever asks may see."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matcher.cluster import Cluster, Link
from matcher.clustering import Clustering
from matcher.collection import Collection
from matcher.fingerprints.base import Fingerprint
from matcher.proposals import Proposal
from matcher.records import Record
from matcher.reviews import Review

# Of a larger cluster the representative is sought among the pictures that came first, and is one of these.
_COMPARED = 500
Tie = tuple[str, str, float, str]


@dataclass(frozen=True)
class View:
    """A cluster as it is shown. records: its pictures, in the order in which they joined. ties: SHA-256, SHA-256, distance, how.

    representative: the SHA-256 of its medoid, None without pictures.
    """

    cluster: Cluster
    records: tuple[Record, ...]
    representative: str | None
    ties: tuple[Tie, ...] = ()
    contradictions: tuple[Review, ...] = ()


@dataclass(frozen=True)
class Side:
    """One side of a proposal: the id of a cluster, or the SHA-256 of a picture that is in none. size: how many pictures."""

    cluster: str | None
    picture: str | None
    size: int


@dataclass(frozen=True)
class Offer:
    """A proposal as it is shown."""

    proposal: Proposal
    sides: tuple[Side, Side]
    ties: tuple[Tie, ...]


class Gallery:
    """Shows what is in one collection. shown: the part of a picture that whoever asks may see, None where it does not exist for them."""

    def __init__(
        self, collection: Collection, clustering: Clustering, shown: Callable[[Record], Record | None] = lambda record: record
    ) -> None:
        self._collection = collection
        self._clustering = clustering
        self._shown = shown

    def view(self, cluster: Cluster) -> View:
        """Return a cluster with all that is to be shown of it."""
        view = self.tied(cluster)
        return replace(view, representative=self._representative(view.records))

    def tied(self, cluster: Cluster) -> View:
        """Return a cluster with all that is to be shown of it but its representative, which takes the longest to find."""
        records = self._records(cluster)
        shas = {record.id: record.sha256 for record in records}
        said = [one for one in self._clustering.contradictions(cluster) if {one.a, one.b} <= set(shas.values())]
        return View(cluster, records, None, _ties(cluster.links, shas), tuple(said))

    def glance_at(self, cluster: Cluster) -> tuple[Record, ...]:
        """Return the pictures of a cluster, or of what of it is given."""
        return self._records(cluster)

    def glance(self, cluster: Cluster) -> View:
        """Return a cluster with as much as a list shows of it."""
        records = self._records(cluster)
        return View(cluster, records, self._representative(records))

    def offers(self) -> list[Offer]:
        """Return the proposals that wait, the oldest first."""
        return [offer for offer in map(self.offer, self._collection.proposals.all()) if offer is not None]

    def offer(self, proposal: Proposal) -> Offer | None:
        """Return a proposal as it is today, None where there is nothing left to decide."""
        sides = self._clustering.sides(proposal)
        if sides is None:
            return None
        records = self._collection.records.live(dict.fromkeys(id for link in proposal.links for id in link.pair))
        one, other = map(_side, sides)
        return Offer(proposal, (one, other), _ties(proposal.links, {id: record.sha256 for id, record in records.items()}))

    def _records(self, cluster: Cluster) -> tuple[Record, ...]:
        records = self._collection.named(self._collection.records.live(cluster.members).values())
        there = self._collection.clusters.locate(records)
        here = [record for record in records if record.id in there and there[record.id].id == cluster.id]
        shown = (self._shown(record) for record in self._collection.clustered(here))
        return tuple(record for record in shown if record is not None)

    def _representative(self, records: Sequence[Record]) -> str | None:
        some = records[:_COMPARED]
        if not some:
            return None
        values = [self._collection.current(record) for record in some]
        return some[int(np.argmin(remoteness(values, self._collection.algorithms)))].sha256


def remoteness(values: Sequence[Mapping[str, bytes]], algorithms: Mapping[str, Fingerprint]) -> "np.typing.NDArray[np.float64]":
    """Return how far each of some pictures is from the others on average, float64 (n,), 0..1: the least is that of the medoid.

    values: the fingerprints of each. The distance of two is the mean over the algorithms that both have; 1 where there is none.
    """
    count = len(values)
    total, compared = np.zeros((count, count)), np.zeros((count, count))
    for name, algorithm in algorithms.items():
        having = np.flatnonzero([name in one for one in values])
        prints = [values[n][name] for n in having.tolist()]
        for n, one in zip(having.tolist(), prints, strict=True):
            total[n, having] += algorithm.distance(one, prints)
            compared[n, having] += 1
    distances = np.where(compared > 0, total / np.maximum(compared, 1), 1.0)
    np.fill_diagonal(distances, 0.0)
    return np.asarray(distances.sum(axis=1) / max(count - 1, 1), np.float64)


def _ties(links: Sequence[Link], shas: Mapping[int, str]) -> tuple[Tie, ...]:
    return tuple((shas[link.a], shas[link.b], link.distance, link.how) for link in links if link.a in shas and link.b in shas)


def _side(side: Cluster | Record) -> Side:
    return Side(side.id, None, len(side.members)) if isinstance(side, Cluster) else Side(None, side.sha256, 1)
