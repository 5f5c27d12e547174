"""What a person decided of a proposal is undone: what the decision alone tied is parted, what it had apart may come together again.

Like everything with clusters it can be done again at any time: the ruling is forgotten last.
"""

from matcher.cluster import BY_HAND, Cluster
from matcher.collection import Collection
from matcher.proposals import side
from matcher.rulings import Ruling


def take_back(pictures: Collection, ruling: Ruling) -> None:
    """Undo what followed from a ruling."""
    if ruling.accepted:
        _part(pictures, ruling)
    else:
        cluster = pictures.clusters.get(ruling.cluster)
        pictures.clusters.edit(cluster.id, lambda now: now.allowing(ruling.ids))


def propose_again(pictures: Collection, ruling: Ruling) -> bool:
    """Let a proposal wait as before; False where there is nothing to decide: others hold the two together, or had them apart."""
    records = pictures.records.live(dict.fromkeys(id for link in ruling.proposal.links for id in link.pair))
    for link in ruling.proposal.links:
        if link.a in records and link.b in records:
            there = pictures.clusters.locate([records[link.a], records[link.b]])
            one, other = there.get(link.a), there.get(link.b)
            if one is not None and other is not None and one.id == other.id:
                return False
            if (one and not one.apart.isdisjoint(_members(other, link.b))) or (other and not other.apart.isdisjoint(_members(one, link.a))):
                return False
            names = (one.id if one else side(link.a), other.id if other else side(link.b))
            pictures.proposals.add(*names, ruling.proposal.reason, ruling.proposal.links, ruling.proposal.when)
            return True
    return False


def _part(pictures: Collection, ruling: Ruling) -> None:
    """Part the two sides that were brought together; where something else holds them together, they stay so."""
    links = ruling.proposal.links
    there = pictures.clusters.locate(pictures.records.live(dict.fromkeys(id for link in links for id in link.pair)).values())
    for cluster in {there[link.a].id: there[link.a] for link in links if link.a in there and link.b in there}.values():
        pairs = [link.pair for link in links if {link.a, link.b} <= set(cluster.members)]
        leaving = _left(_without(cluster, pairs), ruling.ids)
        far = {id for pair in pairs for id in pair}.difference(ruling.ids)
        # Parted first: once the ties are gone, nothing would tell that there is something left to do.
        if pairs and leaving and far and leaving.isdisjoint(far):
            pictures.clusters.part(cluster, leaving)
        pictures.clusters.edit(cluster.id, lambda now, pairs=pairs: _without(now, pairs))  # type: ignore[misc]


def _without(cluster: Cluster, pairs: list[tuple[int, int]]) -> Cluster:
    for pair in pairs:
        cluster = cluster.without_links(pair, (BY_HAND,))
    return cluster


def _left(cluster: Cluster, ids: tuple[int, ...]) -> set[int]:
    """Return the members among these, and all that is tied to them."""
    found = set[int]()
    for id in set(ids).intersection(cluster.members):
        if id not in found:
            found |= cluster.reach(id)
    return found


def _members(cluster: Cluster | None, alone: int) -> tuple[int, ...]:
    return cluster.members if cluster else (alone,)
