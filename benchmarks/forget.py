"""How long forgetting takes, and how much memory: looking at all pictures, removing some, taking sources of a domain away.

    python benchmarks/forget.py --pictures 200000

The store holds PDQ fingerprints with two sources each, on an embedded Redis that writes every command to its append-only file
before it is acknowledged. A tenth of the pictures is over its time; one of a hundred was seen at the domain that is forgotten.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from matcher.bulk import BulkAdder
from matcher.engine import Matcher
from matcher.forgetting import Forgetting, Selection
from matcher.pruning import Forgotten
from matcher.records import FINGERPRINT, Record, identity
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.source import Source

DAY = 86_400.0


def records(count: int, now: float) -> Iterator[Record]:
    """Yield pictures known by their PDQ alone, each seen at a page and in a file."""
    rng = np.random.default_rng(1)
    for n in range(count):
        value = rng.bytes(32)
        seen = now - (400 if n % 10 == 0 else 100) * DAY
        host = "victim.example" if n % 100 == 1 else f"host{n % 5000}.example"
        sources = (Source("url", f"https://{host}/{n}.png", seen, seen), Source("file", f"/shots/{n}.png", seen, seen))
        yield Record(0, identity("pdq", value), FINGERPRINT, (0, 0), 0, now, {"pdq": value}, {"pdq": 1}, sources)


def timed(act: Callable[[], Forgotten]) -> tuple[Forgotten, float]:
    """Return what was forgotten and the seconds it took."""
    started = time.perf_counter()
    return act(), time.perf_counter() - started


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200_000)
    asked = parser.parse_args()
    now = time.time()
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        server.ensure()
        try:
            with Matcher.open(Settings.load(environ={}, overrides={"data.dir": folder})) as matcher:
                with BulkAdder(matcher.collection) as bulk:
                    bulk.add(records(asked.pictures, now))
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                forgetting = Forgetting(matcher, lambda: now)
                _, looking = timed(lambda: forgetting.forget(Selection(expired=True), dry_run=True))
                domain, taking = timed(lambda: forgetting.forget(Selection(domains=("victim.example",))))
                expired, removing = timed(lambda: forgetting.forget(Selection(expired=True)))
                grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        finally:
            server.stop()
    print(
        json.dumps(
            {
                "pictures": asked.pictures,
                "looked at a second": round(asked.pictures / looking),
                "sources of a domain": domain.sources_removed,
                "taken away in s, looking included": round(taking, 2),
                "pictures over their time": expired.pictures_removed,
                "removed in s, looking included": round(removing, 2),
                "removed a second": round(expired.pictures_removed / (removing - looking)),
                "memory gained, MB": round(grown / 1024, 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
