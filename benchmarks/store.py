"""What a store costs and how fast a whole answer is: memory, time, visibility.

    python benchmarks/store.py --images FOLDER --pictures 100000 [--without-local]

The store is filled by single adds with fingerprints perturbed from the real ones of FOLDER: bits flipped far beyond any
threshold, features drawn from many pictures, so that lists are as uneven as real ones. Queries are the real pictures.
Timed is everything after fingerprinting: probe keys, lists, records, verification, evidence, decision.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from matcher.engine import Matcher
from matcher.extraction import Fingerprints
from matcher.fingerprints.local import HEAD, detail_at, features_in
from matcher.fingerprints.sub_pictures import ITEM, PLACE
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.source import Source

FLIPPED = {"pdq": 0.3, "pdq-trimmed": 0.3, "tiles": 0.3, "tiles-trimmed": 0.3, "sub-pictures": 0.3, "local": 0.06}
DONORS = 6


def perturbed(real: Sequence[Fingerprints], n: int, rng: np.random.Generator) -> Fingerprints:
    """Return fingerprints like those of the real pictures, of a picture that shows none of them."""
    chosen = real[rng.integers(len(real))]
    values = {}
    for name, value in chosen.values.items():
        if name == "local":
            values[name] = _mixed(chosen, real, rng)
        elif name == "tiles":
            values[name] = value[:2] + _flipped(value[2:], FLIPPED[name], rng)
        elif name == "sub-pictures":
            items = [value[at : at + ITEM] for at in range(0, len(value), ITEM)]
            values[name] = b"".join(item[:PLACE] + _flipped(item[PLACE:], FLIPPED[name], rng) for item in items)
        else:
            values[name] = _flipped(value, FLIPPED[name], rng)
    return replace(chosen, sha256=rng.bytes(28).hex() + f"{n:08x}", views={"as is": values})


def _mixed(chosen: Fingerprints, real: Sequence[Fingerprints], rng: np.random.Generator) -> bytes:
    """Return as many features as the picture has, each from one of several pictures, with some bits flipped."""
    value = chosen.values["local"]
    donors = [other.values["local"] for other in (real[k] for k in rng.integers(len(real), size=DONORS)) if "local" in other.values]
    pool = np.concatenate([features_in(other) for other in [value, *donors]])
    features = pool[rng.permutation(len(pool))[: len(features_in(value))]].copy()
    features["bits"] ^= np.packbits(rng.random((len(features), 128)) < FLIPPED["local"], axis=1)
    return value[: HEAD.itemsize] + features.tobytes() + value[detail_at(value) :]


def _flipped(value: bytes, share: float, rng: np.random.Generator) -> bytes:
    mask = np.packbits(rng.random(8 * len(value)) < share)
    return (np.frombuffer(value, np.uint8) ^ mask).tobytes()


def watch(settings: Settings, questions: "multiprocessing.connection.Connection[object, object]") -> None:
    """In another process: answer how long after being asked the first search began that found a picture, or no longer found it."""
    with Matcher.open(settings) as matcher:
        matcher.stats()
        questions.send("ready")
        while (asked := questions.recv()) is not None:
            query, present = asked
            asked_at = began = time.perf_counter()
            while (query.sha256 in {match.picture.sha256 for match in matcher.search_fingerprints(query).matches}) is not present:
                began = time.perf_counter()
            questions.send(began - asked_at)


def visibility(matcher: Matcher, settings: Settings, real: Sequence[Fingerprints], rng: np.random.Generator) -> dict[str, float]:
    """Return the longest wait, ms, until a search in another process found what was added, and missed what was removed."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    other = multiprocessing.get_context("spawn").Process(target=watch, args=(settings, theirs))
    other.start()
    ours.recv()
    waits: dict[str, list[float]] = {"added": [], "removed": []}
    for n in range(50):
        query = perturbed(real, 2_000_000 + n, rng)
        matcher.collection.add(query)
        ours.send((query, True))
        waits["added"].append(ours.recv())
        matcher.remove(query.sha256)
        ours.send((query, False))
        waits["removed"].append(ours.recv())
    ours.send(None)
    other.join()
    return {f"found_after_{name}_ms_max": round(max(some) * 1000, 1) for name, some in waits.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=Path(__file__).parent.parent / "samples")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--without-local", action="store_true")
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    enabled = ["pdq", "pdq-trimmed", "tiles", "tiles-trimmed", "sub-pictures"] + ([] if arguments.without_local else ["local"])
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(environ={}, overrides={"data.dir": folder, "fingerprints.enabled": enabled})
        try:
            with Matcher.open(settings) as matcher:
                print(json.dumps(measure(matcher, settings, arguments, rng), indent=1))
        finally:
            EmbeddedRedis(Path(folder)).stop()
    return 0


def measure(matcher: Matcher, settings: Settings, arguments: argparse.Namespace, rng: np.random.Generator) -> dict[str, object]:
    """Fill the store by single adds, and return the figures."""
    files = sorted(path for path in arguments.images.rglob("*") if path.suffix in (".png", ".jpg", ".webp"))
    real = [matcher.pool.fingerprint(path.read_bytes(), query=True, name=path.name) for path in files[:: max(1, len(files) // 1000)]]
    store = matcher.collection.store
    # The figures are of memory and reading; the append-only file is left out while filling, or the disk alone would be timed.
    store._client().config_set("appendonly", "no")
    empty = int(store.info()["used_memory"])
    started = time.perf_counter()
    for n in range(arguments.pictures):
        matcher.collection.add(perturbed(real, n, rng), [Source("file", f"/srv/pictures/2026/screenshot-{n:08d}.png", 1.7e9, 1.7e9)])
    adding = time.perf_counter() - started
    grown = (int(store.info()["used_memory"]) - empty) / arguments.pictures
    for query in real[: len(real) // 2]:
        matcher.collection.add(query)
    answers = [matcher.search_fingerprints(real[n % len(real)]) for n in range(20)] and []
    times = []
    for query in (real * (arguments.queries // len(real) + 1))[: arguments.queries]:
        started = time.perf_counter()
        answers.append(matcher.search_fingerprints(query))
        times.append((time.perf_counter() - started) * 1000)
    steps = {step: round(float(np.median([answer.timings.get(step, 0.0) for answer in answers])), 2) for step in answers[0].timings}
    return {
        "pictures": arguments.pictures,
        "algorithms": list(matcher.algorithms),
        "share_with_trimmed": round(sum("pdq-trimmed" in one.values for one in real) / len(real), 2),
        "redis_bytes_per_picture": round(grown),
        "add_ms": round(adding / arguments.pictures * 1000, 2),
        "answer_ms": {f"p{p}": round(float(np.percentile(times, p)), 1) for p in (50, 95, 99)},
        "answer_steps_ms_p50": steps,
        **visibility(matcher, settings, real, rng),
    }


if __name__ == "__main__":
    sys.exit(main())
