"""Algorithms alone: how near variants and unrelated pictures are, and which of the variants the index leads to.

    python benchmarks/algorithms.py --images FOLDER --truth GROUND_TRUTH.json [--algorithm NAME ..] [--queries 500]

Queries are drawn by chance and asked in all turns of the algorithm, against every picture as it is; look-alikes and doubtful pairs of the
ground truth are left out. The index is asked with every variant as it is, in a store that holds the originals.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matcher.decision import Rules
from matcher.decode import decode
from matcher.errors import BadPicture
from matcher.filing import Filing
from matcher.fingerprints import registry
from matcher.fingerprints.base import Fingerprint
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.store import Store

STEPS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.17, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
Views = Mapping[str, bytes]


class Truth:
    """What the ground truth says of files: their group, the original of it, and which pairs do not count."""

    def __init__(self, path: Path) -> None:
        truth = json.loads(path.read_text())
        members = [(cluster["id"], member) for cluster in truth["clusters"] for member in cluster["members"]]
        self.group = {member["file"]: id for id, member in members}
        self.original = {id: member["file"] for id, member in members if member["difficulty"] == "base"}
        self.look_alikes = {file for group in truth["hard_negatives"] for file in group["files"]}
        self.doubtful = {frozenset((a, b)) for some in truth["ambiguous"] for a in some.get("files", ()) for b in some.get("files", ())}

    def unrelated(self, query: str, known: str) -> bool:
        if query == known or known in self.look_alikes or frozenset((query, known)) in self.doubtful:
            return False
        return query not in self.group or self.group[query] != self.group.get(known)

    def original_of(self, query: str) -> str | None:
        found = self.original.get(self.group.get(query, ""))
        return found if found != query else None


def alone(algorithm: Fingerprint, prints: Mapping[str, Views], truth: Truth, chosen: set[str]) -> dict[str, Any]:
    """Return how many variants and unrelated pictures lie within the thresholds."""
    known = [name for name, views in prints.items() if "as is" in views]
    values, places = [prints[name]["as is"] for name in known], {name: n for n, name in enumerate(known)}
    variants, nearest = list[float](), list[float]()
    for query in sorted(chosen & prints.keys() - truth.look_alikes):
        if not prints[query]:
            continue
        distances = np.min([algorithm.distance(value, values) for value in prints[query].values()], axis=0)
        nearest.append(float(distances[[truth.unrelated(query, name) for name in known]].min()))
        if (original := truth.original_of(query)) in places:
            variants.append(float(distances[places[original]]))
    bounds = Rules.load().bounds(algorithm.name)
    return {
        "algorithm": algorithm.name,
        "queries": len(nearest),
        "variants": len(variants),
        "nearest unrelated": {str(q): round(float(np.quantile(nearest, q)), 4) for q in (0, 0.01, 0.05, 0.5)},
        "within": [
            {"bound": b, "variants": round(np.mean(np.array(variants) <= b), 3), "unrelated": round(np.mean(np.array(nearest) <= b), 4)}
            for b in bounds
        ],
    }


def indexed(algorithm: Fingerprint, prints: Mapping[str, Views], truth: Truth, store: Store) -> dict[str, Any]:
    """Return by distance how many variants lead to their original, as [pairs, found]."""
    name, filing = algorithm.name, Filing(store, {algorithm.name: algorithm})
    ids = {file: id for id, file in enumerate(truth.original.values(), 1) if "as is" in prints.get(file, {})}
    store.append([entry for file, id in ids.items() for entry in filing.entries(id, {name: prints[file]["as is"]})])
    counted: dict[str, list[int]] = {}
    for query, views in prints.items():
        original = truth.original_of(query)
        if original not in ids or "as is" not in views:
            continue
        value, space = views["as is"], filing.space(name)
        if space is not None:
            found = filing.bands[space].search(filing.banded(name, value)).ids
        else:
            slots, keys, _ = filing.voting[name].probes(value)
            found = filing.votes[name].vote(slots, keys, 10_000).ids
        distance = float(algorithm.distance(value, [prints[original]["as is"]])[0])
        counts = counted.setdefault(f"from {max(step for step in STEPS if step <= distance)}", [0, 0])
        counts[0] += 1
        counts[1] += ids[original] in found
    return {"algorithm": name, "pairs and found": dict(sorted(counted.items()))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--algorithm", dest="algorithms", action="append")
    parser.add_argument("--queries", type=int, default=500)
    options = parser.parse_args()
    algorithms, limits = registry.load(options.algorithms or ["photodna", "goldberg", "phash-576"]), Settings.load(environ={}).limits()
    truth, paths = Truth(options.truth), sorted(options.images.iterdir())
    chosen = set(random.Random(1).sample([path.name for path in paths], min(options.queries, len(paths))))
    prints: dict[str, dict[str, Views]] = {name: {} for name in algorithms}
    for path in paths:
        try:
            picture = decode(path.read_bytes(), limits, full=True, name=path.name)
        except BadPicture:
            continue
        for name, algorithm in algorithms.items():
            if path.name in chosen:
                prints[name][path.name] = algorithm.compute_views(picture)
                continue
            value = algorithm.compute(picture)
            prints[name][path.name] = {"as is": value} if value is not None else {}
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        try:
            store = Store(server.ensure, "bench:")
            for name, algorithm in algorithms.items():
                print(json.dumps(alone(algorithm, prints[name], truth, chosen)))
                print(json.dumps(indexed(algorithm, prints[name], truth, store)))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
