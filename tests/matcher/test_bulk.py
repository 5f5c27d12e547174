"""Adding many at once does what adding one by one does, beside others, after failures and against what is no fingerprint."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import redis

from matcher import bulk
from matcher.bulk import BulkAdded, BulkAdder
from matcher.claims import Claim, Claims
from matcher.collection import Collection
from matcher.doctor import Doctor
from matcher.errors import BadRequest, Conflict, StoreFull, StoreUnavailable
from matcher.fingerprints.pdq import PDQ
from matcher.fingerprints.registry import load
from matcher.index import BandIndex, VoteIndex
from matcher.records import FINGERPRINT, PENDING, Record, Records, identity, pack
from matcher.source import Source
from matcher.store import Store
from tests.matcher.making import answers, collection_on, full, picture, seen


@pytest.fixture
def collection(store_url: str) -> Collection:
    return collection_on(store_url)


def hashed(seed: int, *sources: Source, tags: Sequence[str] = (), bank_ids: Sequence[int] = (), id: int = 0) -> Record:
    """A picture that a hash list knows by its PDQ alone."""
    value = np.random.default_rng(seed).bytes(32)
    return Record(
        id, identity("pdq", value), FINGERPRINT, (0, 0), 0, 1000.0, {"pdq": value}, {"pdq": 1}, sources, tuple(tags), tuple(bank_ids)
    )


def whole(seed: int, **changes: object) -> tuple[Record, dict[str, bytes]]:
    """A picture as an export has it: its record, and what is kept beside it."""
    found = picture(seed)
    record = Record(
        0, found.sha256, found.format, found.size, found.bytes_size, 1000.0, {"pdq": found.values["pdq"]}, {"pdq": 1, "large": 1}
    )
    return replace(record, **changes), {"large": found.values["large"]}  # type: ignore[arg-type]


def bulk_add(collection: Collection, records: Sequence[Record], **options: object) -> BulkAdded:
    with BulkAdder(collection) as adder:
        return adder.add(iter(records), **options)  # type: ignore[arg-type]


def found(collection: Collection, record: Record) -> list[str]:
    ids = collection.filing.bands["pdq"].search(record.fingerprints["pdq"]).ids
    return [known.sha256 for known in collection.records.live(ids.tolist()).values()]


def healthy(collection: Collection) -> bool:
    findings = Doctor(collection).run(deep=True).findings
    assert findings == ()
    return True


def everything(collection: Collection) -> dict[bytes, object]:
    store = collection.store
    hashes = tuple(store.key(kind) for kind in (b"m", b"c", b"b"))
    return {key: store.fields(key) if key.startswith(hashes) else store.read([key])[0] for key in store.scan(b"")}


class TestAdding:
    def test_what_was_added_is_known_found_and_listed(self, collection: Collection) -> None:
        bank = collection.banks.create("lists")
        records = [hashed(n, seen(f"line {n}"), tags=["imported"], bank_ids=[bank.id]) for n in range(300)]
        assert bulk_add(collection, records) == BulkAdded(new=300, known=0)
        for record in records[::50]:
            known = collection.get(record.sha256)
            assert known == replace(record, id=known.id, banks=("lists",))
            assert known.fingerprint_only
            assert found(collection, record) == [record.sha256]
            assert collection.lists.seen_at(*record.sources[0].key.split(":")).tolist() == [known.id]
        assert len(collection.lists.tagged("imported")) == len(collection.lists.banked(bank.id)) == 300
        assert healthy(collection)

    def test_the_store_is_the_same_as_after_adding_one_by_one(self, collection: Collection, store_url: str) -> None:
        other = Collection(Store(lambda: store_url, "else:"), collection.algorithms)
        pictures = [picture(seed) for seed in range(60)]
        for one in pictures:
            other.add(one, [seen("/a.png")], tags=["same"])
        records = [other.get(one.sha256) for one in pictures]
        large = {n: {"large": one.values["large"]} for n, one in enumerate(pictures)}
        bulk_add(collection, records, large=large)

        def content(collection: Collection) -> dict[bytes, object]:
            # Which claim was written when is no matter; a bucket of claims has them in the order of their writing.
            return {key.partition(b":")[2]: value for key, value in everything(collection).items()}

        ours, theirs = content(collection), content(other)
        records_ours = {key: value for key, value in ours.items() if key[:1] == b"r"}
        assert ours.keys() == theirs.keys()
        assert {key: value for key, value in theirs.items() if key[:1] == b"r"} == records_ours
        assert ours == theirs

    def test_known_ones_gain_what_is_new_and_nothing_else_is_written(self, collection: Collection) -> None:
        first, second = hashed(1, seen("a", 1000), tags=["old"]), hashed(2, seen("b", 1000))
        assert bulk_add(collection, [first, second]) == BulkAdded(2, 0)
        ids = [collection.get(one.sha256).id for one in (first, second)]
        before = everything(collection)
        assert bulk_add(collection, [first, second]) == BulkAdded(0, 2)
        assert everything(collection) == before
        more = replace(first, sources=(seen("a", 5000), seen("c", 3000)), tags=("old", "new"))
        assert bulk_add(collection, [hashed(3), more, second]) == BulkAdded(1, 2)
        known = collection.get(first.sha256)
        assert [(source.id, source.first_seen, source.last_seen) for source in known.sources] == [("a", 1000, 5000), ("c", 3000, 3000)]
        assert known.tags == ("old", "new")
        assert known.id in collection.lists.tagged("new").tolist()
        assert known.id in collection.lists.seen_at("file", "c").tolist()
        assert [collection.get(one.sha256).id for one in (first, second)] == ids
        assert healthy(collection)

    def test_what_two_organisations_say_of_one_place_stays_apart(self, collection: Collection) -> None:
        theirs = Source("url", "x", 100.0, 100.0, {"title": "theirs"}, {"org": "them"})
        ours = Source("url", "x", 200.0, 200.0, {}, {"org": "us"})
        bulk_add(collection, [hashed(1, theirs)])
        for _ in range(2):
            bulk_add(collection, [hashed(1, ours)])
            assert collection.get(hashed(1).sha256).sources == (theirs, ours)

    def test_no_id_is_spent_on_what_is_known(self, collection: Collection) -> None:
        records = [hashed(n) for n in range(20)]
        bulk_add(collection, records)
        bulk_add(collection, [*records, hashed(20)])
        assert collection.claims.last_id() == 21

    def test_one_that_is_given_twice_is_one(self, collection: Collection) -> None:
        records = [hashed(1, seen("a"), tags=["one"]), hashed(2), hashed(1, seen("b"), tags=["one", "two"])]
        assert bulk_add(collection, records) == BulkAdded(new=2, known=1)
        known = collection.get(records[0].sha256)
        assert ([source.id for source in known.sources], known.tags) == (["a", "b"], ("one", "two"))
        assert healthy(collection)

    def test_in_many_waves_it_is_the_same(self, collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "_CLAIMED", 7)
        monkeypatch.setattr(bulk, "_ENTRIES", 300)
        records = [hashed(n % 50, seen(f"line {n}")) for n in range(120)]
        assert bulk_add(collection, records) == BulkAdded(new=50, known=70)
        assert {len(collection.get(record.sha256).sources) for record in records} == {2, 3}
        assert healthy(collection)

    def test_large_fingerprints_lie_beside_the_records_of_their_pictures(self, collection: Collection) -> None:
        pairs = [whole(seed) for seed in range(5)]
        bulk_add(collection, [hashed(9), *(record for record, _ in pairs)], large={n: beside for n, (_, beside) in enumerate(pairs, 1)})
        for seed in range(5):
            record = collection.get(picture(seed).sha256)
            assert collection.whole(record) == picture(seed).values
            assert answers(collection, picture(seed)) == [picture(seed).sha256]
        assert healthy(collection)

    def test_pictures_with_tiles_and_features_are_found_by_them(self, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(1)
        source, target = (Collection(Store(lambda: store_url, prefix), load(["tiles", "pdq"])) for prefix in ("a:", "b:"))
        records = []
        for _ in range(40):
            tiles = b"\xff\xff" + rng.bytes(64)
            values = {"tiles": tiles, "pdq": rng.bytes(32)}
            records.append(Record(0, rng.bytes(32).hex(), "PNG", (9, 9), 9, 1.0, values, {"tiles": 1, "pdq": 1}))
        for record in records:
            source.store.append(source.filing.entries(1, record.fingerprints))
        bulk_add(target, records)
        for record in records:
            slots, keys = target.filing.voting["tiles"].keys(record.fingerprints["tiles"])
            ids = target.filing.votes["tiles"].vote(slots, keys, 5).ids.tolist()
            assert target.records.live(ids[:1])[ids[0]].sha256 == record.sha256
        strip = {key[2:] for key in source.store.scan(b"v")}
        assert strip == {key[2:] for key in target.store.scan(b"v")}

    def test_an_import_without_pictures_is_none(self, collection: Collection) -> None:
        before = everything(collection)
        assert bulk_add(collection, []) == BulkAdded(0, 0)
        assert everything(collection) == before

    def test_seen_again_without_a_source_it_is_noted_once_an_hour(self, collection: Collection) -> None:
        bulk_add(collection, [hashed(1)])
        bulk_add(collection, [replace(hashed(1), added=1500.0)])
        assert collection.get(hashed(1).sha256).last_seen == 1000
        bulk_add(collection, [replace(hashed(1), added=9000.0)])
        assert collection.get(hashed(1).sha256).last_seen == 9000


class NewerPDQ(PDQ):
    version = 2


class TestVersions:
    def test_fingerprints_of_another_version_are_kept_but_not_compared(self, store_url: str) -> None:
        newer = Collection(Store(lambda: store_url, "test:"), {"pdq": NewerPDQ()})
        bulk_add(newer, [hashed(1)])
        known = newer.get(hashed(1).sha256)
        assert known.fingerprints == hashed(1).fingerprints
        assert newer.current(known) == {}
        assert found(newer, hashed(1)) == []

    def test_known_ones_are_renewed_by_those_in_use_and_not_by_others(self, collection: Collection, store_url: str) -> None:
        bulk_add(collection, [hashed(1, seen("a"))])
        newer = Collection(Store(lambda: store_url, "test:"), {"pdq": NewerPDQ()})
        renewed = replace(hashed(1, seen("b")), fingerprints={"pdq": b"\x0f" * 32}, versions={"pdq": 2})
        assert bulk_add(newer, [renewed]) == BulkAdded(0, 1)
        assert newer.current(newer.get(renewed.sha256)) == {"pdq": b"\x0f" * 32}
        assert found(newer, renewed) == [renewed.sha256]
        bulk_add(newer, [hashed(1)])
        assert newer.current(newer.get(renewed.sha256)) == {"pdq": b"\x0f" * 32}
        assert len(newer.get(renewed.sha256).sources) == 2


class TestWhatIsNoFingerprint:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("pdq", b"x" * 31), ("pdq", b"x" * 64), ("tiles", b"\xff\xff" + b"x" * 60), ("tiles", b"\xff\xff" + b"x" * 68), ("local", b"abc")],
    )
    def test_it_is_refused_before_anything_is_written(self, store_url: str, name: str, value: bytes) -> None:
        collection = Collection(Store(lambda: store_url, "test:"), load())
        record = replace(hashed(1), fingerprints={} if name == "local" else {name: value}, versions={name: collection.versions[name]})
        before = everything(collection)
        with pytest.raises(BadRequest, match=name) as caught:
            bulk_add(collection, [hashed(0), record], large={1: {name: value}} if name == "local" else None)
        assert record.sha256 in str(caught.value)
        after = everything(collection)
        assert {key: value for key, value in after.items() if key != collection.store.key(b"n")} == before

    def test_what_was_taken_before_it_waits_for_nobody(self, collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "_CLAIMED", 2)
        with pytest.raises(BadRequest):
            bulk_add(collection, [hashed(0), hashed(1), replace(hashed(2), fingerprints={"pdq": b"short"})])
        monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits"))
        other = Collection(collection.store, collection.algorithms, lease=60)
        assert bulk_add(other, [hashed(0), hashed(1)]) == BulkAdded(2, 0)
        assert healthy(other)


class TestKeepingIds:
    def test_they_are_kept_and_never_given_again(self, collection: Collection) -> None:
        records = [hashed(n, id=id) for n, id in enumerate([17, 3, 5])]
        with BulkAdder(collection) as adder:
            assert adder.add(records, keep_ids=True).new == 3
            assert adder.add([hashed(9, id=12)], keep_ids=True).new == 1
        assert [collection.get(record.sha256).id for record in (*records, hashed(9))] == [17, 3, 5, 12]
        assert collection.add(picture(1)).record.id == 18
        assert healthy(collection)

    @pytest.mark.parametrize("ids", [(0, 1), (1, 1), (2, 1 << 32)], ids=["none", "twice", "too large"])
    def test_ids_that_cannot_be(self, collection: Collection, ids: tuple[int, int]) -> None:
        with pytest.raises(Conflict):
            bulk_add(collection, [hashed(n, id=id) for n, id in enumerate(ids)], keep_ids=True)
        assert list(collection.newest()) == []

    def test_only_in_an_empty_store(self, collection: Collection) -> None:
        collection.add(picture(1))
        with pytest.raises(Conflict, match="without"):
            bulk_add(collection, [hashed(1, id=50)], keep_ids=True)
        assert len(list(collection.newest())) == 1

    def test_only_while_nobody_else_adds(self, collection: Collection) -> None:
        with BulkAdder(collection) as adder:
            adder.add([hashed(1, id=5)], keep_ids=True)
            collection.add(picture(1))
            with pytest.raises(Conflict):
                adder.add([hashed(2, id=9)], keep_ids=True)

    def test_an_id_of_another_batch_is_refused(self, collection: Collection) -> None:
        with BulkAdder(collection) as adder:
            adder.add([hashed(1, id=5)], keep_ids=True)
            with pytest.raises(Conflict, match="5"):
                adder.add([hashed(2, id=5)], keep_ids=True)
        assert collection.get(hashed(1).sha256).id == 5


class TestWhatOthersLeft:
    """An adder died, or sleeps, after each of its steps; what it had begun is finished under its id."""

    def claimed(self, collection: Collection, record: Record, generation: int = 1, deadline: float = 0.0) -> Claim:
        claim = Claim(collection.claims.new_id(), generation, deadline)
        assert collection.claims.swap(bytes.fromhex(record.sha256), None, claim)
        return claim

    def pending(self, collection: Collection, record: Record) -> Claim:
        claim = self.claimed(collection, record)
        assert collection.records.put(replace(record, id=claim.id), 1)
        return claim

    def filed(self, collection: Collection, record: Record) -> Claim:
        claim = self.pending(collection, record)
        collection.store.append(collection.postings(replace(record, id=claim.id), record.fingerprints))
        return claim

    def live(self, collection: Collection, record: Record) -> Claim:
        claim = self.filed(collection, record)
        assert collection.records.publish(claim.id, 1)
        return claim

    @pytest.mark.parametrize("died", ["claimed", "pending", "filed", "live"])
    def test_it_is_finished(self, collection: Collection, died: str) -> None:
        claim = getattr(self, died)(collection, hashed(1, seen("slow")))
        outcome = bulk_add(collection, [hashed(0), hashed(1, seen("fast")), hashed(2)])
        assert outcome == (BulkAdded(2, 1) if died == "live" else BulkAdded(3, 0))
        known = collection.get(hashed(1).sha256)
        assert known.id == claim.id
        assert "fast" in [source.id for source in known.sources]
        assert found(collection, hashed(1)) == [hashed(1).sha256]
        assert collection.claims.get(bytes.fromhex(known.sha256)) == Claim(claim.id)
        Doctor(collection).run(deep=True)
        assert healthy(collection)

    def test_its_owner_wakes_and_changes_nothing(self, collection: Collection) -> None:
        claim = self.claimed(collection, hashed(1))
        bulk_add(collection, [hashed(1, seen("fast"))])
        late = replace(hashed(1, seen("late")), id=claim.id)
        assert not collection.finish(late, claim, late.fingerprints)
        assert [source.id for source in collection.get(late.sha256).sources] == ["fast"]

    def test_one_that_was_removed_is_added_anew(self, collection: Collection) -> None:
        bulk_add(collection, [hashed(1), hashed(2)])
        first = collection.get(hashed(1).sha256)
        assert collection.records.bury(first.id, 0.0)  # its claim was left behind
        collection.remove(hashed(2).sha256)
        assert bulk_add(collection, [hashed(1), hashed(2)]) == BulkAdded(2, 0)
        assert collection.get(hashed(1).sha256).id > first.id

    def test_another_that_is_at_work_is_waited_for(self, collection: Collection) -> None:
        claim = self.claimed(collection, hashed(1), deadline=collection.clock() + 60)
        record = replace(hashed(1, seen("other")), id=claim.id)
        other = threading.Timer(0.3, lambda: collection.finish(record, claim, record.fingerprints))
        other.start()
        assert bulk_add(collection, [hashed(0), hashed(1, seen("ours"))]) == BulkAdded(1, 1)
        other.join()
        assert [source.id for source in collection.get(record.sha256).sources] == ["other", "ours"]

    def test_another_that_takes_over_while_we_sleep_wins(self, collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between our pending records and their postings somebody else, our lease being over, finishes one and removes another."""
        file = bulk.Postings.file

        def slow(*arguments: object) -> None:
            monkeypatch.undo()
            for n in (1, 2):
                sha256 = bytes.fromhex(hashed(n).sha256)
                ours = collection.claims.get(sha256)
                assert ours is not None
                theirs = Claim(ours.id, ours.generation + 1, 0.0)
                assert collection.claims.swap(sha256, ours, theirs)
                record = replace(hashed(n, seen("other")), id=ours.id)
                assert collection.finish(record, theirs, record.fingerprints)
            collection.remove(hashed(2).sha256)
            file(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(bulk.Postings, "file", slow)
        assert bulk_add(collection, [hashed(n, seen("ours")) for n in range(4)]) == BulkAdded(3, 1)
        assert [source.id for source in collection.get(hashed(1).sha256).sources] == ["other", "ours"]
        assert [source.id for source in collection.get(hashed(2).sha256).sources] == ["ours"]
        for n in range(4):
            assert found(collection, hashed(n)) == [hashed(n).sha256]
        Doctor(collection).run(deep=True)
        assert healthy(collection)

    def test_one_who_never_finishes_is_told_of(self, collection: Collection) -> None:
        self.claimed(collection, hashed(1), deadline=collection.clock() + 1e6)
        ticks = iter(np.linspace(collection.clock(), collection.clock() + 1000, 40))
        impatient = Collection(collection.store, collection.algorithms, lease=1, clock=lambda: float(next(ticks)))
        with pytest.raises(StoreUnavailable, match="doctor"):
            bulk_add(impatient, [hashed(1)])


STEPS: list[tuple[type, str]] = [
    (Claims, "take_many"),
    (Records, "put_new"),
    (BandIndex, "file_many"),
    (Records, "publish_many"),
    (Claims, "settle_many"),
]


class TestAfterAFailure:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
    def test_adding_again_is_right_and_waits_for_nobody(
        self, store_url: str, step: tuple[type, str], after: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection is lost before or after Redis did what it was told."""
        collection = collection_on(store_url, lease=60)
        done = getattr(*step)

        def failing(*arguments: object) -> None:
            monkeypatch.undo()
            if after:
                done(*arguments)
            raise StoreUnavailable("gone")

        records = [hashed(n, seen(f"line {n}"), tags=["imported"]) for n in range(30)]
        bulk_add(collection, records[:3])
        monkeypatch.setattr(*step, failing)
        with pytest.raises(StoreUnavailable):
            bulk_add(collection, records)
        monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits"))
        outcome = bulk_add(collection, records)
        assert outcome.new + outcome.known == 30
        for record in records:
            assert found(collection, record) == [record.sha256]
            assert [source.key for source in collection.get(record.sha256).sources] == [record.sources[0].key]
        Doctor(collection).run(deep=True)
        assert healthy(collection)

    def test_interrupted_it_lets_every_process_go_on(self, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def lines() -> Iterator[Record]:
            yield from (hashed(n) for n in range(8))
            raise KeyboardInterrupt

        monkeypatch.setattr(bulk, "_CLAIMED", 4)
        with pytest.raises(KeyboardInterrupt), BulkAdder(collection_on(store_url, lease=60)) as adder:
            adder.add(lines())
        monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits"))
        assert bulk_add(collection_on(store_url, lease=60), [hashed(n) for n in range(8)]) == BulkAdded(8, 0)

    def test_a_store_without_memory_says_so_and_loses_nothing(self, collection: Collection, store_url: str) -> None:
        bulk_add(collection, [hashed(n) for n in range(5)])
        with full(store_url), pytest.raises(StoreFull):
            bulk_add(collection, [hashed(n) for n in range(10)])
        assert bulk_add(collection, [hashed(n) for n in range(10)]) == BulkAdded(5, 5)
        assert healthy(collection)


class TestSeveralAtOnce:
    def run(self, *work: Callable[[], object]) -> None:
        failures: list[BaseException] = []

        def guarded(one: Callable[[], object]) -> None:
            try:
                one()
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)

        threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []

    def test_importers_of_one_list_make_one_record_each(self, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "_CLAIMED", 50)
        monkeypatch.setattr(bulk, "_ENTRIES", 3000)
        outcomes: list[BulkAdded] = []

        def import_as(who: str) -> None:
            order = np.random.default_rng(len(who)).permutation(600).tolist()
            records = [hashed(n, seen(f"{who} {n}")) for n in order]
            outcomes.append(bulk_add(collection_on(store_url, lease=5), records))

        self.run(*(lambda who=who: import_as(who) for who in ("a", "bb", "ccc")))
        assert sum(outcome.new for outcome in outcomes) == 600
        assert sum(outcome.known for outcome in outcomes) == 1200
        collection = collection_on(store_url)
        records = list(collection.newest())
        assert len(records) == len({record.sha256 for record in records}) == 600
        assert all(len(record.sources) == 3 for record in records)
        assert healthy(collection)

    def test_beside_adders_and_removers_nothing_is_lost_or_comes_back(self, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "_CLAIMED", 20)
        pairs = [whole(seed) for seed in range(60)]
        removed: set[str] = set()

        def import_all(who: str) -> None:
            for _ in range(3):
                records = [replace(record, sources=(seen(who),)) for record, _ in pairs[:50]]
                bulk_add(collection_on(store_url, lease=5), records, large={n: beside for n, (_, beside) in enumerate(pairs[:50])})

        def add_one_by_one() -> None:
            own = collection_on(store_url, lease=5)
            for seed in (*range(60), *range(60)):
                own.add(picture(seed), [seen("single")])

        def remove() -> None:
            own = collection_on(store_url, lease=5)
            for seed in range(50, 60):
                own.add(picture(seed))
                own.remove(picture(seed).sha256)
                removed.add(picture(seed).sha256)

        def examine() -> None:
            for _ in range(4):
                Doctor(collection_on(store_url, lease=5)).run(deep=True)

        self.run(lambda: import_all("a"), lambda: import_all("b"), add_one_by_one, examine)
        self.run(lambda: import_all("c"), remove, examine)
        collection = collection_on(store_url)
        assert len({record.sha256 for record in collection.newest()}) == len(list(collection.newest())) == 50
        for seed in range(60):
            assert answers(collection, picture(seed)) == ([] if picture(seed).sha256 in removed else [picture(seed).sha256])
        for seed in range(50):
            known = collection.get(picture(seed).sha256)
            assert {source.id for source in known.sources} == {"a", "b", "c", "single"}
            assert collection.whole(known) == picture(seed).values
        Doctor(collection).run(deep=True)
        assert healthy(collection)


class TestRoom:
    """What lists take."""

    def grown(self, store_url: str) -> tuple[Collection, BulkAdder]:
        collection = Collection(Store(lambda: store_url, "test:"), {"pdq": PDQ()})
        adder = BulkAdder(collection)
        for batch in range(6):
            value = np.full(32, 7, np.uint8)
            values = [np.append(value[:30], [batch, n]).astype(np.uint8).tobytes() for n in range(3)]
            adder.add([replace(hashed(0), sha256=identity("pdq", one), fingerprints={"pdq": one}) for one in values])
        return collection, adder

    def size(self, collection: Collection, store_url: str) -> int:
        with redis.Redis.from_url(store_url) as client:
            return sum(int(client.memory_usage(key) or 0) for key in collection.store.scan(b"p"))

    def test_it_is_given_back(self, store_url: str) -> None:
        collection, adder = self.grown(store_url)
        lists = {key: collection.store.read([key]) for key in collection.store.scan(b"p")}
        before = self.size(collection, store_url)
        adder.close()
        assert self.size(collection, store_url) < before * 0.75
        assert {key: collection.store.read([key]) for key in collection.store.scan(b"p")} == lists

    def test_that_it_cannot_be_given_back_is_no_failure(self, store_url: str) -> None:
        collection, adder = self.grown(store_url)
        with full(store_url):
            adder.close()
        assert healthy(collection)


def test_words_of_votes_are_filed_as_one_by_one(store_url: str) -> None:
    store, rng = Store(lambda: store_url, "test:"), np.random.default_rng(1)
    one, many = VoteIndex(store, "one"), VoteIndex(store, "many")
    ids, words = list[int](), list[np.ndarray]()
    for id in range(1, 30):
        slots, keys = rng.integers(0, 3, 40), rng.integers(0, 9, 40)
        store.append(one.entries(id, slots, keys))
        words.append(many.words(slots, keys))
        ids += [id] * len(words[-1])
    many.file_many(np.array(ids, np.uint32), np.concatenate(words), bulk.Room())
    lists = [{key[-4:]: store.read([key]) for key in store.scan(b"v" + name)} for name in (b"one", b"many")]
    assert lists[0] == lists[1]
    assert len(lists[0]) == 27


def test_packed_records_of_any_length_are_written(collection: Collection) -> None:
    values = [pack(hashed(n, seen("x" * (n * 3001))), PENDING, 1) for n in range(60)]
    assert collection.records.put_new(range(1, 61), values).all()
    assert collection.store.read([collection.records.key(id) for id in range(1, 61)]) == values
    assert not collection.records.put_new(range(1, 61), values).any()
