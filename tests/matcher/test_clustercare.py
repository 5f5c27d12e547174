"""What the doctor does for clusters that were interrupted at each of their steps, and for copies of a store that is written meanwhile."""

import io
from collections.abc import Callable
from itertools import permutations

import pytest

from matcher.archive import ArchiveReader
from matcher.backup import Backup
from matcher.cluster import Cluster
from matcher.clustering import Clustering
from matcher.clusters import Clusters
from matcher.doctor import Doctor
from matcher.errors import StoreUnavailable
from matcher.restore import Restore
from matcher.reviews import Reviews, Verdict
from matcher.store import Store
from tests.matcher.making import ALGORITHMS, collection_on, picture
from tests.matcher.test_clustering import Shelf


class Died(Exception):
    """Stands for the end of a process."""


@pytest.fixture
def shelf(store_url: str) -> Shelf:
    return Shelf(store_url)


def findings(shelf: Shelf, repair: bool = True) -> set[str]:
    return {one.code for one in Doctor(shelf.collection, repair).run(deep=True).findings} - {"not-durable", "dead-posting"}


def dying(monkeypatch: pytest.MonkeyPatch, kind: type, name: str, at: int, work: Callable[[], object]) -> None:
    """Do something, and die instead of the call of a method, the `at`-th."""
    calls, real = 0, getattr(kind, name)

    def call(*arguments: object, **details: object) -> object:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Died
        return real(*arguments, **details)

    with monkeypatch.context() as patch:
        patch.setattr(kind, name, call)
        with pytest.raises(Died):
            work()


def two_clusters(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3)
    shelf.add(4, 3)


def test_nothing_is_found_where_nothing_is_wrong(shelf: Shelf) -> None:
    two_clusters(shelf)
    shelf.clustering.review(shelf.record(1), shelf.record(3), Verdict.DIFFERENT, "ana")
    assert findings(shelf) == set()


