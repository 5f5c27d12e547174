"""The store on real servers: away, full, read-only, of another version, shared with others, killed."""

import os
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from matcher.errors import BadSettings, StoreFull, StoreMismatch, StoreUnavailable
from matcher.redis_server import EmbeddedRedis
from matcher.store import Store
from tests.matcher.making import answers, collection_on, full, picture, seen


@pytest.fixture
def store(store_url: str) -> Store:
    return Store(lambda: store_url, "test:")


@pytest.fixture
def client(store_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(store_url) as client:
        yield client


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "own")
    yield server
    server.stop()


def one_line(caught: pytest.ExceptionInfo[Exception]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    assert text.isprintable()
    assert len(text) < 300
    return text


class TestAway:
    def test_nobody_listens(self) -> None:
        store = Store(lambda: "redis://127.0.0.1:1/0")
        for ask in (lambda: store.read([b"a"]), lambda: store.write(b"a", b"b"), lambda: list(store.scan(b"r")), store.info):
            with pytest.raises(StoreUnavailable) as caught:
                ask()
            assert "redis.url" in one_line(caught)

    def test_what_listens_is_no_redis(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def greet() -> None:
                visitor, _ = server.accept()  # once: who cannot connect does not try again at once
                with visitor:
                    visitor.recv(100)
                    visitor.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

            greeter = threading.Thread(target=greet)
            greeter.start()
            with pytest.raises(StoreUnavailable) as caught:
                Store(lambda: f"redis://127.0.0.1:{server.getsockname()[1]}/0", timeout=2).read([b"a"])
            greeter.join()
        assert "redis.url" in one_line(caught)

    def test_one_that_never_answers_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(StoreUnavailable):
            Store(lambda: f"redis://127.0.0.1:{server.getsockname()[1]}/0", timeout=0.2).read([b"a"])

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://localhost:port",
            "redis://localhost/0?colour=red",
            "redis://localhost/0?retry_on_timeout=true",
            "redis://localhost/0?decode_responses=true",
            "redis://localhost/0?health_check_interval=often",
            "redis://[::1",
        ],
    )
    def test_a_url_that_cannot_be_is_a_wrong_setting(self, url: str) -> None:
        with pytest.raises(BadSettings) as caught:
            Store(lambda: url).read([b"a"])
        assert one_line(caught).startswith("redis.url")

    def test_without_a_prefix_ours_could_not_be_told_from_others(self) -> None:
        with pytest.raises(BadSettings, match=r"redis\.prefix"):
            Store(lambda: "redis://127.0.0.1:1/0", "")


class TestFull:
    def test_nothing_is_half_done_and_later_it_works(self, store_url: str) -> None:
        collection = collection_on(store_url)
        collection.add(picture(1), [seen("/a.png")])
        with full(store_url):
            with pytest.raises(StoreFull) as caught:
                collection.add(picture(2))
            assert "memory" in one_line(caught)
            with pytest.raises(StoreFull):
                collection.add(picture(1), [seen("/b.png")])
            assert answers(collection, picture(2)) == []
            assert collection.known(picture(2).sha256) is None
            assert len(collection.get(picture(1).sha256).sources) == 1
        assert collection.add(picture(2)).new
        assert answers(collection, picture(2)) == [picture(2).sha256]

    def test_full_between_the_record_and_the_postings(self, store_url: str) -> None:
        collection = collection_on(store_url)
        put = collection.records.put
        with full(store_url), pytest.MonkeyPatch.context() as patch, redis.Redis.from_url(store_url) as client:

            def put_while_there_is_room(*arguments: object) -> bool:
                client.config_set("maxmemory", "0")
                done = put(*arguments)  # type: ignore[arg-type]
                client.config_set("maxmemory", "100kb")
                return done

            client.config_set("maxmemory", "0")
            patch.setattr(collection.records, "put", put_while_there_is_room)
            with pytest.raises(StoreFull) as caught:
                collection.add(picture(1))
            one_line(caught)
            assert answers(collection, picture(1)) == []
        assert collection.add(picture(1)).new
        assert answers(collection, picture(1)) == [picture(1).sha256]

    def test_pictures_can_be_found_and_forgotten_by_a_new_process(self, store_url: str) -> None:
        collection_on(store_url).add(picture(1))
        with full(store_url):
            fresh = collection_on(store_url)
            assert answers(fresh, picture(1)) == [picture(1).sha256]
            fresh.remove(picture(1).sha256)
            assert answers(fresh, picture(1)) == []

    def test_a_replica_is_read_and_not_written(self, store_url: str, client: redis.Redis) -> None:
        collection_on(store_url).add(picture(1))
        client.replicaof("127.0.0.1", "1")
        try:
            fresh = collection_on(store_url)
            assert answers(fresh, picture(1)) == [picture(1).sha256]
            for change in (lambda: fresh.add(picture(2)), lambda: fresh.remove(picture(1).sha256), lambda: fresh.banks.create("shops")):
                with pytest.raises(StoreFull) as caught:
                    change()
                one_line(caught)
        finally:
            client.replicaof("NO", "ONE")
        assert answers(fresh, picture(1)) == [picture(1).sha256]


