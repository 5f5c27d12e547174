"""Adding and removing, step by step and against each other."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matcher.bulk import BulkAdder
from matcher.claims import Claim
from matcher.collection import Added, Collection
from matcher.errors import NotFound, StoreUnavailable
from matcher.extraction import Fingerprints
from matcher.fingerprints.pdq import PDQ
from matcher.records import Record, Records, forgetting_line, journal_lines
from matcher.source import Source
from matcher.store import Store
from tests.matcher import making


@pytest.fixture
def store(store_url: str) -> Store:
    return Store(lambda: store_url, "test:")


@pytest.fixture
def collection(store: Store) -> Collection:
    return Collection(store, {"pdq": PDQ()}, lease=0.3)


def picture(seed: int) -> Fingerprints:
    data = np.random.default_rng(seed).bytes(64)
    return Fingerprints(data[:32].hex(), "PNG", (640, 480), 1234, {"as is": {"pdq": data[32:]}})


def seen(name: str, at: float = 1000) -> Source:
    return Source("file", name, at, at)


def answers(collection: Collection, query: Fingerprints) -> list[str]:
    ids = collection.filing.bands["pdq"].search(query.values["pdq"]).ids
    return [record.sha256 for record in collection.records.live(ids.tolist()).values()]


def test_what_was_added_is_known_and_found(collection: Collection) -> None:
    added = collection.add(picture(1), [seen("/a.png")], tags=["phishing"])
    assert added.new
    record = collection.get(picture(1).sha256)
    assert (record.format, record.size, record.bytes_size) == ("PNG", (640, 480), 1234)
    assert [source.id for source in record.sources] == ["/a.png"]
    assert record.tags == ("phishing",)
    assert record.fingerprints == picture(1).values
    assert answers(collection, picture(1)) == [picture(1).sha256]


def test_adding_again_joins_the_sources(collection: Collection) -> None:
    collection.add(picture(1), [seen("/a.png", 1000)])
    again = collection.add(picture(1), [seen("/a.png", 5000), seen("/b.png", 3000)])
    assert not again.new
    seen_at = [(source.id, source.first_seen, source.last_seen) for source in again.record.sources]
    assert seen_at == [("/a.png", 1000, 5000), ("/b.png", 3000, 3000)]


def test_many_sightings_do_not_make_a_record_grow(collection: Collection) -> None:
    for day in range(400):
        collection.add(picture(1), [seen("/a.png", 1000 + day)])
    id = collection.get(picture(1).sha256).id
    assert len(collection.store.read([collection.store.key(b"r", id.to_bytes(4, "little"))])[0] or b"") < 9000
    assert collection.get(picture(1).sha256).sources == (Source("file", "/a.png", 1000, 1399),)


def test_removed_is_gone_and_can_be_added_anew(collection: Collection) -> None:
    first = collection.add(picture(1)).record
    collection.remove(picture(1).sha256)
    assert answers(collection, picture(1)) == []
    with pytest.raises(NotFound):
        collection.get(picture(1).sha256)
    with pytest.raises(NotFound):
        collection.remove(picture(1).sha256)
    second = collection.add(picture(1))
    assert second.new
    assert second.record.id > first.id
    assert answers(collection, picture(1)) == [picture(1).sha256]


def test_eight_adders_of_one_picture_make_one_record(collection: Collection) -> None:
    outcomes: list[Added] = []
    adders = [threading.Thread(target=lambda n=n: outcomes.append(collection.add(picture(1), [seen(f"/{n}.png")]))) for n in range(8)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    assert sum(outcome.new for outcome in outcomes) == 1
    assert len({outcome.record.id for outcome in outcomes}) == 1
    assert len(collection.get(picture(1).sha256).sources) == 8


class TestAnAdderThatStops:
    """A process dies, or sleeps for minutes, after each step of adding."""

    def begin(self, collection: Collection, generation: int = 1) -> tuple[bytes, Claim]:
        sha256 = bytes.fromhex(picture(1).sha256)
        claim = Claim(collection.claims.new_id(), generation, 0.0)
        assert collection.claims.swap(sha256, None, claim)
        return sha256, claim

    def record(self, collection: Collection, claim: Claim):
        return replace(collection.draft(picture(1), [seen("/slow.png")], (), ()), id=claim.id)

    def test_after_the_claim_another_takes_over(self, collection: Collection) -> None:
        _, claim = self.begin(collection)
        added = collection.add(picture(1))
        assert added.new
        assert added.record.id == claim.id

    def test_after_the_pending_record_nobody_finds_it_until_another_finishes(self, collection: Collection) -> None:
        _, claim = self.begin(collection)
        assert collection.records.put(self.record(collection, claim), 1)
        collection.store.append(collection.filing.entries(claim.id, picture(1).values))
        assert answers(collection, picture(1)) == []
        assert collection.add(picture(1)).record.id == claim.id
        assert answers(collection, picture(1)) == [picture(1).sha256]

    def test_woken_before_its_record_it_changes_nothing(self, collection: Collection) -> None:
        _, claim = self.begin(collection)
        collection.add(picture(1), [seen("/fast.png")])
        assert not collection.records.put(self.record(collection, claim), 1)
        assert [source.id for source in collection.get(picture(1).sha256).sources] == ["/fast.png"]

    def test_woken_after_the_picture_was_removed_it_does_not_bring_it_back(self, collection: Collection) -> None:
        _, claim = self.begin(collection)
        assert collection.records.put(self.record(collection, claim), 1)
        collection.add(picture(1))
        collection.remove(picture(1).sha256)
        assert not collection.records.put(self.record(collection, claim), 1)
        assert not collection.records.publish(claim.id, 1)
        assert answers(collection, picture(1)) == []

    def test_woken_after_a_take_over_that_is_not_done_it_leaves_it_alone(self, collection: Collection) -> None:
        _, claim = self.begin(collection)
        assert collection.records.put(self.record(collection, claim), 2)
        assert not collection.records.put(self.record(collection, claim), 1)
        assert not collection.records.publish(claim.id, 1)
        assert collection.records.publish(claim.id, 2)

    def test_live_but_not_settled_it_is_known(self, collection: Collection) -> None:
        sha256, claim = self.begin(collection)
        assert collection.records.put(self.record(collection, claim), 1)
        assert collection.records.publish(claim.id, 1)
        assert collection.get(picture(1).sha256).id == claim.id
        assert not collection.add(picture(1)).new
        assert collection.claims.get(sha256) == Claim(claim.id)

    def test_removed_but_the_claim_left_behind_it_can_be_added(self, collection: Collection) -> None:
        id = collection.add(picture(1)).record.id
        assert collection.records.bury(id, 0.0)
        assert collection.add(picture(1)).new

    def test_a_pending_picture_can_be_removed(self, collection: Collection) -> None:
        _, claim = self.begin(collection)
        assert collection.records.put(self.record(collection, claim), 1)
        collection.remove(picture(1).sha256)
        assert not collection.records.publish(claim.id, 1)


class TestAnAddingThatFails:
    """The store goes away, or the user presses Ctrl-C, after each step of adding."""

    STEPS = ((Records, "put"), (Store, "append"), (Records, "publish"))

    @pytest.fixture
    def patient(self, store: Store) -> Collection:
        return Collection(store, {"pdq": PDQ()}, lease=60)

    def fail(self, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str], error: BaseException) -> None:
        def failing(*_: object, **__: object) -> None:
            monkeypatch.undo()
            raise error

        monkeypatch.setattr(*step, failing)

    @pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
    def test_the_same_process_need_not_wait_for_its_own_lease(
        self, patient: Collection, step: tuple[type, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.fail(monkeypatch, step, StoreUnavailable("gone"))
        with pytest.raises(StoreUnavailable):
            patient.add(picture(1), [seen("/a.png")])
        monkeypatch.setattr("matcher.collection.time.sleep", lambda _: pytest.fail("it waits"))
        assert patient.add(picture(1)).new
        assert answers(patient, picture(1)) == [picture(1).sha256]

    @pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
    def test_interrupted_it_lets_every_process_go_on(
        self, patient: Collection, store_url: str, step: tuple[type, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.fail(monkeypatch, step, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            patient.add(picture(1))
        other = Collection(Store(lambda: store_url, "test:"), {"pdq": PDQ()}, lease=60)
        monkeypatch.setattr("matcher.collection.time.sleep", lambda _: pytest.fail("it waits"))
        assert other.add(picture(1)).new
        assert answers(other, picture(1)) == [picture(1).sha256]

    def test_what_arrives_after_all_changes_nothing(self, patient: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
        late: list[Callable[[], bool]] = []

        def put(records: Records, record: Record, generation: int) -> bool:
            late.append(lambda: really(records, record, generation) or records.publish(record.id, generation))
            raise StoreUnavailable("Redis did not answer")

        really = Records.put
        with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
            patch.setattr(Records, "put", put)
            patient.add(picture(1), [seen("/late.png")])
        patient.add(picture(1), [seen("/a.png")])
        assert not late[0]()
        assert [source.id for source in patient.get(picture(1).sha256).sources] == ["/a.png"]


def test_tags_and_banks_can_be_given_and_taken(collection: Collection) -> None:
    bank = collection.banks.create("shops", kind="known-bad")
    record = collection.add(picture(1), tags=["one"], bank_ids=[bank.id]).record
    assert record.banks == ("shops",)
    assert collection.note(record, tags=["two"])
    assert collection.unnote(record, tags=["one"], bank_ids=[bank.id])
    record = collection.get(picture(1).sha256)
    assert (record.tags, record.banks) == (("two",), ())
    assert [found.id for found in collection.newest(collection.lists.tagged("two"))] == [record.id]


class TestForgettingSources:
    def test_they_are_gone_others_stay(self, collection: Collection) -> None:
        record = collection.add(picture(1), [seen("/a.png"), seen("/b.png")], tags=["kept"]).record
        assert collection.forget_sources(record, [seen("/a.png"), seen("/never.png")])
        after = collection.get(record.sha256)
        assert ([source.id for source in after.sources], after.tags) == (["/b.png"], ("kept",))
        assert b"/a.png" not in (collection.store.read([collection.records.key(record.id)])[0] or b"")

    def test_of_two_organisations_one_forgets_its_own(self, collection: Collection) -> None:
        ours, theirs = (replace(seen("/a.png", time), visibility={"org": org}) for time, org in ((1000, "us"), (2000, "them")))
        record = collection.add(picture(1), [ours, theirs]).record
        assert collection.forget_sources(record, [ours])
        assert collection.get(record.sha256).sources == (theirs,)

    def test_who_names_no_organisation_adds_to_what_is_left_compacted_or_not(self, collection: Collection) -> None:
        ours, theirs = (replace(seen("/a.png", time), visibility={"org": org}) for time, org in ((1000, "us"), (2000, "them")))
        record = collection.add(picture(1), [ours, theirs]).record
        collection.records.journal(record.id, forgetting_line(ours), *journal_lines([seen("/a.png", 3000)], (), ()))
        for _ in range(2):
            assert collection.get(record.sha256).sources == (replace(theirs, last_seen=3000.0),)
            collection.records.compact(record.id, least=0)

    def test_one_that_is_seen_again_comes_back_and_is_found(self, collection: Collection) -> None:
        record = collection.add(picture(1), [seen("/a.png", 1000)]).record
        assert collection.forget_sources(record, record.sources)
        assert collection.get(record.sha256).sources == ()
        again = collection.add(picture(1), [seen("/a.png", 5000)]).record
        assert again.sources == (seen("/a.png", 5000),)
        assert record.id in collection.lists.seen_at("file", "/a.png").tolist()

    def test_one_that_is_seen_while_it_is_forgotten_is_found(self, collection: Collection) -> None:
        record = collection.add(picture(1), [seen("/a.png", 1000)]).record
        assert collection.forget_sources(record, record.sources)
        assert collection.note(record, [seen("/a.png", 2000)]), "by one who read the record before"
        assert collection.get(record.sha256).sources == (seen("/a.png", 2000),)
        assert record.id in collection.lists.seen_at("file", "/a.png").tolist()

    def test_of_a_picture_removed_meanwhile_nothing_is_forgotten(self, collection: Collection) -> None:
        record = collection.add(picture(1), [seen("/a.png")]).record
        collection.remove(record.sha256)
        assert not collection.forget_sources(record, record.sources)


@pytest.mark.parametrize("bulk", [False, True], ids=["one by one", "in bulk"])
def test_a_number_that_was_given_before_harms_nobody(store_url: str, bulk: bool) -> None:
    """As after a failover that lost the counter's last steps."""
    collection = making.collection_on(store_url)
    first, other = making.picture(1), making.picture(2)
    collection.add(first)
    collection.store.write(collection.store.key(b"n"), b"0")
    if bulk:
        record = Record(0, other.sha256, "PNG", (640, 480), 1234, 1000.0, {"pdq": other.values["pdq"]}, {"pdq": 1, "large": 1})
        with BulkAdder(collection) as adder:
            adder.add([record], {0: {"large": other.values["large"]}})
    else:
        collection.add(other)
    kept = {one.sha256: collection.whole(collection.get(one.sha256))["large"] for one in (first, other)}
    assert kept == {one.sha256: one.values["large"] for one in (first, other)}


def test_newest_first(collection: Collection, tmp_path: Path) -> None:
    for seed in range(5):
        collection.add(picture(seed))
    collection.remove(picture(3).sha256)
    assert [record.sha256 for record in collection.newest(batch=2)] == [picture(seed).sha256 for seed in (4, 2, 1, 0)]


class NewerPDQ(PDQ):
    version = 2


def test_fingerprints_of_another_version_are_not_compared_until_the_picture_is_added_again(store: Store) -> None:
    old, new = Collection(store, {"pdq": PDQ()}), Collection(store, {"pdq": NewerPDQ()})
    first = old.add(picture(1), [seen("/a.png")], tags=["kept"]).record
    assert new.current(new.get(first.sha256)) == {}
    renewed = replace(picture(1), views={"as is": {"pdq": b"\x0f" * 32}})
    record = new.add(renewed).record
    assert (record.id, record.tags, len(record.sources)) == (first.id, ("kept",), 1)
    assert new.current(record) == renewed.values
    assert answers(new, renewed) == [first.sha256]
