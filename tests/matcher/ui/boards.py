"""Stores for the tests of pages: pictures that need no decoding, tied into clusters."""

from collections.abc import Sequence

import numpy as np

from matcher.cluster import Link
from matcher.engine import Matcher
from matcher.extraction import Fingerprints
from matcher.records import Record
from matcher.source import Source


def tied(matcher: Matcher, clusters: int, each: int, seed: int = 1) -> list[list[Record]]:
    """Fill a store with clusters of so many pictures each, seen on domains, in events of MISP and by AIL; return them."""
    made = []
    for cluster in range(clusters):
        records = [_added(matcher, seed * 1_000_000 + cluster * 10_000 + n, cluster) for n in range(each)]
        _tie(matcher, records)
        made.append(records)
    return made


def _added(matcher: Matcher, number: int, cluster: int) -> Record:
    data = np.random.default_rng(number).bytes(64)
    found = Fingerprints(data[:32].hex(), "PNG", (640, 480), 1234, {"as is": {"pdq": data[32:]}})
    now = matcher.collection.clock() - number % 20 * 86_400
    sources = [
        Source("file", f"/srv/kit-{cluster}/page-{number % 10_000}.png", now, now),
        Source("domain", f"shop{number % 5}.wave{cluster}.example", now, now),
        Source(
            "misp-attribute",
            f"{number:08x}-0000-4000-8000-000000000000",
            now,
            now,
            {"event_uuid": f"event-{cluster}", "event_info": "Wave"},
        ),
    ]
    return matcher.collection.add(found, sources).record


def _tie(matcher: Matcher, records: Sequence[Record]) -> None:
    first, second, *rest = records
    clusters = matcher.collection.clusters
    clusters.found(first, second, [Link.between(first.id, second.id, 0.05)])
    name = matcher.get(first.sha256).cluster
    for n, record in enumerate(rest):
        clusters.join(record, name, [Link.between(record.id, records[n // 2].id, 0.02 + n / 1000)])