class TestVersions:
    @pytest.mark.parametrize("version", ["5.0.14", "6.0.16", "2.8.19"])
    def test_a_redis_that_is_too_old_is_named(self, version: str) -> None:
        with saying(f"redis_version:{version}") as url, pytest.raises(StoreMismatch, match="needs 6.2 or later") as caught:
            Store(lambda: url, timeout=2).read([b"a"])
        assert f"Redis {version}" in one_line(caught)

    @pytest.mark.parametrize("about", ["redis_version:6.2.0", "redis_version:10.0.1", "redis_version:4.0.0\r\nkvrocks_version:2.9.0"])
    def test_others_are_not_refused(self, about: str) -> None:
        with saying(about) as url, pytest.raises(StoreMismatch, match="schema OK"):
            Store(lambda: url, timeout=2).read([b"a"])


@contextmanager
def saying(about: str) -> Iterator[str]:
    """The URL of a server that calls itself so and answers anything else with OK."""

    class Visit(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                words = [(self.rfile.readline(), self.rfile.readline())[1].strip() for _ in range(int(line[1:]))]
                text = f"# Server\r\n{about}\r\n".encode()
                self.wfile.write(b"$%d\r\n%s\r\n" % (len(text), text) if words[0] == b"INFO" else b"$2\r\nOK\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Visit) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


class TestOthers:
    def test_a_store_of_another_schema_is_left_alone(self, store: Store, client: redis.Redis) -> None:
        for schema in (b"999", b"new"):
            client.hset("test:m", "schema", schema)
            with pytest.raises(StoreMismatch, match="schema") as caught:
                store.write(b"test:x", b"y")
            assert schema.decode() in one_line(caught)
            assert client.keys() == [b"test:m"]

    def test_a_key_that_somebody_else_uses(self, store_url: str, client: redis.Redis) -> None:
        client.rpush("test:m", "not ours")
        with pytest.raises(StoreMismatch) as caught:
            collection_on(store_url).add(picture(1))
        assert "redis.prefix" in one_line(caught)
        assert client.lrange("test:m", 0, -1) == [b"not ours"]
        client.delete("test:m")
        client.rpush("test:b", "not ours")
        with pytest.raises(StoreMismatch):
            collection_on(store_url).banks.list()

    @pytest.mark.parametrize("prefix", ["test:", "a*b:", "a?[x]:", "back\\slash:", "[a-z]"])
    def test_clearing_deletes_our_own_keys_alone(self, store_url: str, client: redis.Redis, prefix: str) -> None:
        others = ["axxb:r", "a?x:r", "other", "backslash:r", "q", "tes", "TEST:r"]
        for name in others:
            client.set(name, "theirs")
        store = Store(lambda: store_url, prefix)
        for n in range(1500):
            store.write(store.key(b"r", b"%d" % n), b"ours")
        assert store.clear() == 1501
        assert sorted(client.keys()) == sorted(name.encode() for name in others)
        assert store.read([store.key(b"r", b"1")]) == [None]

    def test_two_prefixes_do_not_see_each_other(self, store_url: str) -> None:
        one, other = Store(lambda: store_url, "one:"), Store(lambda: store_url, "other:")
        one.write(one.key(b"r", b"1"), b"value")
        assert other.read([other.key(b"r", b"1")]) == [None]
        assert other.clear() <= 1
        assert one.read([one.key(b"r", b"1")]) == [b"value"]


class TestKilled:
    def test_the_embedded_server_is_started_again_and_knows_all(self, embedded: EmbeddedRedis) -> None:
        store = Store(embedded.ensure, "test:")
        store.write(b"test:x", b"acknowledged")
        for _ in range(2):
            os.kill(int(store.info()["process_id"]), signal.SIGKILL)
            assert store.read([b"test:x"]) == [b"acknowledged"]

    def test_a_write_is_not_repeated_by_itself(self, embedded: EmbeddedRedis) -> None:
        store = Store(embedded.ensure, "test:")
        store.append([(b"test:x", b"1")])
        os.kill(int(store.info()["process_id"]), signal.SIGKILL)
        with pytest.raises(StoreUnavailable):
            store.append([(b"test:x", b"2")])
        assert store.read([b"test:x"]) == [b"1"]
        store.append([(b"test:x", b"3")])
        assert store.read([b"test:x"]) == [b"13"]


def test_a_value_is_replaced_only_if_it_is_what_was_seen(store: Store) -> None:
    store.write(b"test:x", b"one")
    assert not store.replace(b"test:x", b"two", b"three")
    assert store.replace(b"test:x", b"one", b"three")
    assert store.read([b"test:x"]) == [b"three"]
    assert store.replace(b"test:x", b"three", b"")
    assert store.read([b"test:x"]) == [None]


def test_short_lists_take_no_more_than_they_hold(store: Store) -> None:
    for n in range(200):
        store.append([(b"test:long", bytes([n]) * 16)], short=[(b"test:short", bytes([n]) * 16)])
    assert store.read([b"test:long"]) == store.read([b"test:short"]) == [b"".join(bytes([n]) * 16 for n in range(200))]
