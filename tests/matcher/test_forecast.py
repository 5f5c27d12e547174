"""How much memory pictures take and for how many there is room, on a real Redis."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import redis

from matcher import forecast
from matcher.collection import Collection
from matcher.engine import Matcher
from matcher.extraction import Fingerprints
from matcher.forecast import DAY, BankSize, Forecast, Growth, Memory
from matcher.records import Records
from matcher.settings import Settings
from matcher.store import Store
from tests.matcher.making import ALGORITHMS, collection_on, picture, seen


@pytest.fixture
def client(store_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(store_url) as client:
        yield client


@pytest.fixture
def collection(store_url: str) -> Collection:
    return collection_on(store_url)


class Calendar:
    """A clock that shows what it is told: days since some day."""

    def __init__(self) -> None:
        self.today = 20_000.0

    def __call__(self) -> float:
        return self.today * DAY


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def dated(store_url: str, calendar: Calendar) -> Collection:
    """A collection that believes the calendar."""
    return Collection(Store(lambda: store_url, "test:"), ALGORITHMS, lease=0.3, clock=calendar)


def add(collection: Collection, seeds: range) -> None:
    for seed in seeds:
        collection.add(picture(seed))


class TestMemory:
    def test_of_a_small_store_every_key_counts_and_nobody_elses(self, collection: Collection, client: redis.Redis) -> None:
        for n in range(20):
            collection.add(picture(n), [seen(f"/{n}")], ["tag"])
        client.set("another", bytes(1_000_000))
        client.set("test:x", bytes(10_000))
        client.hset("test:j1", "1", bytes(5000))
        ours = sum(int(client.memory_usage(key)) + 12 for key in client.keys("test:*"))
        memory = Forecast(collection).memory()
        assert memory.total == ours
        assert set(memory.kinds) == {"records", "local_features", "index", "claims", "lists", "jobs", "other"}
        assert memory.kinds["other"] > 10_000
        assert memory.server > memory.total + 1_000_000
        assert memory.each(20) == round((ours - memory.kinds["jobs"]) / 20)

    def test_a_large_store_is_estimated_from_a_sample(
        self, collection: Collection, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(collection, range(150))
        client.mset({f"another{n}": bytes(1000) for n in range(1000)})
        exact = Forecast(collection).memory()
        monkeypatch.setattr(forecast, "_SAMPLED_KEYS", 2000)
        estimated = Forecast(collection).memory()
        assert client.dbsize() > 2000
        assert estimated.total != exact.total
        assert estimated.total == pytest.approx(exact.total, rel=0.3)
        assert estimated.kinds["index"] == pytest.approx(exact.kinds["index"], rel=0.3)

    def test_among_many_keys_of_others_more_are_drawn(
        self, collection: Collection, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(collection, range(50))
        client.mset({f"another{n}": bytes(10) for n in range(20_000)})
        exact = Forecast(collection).memory().total
        monkeypatch.setattr(forecast, "_SAMPLED_KEYS", 1000)
        assert Forecast(collection).memory().total == pytest.approx(exact, rel=0.5)

    def test_a_server_that_does_not_tell_leaves_the_whole(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        add(collection, range(3))
        client.acl_setuser("limited", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all", "-memory"])
        try:
            limited = collection_on(store_url.replace("unix://", "unix://limited:secret@"))
            memory = Forecast(limited).memory()
            assert memory.kinds == {}
            assert memory.each(3) == round(memory.server / 3)
        finally:
            client.acl_deluser("limited")

    def test_room(self, collection: Collection, client: redis.Redis) -> None:
        add(collection, range(3))
        client.config_set("maxmemory", "1gb")
        try:
            memory = Forecast(collection).memory()
        finally:
            client.config_set("maxmemory", "0")
        assert memory.bound == "maxmemory"
        assert memory.room == (1 << 30) - memory.server
        assert memory.more(3) == memory.room // memory.each(3)
        assert Forecast(collection).memory().bound in ("machine", "container")

    def test_without_pictures_nothing_can_be_told(self, collection: Collection) -> None:
        memory = Forecast(collection).memory()
        assert (memory.each(0), memory.more(0)) == (0, None)
        assert Memory({"records": 100}, 200, None, "unknown").more(10) is None


class TestGrowth:
    def test_the_last_thirty_days(self, dated: Collection, calendar: Calendar) -> None:
        for days, seeds in ((0, range(40)), (50, range(40, 60)), (20, range(60, 67)), (9, range(67, 70))):
            calendar.today += days
            add(dated, seeds)
        growth = Forecast(dated).growth()
        assert (growth.days, growth.pictures) == (30, 30)
        calendar.today += 2
        assert Forecast(dated).growth().pictures == 10
        calendar.today += 29
        assert Forecast(dated).growth() == Growth(30, 0)

    def test_a_young_store_has_only_its_own_days(self, dated: Collection, calendar: Calendar) -> None:
        assert Forecast(dated).growth() == Growth(30, 0)
        add(dated, range(5))
        assert Forecast(dated).growth() == Growth(1, 5)
        calendar.today += 10
        add(dated, range(5, 25))
        assert Forecast(dated).growth() == Growth(10, 25)
        assert Forecast(dated).growth().a_day == 2.5

    def test_removed_pictures_and_ids_never_used_do_not_count(self, dated: Collection, calendar: Calendar) -> None:
        add(dated, range(30))
        calendar.today += 40
        dated.store.count(dated.store.key(b"n"), 700)
        add(dated, range(30, 60))
        dated.store.count(dated.store.key(b"n"), 700)
        for seed in (*range(5), *range(30, 42)):
            dated.remove(picture(seed).sha256)
        assert Forecast(dated).growth() == Growth(30, 18)

    def test_many_are_estimated(self, dated: Collection, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forecast, "_COUNTED", 60)
        add(dated, range(10))
        calendar.today += 40
        add(dated, range(10, 110))
        for seed in range(10, 60):
            dated.remove(picture(seed).sha256)
        assert Forecast(dated).growth().pictures == pytest.approx(50, abs=25)

    def test_the_oldest_pictures_may_all_be_gone(self, dated: Collection, calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forecast, "_COUNTED", 50)
        dated.store.count(dated.store.key(b"n"), 400)
        add(dated, range(60))
        calendar.today += 40
        add(dated, range(60, 100))
        assert Forecast(dated).growth() == Growth(30, 40)

    def test_however_many_ids_were_given_few_are_looked_at(
        self, dated: Collection, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(dated, range(5))
        calendar.today += 40
        dated.store.count(dated.store.key(b"n"), 4_000_000_000)
        add(dated, range(5, 8))
        looked_at: list[int] = []
        read = Records.read
        monkeypatch.setattr(Records, "read", lambda records, ids: read(records, looked_at.extend(ids) or looked_at[-len(ids) :]))
        assert Forecast(dated).growth().pictures <= 8
        assert 0 < len(looked_at) < 20_000

    def test_when_it_is_full(self, dated: Collection, calendar: Calendar) -> None:
        full = Forecast(dated).full(1000, Growth(30, 300))
        assert full == (calendar.today + 100) * DAY
        assert Forecast(dated).full(1000, Growth(30, 0)) is None
        assert Forecast(dated).full(10**12, Growth(30, 300)) is None


class TestBanks:
    @pytest.fixture
    def filled(self, collection: Collection) -> Collection:
        """A bank of 30 pictures, of which 10 were taken out and 5 forgotten, and an empty one."""
        bank = collection.banks.create("filled")
        collection.banks.create("empty")
        for n in range(30):
            collection.add(picture(n), bank_ids=[bank.id])
        for n in range(10):
            collection.unnote(collection.get(picture(n).sha256), bank_ids=[bank.id])
        collection.note(collection.get(picture(0).sha256), bank_ids=[bank.id])  # stands twice in the list
        for n in range(25, 30):
            collection.remove(picture(n).sha256)
        return collection

    def test_small_ones_are_counted(self, filled: Collection) -> None:
        assert Forecast(filled).banks(filled.banks.list()) == [BankSize("empty", 0, True), BankSize("filled", 16, True)]

    def test_large_ones_are_estimated(self, filled: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forecast, "_COUNTED", 20)
        monkeypatch.setattr(forecast, "_OF_EACH_BANK", 20)
        [empty, bank] = Forecast(filled).banks(filled.banks.list())
        assert (empty.exact, bank.exact) == (True, False)
        assert bank.pictures == pytest.approx(16, abs=12)

    def test_no_banks(self, collection: Collection) -> None:
        assert Forecast(collection).banks([]) == []


def test_the_figures_together(settings: Settings) -> None:
    with Matcher.open(settings) as matcher:
        matcher.banks.create("seen")
        empty = matcher.stats()
        assert (empty["pictures"], empty["memory"]["more_pictures"], empty["growth"]["full_on"]) == (0, None, None)
        for n in range(4):
            matcher.collection.add(_fingerprints(n), bank_ids=[matcher.banks.get("seen").id])
        figures: Any = matcher.stats()
    assert (figures["pictures"], figures["banks"], figures["pictures_by_bank"]) == (4, 1, {"seen": 4})
    assert figures["estimated_banks"] == []
    assert figures["growth"] | {"full_on": ""} == {"days": 1.0, "pictures": 4, "pictures_per_day": 4.0, "full_on": ""}
    memory = figures["memory"]
    assert memory["bytes"] == sum(memory["kinds"].values()) < figures["redis_bytes"]
    assert memory["more_pictures"] == memory["free_bytes"] // memory["bytes_per_picture"]
    days = memory["more_pictures"] / 4
    assert figures["growth"]["full_on"] in (None, *(str(date.today() + timedelta(days + more)) for more in (-1, 0, 1) if days < 36500))


def _fingerprints(n: int) -> Fingerprints:
    data = np.random.default_rng(n).bytes(64)
    return Fingerprints(data[:32].hex(), "PNG", (640, 480), 1234, {"as is": {"pdq": data[32:]}})
