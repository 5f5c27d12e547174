"""Upgrading a store that an earlier version wrote. What schema 1 had is valid in schema 2, so putting the number back makes one."""

import subprocess
import sys

import pytest
import redis

from matcher.bulk import BulkAdder
from matcher.errors import StoreMismatch
from matcher.migration import STEPS, Migration, Stale, Step, stale
from matcher.store import SCHEMA, Store
from tests.matcher.making import answers, collection_on, picture, seen

PICTURES = 600


def opened(url: str, oldest: int = 1) -> Store:
    return Store(lambda: url, "test:", oldest=oldest)


def put_back(url: str, schema: bytes = b"1") -> None:
    with redis.Redis.from_url(url) as client:
        client.hset("test:m", "schema", schema)


@pytest.fixture
def old(store_url: str) -> str:
    """The URL of a store of schema 1 with some pictures, each seen three times."""
    collection = collection_on(store_url)
    for seed in range(5):
        for _ in range(3):
            collection.add(picture(seed), [seen("a.png")], ["tag"])
    put_back(store_url)
    return store_url


def test_an_old_store_is_refused_until_it_is_upgraded(old: str) -> None:
    with pytest.raises(StoreMismatch, match="kuato upgrade"):
        collection_on(old).get(picture(0).sha256)
    migration = Migration(opened(old))
    assert (migration.plan().schema, migration.plan().target, migration.plan().ids) == (1, SCHEMA, 5)
    migration.run()
    collection = collection_on(old)
    assert all(answers(collection, picture(seed)) == [picture(seed).sha256] for seed in range(5))
    assert [source.id for source in collection.get(picture(0).sha256).sources] == ["a.png"]
    assert not Migration(opened(old)).plan().needed


def test_journals_lose_what_they_repeat(old: str) -> None:
    with redis.Redis.from_url(old) as client:
        before = sum(client.strlen(key) for key in client.scan_iter("test:r*"))
        assert Migration(opened(old)).run() == 5
        assert sum(client.strlen(key) for key in client.scan_iter("test:r*")) < before


def test_checking_changes_nothing(old: str) -> None:
    with redis.Redis.from_url(old) as client:
        before = {key: client.dump(key) for key in client.scan_iter()}
        Migration(opened(old)).plan()
        assert {key: client.dump(key) for key in client.scan_iter()} == before


def test_a_newer_store_and_one_in_restoration_are_refused(store_url: str) -> None:
    collection_on(store_url).add(picture(1))
    put_back(store_url, b"%d" % (SCHEMA + 1))
    with pytest.raises(StoreMismatch, match="use the Kuato that wrote it"):
        Migration(opened(store_url)).plan()
    put_back(store_url, b"restoring")
    with pytest.raises(StoreMismatch, match="kuato restore"):
        Migration(opened(store_url, oldest=0)).plan()


def test_a_record_that_cannot_be_read_leaves_the_schema_as_it_was(old: str) -> None:
    with redis.Redis.from_url(old) as client:
        client.set(b"test:r" + (3).to_bytes(4, "little"), b"\x01L nonsense")
    with pytest.raises(StoreMismatch, match="record 3"):
        Migration(opened(old)).run()
    assert Migration(opened(old)).plan().schema == 1


def test_it_goes_on_where_it_stopped(old: str) -> None:
    met: list[int] = []

    def first(_records, ids):
        met.extend(ids)
        if len(met) == 5:
            raise KeyboardInterrupt
        return 0

    steps = {1: Step("first", first), 2: Step("second", lambda _records, ids: met.extend(ids) or len(ids))}
    with pytest.raises(KeyboardInterrupt):
        Migration(opened(old), steps, target=3).run()
    met.clear()
    steps[1] = Step("first", lambda _records, ids: met.extend(ids) or 0)
    assert Migration(opened(old), steps, target=3).run() == 5
    assert met == [1, 2, 3, 4, 5] * 2  # what was in work is done again; the second step begins at the beginning


KILLED = """
import os, signal, sys
from matcher.migration import STEPS, Migration, Stale, Step, stale
from matcher.store import Store

batches = 0

def work(records, ids):
    global batches
    batches += 1
    if batches == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return STEPS[1].work(records, ids)

Migration(Store(lambda: sys.argv[1], "test:", oldest=1), {1: Step("", work)}).run()
"""


@pytest.mark.slow
def test_killed_it_goes_on_after_the_last_whole_batch(store_url: str) -> None:
    collection = collection_on(store_url)
    for seed in range(PICTURES):
        collection.add(picture(seed))
    put_back(store_url)
    assert subprocess.run([sys.executable, "-c", KILLED, store_url]).returncode == -9
    left = Migration(opened(store_url))
    assert (left.plan().schema, left.plan().ids) == (1, PICTURES - 500)
    told: list[int] = []
    left.run(told.append)
    assert told[-1] == PICTURES - 500
    collection = collection_on(store_url)
    assert all(collection.known(picture(seed).sha256) for seed in range(PICTURES))


def test_two_upgrades_at_once_do_no_harm(old: str) -> None:
    other = Migration(opened(old))

    def work(records, ids):
        if other.plan().needed:
            other.run()
        return STEPS[1].work(records, ids)

    Migration(opened(old), {1: Step("", work)}).run()
    assert len(list(collection_on(old).newest())) == 5


@pytest.mark.slow
def test_two_processes_that_upgrade_at_once_and_one_that_is_killed(store_url: str) -> None:
    collection = collection_on(store_url)
    with BulkAdder(collection) as adder:
        adder.add(collection.draft(picture(seed), [seen(f"{seed}.png")] * 3, (), ()) for seed in range(5000))
    before = {record.sha256: record for record in collection.newest()}
    put_back(store_url)
    upgrade = "import sys; from matcher.migration import Migration; from matcher.store import Store; "
    upgrade += "Migration(Store(lambda: sys.argv[1], 'test:', oldest=1)).run()"
    one, two, killed = (subprocess.Popen([sys.executable, "-c", code, store_url]) for code in (upgrade, upgrade, KILLED))
    assert (one.wait(timeout=60), two.wait(timeout=60), killed.wait(timeout=60)) in {(0, 0, -9), (0, 0, 0)}
    assert not Migration(opened(store_url)).plan().needed
    assert {record.sha256: record for record in collection_on(store_url).newest()} == before


def test_fingerprints_of_another_version_are_counted(old: str) -> None:
    assert stale(opened(old), {"pdq": 1, "large": 1}) == []
    assert stale(opened(old), {"pdq": 2, "ahash": 7}) == [Stale("pdq", 1, 2, 5)]
    Migration(opened(old)).run()
    collection_on(old).remove(picture(0).sha256)
    told: list[int] = []
    assert stale(opened(old), {"pdq": 2, "large": 3}, told.append) == [Stale("large", 1, 3, 4), Stale("pdq", 1, 2, 4)]
    assert told == [5]


def test_every_older_schema_has_a_step() -> None:
    assert set(STEPS) == set(range(1, SCHEMA))
