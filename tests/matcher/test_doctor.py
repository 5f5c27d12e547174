"""The doctor: what interrupted work leaves behind is found, told and mended, and nobody at work is disturbed."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import redis

from matcher.bulk import BulkAdder
from matcher.claims import Claim
from matcher.collection import Collection
from matcher.doctor import Doctor
from matcher.errors import NotFound, StoreUnavailable
from matcher.records import FINGERPRINT, Record, identity
from matcher.store import Store
from tests.matcher.making import answers, collection_on, picture, seen

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture
def collection(store_url: str) -> Collection:
    """A collection of five healthy pictures."""
    collection = collection_on(store_url)
    bank = collection.banks.create("shops")
    for seed in range(5):
        collection.add(picture(seed), [seen(f"/{seed}.png")], tags=["old"], bank_ids=[bank.id])
    return collection


def with_another_pdq(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """The same store, for whoever starts with version 2 of PDQ."""
    monkeypatch.setattr(type(collection.algorithms["pdq"]), "version", 2)
    return Collection(collection.store, collection.algorithms)


def examine(collection: Collection, deep: bool = False, repair: bool = True, later: float = 0.0) -> dict[str, int]:
    report = Doctor(collection, repair, clock=lambda: time.time() + later).run(deep)
    assert all(finding.text for finding in report.findings)
    assert report.clean == (repair or not report.findings)
    return {finding.code: finding.count for finding in report.findings}


def sha(seed: int) -> bytes:
    return bytes.fromhex(picture(seed).sha256)


def claimed(collection: Collection, seed: int) -> Claim:
    """Do what an adder does first."""
    claim = Claim(collection.claims.new_id(), 1, 0.0)
    assert collection.claims.swap(sha(seed), None, claim)
    return claim


def pending(collection: Collection, seed: int) -> Claim:
    """Do what an adder does up to the pending record."""
    claim = claimed(collection, seed)
    collection.large.put(claim.id, {"large": picture(seed).values["large"]})
    record = collection.draft(picture(seed), [seen("/slow.png")], ("new",), ())
    assert collection.records.put(replace(record, id=claim.id), 1)
    return claim


def lists(collection: Collection) -> dict[bytes, bytes | None]:
    return {key: collection.store.read([key])[0] for kind, _ in collection.list_widths() for key in collection.store.scan(kind)}


def everything(store: Store) -> dict[bytes, object]:
    hashes = tuple(store.key(kind) for kind in (b"m", b"c", b"b"))
    return {key: store.fields(key) if key.startswith(hashes) else store.read([key])[0] for key in store.scan(b"")}


def died_after_the_claim(collection: Collection) -> None:
    claimed(collection, 9)


def died_after_the_pending_record(collection: Collection) -> None:
    pending(collection, 9)


def died_before_settling(collection: Collection) -> None:
    claim = pending(collection, 9)
    record = collection.records.read([claim.id])[claim.id].record
    assert record is not None
    collection.store.append(collection.postings(record, picture(9).values))
    assert collection.records.publish(claim.id, 1)


def died_between_burial_and_claim(collection: Collection) -> None:
    id = collection.get(picture(1).sha256).id
    assert collection.records.bury(id, time.time())
    collection.large.delete(id, ["large"])
    _forget(collection, 1, id)


def removed(collection: Collection) -> None:
    collection.remove(picture(1).sha256)


def filed_twice(collection: Collection) -> None:
    collection.store.append(collection.filing.entries(collection.get(picture(1).sha256).id, picture(1).values))


def claim_lost_before_the_record_was_live(collection: Collection) -> None:
    claim = pending(collection, 9)
    assert collection.claims.swap(sha(9), claim, None)


def _forget(collection: Collection, seed: int, id: int) -> None:
    """Take the entries of a picture out of all lists."""
    for key, width in [(key, width) for kind, width in collection.list_widths() for key in collection.store.scan(kind)]:
        value = collection.store.read([key])[0] or b""
        kept = b"".join(value[at : at + width] for at in range(0, len(value), width) if value[at : at + 4] != id.to_bytes(4, "little"))
        if kept != value:
            collection.store.replace(key, value, kept)


def lists_lost(collection: Collection) -> None:
    _forget(collection, 1, collection.get(picture(1).sha256).id)


def claim_lost(collection: Collection) -> None:
    assert collection.claims.swap(sha(1), Claim(collection.get(picture(1).sha256).id), None)


def two_records(collection: Collection) -> None:
    claim_lost(collection)
    collection.add(picture(1), [seen("/again.png")])


def large_left_behind(collection: Collection) -> None:
    id = collection.get(picture(1).sha256).id
    died_between_burial_and_claim(collection)
    assert collection.claims.swap(sha(1), Claim(id), None)
    collection.large.put(id, {"large": b"x" * 16})


Accident = Callable[[Collection], None]
POSTINGS = 16 + 3  # bands; tag, bank and source
CASES: list[tuple[Accident, bool, float, dict[str, int], set[int]]] = [
    (died_after_the_claim, False, 0, {"open-claim": 1}, {0, 1, 2, 3, 4}),
    (died_after_the_pending_record, False, 0, {"unfinished-picture": 1}, {0, 1, 2, 3, 4, 9}),
    (died_before_settling, False, 0, {"open-claim": 1}, {0, 1, 2, 3, 4, 9}),
    (died_between_burial_and_claim, False, 0, {"open-claim": 1}, {0, 2, 3, 4}),
    (claim_lost_before_the_record_was_live, False, 2 * HOUR, {"unclaimed-record": 1}, {0, 1, 2, 3, 4}),
    (removed, False, 0, {"dead-posting": POSTINGS}, {0, 2, 3, 4}),
    (filed_twice, False, 0, {"dead-posting": 16}, {0, 1, 2, 3, 4}),
    (lists_lost, True, 0, {"missing-posting": POSTINGS}, {0, 1, 2, 3, 4}),
    (claim_lost, True, 0, {"lost-claim": 1}, {0, 1, 2, 3, 4}),
    (two_records, True, 0, {"double-record": 1}, {0, 1, 2, 3, 4}),
    (large_left_behind, True, 0, {"orphan-fingerprint": 1}, {0, 2, 3, 4}),
]


@pytest.mark.parametrize(("accident", "deep", "later", "found", "left"), CASES, ids=[case[0].__name__ for case in CASES])
def test_it_finds_and_mends(
    collection: Collection, accident: Accident, deep: bool, later: float, found: dict[str, int], left: set[int]
) -> None:
    assert examine(collection, deep=True) == {}
    accident(collection)
    before = everything(collection.store)
    assert examine(collection, deep, repair=False, later=later) == found
    assert everything(collection.store) == before, "only looking changes nothing"
    assert examine(collection, deep, later=later) == found
    for _ in range(2):
        rest = examine(collection, deep=True, later=later)
        assert set(rest) <= {"dead-posting", "orphan-fingerprint"}, "what the burial of a record leaves"
    assert rest == {}
    for seed in (0, 1, 2, 3, 4, 9):
        assert answers(collection, picture(seed)) == ([picture(seed).sha256] if seed in left else [])
        assert (collection.known(picture(seed).sha256) is not None) == (seed in left)
        assert collection.add(picture(seed)).new == (seed not in left)
    assert len(list(collection.newest())) == 6


class TestPicturesKnownByAFingerprintAlone:
    @pytest.fixture
    def listed(self, collection: Collection) -> list[Record]:
        value = [np.random.default_rng(n).bytes(32) for n in range(4)]
        records = [
            Record(0, identity("pdq", pdq), FINGERPRINT, (0, 0), 0, 1000.0, {"pdq": pdq}, {"pdq": 1}, (seen(f"line {n}"),), ("old",))
            for n, pdq in enumerate(value)
        ]
        with BulkAdder(collection) as adder:
            adder.add(records)
        return [collection.get(record.sha256) for record in records]

    def found(self, collection: Collection, record: Record) -> bool:
        ids = collection.filing.bands["pdq"].search(record.fingerprints["pdq"]).ids
        return record.sha256 in {known.sha256 for known in collection.records.live(ids.tolist()).values()}

    def test_healthy_ones_are_left_as_they_are(self, collection: Collection, listed: list[Record]) -> None:
        before = everything(collection.store)
        assert examine(collection, deep=True) == {}
        assert everything(collection.store) == before

    def test_one_whose_adding_was_interrupted_is_finished(self, collection: Collection, listed: list[Record]) -> None:
        collection.remove(listed[1].sha256)
        examine(collection, deep=True)
        claim = Claim(collection.claims.new_id(), 3, 0.0)
        assert collection.claims.swap(bytes.fromhex(listed[1].sha256), None, claim)
        assert collection.records.put(replace(listed[1], id=claim.id), 3)
        assert examine(collection, deep=True) == {"unfinished-picture": 1}
        assert collection.get(listed[1].sha256) == replace(listed[1], id=claim.id)
        assert collection.claims.get(bytes.fromhex(listed[1].sha256)) == Claim(claim.id)
        assert self.found(collection, listed[1])
        assert examine(collection, deep=True) == {}

    def test_one_missing_from_the_lists_is_filed(self, collection: Collection, listed: list[Record]) -> None:
        _forget(collection, 0, listed[2].id)
        assert not self.found(collection, listed[2])
        assert examine(collection, deep=True) == {"missing-posting": 16 + 2}
        assert self.found(collection, listed[2])
        assert examine(collection, deep=True) == {}

    def test_one_removed_leaves_the_lists(self, collection: Collection, listed: list[Record]) -> None:
        collection.remove(listed[3].sha256)
        assert examine(collection, deep=True) == {"dead-posting": 16 + 2}
        assert examine(collection, deep=True) == {}

    def test_an_import_of_the_list_renews_what_a_new_version_made_stale(
        self, collection: Collection, listed: list[Record], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for seed in range(5):
            collection.remove(picture(seed).sha256)
        examine(collection)
        newer = with_another_pdq(collection, monkeypatch)
        assert [finding.code for finding in Doctor(newer).run().findings] == ["stale-version"]
        with BulkAdder(newer) as adder:
            adder.add([replace(record, versions={"pdq": 2}) for record in listed])
        assert all(self.found(newer, record) for record in listed)
        Doctor(newer).run(deep=True)
        assert examine(newer, deep=True) == {}


def test_interrupted_pictures_are_finished_together(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(10, 40):
        claimed(collection, seed) if seed % 3 == 0 else pending(collection, seed)
    one_by_one: list[str] = []
    monkeypatch.setattr(collection, "finish", lambda *_: one_by_one.append("finish"))
    assert examine(collection, deep=True) == {"unfinished-picture": 20, "open-claim": 10}
    assert one_by_one == []
    for seed in range(10, 40):
        assert answers(collection, picture(seed)) == ([] if seed % 3 == 0 else [picture(seed).sha256])
        assert seed % 3 == 0 or collection.whole(collection.get(picture(seed).sha256)) == picture(seed).values
    examine(collection, deep=True)
    assert examine(collection, deep=True) == {}


def test_a_finished_picture_is_whole(collection: Collection) -> None:
    id = pending(collection, 9).id
    examine(collection)
    record = collection.get(picture(9).sha256)
    assert (record.id, record.tags, [source.id for source in record.sources]) == (id, ("new",), ["/slow.png"])
    assert collection.large.read("large", [id]) == {id: picture(9).values["large"]}


def test_two_records_of_a_picture_become_one_that_knows_all(collection: Collection) -> None:
    two_records(collection)
    assert len(answers(collection, picture(1))) == 2
    examine(collection, deep=True)
    record = collection.get(picture(1).sha256)
    assert {source.id for source in record.sources} == {"/1.png", "/again.png"}
    assert (record.tags, record.banks) == (("old",), ("shops",))


def test_an_adding_whose_lease_runs_is_let_alone(collection: Collection) -> None:
    claim = pending(collection, 9)
    running = Claim(claim.id, 1, time.time() + 60)
    assert collection.claims.swap(sha(9), claim, running)
    before = everything(collection.store)
    assert examine(collection, deep=True) == {}
    assert everything(collection.store) == before


def test_a_sleeper_whose_claim_was_given_up_adds_nothing_nobody_can_ask_for(collection: Collection) -> None:
    claim = claimed(collection, 9)
    examine(collection)
    record = replace(collection.draft(picture(9), [], (), ()), id=claim.id)
    assert not collection.finish(record, claim, picture(9).values)
    assert collection.add(picture(9)).new
    assert len(answers(collection, picture(9))) == 1


@pytest.mark.parametrize("moment", ["records", "lists"])
def test_a_picture_added_while_it_looks_is_left_whole(collection: Collection, moment: str) -> None:
    claim = Claim(collection.claims.new_id(), 1, time.time() + 60)
    assert collection.claims.swap(sha(9), None, claim)
    collection.large.put(claim.id, {"large": picture(9).values["large"]})
    steps: list[str] = []

    def add_meanwhile(step: str, done: int) -> None:
        steps.append(step)
        if steps.count(moment) == 1 and step == moment:
            record = replace(collection.draft(picture(9), [], (), ()), id=claim.id)
            assert collection.finish(record, claim, picture(9).values)
            assert collection.claims.swap(sha(9), claim, Claim(claim.id))

    assert Doctor(collection, progress=add_meanwhile).run(deep=True).findings == ()
    assert answers(collection, picture(9)) == [picture(9).sha256]
    assert collection.large.read("large", [claim.id])


def test_tombstones_are_kept_for_a_day(collection: Collection) -> None:
    id = collection.get(picture(1).sha256).id
    collection.remove(picture(1).sha256)
    examine(collection, later=DAY - 60)
    assert id in collection.records.read([id])
    examine(collection, later=DAY + 60, repair=False)
    assert id in collection.records.read([id])
    examine(collection, later=DAY + 60)
    assert collection.records.read([id]) == {}


def test_a_new_version_of_an_algorithm_is_told_and_cannot_be_mended_here(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Doctor(with_another_pdq(collection, monkeypatch)).run()
    assert [(finding.code, finding.count, finding.repaired) for finding in report.findings] == [("stale-version", 5, False)]
    assert not report.clean


def test_a_server_that_forgets_when_killed_is_told(collection: Collection, store_url: str) -> None:
    with redis.Redis.from_url(store_url) as client:
        client.config_set("appendonly", "no")
        try:
            assert [finding.code for finding in Doctor(collection).run().findings] == ["not-durable"]
        finally:
            client.config_set("appendonly", "yes")


def test_without_redis_it_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        Doctor(collection_on("redis://127.0.0.1:1/0")).run()


def test_beside_adders_and_removers_nothing_is_lost_or_comes_back(collection: Collection, store_url: str) -> None:
    until = time.monotonic() + 5
    present: dict[int, bool] = {}

    def churn(who: int) -> None:
        own = collection_on(store_url, lease=5)
        chance = random.Random(who)
        while time.monotonic() < until:
            seed = 1000 * who + chance.randrange(40)
            if present.get(seed):
                own.remove(picture(seed).sha256)
            else:
                own.add(picture(seed), [seen(f"/{who}")], tags=["busy"])
                assert own.large.read("large", [own.get(picture(seed).sha256).id])
            present[seed] = not present.get(seed)

    threads = [threading.Thread(target=churn, args=(who,)) for who in (1, 2, 3)]
    for thread in threads:
        thread.start()
    rounds = 0
    while time.monotonic() < until:
        Doctor(collection_on(store_url)).run(deep=rounds % 2 == 0)
        rounds += 1
    for thread in threads:
        thread.join()
    assert rounds > 2
    assert len(present) > 30
    for seed, there in present.items():
        assert answers(collection, picture(seed)) == ([picture(seed).sha256] if there else [])
        if there:
            id = collection.get(picture(seed).sha256).id
            assert collection.large.read("large", [id])
            assert id in collection.lists.tagged("busy").tolist()
        else:
            with pytest.raises(NotFound):
                collection.get(picture(seed).sha256)
    examine(collection, deep=True)
    assert examine(collection, deep=True) == {}
