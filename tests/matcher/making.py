"""Fingerprints, collections and servers for the tests of the store."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import redis

from matcher.collection import Collection
from matcher.extraction import Fingerprints
from matcher.fingerprints.base import Fingerprint
from matcher.fingerprints.pdq import PDQ
from matcher.source import Source
from matcher.store import Store


class Large(PDQ):
    """A fingerprint that is kept beside the record."""

    name, large = "large", True
    bits = 128


ALGORITHMS: dict[str, Fingerprint] = {"pdq": PDQ(), "large": Large()}


def picture(seed: int) -> Fingerprints:
    """Fingerprints as different pictures have them."""
    data = np.random.default_rng(seed).bytes(80)
    return Fingerprints(data[:32].hex(), "PNG", (640, 480), 1234, {"as is": {"pdq": data[32:64], "large": data[64:]}})


def seen(name: str, at: float = 1000) -> Source:
    return Source("file", name, at, at)


def collection_on(url: str, lease: float = 0.3) -> Collection:
    return Collection(Store(lambda: url, "test:"), ALGORITHMS, lease=lease)


def answers(collection: Collection, query: Fingerprints) -> list[str]:
    """Return which pictures the index leads to."""
    ids = collection.filing.bands["pdq"].search(query.values["pdq"]).ids
    return [record.sha256 for record in collection.records.live(ids.tolist()).values()]


@contextmanager
def full(url: str) -> Iterator[None]:
    """Let the server have no memory left for a while."""
    with redis.Redis.from_url(url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "100kb")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")
