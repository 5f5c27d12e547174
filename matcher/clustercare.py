"""What the doctor does for clusters, reviews and proposals: finishes what was begun, and takes out what is of no use any more."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from matcher.cluster import REVIEWED, Cluster
from matcher.clustering import Clustering
from matcher.collection import Collection
from matcher.errors import NotFound
from matcher.records import Record
from matcher.reviews import Review, Verdict

_BATCH = 500
# How often verdicts are gone through at most, until nothing is left to be carried out.
_ROUNDS = 3
TEXTS = {
    "unfinished-cluster": "clusters that were being merged, joined or left by a picture when that was interrupted",
    "unlisted-member": "pictures that their cluster did not list",
    "gone-member": "removed pictures that a cluster still listed",
    "unfinished-review": "verdicts on pairs of pictures that were not carried out, or that one of the two did not lead to",
    "dead-review": "verdicts on pictures that were removed",
    "moot-proposal": "proposals for clusters in which nothing is left to decide",
}


@dataclass(frozen=True)
class ClusterCare:
    """Examines the clusters of one collection. repair: mend what is found. count: told what was found, and how many."""

    collection: Collection
    repair: bool
    count: Callable[[str, int], None]

    def run(self, grouped: Iterable[int]) -> None:
        """Examine everything. grouped: the ids of pictures whose record names a cluster. Safe beside whoever adds and removes."""
        for cluster in self.collection.clusters.all():
            if cluster.into:
                self._alias(cluster)
            else:
                self._merging(cluster)
                self._members(cluster)
        ids = list(grouped)
        for at in range(0, len(ids), _BATCH):
            self._listed(ids[at : at + _BATCH])
        self._reviews()
        self._proposals()

    def _alias(self, cluster: Cluster) -> None:
        try:
            self.collection.clusters.get(cluster.id)
        except NotFound:
            self.count("unfinished-cluster", 1)
            if self.repair:
                self.collection.clusters.change(cluster.into, lambda whole: whole, made=True)

    def _merging(self, cluster: Cluster) -> None:
        """Let all that a cluster has taken in lead to it."""
        clusters = self.collection.clusters
        for name in cluster.aliases:
            try:
                other = clusters.get(name)
            except NotFound:
                self.count("unfinished-cluster", 1)
                if self.repair:
                    clusters.redirect(name, cluster.id)
                continue
            if other.id == name:
                self.count("unfinished-cluster", 1)
                if self.repair:
                    clusters.merge(cluster, other)

    def _members(self, cluster: Cluster) -> None:
        """Let a cluster list those alone that are in it, and let those that were about to join it do so."""
        collection = self.collection
        records = collection.records.live(cluster.members)
        gone = set(cluster.members) - records.keys()
        there = collection.clusters.locate(records.values())
        joining = [record for record in records.values() if not record.group]
        left = {id for id, record in records.items() if record.group and (id not in there or there[id].id != cluster.id)}
        self.count("gone-member", len(gone))
        self.count("unfinished-cluster", len(joining) + len(left))
        if not self.repair:
            return
        for record in joining:
            collection.clusters.point(record, cluster.id)
        if gone or left:
            # Looked at once more: whoever comes back at this moment must stay.
            now = collection.records.live(left)
            there = collection.clusters.locate(now.values())
            stale = gone | {id for id in left if id not in there or there[id].id != cluster.id}
            collection.clusters.edit(cluster.id, lambda now: now.losing(stale))

    def _listed(self, ids: Iterable[int]) -> None:
        """Let every cluster list the pictures whose records lead to it."""
        records = self.collection.records.live(ids)
        for id, cluster in self.collection.clusters.locate(records.values()).items():
            if id not in cluster.members:
                self.count("unlisted-member", 1)
                if self.repair:
                    self.collection.clusters.change(cluster.id, lambda whole, gained=id: whole.gaining((gained,)), made=True)  # type: ignore[misc]

    def _reviews(self) -> None:
        missing, dead = self.collection.reviews.mend(self._known, self.repair)
        self.count("unfinished-review", missing)
        self.count("dead-review", dead)
        # To part two pictures, as one verdict has it, may part others that an earlier one has together.
        for _ in range(_ROUNDS if self.repair else 1):
            if not self._enacted():
                break

    def _enacted(self) -> bool:
        """Carry out what was left open of verdicts; whether that was anything."""
        clustering, found = Clustering(self.collection), 0
        for review in self.collection.reviews.all():
            known = self._pair(review.a, review.b)
            if known is not None and self._open(review, *known):
                found += 1
                if self.repair:
                    clustering.enact(*known, review.verdict)
        for cluster in self.collection.clusters.all():
            for link in cluster.links:
                if link.how == REVIEWED:
                    pair = list(self.collection.records.live(link.pair).values())
                    if len(pair) == 2 and self.collection.reviews.get(pair[0].sha256, pair[1].sha256) is None:
                        found += 1
                        if self.repair:
                            clustering.untie(pair[0], pair[1], (REVIEWED,))
        self.count("unfinished-review", found)
        return found > 0

    def _open(self, review: Review, one: Record, other: Record) -> bool:
        """Whether what follows from a verdict was not done."""
        there = self.collection.clusters.locate([one, other])
        mine, theirs = there.get(one.id), there.get(other.id)
        together = mine is not None and theirs is not None and mine.id == theirs.id
        if review.verdict is Verdict.DIFFERENT:
            pair = (min(one.id, other.id), max(one.id, other.id))
            return together and mine is not None and any(link.pair == pair for link in mine.links)
        # What a person parted later stays apart.
        kept_apart = (mine is not None and other.id in mine.apart) or (theirs is not None and one.id in theirs.apart)
        return not together and not kept_apart

    def _proposals(self) -> None:
        clustering = Clustering(self.collection)
        for proposal in self.collection.proposals.all():
            if clustering.sides(proposal) is None:
                self.count("moot-proposal", 1)
                if self.repair:
                    self.collection.proposals.drop(proposal)

    def _pair(self, a: str, b: str) -> tuple[Record, Record] | None:
        one, other = self.collection.known(a), self.collection.known(b)
        return (one, other) if one is not None and other is not None else None

    def _known(self, digests: Iterable[str]) -> set[str]:
        asked = list(dict.fromkeys(digests))
        shas = np.frombuffer(bytes.fromhex("".join(asked)), np.uint8).reshape(-1, 32)
        return {sha256 for sha256, claim in zip(asked, self.collection.claims.get_many(shas), strict=True) if claim is not None}
