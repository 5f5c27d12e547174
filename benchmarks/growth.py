"""What becomes of the answers as the store grows: the same queries asked of a few thousand, a hundred thousand, a million pictures.

    python benchmarks/growth.py IMAGES [--sizes 0,100000] [--others FOLDER ..] [--collages 2000] [--queries N] [--write docs/quality.md]

The labelled pictures are split in halves: clusters stay whole, with whatever is easily confused with them. All of them are put into the
store first, so that everything else is newer: the worst case for lists of which only the newest entries are read. Those of one half are
asked with. What is then added shows nothing of theirs, so each answer that names it is wrong:

- real pictures of other folders (--others), unrelated to the labelled ones;
- collages: crops of two to four pictures of the half that is not asked with, in real pixels, fingerprinted as any picture;
- mixed ones, as many as are wanted: fingerprints composed as such collages, without pixels (grow/mixing.py).

Variants that show pictures of others (collages, photographs in pages) and those that people could not tell apart give nothing to these.
Wrong answers are told for each kind, so that one sees whether the composed ones are as easily mistaken as the real ones. All are added by
BulkAdder, the door of imports. Redis keeps no file meanwhile: the figures are of memory and reading.

Times are of whole answers after fingerprinting, one client, one after the other. A size that the free memory does not allow is left out.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from grow.making import Kit, strangers
from grow.mixing import donors
from grow.stranger import Stranger
from grow.table import END, FIGURES, MARK, put, table

from matcher.bulk import BulkAdder
from matcher.engine import Matcher
from matcher.errors import BadPicture
from matcher.evaluation import Found
from matcher.extraction import Fingerprints
from matcher.labelled import Labelled, pictures_of, read
from matcher.match import Decision
from matcher.records import Record
from matcher.redis_server import EmbeddedRedis
from matcher.report.making import located
from matcher.report.scores import Scorer
from matcher.settings import Settings
from matcher.source import Source
from matcher.truth import GroundTruth

KNOWN, REAL = "labelled", "real"
SHOW_OTHERS = ("collage", "in_page")
LIMIT = 200
CHUNK = 10_000  # pictures that are made, and added, together
HASHED = 4000  # mixed pictures whose hashes are computed, at most
BYTES = 11_000  # memory a picture takes, at most, while the store grows
SPARE = 3 << 30  # bytes left to others


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--ground-truth", type=Path, help="by default ground_truth.json in or beside the pictures, else their subfolders")
    parser.add_argument("--sizes", default="0,100000", help="pictures in the store, beside the labelled ones, when it is asked")
    parser.add_argument("--others", type=Path, action="append", default=[], help="a folder of real pictures unrelated to the labelled ones")
    parser.add_argument("--collages", type=int, default=2000, help="how many of what is added are made of pixels")
    parser.add_argument("--queries", type=int, help="ask with so many of the half, drawn at random (default: all)")
    parser.add_argument("--config", type=Path, help="a settings file other than the defaults")
    parser.add_argument("--write", type=Path, metavar="PAGE", help=f"put the table into this page, between {MARK.strip()} and {END}")
    arguments = parser.parse_args()
    sizes = sorted({int(size) for size in arguments.sizes.split(",")})
    labelled = read(arguments.images, arguments.ground_truth or located(arguments.images))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(arguments.config, environ={"KUATO_CONFIG": os.devnull}, overrides={"data.dir": folder})
        try:
            with Matcher.open(settings) as matcher:
                figures = list(Growth(matcher, labelled, arguments).at(sizes))
        finally:
            EmbeddedRedis(Path(folder)).stop()
    text = table(figures)
    print(text)
    if arguments.write:
        put(arguments.write, text)
    return 0


class Growth:
    """One store that grows, and what is asked of it."""

    def __init__(self, matcher: Matcher, labelled: Labelled, arguments: argparse.Namespace) -> None:
        self._matcher, self._labelled, self._truth = matcher, labelled, labelled.truth
        asked, self._givers = halves(labelled.truth)
        chance = np.random.default_rng(1)
        self._asked = sorted(asked)
        if arguments.queries is not None:
            self._asked = sorted(chance.permutation(np.array(self._asked, object))[: arguments.queries].tolist())
        self._files = {str(path): path for folder in arguments.others for path in pictures_of(folder).values()}
        self._collages, self._hashed = arguments.collages, min(HASHED, 40 + max(map(int, arguments.sizes.split(","))) // 10)
        self._stored: Counter[str] = Counter()

    def at(self, sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Yield the figures at each size of the store, as far as memory allows."""
        store, matcher = self._matcher.collection.store, self._matcher
        store._client().config_set("appendonly", "no")
        store._client().config_set("save", "")
        self._empty = int(store.info()["used_memory"])
        known = told("labelled pictures fingerprinted", lambda: self._fingerprinted(self._labelled.path_of, frozenset(self._asked)))
        others = told("others fingerprinted", lambda: self._fingerprinted(self._files, frozenset()))
        made = chain(
            (Stranger(REAL, one.sha256, one.size, one.values) for one in others.values()),
            self._made([known[n] for n in self._givers if n in known], others),
        )
        with BulkAdder(matcher.collection) as adder:
            self._add(
                adder, [(self._record(Stranger(KNOWN, one.sha256, one.size, one.values), name), one.values) for name, one in known.items()]
            )
            for size in sizes:
                missing = size - self._stored.total() + self._stored[KNOWN]
                if missing * BYTES > free() - SPARE:
                    print(
                        f"{size:,} left out: they may take {missing * BYTES / 1e9:.1f} GB, {(free() - SPARE) / 1e9:.1f} are free",
                        flush=True,
                    )
                    return
                told(f"{missing:,} added", lambda missing=missing: self._grow(adder, made, missing))
                adder.close()
                figures = told("asked", lambda: self._asked_of(known))
                print(json.dumps(figures), flush=True)
                yield figures

    def _fingerprinted(self, files: Mapping[str, Path], asked: frozenset[str]) -> dict[str, Fingerprints]:
        """Return the fingerprints of files; of those to ask with in all views. Others that cannot be decoded are left out."""

        def compute(name: str) -> Fingerprints | None:
            try:
                return self._matcher.pool.fingerprint(files[name].read_bytes(), query=name in asked, name=name)
            except BadPicture as error:
                print(f"left out: {error}")
                return None

        with ThreadPoolExecutor(self._matcher.settings.workers() + 1) as threads:
            return {name: one for name, one in zip(files, threads.map(compute, files), strict=True) if one is not None}

    def _made(self, given: Sequence[Fingerprints], others: Mapping[str, Fingerprints]) -> Iterator[Stranger]:
        """Yield strangers for ever: collages first, then mixed ones."""
        values = [one.values["local"] for one in (*given, *others.values()) if "local" in one.values]
        prepared = told("what mixed ones are made of", lambda: donors(values, np.random.default_rng(3)))
        files = [*self._givers_files(), *self._files.values()]
        kit = Kit(prepared, files, list(self._matcher.algorithms), self._matcher.settings.limits(), self._hashed)
        yield from strangers(kit, self._collages)

    def _givers_files(self) -> list[Path]:
        return [self._labelled.path_of[name] for name in self._givers]

    def _grow(self, adder: BulkAdder, made: Iterator[Stranger], missing: int) -> None:
        while some := list(islice(made, min(CHUNK, missing))):
            missing -= len(some)
            self._add(adder, [(self._record(one, f"{one.made}/{one.sha256}"), one.values) for one in some])

    def _add(self, adder: BulkAdder, some: Sequence[tuple[Record, Mapping[str, bytes]]]) -> None:
        large = self._matcher.collection.filing.large_names
        beside = {n: {name: values[name] for name in large if name in values} for n, (_, values) in enumerate(some)}
        adder.add((record for record, _ in some), {n: values for n, values in beside.items() if values})
        self._stored.update({record.sha256: record.sources[0].kind for record, _ in some}.values())

    def _record(self, one: Stranger, name: str) -> Record:
        collection = self._matcher.collection
        small = {key: value for key, value in one.values.items() if key not in collection.filing.large_names}
        versions = {key: collection.versions[key] for key in one.values}
        return Record(0, one.sha256, "PNG", one.size, 200_000, 1.7e9, small, versions, (Source(one.made, name, 1.7e9, 1.7e9),))

    def _asked_of(self, known: Mapping[str, Fingerprints]) -> dict[str, Any]:
        """Ask with every query; return the figures."""
        answers, times, truncated, steps = dict[str, list[Found]](), list[float](), 0, Counter[str]()
        wrong: Counter[tuple[str, str]] = Counter()
        for name in self._asked:
            if name not in known:
                continue
            started = time.perf_counter()
            answer = self._matcher.search_fingerprints(known[name], limit=LIMIT, exclude=lambda record, name=name: names(record) == [name])
            times.append((time.perf_counter() - started) * 1000)
            steps.update(answer.timings)
            truncated += answer.truncated
            matches = [(match, other) for match in answer.matches for other in names(match.picture) if other != name]
            answers[name] = [Found(other, match.decision, match.distance) for match, other in matches]
            for match, other in matches:
                if not self._truth.same(name, other) and not self._truth.skipped(name, other):
                    fine = match.decision is Decision.MAYBE and self._truth.worst(name, other) is Decision.MAYBE
                    lone = "lone" if name in self._truth.lone else "other"
                    wrong[f"{lone} {match.decision.value}", match.picture.sources[0].kind] += not fine
        return self._figures(answers, times, steps, truncated, wrong)

    def _figures(
        self,
        answers: Mapping[str, Sequence[Found]],
        times: Sequence[float],
        steps: Mapping[str, float],
        truncated: int,
        wrong: Mapping[tuple[str, str], int],
    ) -> dict[str, Any]:
        scores = Scorer(self._truth, frozenset(self._asked)).scores(answers)
        info, stored = self._matcher.collection.store.info(), self._stored.total()
        lone = sum(name in self._truth.lone for name in answers)
        return {
            "pictures": stored,
            "made": dict(self._stored),
            "queries": len(answers),
            "lone": lone,
            **{name: scores["all"][name] for name in FIGURES if name in scores["all"]},
            "lone_maybe": round(sum(n for (kind, _), n in wrong.items() if kind == "lone MAYBE") / max(lone, 1), 3),
            "wrong": {f"{kind}, {made}": n for (kind, made), n in sorted(wrong.items()) if n},
            "screenshot": {name: scores["screenshot"][name] for name in ("base_yes", "base_any")},
            "photo": {name: scores["photo"][name] for name in ("base_yes", "base_any")},
            "rows": scores["rows"],
            "truncated": truncated,
            "p50_ms": round(float(np.percentile(times, 50)), 1),
            "p95_ms": round(float(np.percentile(times, 95)), 1),
            "steps_ms": {step: round(total / max(len(times), 1), 1) for step, total in steps.items()},
            "redis_bytes_per_picture": round((int(info["used_memory"]) - self._empty) / max(stored, 1)),
            "redis_gigabytes": round(int(info["used_memory"]) / 1e9, 2),
        }


def halves(truth: GroundTruth) -> tuple[list[str], list[str]]:
    """Return the pictures to ask with, and those of the other half that may give parts of themselves."""
    half = {name: sha256(key.encode()).digest()[1] & 1 for key, some in truth.families.items() for name in some}
    asked = [name for name in truth.names if half[name]]
    giving = [name for name in truth.names if not half[name] and name not in truth.unsure and truth.variant_of.get(name) not in SHOW_OTHERS]
    return asked, giving


def names(record: Record) -> list[str]:
    return [source.id for source in record.sources]


def told(what: str, work: Any) -> Any:
    started = time.perf_counter()
    done = work()
    print(f"{what}: {time.perf_counter() - started:.0f} s", flush=True)
    return done


def free() -> int:
    """Return the bytes of memory that are to be had."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))


if __name__ == "__main__":
    sys.exit(main())
