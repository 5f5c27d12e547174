"""Backup and restore on a real Redis, with others at work."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from matcher.archive import ArchiveReader, Frame
from matcher.backup import BackedUp, Backup
from matcher.claims import Claim
from matcher.collection import Collection
from matcher.doctor import Doctor
from matcher.errors import Conflict, NotFound, StoreMismatch, StoreUnavailable, Unauthorized
from matcher.migration import Migration
from matcher.restore import Restore
from matcher.source import Source
from matcher.store import RESTORING, SCHEMA, Store
from matcher.tokens import Role, Tokens
from tests.matcher.making import ALGORITHMS, answers, collection_on, picture, seen


@pytest.fixture(autouse=True)
def closed_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what a test has opened: a restore wants to be alone."""
    stores: list[Store] = []
    make = Store.__init__
    monkeypatch.setattr(Store, "__init__", lambda store, *how, **more: make(store, *how, **more) or stores.append(store))
    yield
    for store in stores:
        store.forget_connection()


@pytest.fixture
def collection(store_url: str) -> Collection:
    """Three pictures with sources, tags and banks, and one that was removed."""
    collection = collection_on(store_url)
    bank = collection.banks.create("phishing", kind="known-bad", tags=("bad",))
    for n in (1, 2, 3):
        collection.add(picture(n), [seen(f"/{n}.png"), Source("url", f"https://example.org/{n}")], ["tag ü"], [bank.id])
    collection.add(picture(4))
    collection.remove(picture(4).sha256)
    return collection


