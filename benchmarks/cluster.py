"""A Redis Cluster of three masters and three replicas beside one server: answers, balance, time; then masters are killed and slots move.

    python benchmarks/cluster.py [--images FOLDER --most 500] [--pictures 200000] [--kills 6] [--slots 60] [--binary valkey-server]

All servers are ours, on loopback, and end with the benchmark. Answers: pictures of FOLDER are fingerprinted once, added to both, and each
is searched among the others; decision, relation, distance and order are compared. Balance and time: random 256-bit fingerprints, 30 % of
them near-duplicates, one client, radius 31. Kills: two threads add with `redis.replicas` 1, one searches, a master is killed with
SIGKILL and started again, by turns; then each acknowledged picture is asked for. Slots: moved, with their keys, while the same
threads work.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from grow.hashes import drawn, fill, flips, within_radius

from matcher.collection import Collection
from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.errors import StoreUnavailable
from matcher.extraction import Fingerprints
from matcher.index import BandIndex
from matcher.records import Records
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.slots import slot
from matcher.source import Source
from matcher.store import Store
from tests.matcher.making import ALGORITHMS, answers, collection_on, picture
from tests.matcher.redis_cluster import RedisCluster, running, until
from tests.matcher.traffic import Traffic

SILENCE = 3000  # milliseconds after which a node is taken for dead
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def same_answers(cluster: RedisCluster, server: EmbeddedRedis, images: Path, most: int, folder: Path) -> dict[str, object]:
    """Return how many pictures are answered alike, and the time of a whole answer after fingerprinting."""
    files = sorted(path for path in images.rglob("*") if path.suffix in SUFFIXES)
    files = files[:: max(1, -(-len(files) // most))]
    settings = Settings.load(environ={}, overrides={"redis.url": server.ensure(), "data.dir": folder, "redis.prefix": "same:"})
    with Matcher.open(settings) as one, Matcher.open(settings.with_overrides({"redis.url": cluster.url})) as many:
        known = [one.pool.fingerprint(path.read_bytes(), query=True, name=path.name) for path in files]
        seconds: dict[str, list[float]] = {"one": [], "cluster": []}
        adding: dict[str, list[float]] = {"one": [], "cluster": []}
        told: dict[str, list[object]] = {"one": [], "cluster": []}
        for name, matcher in (("one", one), ("cluster", many)):
            for path, found in zip(files, known, strict=True):
                started = time.perf_counter()
                matcher.collection.add(found, [Source("file", path.name, 1.7e9, 1.7e9)])
                adding[name].append(time.perf_counter() - started)
            for found in known:
                started = time.perf_counter()
                told[name].append(_told(matcher, found))
                seconds[name].append(time.perf_counter() - started)
    alike = sum(a == b for a, b in zip(*told.values(), strict=True))
    return {
        "pictures": len(known),
        "answered_alike": alike,
        "with_matches": sum(bool(answer) for answer in told["one"]),
        "add_ms_p50": {name: _ms(values) for name, values in adding.items()},
        "answer_ms_p50": {name: _ms(values) for name, values in seconds.items()},
    }


def _told(matcher: Matcher, query: Fingerprints) -> list[object]:
    matches = matcher.search_fingerprints(query, exclude=lambda record: record.sha256 == query.sha256).matches
    return [(match.picture.sha256, match.decision.name, str(match.relation), round(match.distance, 6)) for match in matches]


def _ms(seconds: Sequence[float], p: float = 50) -> float:
    return round(float(np.percentile(seconds, p)) * 1000, 2)


def balance(cluster: RedisCluster, server: EmbeddedRedis, pictures: int) -> dict[str, object]:
    """Return how evenly keys and memory lie, and the time of a search in one server and in the cluster."""
    rng = np.random.default_rng(1)
    known = drawn(pictures, rng)
    queries = known[rng.integers(0, pictures, 300)] ^ flips(300, rng)
    times, found = dict[str, list[float]](), dict[str, list[set[int]]]()
    empty = [node.client.info("memory")["used_memory"] for node in cluster.masters()]
    figures: dict[str, object] = {"pictures": pictures}
    for name, url in (("one", server.ensure()), ("cluster", cluster.url)):
        store = Store(lambda url=url: url, "bench:")
        index, records = BandIndex(store, "pdq", 256), Records(store)
        started = time.perf_counter()
        fill(store, index, known)
        figures[f"filled_{name}_s"] = round(time.perf_counter() - started, 1)
        until(lambda store=store: not store.info()["aof_rewrite_in_progress"], "the file is rewritten all the while")
        times[name], found[name] = [], []
        for query in queries:
            started = time.perf_counter()
            found[name].append(within_radius(records, index, query.tobytes()))
            times[name].append(time.perf_counter() - started)
    masters = cluster.masters()
    memory = [node.client.info("memory")["used_memory"] - before for node, before in zip(masters, empty, strict=True)]
    keys = [node.client.dbsize() for node in masters]
    return {
        **figures,
        "answered_alike": sum(a == b for a, b in zip(*found.values(), strict=True)),
        "queries": len(queries),
        "search_ms": {name: {"p50": _ms(values), "p95": _ms(values, 95)} for name, values in times.items()},
        "megabytes": [round(size / 1e6, 1) for size in memory],
        "keys": keys,
        "largest_to_mean": {name: round(max(some) * len(some) / sum(some), 3) for name, some in (("memory", memory), ("keys", keys))},
        "bytes_per_picture": round(sum(memory) / pictures),
    }


def replicated(url: str) -> Collection:
    """Return a collection whose writes count once a replica has them."""
    return Collection(Store(lambda: url, "test:", timeout=5, replicas=1), ALGORITHMS, lease=0.5)


def kills(cluster: RedisCluster, rounds: int) -> dict[str, object]:
    """Kill a master, again and again, while pictures are added and searched; return what became of them."""
    back, written = list[float](), list[float]()
    with Traffic(lambda: replicated(cluster.url)) as traffic:
        until(lambda: len(traffic.acknowledged) > 100, "nothing is added")
        for n in range(rounds):
            dead = cluster.masters()[n % len(cluster.masters())]
            asked = traffic.acknowledged[-1]
            dead.end()
            started = time.monotonic()
            collection = replicated(cluster.url)
            until(lambda n=asked, c=collection: _answered(c, n), "nothing is answered")
            back.append(time.monotonic() - started)
            cluster.wait_for_failover(dead)
            dead.start()
            cluster.wait_until_whole()
            started, enough = time.monotonic(), len(traffic.acknowledged)
            until(lambda enough=enough: len(traffic.acknowledged) > enough + 20, "nothing is added")
            written.append(time.monotonic() - started)
    return {"rounds": rounds, "answers_back_s": [round(one, 1) for one in back], **_reckoning(cluster, traffic)}


def _answered(collection: Collection, n: int) -> bool:
    try:
        return answers(collection, picture(n)) == [picture(n).sha256]
    except StoreUnavailable:
        return False


def moves(cluster: RedisCluster, count: int) -> dict[str, object]:
    """Move slots there and back while pictures are added and searched; return what became of them."""
    source, target = cluster.masters()[:2]
    slots = sorted({slot(key) for key in source.ask("KEYS", "*")})[:count]
    with Traffic(lambda: replicated(cluster.url)) as traffic:
        until(lambda: len(traffic.acknowledged) > 100, "nothing is added")
        started = time.monotonic()
        cluster.move(slots, source, target)
        cluster.move(slots, target, source)
        seconds = time.monotonic() - started
    return {"moved": 2 * len(slots), "seconds": round(seconds, 1), **_reckoning(cluster, traffic)}


def _reckoning(cluster: RedisCluster, traffic: Traffic) -> dict[str, object]:
    collection = collection_on(cluster.url)
    time.sleep(1)
    first, second = Doctor(collection).run(deep=True), Doctor(collection).run(deep=True)
    return {
        "acknowledged": len(traffic.acknowledged),
        "refused": len(traffic.refused),
        "answers": traffic.answered,
        "longest_without_answer_s": round(traffic.gap, 1),
        "wrong": len(traffic.wrong),
        "lost": len(traffic.lost(collection)),
        "doctor_found": {finding.code: finding.count for finding in first.findings},
        "doctor_found_then": {finding.code: finding.count for finding in second.findings},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=Path(__file__).parent.parent / "samples")
    parser.add_argument("--most", type=int, default=500)
    parser.add_argument("--pictures", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--slots", type=int, default=60)
    parser.add_argument("--binary", type=Path, help="the server to run, such as valkey-server; default: the embedded Redis")
    arguments = parser.parse_args()
    figures: dict[str, object] = {}

    def tell(name: str, value: object) -> None:
        figures[name] = value
        print(json.dumps({name: value}), file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder, server = Path(name), EmbeddedRedis(Path(name) / "one")
        try:
            with running(folder / "many", binary=arguments.binary) as cluster:
                about = cluster.nodes[0].client.info("server")
                tell("server", about.get("valkey_version") or about["redis_version"])
                tell("answers", same_answers(cluster, server, arguments.images, arguments.most, folder / "data"))
                tell("balance", balance(cluster, server, arguments.pictures))
        finally:
            server.stop()
        # Of its own, as what is killed reads its file before it is back.
        with running(folder / "killed", binary=arguments.binary, silence=SILENCE) as cluster:
            tell("kills", kills(cluster, arguments.kills))
            tell("moves", moves(cluster, arguments.slots))
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
