"""A process that stops itself between the pending record and the postings of the first picture it adds, until it is told to go on."""

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.matcher.churn import Log, add_all, matcher_on


def main(data_dir: str, log: str, seed: str, pictures: str) -> None:
    with matcher_on(Path(data_dir)) as matcher:
        append = matcher.collection.store.append

        def paused(entries: Iterable[tuple[bytes, bytes]], short: Iterable[tuple[bytes, bytes]] = ()) -> None:
            matcher.collection.store.append = append  # type: ignore[method-assign]
            os.kill(os.getpid(), signal.SIGSTOP)
            append(entries, short)

        matcher.collection.store.append = paused  # type: ignore[method-assign]
        add_all(matcher, Log(Path(log)), int(pictures))


if __name__ == "__main__":
    main(*sys.argv[1:])
