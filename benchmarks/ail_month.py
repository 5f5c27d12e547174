"""Whether daily crawls of pages that do not change are silent, and a bank tags what was seen then once.

    python -m benchmarks.ail_month --days 30 --pages 1000

Each day an AIL stand-in crawls the same pages, byte for byte; one in a hundred has another number in a corner each day. After the first
day nothing may be tagged or kept for MISP. Then some of the pages come into a known-bad bank: each of their screenshots must be given
each tag once, nothing else any, and looking again must change nothing.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import ImageDraw

from ail_connector.front import Front
from ail_connector.onward import Onward
from benchmarks.ail import page
from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from tests.ail_connector.pages import jpeg, png
from tests.ail_connector.stand_in import Ail

SIZE = (800, 500)
CHANGING = 100  # one page in so many has another number each day
BANKED = 20
BAD = 'image-match:kind="known-bad"'


@dataclass(frozen=True)
class Month:
    """tags, onward: given and kept for MISP after the first day. expected, tagged: screenshots of the bank's pages, and which were tagged.

    wrong: tags that were given more than once, or to another page's screenshot. again: given by looking once more.
    """

    messages: int
    seconds: float
    outcomes: dict[str, int]
    tags: int
    onward: int
    expected: int
    tagged: int
    wrong: int
    again: int

    @property
    def right(self) -> bool:
        return self.expected == self.tagged and not (self.tags or self.onward or self.wrong or self.again)


def shot(number: int, day: int) -> bytes:
    """Return the screenshot of a page as it is on a day."""
    image = page(number, SIZE)
    if number % CHANGING == 0:
        ImageDraw.Draw(image).text((SIZE[0] - 90, SIZE[1] - 14), f"hits: {day:06d}", fill="grey")
    return png(image)


def consumed(front: Front, ail: Ail) -> "Counter[tuple[str, str]]":
    front.consumer(2).run(until_empty=True)
    ail.drain("OcrExtractor")
    return ail.run_tags()


def run(folder: Path, days: int, pages: int) -> Month:
    ail = Ail(folder / "ail").start()
    overrides = {"ail.home": ail.home, "data.dir": folder / "data", "workers.count": 2, "ail.bank_minutes": 0, "ail.onward": True}
    overrides |= {"ail.retry_seconds": 0, "ail.screenshot_seconds": 0, "search.candidates": 6}
    began = time.monotonic()
    try:
        with Matcher.open(Settings.load(environ={}, overrides=overrides)) as matcher:
            front, onward = Front.open(matcher), Onward(matcher.collection.store)
            still = {number: shot(number, 0) for number in range(pages)}
            tags, first = Counter[tuple[str, str]](), 0
            for day in range(1, days + 1):
                for number, data in still.items():
                    changed = shot(number, day) if number % CHANGING == 0 else data
                    ail.crawl(f"site{number}.onion", changed, day * pages + number, f"2026/06/{day:02d}")
                given = consumed(front, ail)
                tags += given if day > 1 else Counter()
                first = onward.count() if day == 1 else first
            told = onward.count() - first
            matcher.banks.create("kits", kind="known-bad")
            expected = set()
            for number in range(BANKED):
                matcher.add(jpeg(page(number, SIZE), 90), banks=("kits",))
                shots = {shot(number, day) for day in range(1, days + 1)} if number % CHANGING == 0 else {still[number]}
                expected |= {f"screenshot::{hashlib.sha256(data).hexdigest()}" for data in shots}
            front.retroactive.run()
            late = ail.run_tags()
            front.retroactive.run()
            again = ail.run_tags()
            outcomes = sum((Counter(queue.counts()) for queue in front.queues), Counter[str]())
            return Month(
                days * pages,
                round(time.monotonic() - began, 1),
                dict(outcomes),
                sum(tags.values()),
                told,
                len(expected),
                len({gid for gid, tag in late if tag == BAD and gid in expected}),
                sum(times != 1 or gid not in expected for (gid, _), times in late.items()),
                sum(again.values()),
            )
    finally:
        ail.stop()
        EmbeddedRedis(folder / "data").stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--pages", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), asked.days, asked.pages)
    print(json.dumps(asdict(result)))
    sys.exit(not result.right)


if __name__ == "__main__":
    main()