@pytest.fixture
def client(store_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(store_url) as client:
        yield client


def backed_up(collection: Collection, oldest: int = SCHEMA) -> tuple[io.BytesIO, BackedUp]:
    file, store = io.BytesIO(), Store(lambda: url_of(collection), "test:", oldest=oldest)
    done = Backup(store).write(file)
    store.forget_connection()
    return file, done


def url_of(collection: Collection) -> str:
    return collection.store._locate()


def restored(file: io.BytesIO, url: str, prefix: str = "copy:", **how: Any) -> Collection:
    store = Store(lambda: url, prefix, oldest=0)
    try:
        Restore(ArchiveReader(file, "test.backup"), store).run(**how)
    finally:
        store.forget_connection()
    return Collection(Store(lambda: url, prefix), ALGORITHMS, lease=0.3)


def keys(client: redis.Redis, prefix: bytes) -> dict[bytes, Any]:
    read = {b"string": client.get, b"hash": client.hgetall, b"zset": lambda key: client.zrange(key, 0, -1, withscores=True)}
    read |= {b"set": client.smembers, b"list": lambda key: client.lrange(key, 0, -1)}
    return {key[len(prefix) :]: read[client.type(key)](key) for key in client.scan_iter(prefix + b"*")}


def while_copying(monkeypatch: pytest.MonkeyPatch, step: str, work: Callable[[], None]) -> None:
    """Have something done after one of the steps of a backup: "_records", "_others" or "_gone"."""
    original = getattr(Backup, step)

    def then(*arguments: Any) -> Any:
        done = original(*arguments)
        work()
        return done

    monkeypatch.setattr(Backup, step, then)


def check_healthy(collection: Collection) -> None:
    """A doctor is needed once at most."""
    assert Doctor(collection).run(deep=True).clean
    assert Doctor(collection).run(deep=True).findings == ()


class TestAlone:
    def test_everything_comes_back(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        _, secret = Tokens(collection.store).create("analyst", Role.WRITE)
        file, done = backed_up(collection)
        copy = restored(file, store_url)
        assert (done.schema, done.counts.pictures) == (SCHEMA, 3)
        there = keys(client, b"test:")
        removed = {name for name, value in there.items() if name[:1] == b"r" and value[1:2] == b"X"}
        assert len(removed) == 1
        assert keys(client, b"copy:") == {name: value for name, value in there.items() if name not in removed}
        assert done.counts.keys == len(there) - 2  # the tombstone, and the key with the schema
        assert Tokens(copy.store).check(secret).role is Role.WRITE

    def test_it_answers_the_same_with_the_same_ids(self, collection: Collection, store_url: str) -> None:
        copy = restored(backed_up(collection)[0], store_url)
        for n in (1, 2, 3):
            assert copy.get(picture(n).sha256) == collection.get(picture(n).sha256)
            assert copy.whole(copy.get(picture(n).sha256)) == picture(n).values
            assert answers(copy, picture(n)) == [picture(n).sha256]
        assert copy.known(picture(4).sha256) is None
        assert answers(copy, picture(4)) == []
        check_healthy(copy)

    def test_ids_go_on_above_all_that_were_given(self, collection: Collection, store_url: str) -> None:
        copy = restored(backed_up(collection)[0], store_url)
        assert copy.add(picture(5)).record.id == 5
        assert copy.banks.create("another").id == 2

    def test_all_types_of_keys_come_along_but_jobs_and_what_expires(
        self, collection: Collection, client: redis.Redis, store_url: str
    ) -> None:
        client.hset("test:xhash", mapping={str(n): n for n in range(25_000)})
        client.zadd("test:xsorted", {"a": 1.5, "b": -2, "c": 1e300})
        client.sadd("test:xset", *range(100))
        client.rpush("test:xlist", *range(100))
        client.set("test:xstring", b"\x00\xff")
        kept = {name: value for name, value in keys(client, b"test:").items() if name[:1] not in b"rm"}
        client.set("test:xsoon", b"gone", ex=100)
        client.hset("test:j123", "state", "queued")
        client.hset("test:w", "123", "spool")
        client.zadd("test:l", {"123": 0})
        client.rpush("test:{q}.default", "123")
        restored(backed_up(collection)[0], store_url)
        assert {name: value for name, value in keys(client, b"copy:").items() if name[:1] not in b"rm"} == kept

    def test_a_type_that_nobody_writes_is_no_reason_to_leave_it_out_silently(self, collection: Collection, client: redis.Redis) -> None:
        client.xadd("test:xstream", {"a": "b"})
        with pytest.raises(StoreMismatch, match="stream"):
            backed_up(collection)

    def test_an_empty_store_too(self, store_url: str) -> None:
        copy = restored(backed_up(collection_on(store_url))[0], store_url)
        assert list(copy.newest()) == []
        assert copy.add(picture(1)).new

    def test_keys_beyond_the_prefix_are_not_touched(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        client.set("copy", "1")
        client.set("cop*:x", "1")
        file, _ = backed_up(collection)
        restored(file, store_url)
        assert (client.get("copy"), client.get("cop*:x")) == (b"1", b"1")

    def test_progress_counts_every_key(self, collection: Collection, store_url: str) -> None:
        told: list[int] = []
        file = io.BytesIO()
        done = Backup(collection.store, progress=told.append).write(file)
        assert told == sorted(told)
        assert told[-1] + 2 == done.counts.keys  # the two counters come last
        told.clear()
        restored(file, store_url, progress=told.append)
        assert told[-1] == done.counts.keys


class TestWhileOthersWork:
    """Something happens between two steps of the backup; what is restored is whole."""

    @pytest.mark.parametrize("step", ["_records", "_others"])
    def test_added(self, collection: Collection, store_url: str, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        while_copying(monkeypatch, step, lambda: collection.add(picture(5), [seen("/5.png")], ["fresh"]) and None)
        file, done = backed_up(collection)
        assert done.counts.pictures == 3
        copy = restored(file, store_url)
        assert copy.known(picture(5).sha256) is None
        assert answers(copy, picture(5)) == []
        added = copy.add(picture(5))
        assert (added.new, added.record.id > 5, added.record.sources) == (True, True, ())
        check_healthy(copy)

    @pytest.mark.parametrize("step", ["_records", "_others"])
    def test_removed_even_if_the_doctor_has_cleared_all_of_it_away(
        self, collection: Collection, store_url: str, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        def remove() -> None:
            collection.remove(picture(2).sha256)
            assert Doctor(collection, clock=lambda: 4e9).run(deep=True).clean
            assert collection.records.read([2]) == {}

        while_copying(monkeypatch, step, remove)
        file, done = backed_up(collection)
        assert done.counts.pictures == 2
        copy = restored(file, store_url)
        assert (copy.known(picture(2).sha256), answers(copy, picture(2))) == (None, [])
        assert (answers(copy, picture(1)), answers(copy, picture(3))) == ([picture(1).sha256], [picture(3).sha256])
        assert copy.add(picture(2)).new
        check_healthy(copy)

    def test_removed_and_added_again(self, collection: Collection, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def again() -> None:
            collection.remove(picture(2).sha256)
            collection.add(picture(2), [seen("/again.png")])

        while_copying(monkeypatch, "_records", again)
        copy = restored(backed_up(collection)[0], store_url)
        assert copy.known(picture(2).sha256) is None
        check_healthy(copy)
        assert copy.add(picture(2)).new
        assert answers(copy, picture(2)) == [picture(2).sha256]
        check_healthy(copy)

    def test_tagged_seen_and_put_into_a_bank(self, collection: Collection, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def note() -> None:
            bank = collection.banks.create("late")
            collection.note(collection.get(picture(1).sha256), [seen("/late.png")], ["late"], [bank.id])

        while_copying(monkeypatch, "_records", note)
        copy = restored(backed_up(collection)[0], store_url)
        assert copy.get(picture(1).sha256).tags == ("tag ü",)
        assert copy.lists.tagged("late").tolist() == [1]
        # Of picture 4, removed long before; nothing is missing.
        assert [finding.code for finding in Doctor(copy).run(deep=True).findings] == ["dead-posting"]
        assert copy.banks.create("newer").id == 3

    @pytest.mark.parametrize("step", ["swap", "put", "append", "publish"])
    def test_an_adder_that_is_between_two_steps(self, collection: Collection, store_url: str, step: str) -> None:
        files: list[io.BytesIO] = []
        owner: Any = {"swap": collection.claims, "put": collection.records, "append": collection.store, "publish": collection.records}[step]
        original = getattr(owner, step)

        def pausing(*arguments: Any, **more: Any) -> Any:
            done = original(*arguments, **more)
            if not files:
                files.append(backed_up(collection)[0])
            return done

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, step, pausing)
            collection.add(picture(5), [seen("/5.png")])
        copy = restored(files[0], store_url)
        assert (copy.known(picture(5).sha256) is not None) == (step == "publish")
        assert Doctor(copy).run(deep=True).clean  # at once: nobody waits for the lease of an adder who is not here
        check_healthy(copy)
        assert copy.add(picture(5)).record.sha256 == picture(5).sha256
        assert answers(copy, picture(5)) == [picture(5).sha256]

    def test_the_lease_of_an_adder_elsewhere_keeps_nobody_waiting(self, collection: Collection, store_url: str) -> None:
        sha256 = bytes.fromhex(picture(5).sha256)
        collection.claims.swap(sha256, None, Claim(collection.claims.new_id(), 1, 4e9))
        copy = restored(backed_up(collection)[0], store_url)
        assert copy.add(picture(5)).new

    @pytest.mark.parametrize("step", ["_records", "_others", "_gone"])
    def test_emptied(self, collection: Collection, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        while_copying(monkeypatch, step, lambda: collection.store.clear() and None)
        with pytest.raises(StoreUnavailable, match="emptied"):
            backed_up(collection)

    def test_emptied_and_begun_anew(self, collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
        while_copying(monkeypatch, "_gone", lambda: collection.store.clear() and collection.add(picture(9)) and None)
        with pytest.raises(StoreUnavailable, match="emptied"):
            backed_up(collection)

    def test_upgraded(self, collection: Collection, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        client.hset("test:m", "schema", "1")
        while_copying(monkeypatch, "_others", lambda: client.hset("test:m", "schema", SCHEMA) and None)
        with pytest.raises(StoreUnavailable, match="upgraded"):
            backed_up(collection, oldest=1)


class TestSchema:
    def test_an_older_store_is_copied_and_restored_as_it_is(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        client.hset("test:m", mapping={"schema": "1", "cursor": "17"})
        file, done = backed_up(collection, oldest=1)
        assert done.schema == 1
        with pytest.raises(StoreMismatch, match="kuato upgrade"):
            restored(file, store_url).get(picture(1).sha256)
        assert client.hgetall("copy:m") == {b"schema": b"1", b"cursor": b"17"}

    def test_and_then_upgraded(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        client.hset("test:m", "schema", "1")
        copy = restored(backed_up(collection, oldest=1)[0], store_url)
        Migration(Store(lambda: store_url, "copy:", oldest=1)).run()
        for n in (1, 2, 3):
            assert copy.get(picture(n).sha256).tags == ("tag ü",)
            assert answers(copy, picture(n)) == [picture(n).sha256]
        check_healthy(copy)


class TestRestore:
    def test_only_into_an_empty_store(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        file, _ = backed_up(collection)
        other = Store(lambda: store_url, "copy:")
        Tokens(other).create("analyst", Role.WRITE)
        other.forget_connection()
        before = keys(client, b"copy:")
        with pytest.raises(Conflict, match="--replace"):
            restored(file, store_url)
        assert keys(client, b"copy:") == before

    def test_what_was_there_is_gone_if_that_is_wanted(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        file, _ = backed_up(collection)
        first = restored(file, store_url)
        for n in range(5, 9):
            first.add(picture(n), [], ["other"])
        first.banks.create("other")
        first.store.forget_connection()
        client.hset("copy:m", "cursor", "17")
        copy = restored(file, store_url, replace=True)
        assert sorted(record.sha256 for record in copy.newest()) == sorted(picture(n).sha256 for n in (1, 2, 3))
        assert [bank.name for bank in copy.banks.list()] == ["phishing"]
        assert {name for name in keys(client, b"copy:") if name[:1] == b"t"} == {"ttag ü".encode()}
        assert client.hgetall("copy:m") == {b"schema": b"%d" % SCHEMA}
        # An id that was ever given here is not given again, whatever the backup says.
        assert copy.add(picture(9)).record.id == 9
        assert copy.banks.create("newer").id == 3

    def test_a_token_that_was_revoked_since_stays_so_and_one_that_was_made_since_stays_valid(
        self, collection: Collection, store_url: str
    ) -> None:
        (leaked, text), (_, kept) = (Tokens(collection.store).create(name, Role.WRITE) for name in ("leaked", "kept"))
        file, _ = backed_up(collection)
        first = restored(file, store_url)
        Tokens(first.store).revoke(leaked.id)
        _, later = Tokens(first.store).create("later", Role.SEARCH)
        first.store.forget_connection()
        tokens = Tokens(restored(file, store_url, replace=True).store)
        with pytest.raises(Unauthorized):
            tokens.check(text)
        assert (tokens.check(kept).name, tokens.check(later).name) == ("kept", "later")

    def test_jobs_of_a_server_that_has_run_here_are_no_contents(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        client.zadd("copy:{q}:__heartbeats__", {"one": 1})
        client.incr("copy:n")
        assert len(list(restored(backed_up(collection)[0], store_url).newest())) == 3

    def test_not_while_others_are_connected(self, collection: Collection, client: redis.Redis, store_url: str) -> None:
        file, _ = backed_up(collection)
        server = collection_on(store_url)
        assert len(list(server.newest())) == 3
        collection.store.forget_connection()
        before = keys(client, b"test:")
        with pytest.raises(Conflict, match="kuato serve"):
            restored(file, store_url, "test:", replace=True)
        assert keys(client, b"test:") == before
        server.store.forget_connection()
        assert len(list(restored(file, store_url, "test:", replace=True).newest())) == 3

    def test_who_connects_at_the_last_moment_is_noticed(
        self, collection: Collection, store_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file, _ = backed_up(collection)
        counts = iter([0, 1])
        monkeypatch.setattr(Store, "companions", lambda store: next(counts))
        with pytest.raises(Conflict):
            restored(file, store_url)
        assert list(collection_on(store_url).newest())

    def test_interrupted_the_store_is_refused_until_it_is_done_again(
        self, collection: Collection, client: redis.Redis, store_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file, _ = backed_up(collection)
        frames = ArchiveReader.frames

        def interrupted(reader: ArchiveReader) -> Iterator[Frame]:
            """The second time they are read they end early."""
            for n, frame in enumerate(frames(reader)):
                if hasattr(reader, "counts") and n == 2:
                    raise KeyboardInterrupt
                yield frame

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(ArchiveReader, "frames", interrupted)
            restored(file, store_url)
        assert client.hget("copy:m", "schema") == RESTORING
        for use in (
            lambda: Store(lambda: store_url, "copy:").read([b"copy:n"]),
            lambda: Store(lambda: store_url, "copy:", oldest=1).info(),
        ):
            with pytest.raises(StoreMismatch, match="kuato restore"):
                use()
        client.set("copy:rjunk", "of the first attempt")
        copy = restored(file, store_url)  # what is there is nothing worth asking about
        assert len(list(copy.newest())) == 3
        assert client.get("copy:rjunk") is None
        with pytest.raises(NotFound):
            copy.get(picture(4).sha256)
