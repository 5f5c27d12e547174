"""A process that adds a list of fingerprints, again and again, and writes down what was acknowledged.

    python -m tests.matcher.importing DATA_DIR LOG NAME COUNT BATCH

Each line of the log is flushed: "FIRST LAST NEW" once the fingerprints from FIRST to before LAST are acknowledged.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from matcher import bulk
from matcher.bulk import BulkAdder
from matcher.collection import Collection
from matcher.errors import StoreUnavailable
from matcher.fingerprints.pdq import PDQ
from matcher.records import FINGERPRINT, Record, identity
from matcher.redis_server import EmbeddedRedis
from matcher.source import Source
from matcher.store import Store


def collection_in(data_dir: Path) -> Collection:
    """The collection on the embedded Redis of a folder, with a short lease."""
    return Collection(Store(EmbeddedRedis(data_dir).ensure), {"pdq": PDQ()}, lease=1.0)


def hashed(n: int, name: str) -> Record:
    value = np.random.default_rng(n).bytes(32)
    source = Source("hash-list", f"{name} {n}", 1000, 1000)
    return Record(0, identity("pdq", value), FINGERPRINT, (0, 0), 0, 1000.0, {"pdq": value}, {"pdq": 1}, (source,))


def main(data_dir: str, log: str, name: str, count: str, batch: str) -> None:
    bulk._A_SECOND = 10**9  # leases as short as can be, so that others take over while this is still at work
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with BulkAdder(collection_in(Path(data_dir))) as adder:
        for first in range(0, int(count), int(batch)):
            last = min(first + int(batch), int(count))
            while True:
                try:
                    added = adder.add(hashed(n, name) for n in range(first, last))
                    break
                except StoreUnavailable:
                    time.sleep(0.05)
            os.write(file, f"{first} {last} {added.new}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
