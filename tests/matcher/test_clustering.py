"""What joins clusters by itself, what waits for a person, and what a person decides, on a real Redis."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from matcher.cluster import founded_by
from matcher.clustering import Clustering
from matcher.doctor import Doctor
from matcher.errors import BadRequest, NotFound
from matcher.match import Decision, Match, Relation
from matcher.proposals import Reason
from matcher.records import Record
from matcher.reviews import Verdict
from tests.matcher.making import collection_on, picture


class Shelf:
    """Pictures that are added by number, each the same as those that it is told to be."""

    def __init__(self, url: str, max_size: int = 500) -> None:
        self.collection = collection_on(url)
        self.clustering = Clustering(self.collection, max_size)

    def add(self, number: int, *same: int, distance: float = 0.1) -> Record:
        record = self.collection.add(picture(number)).record
        self.place(number, *same, distance=distance)
        return record

    def place(self, number: int, *same: int, distance: float = 0.1) -> None:
        self.clustering.place(self.record(number), [self.match(other, distance) for other in same])

    def match(self, number: int, distance: float = 0.1, relation: Relation = Relation.SAME_PICTURE) -> Match:
        return Match(self.record(number), Decision.YES, relation, distance, ())

    def record(self, number: int) -> Record:
        return self.collection.get(picture(number).sha256)

    def cluster(self, number: int) -> str:
        return self.collection.clustered([self.record(number)])[0].cluster

    def clusters(self, *numbers: int) -> list[str]:
        return [self.cluster(number) for number in numbers]

    def together(self, *numbers: int) -> bool:
        found = set(self.clusters(*numbers))
        return len(found) == 1 and found != {""}

    def members(self, id: str) -> set[int]:
        return set(self.collection.clusters.get(id).members)

    def proposals(self) -> list[Reason]:
        return [one.reason for one in self.collection.proposals.all() if self.clustering.sides(one) is not None]

    def clean(self) -> bool:
        Doctor(self.collection).run(deep=True)
        findings = [one.code for one in Doctor(self.collection).run(deep=True).findings]
        return findings in ([], ["not-durable"])


@pytest.fixture
def shelf(store_url: str) -> Shelf:
    return Shelf(store_url)


def ids(shelf: Shelf, *numbers: int) -> set[int]:
    return {shelf.record(number).id for number in numbers}


def test_a_picture_that_is_like_no_other_is_in_no_cluster(shelf: Shelf) -> None:
    record = shelf.add(1)
    assert shelf.cluster(1) == ""
    assert not record.placed
    assert shelf.record(1).placed


def test_the_same_picture_twice_is_a_cluster_named_by_its_founder(shelf: Shelf) -> None:
    founder = shelf.add(1)
    shelf.add(2, 1)
    assert shelf.clusters(1, 2) == [founded_by(founder.sha256)] * 2
    assert UUID(shelf.cluster(1)).version == 8
    assert shelf.members(shelf.cluster(1)) == ids(shelf, 1, 2)


def test_shared_content_and_a_maybe_tie_nothing(shelf: Shelf) -> None:
    shelf.add(1)
    record = shelf.add(2)
    shelf.clustering.place(record, [shelf.match(1, relation=Relation.SHARES_CONTENT)])
    shelf.clustering.place(record, [Match(shelf.record(1), Decision.MAYBE, Relation.SAME_PICTURE, 0.1, ())])
    assert shelf.clusters(1, 2) == ["", ""]


def test_a_cluster_grows_by_one_picture_after_the_other(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    id = shelf.cluster(1)
    shelf.add(3, 2)
    shelf.add(4, 3, 1)
    assert shelf.clusters(1, 2, 3, 4) == [id] * 4
    assert shelf.proposals() == []


def test_placing_again_changes_nothing(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    before = list(shelf.collection.clusters.all())
    shelf.place(2, 1)
    shelf.place(1, 2)
    assert list(shelf.collection.clusters.all()) == before


def test_a_new_picture_brings_pictures_together_that_were_in_no_cluster(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2)
    shelf.add(3, 1, 2)
    assert shelf.together(1, 2, 3)


def two_pairs(shelf: Shelf) -> tuple[str, str]:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3)
    shelf.add(4, 3)
    assert not shelf.together(1, 3)
    return shelf.cluster(1), shelf.cluster(3)


def test_one_picture_that_would_merge_two_clusters_waits_for_review(shelf: Shelf) -> None:
    first, second = two_pairs(shelf)
    shelf.add(5, 1, 2, 3, 4)
    assert shelf.clusters(5, 1, 3) == [first, first, second]
    assert shelf.proposals() == [Reason.BRIDGE]
    assert {link.pair for link in shelf.collection.proposals.all()[0].links} == {(3, 5), (4, 5)}


def test_a_second_pair_without_a_common_picture_merges_them(shelf: Shelf) -> None:
    first, _second = two_pairs(shelf)
    shelf.add(5, 1, 3)
    shelf.add(6, 2, 4)
    assert shelf.clusters(1, 2, 3, 4, 5, 6) == [first] * 6
    assert shelf.proposals() == []
    assert shelf.collection.proposals.all() == []


def test_the_id_of_a_merged_cluster_leads_to_the_other_for_ever(shelf: Shelf) -> None:
    first, second = two_pairs(shelf)
    shelf.clustering.join(shelf.record(4), shelf.record(1))
    whole = shelf.collection.clusters.get(second)
    assert whole.id == first
    assert whole.aliases == (second,)
    assert set(whole.members) == ids(shelf, 1, 2, 3, 4)
    shelf.add(5)
    shelf.add(6, 5)
    third = shelf.cluster(5)
    shelf.clustering.join(shelf.record(6), shelf.record(3))
    assert {shelf.collection.clusters.get(id).id for id in (first, second, third)} == {first}
    for number in range(1, 7):
        shelf.collection.remove(picture(number).sha256)
    assert {shelf.collection.clusters.get(id).id for id in (first, second, third)} == {first}
    assert shelf.members(third) == set()
    assert shelf.clean()
    assert shelf.collection.clusters.get(third).id == first


def test_an_accepted_proposal_merges(shelf: Shelf) -> None:
    first, _second = two_pairs(shelf)
    shelf.add(5, 1, 3)
    (proposal,) = shelf.collection.proposals.all()
    assert shelf.clustering.accept(shelf.clustering.proposal(proposal.id), "ana").id == first
    assert shelf.together(1, 2, 3, 4, 5)
    with pytest.raises(NotFound, match="no proposal"):
        shelf.clustering.proposal(proposal.id)


def test_a_rejected_proposal_is_not_made_again(shelf: Shelf) -> None:
    first, second = two_pairs(shelf)
    shelf.add(5, 1, 3)
    (proposal,) = shelf.collection.proposals.all()
    shelf.clustering.reject(proposal, "ana")
    shelf.add(6, 2, 4)
    assert shelf.clusters(1, 2, 5, 6, 3, 4) == [first] * 4 + [second] * 2
    assert shelf.proposals() == []
    shelf.clustering.join(shelf.record(6), shelf.record(4))
    assert shelf.together(1, 2, 3, 4, 5, 6)


def test_growth_past_the_largest_size_waits_for_review(store_url: str) -> None:
    shelf = Shelf(store_url, max_size=3)
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3, 1)
    shelf.add(4, 1, 2)
    assert shelf.cluster(4) == ""
    assert shelf.proposals() == [Reason.SIZE]
    (proposal,) = shelf.collection.proposals.all()
    shelf.clustering.accept(proposal, "ana")
    assert shelf.together(1, 2, 3, 4)
    shelf.add(5, 4)
    (proposal,) = shelf.collection.proposals.all()
    shelf.clustering.reject(proposal, "ana")
    shelf.place(5, 3)
    assert shelf.cluster(5) == ""
    assert shelf.proposals() == []


def test_two_that_were_reviewed_as_different_are_not_brought_together_by_a_third(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2)
    shelf.clustering.review(shelf.record(1), shelf.record(2), Verdict.DIFFERENT, "ana")
    shelf.add(3, 1, 2)
    assert shelf.together(1, 3)
    assert shelf.cluster(2) == ""
    assert shelf.proposals() == [Reason.CONTRADICTION]
    shelf.clustering.accept(shelf.collection.proposals.all()[0], "ana")
    assert shelf.together(1, 2, 3)
    told = shelf.clustering.contradictions(shelf.collection.clusters.get(shelf.cluster(1)))
    assert [(one.a, one.b) for one in told] == [tuple(sorted((picture(1).sha256, picture(2).sha256)))]


def test_a_confirmed_pair_is_tied_and_its_withdrawal_parts_it(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2)
    shelf.clustering.review(shelf.record(1), shelf.record(2), Verdict.SAME, "ana")
    assert shelf.together(1, 2)
    id = shelf.cluster(1)
    shelf.clustering.withdraw(picture(2).sha256, picture(1).sha256)
    assert shelf.clusters(1, 2) == ["", ""]
    assert len(shelf.members(id)) == 1
    with pytest.raises(NotFound, match="no review"):
        shelf.clustering.withdraw(picture(2).sha256, picture(1).sha256)


def test_withdrawing_leaves_what_a_search_found(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.clustering.review(shelf.record(1), shelf.record(2), Verdict.SAME, "ana")
    shelf.clustering.withdraw(picture(1).sha256, picture(2).sha256)
    assert shelf.together(1, 2)


def test_rejecting_the_pair_that_joins_two_halves_splits_them(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3, 2)
    shelf.add(4, 3)
    shelf.add(5, 4)
    old = shelf.cluster(1)
    shelf.clustering.review(shelf.record(3), shelf.record(2), Verdict.DIFFERENT, "ana")
    assert shelf.together(1, 2)
    assert shelf.together(3, 4, 5)
    assert shelf.cluster(3) == old, "the larger part keeps the id"
    assert shelf.cluster(1) not in ("", old)
    assert shelf.clean()
    assert shelf.together(1, 2)


def test_rejecting_one_of_several_ties_splits_nothing_and_is_told(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3, 1, 2)
    shelf.clustering.review(shelf.record(1), shelf.record(2), Verdict.DIFFERENT, "ana")
    assert shelf.together(1, 2, 3)
    assert len(shelf.clustering.contradictions(shelf.collection.clusters.get(shelf.cluster(1)))) == 1


def test_a_split_by_hand_stays(shelf: Shelf) -> None:
    shelf.add(1)
    for number in range(2, 6):
        shelf.add(number, *range(1, number))
    cluster = shelf.collection.clusters.get(shelf.cluster(1))
    made = shelf.clustering.split(cluster, [shelf.record(4), shelf.record(5)])
    assert made is not None
    assert shelf.clusters(1, 2, 3, 4, 5) == [cluster.id] * 3 + [made.id] * 2
    shelf.add(6, 1, 4)
    shelf.add(7, 2, 5, 3, 4)
    assert shelf.clusters(1, 6, 7) == [cluster.id] * 3
    assert shelf.clusters(4, 5) == [made.id] * 2
    assert shelf.proposals() == []
    assert shelf.clean()
    assert shelf.clusters(4, 5) == [made.id] * 2


def test_one_picture_that_is_split_off_is_in_none(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3, 1)
    cluster = shelf.collection.clusters.get(shelf.cluster(1))
    assert shelf.clustering.split(cluster, [shelf.record(1)]) is None
    assert shelf.cluster(1) == ""
    assert shelf.together(2, 3)
    shelf.add(4, 1, 2)
    assert shelf.together(1, 4)
    assert not shelf.together(1, 2), "the founder has another cluster now, and a person had it apart from these"


def test_a_split_that_makes_no_sense_is_refused(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3)
    cluster = shelf.collection.clusters.get(shelf.cluster(1))
    with pytest.raises(BadRequest, match="is not in cluster"):
        shelf.clustering.split(cluster, [shelf.record(3)])
    with pytest.raises(BadRequest, match="not all"):
        shelf.clustering.split(cluster, [shelf.record(1), shelf.record(2)])
    with pytest.raises(BadRequest, match="itself"):
        shelf.clustering.join(shelf.record(1), shelf.record(1))


def test_a_removed_picture_leaves_its_cluster_and_a_cluster_of_one_dissolves(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3, 1)
    id = shelf.cluster(1)
    shelf.clustering.review(shelf.record(1), shelf.record(2), Verdict.SAME, "ana")
    shelf.collection.remove(picture(1).sha256)
    assert shelf.together(2, 3)
    assert list(shelf.collection.reviews.all()) == []
    shelf.collection.remove(picture(2).sha256)
    assert shelf.cluster(3) == ""
    assert shelf.members(id) == ids(shelf, 3)
    shelf.add(4, 3)
    assert shelf.clusters(3, 4) == [id] * 2
    assert shelf.clean()


def test_many_who_add_copies_of_one_picture_at_once_end_in_one_cluster(store_url: str) -> None:
    count = 12
    shelves = [Shelf(store_url) for _ in range(4)]

    def add(number: int) -> None:
        shelf = shelves[number % 4]
        shelf.collection.add(picture(number))
        known = [other for other in range(count) if other != number and shelf.collection.known(picture(other).sha256)]
        shelf.place(number, *known)

    for _ in range(5):
        shelves[0].collection.store.clear()
        with ThreadPoolExecutor(count) as threads:
            list(threads.map(add, range(count)))
        assert shelves[0].together(*range(count))
        assert shelves[0].proposals() == []
        assert shelves[0].clean()
        assert shelves[0].members(shelves[0].cluster(0)) == ids(shelves[0], *range(count))


def test_two_who_add_the_same_two_pictures_end_in_one_cluster(store_url: str) -> None:
    shelves = [Shelf(store_url) for _ in range(2)]

    def add(shelf: Shelf) -> None:
        for number in (1, 2):
            shelf.collection.add(picture(number))
            other = 3 - number
            known = shelf.collection.known(picture(other).sha256)
            shelf.place(number, *([other] if known else []))

    for _ in range(20):
        shelves[0].collection.store.clear()
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(add, shelves))
        assert shelves[0].together(1, 2)
        assert len([cluster for cluster in shelves[0].collection.clusters.all() if len(cluster.members) > 1]) == 1
