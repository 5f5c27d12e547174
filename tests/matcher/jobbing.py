"""A process that works on jobs until it is told to end, or killed.

    python -m tests.matcher.jobbing DATA_DIR REDIS_URL LOG

Kinds: "add" adds a picture with a real matcher, "slow" takes a moment and does nothing. Each item begun is a line of the log:
the process's number, the name.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from matcher.engine import Matcher
from matcher.job import Item, Job
from matcher.jobs import Jobs
from matcher.settings import Settings
from matcher.source import Source
from tests.matcher.churn import Log


def settings_on(data_dir: Path, url: str, **more: Any) -> Settings:
    """Return settings on a Redis and a data folder, with one worker."""
    overrides = {"data.dir": data_dir, "redis.url": url, "workers.count": 1, **more}
    return Settings.load(environ={}, overrides=overrides)


def main(data_dir: str, url: str, path: str) -> None:
    log = Log(Path(path))
    with Matcher.open(settings_on(Path(data_dir), url)) as matcher:

        def add(job: Job, item: Item) -> dict[str, Any]:
            log.write(str(os.getpid()), item.name)
            time.sleep(0.05)
            record = matcher.add(item.data, sources=[Source("file", item.name, job.created, job.created)], name=item.name).record
            return {"sha256": record.sha256}

        def slow(_job: Job, item: Item) -> dict[str, Any]:
            log.write(str(os.getpid()), item.name)
            time.sleep(0.2)
            return {}

        told = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: told.set())
        jobs = Jobs(matcher.collection.store, matcher.settings, {"add": add, "slow": slow})
        jobs.start()
        told.wait()
        jobs.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
