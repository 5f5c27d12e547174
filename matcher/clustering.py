"""Which pictures are tied: what joins clusters by itself, what waits for a person, and what a person decided.

A picture that is new joins those that it is the *same picture* as, with YES. Two clusters are merged by that only where two pairs say
so that have no picture in common; one pair alone, or one picture alone, is a proposal, as is what would be larger than allowed or
bring two pictures together that were reviewed as different. What a person had apart stays apart, whatever a search says.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from matcher.cluster import BY_HAND, FOUND, REVIEWED, Cluster, Link
from matcher.collection import Collection as Pictures
from matcher.doubts import MOST_EACH, worth
from matcher.errors import BadRequest, NotFound, StoreUnavailable
from matcher.match import Decision, Match, Relation
from matcher.proposals import Proposal, Reason, side
from matcher.records import Record
from matcher.reviews import Review, Verdict
from matcher.undoing import propose_again, take_back

# Of the pictures that a new one is the same as, the nearest so many are noted as tied to it.
MOST_LINKS = 20
_TRIES = 100


@dataclass(frozen=True)
class _Tie:
    """A picture and others that are to be in one cluster with it, all of which are in the same already, or one in none."""

    record: Record
    others: tuple[Record, ...]
    links: tuple[Link, ...]


class Clustering:
    """Ties the pictures of one collection. max_size: pictures from which on a cluster grows by a person alone."""

    def __init__(self, pictures: Pictures, max_size: int = 500) -> None:
        self._pictures = pictures
        self._clusters = pictures.clusters
        self._proposals = pictures.proposals
        self._reviews = pictures.reviews
        self._max_size = max_size

    def place(self, record: Record, matches: Iterable[Match]) -> None:
        """Tie a picture to those it is the same as; what it may be is kept for a person to decide.

        matches: what a search says of it. Can be done again at any time.
        """
        self.tie(record, matches)
        self.note_placed([record])

    def note_placed(self, records: Iterable[Record]) -> None:
        """Note that pictures were looked up among the others, where nothing says so yet."""
        self._clusters.placed([record.id for record in records if not record.placed])

    def tie(self, record: Record, matches: Iterable[Match]) -> None:
        """Do as `place`, but for the note that it was done."""
        matches = list(matches)
        same = [match for match in matches if match.decision is Decision.YES and match.relation is Relation.SAME_PICTURE]
        groups: dict[str, list[Match]] = {}
        there = self._clusters.locate(match.picture for match in same)
        for match in same[:MOST_LINKS]:
            if match.picture.id != record.id:
                cluster = there.get(match.picture.id)
                groups.setdefault(cluster.id if cluster else side(match.picture.id), []).append(match)
        for group in groups.values():
            links = tuple(Link.between(record.id, match.picture.id, match.distance, FOUND) for match in group)
            self._tie(_Tie(record, tuple(match.picture for match in group), links))
        self._doubt(record, [match for match in matches if match.decision is Decision.MAYBE][:MOST_EACH])

    def _doubt(self, record: Record, maybe: Sequence[Match]) -> None:
        if maybe:
            there = self._clusters.locate([record, *(match.picture for match in maybe)])
            sizes = {id: len(cluster.members) for id, cluster in there.items()}
            banks = {bank.id: bank for bank in self._pictures.banks.list()}
            self._pictures.doubts.add(worth(record, maybe, sizes, banks))

    def review(self, one: Record, other: Record, verdict: Verdict, who: str) -> Review:
        """Keep a person's verdict on two known pictures, and tie them or part them. Raises BadRequest for a picture and itself."""
        review = self._reviews.give(one.sha256, other.sha256, verdict, who)
        self.enact(one, other, verdict)
        return review

    def withdraw(self, one: str, other: str) -> Review:
        """Forget a verdict on two pictures, by SHA-256; what it alone tied is parted. Raises NotFound."""
        review = self._reviews.withdraw(one, other)
        records = [record for record in map(self._pictures.known, (one, other)) if record is not None]
        if len(records) == 2:
            self.untie(records[0], records[1], (REVIEWED,))
            self._pictures.doubts.reopen(records[0].id, records[1].id)
        if review is None:
            raise NotFound(f"there is no review of {one} and {other}; `kuato review list` shows those there are")
        return review

    def enact(self, one: Record, other: Record, verdict: Verdict) -> None:
        """Do with two pictures what follows from the verdict on them. Can be done again at any time."""
        if verdict is Verdict.SAME:
            self._tie(_Tie(one, (other,), (Link.between(one.id, other.id, 0.0, REVIEWED),)), by_person=True)
        else:
            self.untie(one, other)
            pair = {one.id, other.id}
            for proposal in self._proposals.all():
                if all(set(link.pair) == pair for link in proposal.links):
                    self._proposals.drop(proposal)

    def untie(self, one: Record, other: Record, how: Collection[str] = (FOUND, REVIEWED, BY_HAND)) -> None:
        """Take away what ties two pictures directly; where nothing else holds their cluster together, it is parted."""
        there = self._clusters.locate([one, other])
        cluster = there.get(one.id)
        if cluster is None or other.id not in there or there[other.id].id != cluster.id:
            return
        pair = (min(one.id, other.id), max(one.id, other.id))
        # Parted first: once the link is gone, nothing would tell that there is something left to do.
        held = cluster.without_links(pair, how)
        if held != cluster:
            if other.id not in (mine := held.reach(one.id)):
                theirs = held.reach(other.id)
                leaving = mine if (len(mine), -min(mine)) < (len(theirs), -min(theirs)) else theirs
                self._clusters.part(cluster, leaving)
            self._clusters.edit(cluster.id, lambda now: now.without_links(pair, how))

    def join(self, one: Record, other: Record) -> Cluster:
        """Bring the clusters of two pictures together, as a person wants it; return the one."""
        if one.id == other.id:
            raise BadRequest("a picture is always in one cluster with itself; name two")
        self._tie(_Tie(one, (other,), (Link.between(one.id, other.id, 0.0, BY_HAND),)), by_person=True)
        return self._of(one)

    def split(self, cluster: Cluster, leaving: Sequence[Record]) -> Cluster | None:
        """Take pictures out of a cluster, as a person wants it; return their own cluster, None where it is one picture.

        Raises BadRequest where one is not in it, or all are to leave.
        """
        there = self._clusters.locate(leaving)
        strangers = [record.sha256 for record in leaving if record.id not in there or there[record.id].id != cluster.id]
        if strangers:
            raise BadRequest(f"picture {strangers[0]} is not in cluster {cluster.id}")
        gone = {record.id for record in leaving}
        if not gone or gone.issuperset(cluster.members):
            raise BadRequest(f"name some of the pictures of cluster {cluster.id}, and not all: these leave it")
        return self._clusters.part(cluster, gone, apart=True)

    def proposal(self, id: str) -> Proposal:
        """Return a proposal that still waits. Raises NotFound."""
        for proposal in self._proposals.all():
            if proposal.id == id.strip().lower() and self.sides(proposal) is not None:
                return proposal
        raise NotFound(f"no proposal {id[:80]!r} waits; `kuato cluster proposals` shows those that do")

    def accept(self, proposal: Proposal, who: str) -> Cluster:
        """Bring together what was proposed; return the cluster. Raises NotFound where a picture was removed."""
        records = self._records(proposal)
        if (sides := self.sides(proposal)) is not None:
            # Kept first: what was begun can be undone, and undoing what did not happen does no harm.
            older, younger = sorted(sides, key=_age)
            stays = older.id if isinstance(older, Cluster) else ""
            self._pictures.rulings.keep(proposal, True, who, stays, _ids(younger))
        for link in proposal.links:
            if link.a in records and link.b in records:
                tie = _Tie(records[link.a], (records[link.b],), (Link(link.a, link.b, link.distance, BY_HAND),))
                self._tie(tie, by_person=True)
        self._proposals.drop(proposal)
        if not records:
            raise NotFound("the pictures of the proposal were removed")
        return self._of(next(iter(records.values())))

    def reject(self, proposal: Proposal, who: str) -> None:
        """Let what was proposed stay apart: no search brings it together or proposes it again."""
        sides = self.sides(proposal)
        if sides is not None:
            one, other = sides
            at, away = (one, other) if isinstance(one, Cluster) else (other, one)
            if isinstance(at, Cluster):
                ids = frozenset(_ids(away))
                self._pictures.rulings.keep(proposal, False, who, at.id, ids - at.apart)
                self._clusters.edit(at.id, lambda now: now.having_apart(ids))
        self._proposals.drop(proposal)

    def undo(self, id: str) -> bool:
        """Undo what was decided of a proposal, by its id: what the decision alone tied is parted, and the proposal waits again.

        False: there is nothing to decide, as other ties hold the two together, or somebody else had them apart. Raises NotFound.
        """
        ruling = self._pictures.rulings.get(id)
        take_back(self._pictures, ruling)
        waits = propose_again(self._pictures, ruling)
        self._pictures.rulings.drop(ruling)
        return waits

    def sides(self, proposal: Proposal) -> tuple[Cluster | Record, Cluster | Record] | None:
        """Return what a proposal would bring together as it is today; None where there is nothing to decide any more."""
        records = self._records(proposal)
        for link in proposal.links:
            if link.a in records and link.b in records:
                there = self._clusters.locate([records[link.a], records[link.b]])
                one, other = (there.get(id) or records[id] for id in link.pair)
                return None if isinstance(one, Cluster) and isinstance(other, Cluster) and one.id == other.id else (one, other)
        return None

    def contradictions(self, cluster: Cluster) -> list[Review]:
        """Return the verdicts that pictures are different that are in one cluster all the same, tied by others."""
        shas = {record.sha256 for record in self._pictures.records.live(cluster.members).values()}
        return [one for one in self._reviews.of_many(shas) if one.verdict is Verdict.DIFFERENT and {one.a, one.b} <= shas]

    def _tie(self, tie: _Tie, by_person: bool = False) -> None:
        """Bring a picture and others into one cluster, or propose it."""
        one, other, fresh = tie.record, tie.others[0], False
        for _ in range(_TRIES):
            now = self._pictures.records.live([one.id, other.id])
            if len(now) < 2:  # removed meanwhile
                return
            there = self._clusters.locate(now.values())
            mine, theirs = there.get(one.id), there.get(other.id)
            if mine is not None and theirs is not None and mine.id == theirs.id:
                self._clusters.edit(mine.id, lambda cluster: cluster.gaining((one.id, other.id), tie.links))
                return
            if not by_person and self._waits(tie, mine, theirs, fresh):
                return
            # Where another process gives it a cluster at this moment, it is as if that had come a little later.
            fresh = fresh or mine is None or theirs is None
            if mine is None and theirs is None:
                self._clusters.found(now[one.id], now[other.id], tie.links)
            elif mine is None and theirs is not None:
                self._clusters.join(now[one.id], theirs.id, tie.links)
            elif theirs is None and mine is not None:
                self._clusters.join(now[other.id], mine.id, tie.links)
            elif mine is not None and theirs is not None:
                self._clusters.merge(mine, theirs, tie.links)
        raise StoreUnavailable(f"the clusters of {one.sha256} are changed by others all the while; try again")

    def _waits(self, tie: _Tie, mine: Cluster | None, theirs: Cluster | None, fresh: bool) -> bool:
        """Whether two sides are not to be brought together by a search; that is proposed, unless a person decided."""
        one, other = tie.record, tie.others[0]
        ours = mine.members if mine else (one.id,)
        yours = theirs.members if theirs else (other.id,)
        if (mine and not mine.apart.isdisjoint(yours)) or (theirs and not theirs.apart.isdisjoint(ours)):
            return True
        names = (mine.id if mine else side(one.id), theirs.id if theirs else side(other.id))
        known = self._proposals.between(*names)
        reason: Reason | None = None
        if len(set(ours) | set(yours)) > self._max_size:
            reason = Reason.SIZE
        elif min(len(ours), len(yours)) > 1 and not fresh and not (mine and mine.star_of(one.id)):
            reason = None if _disjoint([*(known.links if known else ()), *tie.links]) else Reason.BRIDGE
        if reason is None and len(ours) + len(yours) > 2 and self._contradicted(ours, yours):
            reason = Reason.CONTRADICTION
        if reason is not None:
            self._proposals.add(*names, reason, tie.links)
        elif known is not None:
            self._proposals.drop(known)
        return reason is not None

    def _contradicted(self, ours: Sequence[int], yours: Sequence[int]) -> bool:
        """Whether any two pictures of two sides were reviewed as different."""
        few, many = sorted((ours, yours), key=len)
        shas = {record.sha256 for record in self._pictures.records.live(few).values()}
        reviews = [review for review in self._reviews.of_many(shas) if review.verdict is Verdict.DIFFERENT]
        others = sorted({sha256 for review in reviews for sha256 in (review.a, review.b)} - shas)
        if not others:
            return False
        claims = self._pictures.claims.get_many(np.frombuffer(bytes.fromhex("".join(others)), np.uint8).reshape(-1, 32))
        return not {claim.id for claim in claims if claim is not None}.isdisjoint(many)

    def _of(self, record: Record) -> Cluster:
        there = self._clusters.locate(self._pictures.records.live([record.id]).values())
        if record.id not in there:
            raise NotFound(f"picture {record.sha256} was removed meanwhile")
        return there[record.id]

    def _records(self, proposal: Proposal) -> dict[int, Record]:
        return self._pictures.records.live(dict.fromkeys(id for link in proposal.links for id in link.pair))


def _age(side: Cluster | Record) -> tuple[bool, tuple[float, str]]:
    """Return what orders two sides: the first keeps its id when they are brought together."""
    return (False, side.age) if isinstance(side, Cluster) else (True, (0.0, side.sha256))


def _ids(side: Cluster | Record) -> tuple[int, ...]:
    return side.members if isinstance(side, Cluster) else (side.id,)


def _disjoint(links: Sequence[Link]) -> bool:
    """Whether two of the links have no picture in common."""
    return any(set(one.pair).isdisjoint(other.pair) for n, one in enumerate(links) for other in links[:n])
