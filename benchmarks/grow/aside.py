"""A Redis that a benchmark has for itself."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matcher.redis_server import EmbeddedRedis
from matcher.store import Store


@contextmanager
def redis_aside() -> Iterator[Store]:
    """Run a Redis of our own for as long as the benchmark takes."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        try:
            yield Store(server.ensure, "bench:")
        finally:
            server.stop()


def wait_until_quiet(store: Store) -> None:
    """Wait until Redis no longer rewrites the file that the filling made long."""
    while store.info()["aof_rewrite_in_progress"] or store.info()["aof_rewrite_scheduled"]:
        time.sleep(0.5)
