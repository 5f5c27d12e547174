"""Whatever moment a process is killed at while it changes clusters, the doctor leaves them whole."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from matcher.cluster import Cluster
from matcher.collection import Collection
from matcher.doctor import Doctor
from tests.matcher.clusterchurn import COPIES, GROUPS, Churner
from tests.matcher.making import collection_on, picture

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


def check(collection: Collection) -> int:
    """Hold records and clusters against each other; return how many pictures share a cluster."""
    groups = {picture(n).sha256: n // COPIES for n in range(COPIES * GROUPS)}
    records = {record.id: record for record in collection.newest()}
    there = collection.clusters.locate(records.values())
    standing: dict[str, Cluster] = {}
    for cluster in collection.clusters.all():
        if cluster.into:
            assert not collection.clusters.get(cluster.id).into
            continue
        standing[cluster.id] = cluster
        assert set(cluster.members) <= records.keys(), "it lists a picture that was removed"
        assert all(there[id].id == cluster.id for id in cluster.members), "it lists a picture of another cluster"
        assert len({groups[records[id].sha256] for id in cluster.members}) <= 1, "pictures came together that nothing ties"
    for id, cluster in there.items():
        assert id in standing[cluster.id].members, "a picture is in a cluster that does not list it"
    return sum(len(cluster.members) for cluster in standing.values() if len(cluster.members) > 1)


def test_killed_at_any_moment_clusters_are_whole_once_the_doctor_was_there(store_url: str) -> None:
    chance = random.Random(3)
    collection = collection_on(store_url)
    tied = 0
    for turn in range(5):
        churners = [start(store_url, turn * 2 + n) for n in range(2)]
        for churner in churners:
            kill(churner, 20 + chance.randrange(40), chance.uniform(0, 0.02))
        time.sleep(0.4)  # the lease of what they were adding
        Doctor(collection).run(deep=True)
        assert [one.code for one in Doctor(collection).run(deep=True).findings if one.code != "not-durable"] == []
        tied += check(collection)
    assert tied > 10


def test_who_adds_again_what_was_interrupted_ends_in_one_cluster(store_url: str) -> None:
    collection, chance = collection_on(store_url), random.Random(4)
    for seed in range(4):
        kill(start(store_url, seed, "add"), 2 + chance.randrange(6), chance.uniform(0, 0.01))
    time.sleep(0.4)
    churner = Churner(store_url, random.Random(1))
    for n in range(COPIES * GROUPS):
        churner.add(n)
    Doctor(collection).run(deep=True)
    for group in range(GROUPS):
        records = collection.clustered(collection.get(picture(n).sha256) for n in range(group * COPIES, (group + 1) * COPIES))
        assert len({record.cluster for record in records}) == 1 and records[0].cluster
    assert check(collection) == COPIES * GROUPS


def start(url: str, seed: int, *more: str) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "tests.matcher.clusterchurn", url, str(seed), *more]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE)


def kill(churner: "subprocess.Popen[bytes]", done: int, later: float) -> None:
    """Kill a process once it has done so many things, and some seconds later."""
    assert churner.stdout is not None
    with churner.stdout:
        for _ in range(done):
            assert churner.stdout.readline(), "it ended by itself"
        time.sleep(later)
        churner.kill()
        churner.wait()