def test_who_dies_between_listing_and_naming_has_joined_once_the_doctor_was_there(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    dying(monkeypatch, Clusters, "point", 1, lambda: shelf.add(3, 1))
    assert shelf.cluster(3) == ""
    assert findings(shelf, repair=False) == {"unfinished-cluster"} == findings(shelf)
    assert shelf.together(1, 2, 3)
    assert findings(shelf) == set()


@pytest.mark.parametrize("at", [1, 2])
def test_who_dies_while_merging_has_merged_or_not_begun(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    two_clusters(shelf)
    old = shelf.cluster(1), shelf.cluster(3)
    dying(monkeypatch, Clusters, "_swap", at, lambda: shelf.clustering.join(shelf.record(1), shelf.record(3)))
    assert shelf.clusters(1, 3) == [*old], "the write that decides was not made"
    assert findings(shelf) == ({"unfinished-cluster"} if at > 1 else set())
    assert shelf.together(1, 2, 3, 4) is (at > 1)
    assert findings(shelf) == set()
    assert {shelf.collection.clusters.get(id).id for id in old} == {old[0], shelf.cluster(3)}


@pytest.mark.parametrize(("call", "at"), [("_swap", 1), ("_swap", 2), ("point", 1), ("point", 2)])
def test_who_dies_while_parting_has_parted_or_not(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, call: str, at: int) -> None:
    shelf.add(1)
    for number in range(2, 6):
        shelf.add(number, 1, number - 1)
    cluster = shelf.collection.clusters.get(shelf.cluster(1))
    leaving = [shelf.record(4), shelf.record(5)]
    dying(monkeypatch, Clusters, call, at, lambda: shelf.clustering.split(cluster, leaving))
    findings(shelf)
    assert findings(shelf) == set()
    assert shelf.together(1, 2, 3) and shelf.together(4, 5)
    assert shelf.together(1, 4) is (call == "_swap"), "it is decided by the second write to a cluster"
    assert shelf.collection.clusters.get(cluster.id).id == cluster.id


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_verdict_that_was_not_carried_out_is(shelf: Shelf, verdict: Verdict) -> None:
    shelf.add(1)
    shelf.add(2, *([1] if verdict is Verdict.DIFFERENT else []))
    shelf.collection.reviews.give(picture(1).sha256, picture(2).sha256, verdict, "ana")
    assert findings(shelf) == {"unfinished-review"}
    assert shelf.together(1, 2) is (verdict is Verdict.SAME)
    assert findings(shelf) == set()
    Reviews(shelf.collection.store).withdraw(picture(1).sha256, picture(2).sha256)
    assert findings(shelf) == ({"unfinished-review"} if verdict is Verdict.SAME else set())
    assert shelf.clusters(1, 2) == ["", ""]


@pytest.mark.parametrize(("one", "other", "third"), list(permutations((1, 2, 3))))
def test_a_verdict_that_another_one_opens_when_it_is_carried_out_is_carried_out_too(shelf: Shelf, one: int, other: int, third: int) -> None:
    """Whichever of the two is looked at first."""
    shelf.add(other)
    shelf.add(third, other)
    shelf.add(one)
    shelf.clustering.join(shelf.record(one), shelf.record(other))
    reviews = shelf.collection.reviews
    reviews.give(picture(one).sha256, picture(third).sha256, Verdict.SAME, "ana")
    reviews.give(picture(one).sha256, picture(other).sha256, Verdict.DIFFERENT, "ana")
    assert findings(shelf) == {"unfinished-review"}
    assert shelf.together(one, third)
    assert findings(shelf) == set()


def test_what_a_person_parted_is_not_brought_together_by_an_older_verdict(shelf: Shelf) -> None:
    shelf.add(1)
    shelf.add(2, 1)
    shelf.add(3, 1, 2)
    shelf.clustering.review(shelf.record(1), shelf.record(3), Verdict.SAME, "ana")
    shelf.clustering.split(shelf.collection.clusters.get(shelf.cluster(1)), [shelf.record(3)])
    assert findings(shelf) == set()
    assert shelf.cluster(3) == ""


def test_a_verdict_is_found_from_both_sides_again_and_one_on_removed_pictures_goes(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        shelf.add(number)
    a, b, c = sorted(picture(number).sha256 for number in (1, 2, 3))
    reviews = shelf.collection.reviews
    reviews.give(a, b, Verdict.DIFFERENT, "ana")
    reviews.give(a, c, Verdict.DIFFERENT, "ana")
    reviews._drop(b, a)
    assert reviews.of(b) == []
    assert findings(shelf) == {"unfinished-review"}
    assert [one.a for one in reviews.of(b)] == [a]
    dying(monkeypatch, Reviews, "forget", 1, lambda: shelf.collection.remove(c))
    assert findings(shelf) == {"dead-review"}
    assert [(one.a, one.b) for one in reviews.all()] == [(a, b)]
    assert findings(shelf) == set()


def test_a_removed_picture_is_taken_out_also_where_that_was_interrupted(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    two_clusters(shelf)
    dying(monkeypatch, Clusters, "leave", 1, lambda: shelf.collection.remove(picture(2).sha256))
    assert findings(shelf) == {"gone-member"}
    assert shelf.cluster(1) == ""
    assert findings(shelf) == set()


def test_clusters_whose_keys_are_lost_are_made_again_from_the_records(shelf: Shelf) -> None:
    two_clusters(shelf)
    first, second = shelf.cluster(1), shelf.cluster(3)
    shelf.clustering.join(shelf.record(1), shelf.record(3))
    shelf.collection.store.delete([shelf.collection.clusters._key(first)])
    assert shelf.clusters(1, 3) == ["", ""]
    assert findings(shelf) >= {"unlisted-member"}
    assert shelf.clusters(1, 2, 3, 4) == [first] * 4
    assert shelf.collection.clusters.get(second).id == first


def test_a_backup_made_while_clusters_change_is_whole_once_the_doctor_was_there(shelf: Shelf, store_url: str) -> None:
    two_clusters(shelf)
    shelf.clustering.review(shelf.record(1), shelf.record(2), Verdict.SAME, "ana")
    first = shelf.cluster(1)
    steps = iter((lambda: shelf.add(5, 1), lambda: shelf.clustering.join(shelf.record(2), shelf.record(3)), lambda: shelf.add(6, 1)))
    file = io.BytesIO()
    store = Store(lambda: store_url, "test:")
    Backup(store, progress=lambda keys: next(steps, lambda: None)()).write(file)  # type: ignore[func-returns-value]
    store.forget_connection()
    file.seek(0)
    empty = Store(lambda: store_url, "copy:", oldest=0)
    Restore(ArchiveReader(file, "test.backup"), empty).run()
    empty.forget_connection()
    copy = Shelf(store_url)
    copy.collection = type(copy.collection)(Store(lambda: store_url, "copy:"), ALGORITHMS, lease=0.3)
    copy.clustering = Clustering(copy.collection)
    assert copy.clean()
    assert copy.together(1, 2) and copy.together(3, 4)
    assert copy.cluster(1) == first
    assert [one.who for one in copy.collection.reviews.all()] == ["ana"]


def test_a_store_that_is_away_is_told(shelf: Shelf) -> None:
    away = Clusters(Store(lambda: "redis://127.0.0.1:1/0", "test:", timeout=0.5), shelf.collection.records)
    with pytest.raises(StoreUnavailable):
        away.get("00000000-0000-4000-8000-000000000000")


def test_what_is_no_cluster_is_told() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        Cluster.unpack("00000000-0000-4000-8000-000000000000", b"[1]")


def test_a_copy_of_the_collection_sees_the_same(store_url: str, shelf: Shelf) -> None:
    two_clusters(shelf)
    there = collection_on(store_url).clusters.locate(shelf.collection.records.live([1, 3]).values())
    assert {id: cluster.id for id, cluster in there.items()} == {1: shelf.cluster(1), 3: shelf.cluster(3)}
