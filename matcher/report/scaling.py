"""How time grows with the store: adding and searching, measured in boxes that grow up to the whole set, with a fitted exponent."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matcher.engine import Matcher
from matcher.evaluation import KIND, Progress, Query, no_progress, only
from matcher.extraction import Fingerprints
from matcher.settings import Settings
from matcher.source import Source

BOXES = 6
QUERIES = 40  # searched in every box


@dataclass(frozen=True)
class Scaling:
    """sizes: pictures stored. add, search: median seconds of one adding, one search, at each size; decoding is not in them."""

    sizes: tuple[int, ...]
    add: tuple[float, ...]
    search: tuple[float, ...]

    def exponents(self) -> tuple[float, float]:
        """Return the exponents b of seconds = a * size^b, of adding and of searching: 0 is constant, 1 linear; 0 with one size alone."""
        return _exponent(self.sizes, self.add), _exponent(self.sizes, self.search)


def measure(queries: Mapping[str, Query], settings: Settings, progress: Progress = no_progress) -> Scaling:
    """Add the pictures one by one to a store of their own, deleted afterwards, and search some of them whenever a box is full."""
    named = {name: query for name, query in queries.items() if isinstance(query, Fingerprints)}
    # Each box is half as large as the next, and the order has nothing to do with the names.
    order = np.random.default_rng(len(named)).permutation(np.array(sorted(named), object)).tolist()
    sizes = sorted({max(1, len(order) >> shift) for shift in range(BOXES)})
    asked = order[: min(QUERIES, sizes[0])]
    add, search, seconds = list[float](), list[float](), list[float]()
    aside = settings.with_overrides({"redis.prefix": f"kuato-evaluation-{uuid.uuid4().hex[:8]}:"})
    with Matcher.open(aside) as matcher:
        try:
            for stored, name in enumerate(order, 1):
                query = only(named[name], matcher.algorithms)
                started = time.perf_counter()
                matcher.collection.add(query, [Source(KIND, name)])
                seconds.append(time.perf_counter() - started)
                progress("measure growth", stored, len(order))
                if stored in sizes:
                    add.append(float(np.median(seconds)))
                    search.append(float(np.median([_search(matcher, named[one]) for one in asked])))
                    seconds = []
        finally:
            matcher.reset()
    return Scaling(tuple(sizes), tuple(add), tuple(search))


def _search(matcher: Matcher, query: Fingerprints) -> float:
    asked = only(query, matcher.algorithms)
    started = time.perf_counter()
    matcher.search_fingerprints(asked, exclude=lambda record: record.sha256 == query.sha256)
    return time.perf_counter() - started


def _exponent(sizes: tuple[int, ...], seconds: tuple[float, ...]) -> float:
    if len(sizes) < 2:
        return 0.0
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(seconds, 1e-9)), 1)[0])
