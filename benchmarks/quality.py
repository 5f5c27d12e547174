"""How well every algorithm, Kuato's peers and Kuato itself do on labelled pictures, side by side in one run.

    python benchmarks/quality.py IMAGES [--ground-truth FILE] [--every 3] [--write docs/quality.md]

Pictures get random names first. Each is fingerprinted once by all algorithms that are registered, enabled or not. An algorithm alone is
compared with every picture, by the bounds of the rules in force; one that has none there by the threshold of its best F1 on these very
pictures, which flatters it. Peers are what benchmarks/peers.py offers. --write puts the tables between the marks of a page.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from matcher.decision import Rules
from matcher.engine import Matcher
from matcher.errors import KuatoError
from matcher.evaluation import Found, Query, Trial, fingerprinted, trial
from matcher.extraction import Fingerprints
from matcher.fingerprints import registry
from matcher.fingerprints.base import Fingerprint
from matcher.labelled import read
from matcher.match import Decision
from matcher.redis_server import EmbeddedRedis
from matcher.report.making import located, side
from matcher.report.pairs import Pairs
from matcher.report.scores import Scorer
from matcher.report.spread import Spread
from matcher.settings import Settings
from matcher.truth import GroundTruth

Answers = Mapping[str, Sequence[Found]]
KUATO, HASHES = "Kuato", "Kuato without local features"
PEERS = {"pdq-31": "PDQ <= 31", "phash-10": "pHash <= 10", "douglas-quaid": "Douglas-Quaid's default rule"}
SIMPLE = {"PDQ <= 31": ("pdq", 31 / 256), "pHash <= 10": ("phash", 10 / 64)}
FIGURES = (
    "base_yes",
    "base_any",
    "precision_yes",
    "precision_base",
    "lone_yes_per_1000",
    "review_load",
    "top1",
    "uap",
    "recall_at_90_precision",
)
HEADS = (
    "YES",
    "YES or MAYBE",
    "YES right",
    "right among originals",
    "wrong YES / 1,000 lone",
    "wrong MAYBE / query",
    "first right",
    "uAP",
    "recall at 90 %",
)
MARK, END = "<!-- measured -->\n", "<!-- end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--ground-truth", type=Path, help="by default ground_truth.json in or beside the pictures, else their subfolders")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth cluster and single picture")
    parser.add_argument("--algorithms", help="only these, with commas between (default: all that are registered)")
    parser.add_argument("--config", type=Path, help="a settings file other than the defaults")
    parser.add_argument("--seed", type=int, default=1, help="of the random names")
    parser.add_argument("--write", type=Path, metavar="PAGE", help=f"put the tables into this page, between {MARK.strip()} and {END}")
    args = parser.parse_args()
    files, truth = anonymous(args.images, args.ground_truth or located(args.images), args.seed, args.every)
    wanted = args.algorithms.split(",") if args.algorithms else None
    with tempfile.TemporaryDirectory() as data:
        settings = Settings.load(args.config, environ={"KUATO_CONFIG": os.devnull}, overrides={"data.dir": data})
        try:
            text = tables(measured(files, truth, settings, wanted), truth)
        finally:
            EmbeddedRedis(Path(data)).stop()
    print(text)
    if args.write:
        put(args.write, text)


def anonymous(images: Path, ground_truth: Path, seed: int, every: int = 1) -> tuple[dict[str, Path], GroundTruth]:
    """Return the pictures and their labels under random names; of every so many clusters and single pictures one."""
    labelled = read(images, ground_truth)
    clusters = list(labelled.truth.clusters.values())[::every]
    truth = labelled.truth.only([*(name for members in clusters for name in members), *labelled.truth.singles[::every]])
    chance = random.Random(seed)
    names = {name: f"{chance.getrandbits(64):016x}" for name in truth.names}
    files = {names[name]: labelled.path_of[name] for name in truth.names}
    return {name: files[name] for name in sorted(files)}, truth.renamed(names)


def measured(files: Mapping[str, Path], truth: GroundTruth, settings: Settings, wanted: Sequence[str] | None = None) -> dict[str, Answers]:
    """Return what each method answered to each picture: name of the method -> picture -> answers."""
    names = list(wanted or usable(settings))
    enabled = list(loaded(settings))
    every = settings.with_overrides({"fingerprints.enabled": list(dict.fromkeys([*names, *enabled, *(n for n, _ in SIMPLE.values())]))})
    algorithms = loaded(every)
    known = step("fingerprints of all algorithms", lambda: fingerprinted(files, every))
    kuato = step(KUATO, lambda: trial(files, settings, known=known))
    small = [name for name in enabled if not algorithms[name].large]
    hashes = step(HASHES, lambda: trial(files, settings.with_overrides({"fingerprints.enabled": small}), known=known))
    found: dict[str, Answers] = {KUATO: kuato.answers, HASHES: hashes.answers}
    found |= of_peers(files)
    for title, (name, bound) in SIMPLE.items():
        if title not in found:
            found[title] = step(title, lambda name=name, bound=bound: within(known, algorithms[name], bound))
    found |= step("each algorithm alone", lambda: alone(known, kuato.answers, algorithms, kuato.rules, truth, names))
    return found


def loaded(settings: Settings) -> Mapping[str, Fingerprint]:
    with Matcher.open(settings) as matcher:
        return matcher.algorithms


def usable(settings: Settings) -> list[str]:
    """Return the algorithms that work here: one that needs a model or a program which is not there is left out."""
    found = []
    for name in registry.available():
        try:
            loaded(settings.with_overrides({"fingerprints.enabled": [name]}))
        except KuatoError as error:
            print(f"left out: {error}")
            continue
        found.append(name)
    return found


def step(title: str, work: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    done = work()
    print(f"{title}: {time.perf_counter() - started:.0f} s", flush=True)
    return done


def of_peers(files: Mapping[str, Path]) -> dict[str, Answers]:
    """Return what the peers of benchmarks/peers.py answer, by their own hashes; nothing where it is not there."""
    try:
        import peers  # beside this script
    except ImportError as error:
        print(f"no peers: {error}")
        return {}
    names = {path: name for name, path in files.items()}
    found: dict[str, Answers] = {}
    with ProcessPoolExecutor() as pool:
        pictures = step("what the peers see", lambda: peers.seen(files.values(), pool))
        called = [names[picture.path] for picture in pictures]
        for name, rule in peers.peers(pool).items():
            answers = step(name, lambda rule=rule: rule(pictures))
            found[PEERS.get(name, name)] = {
                called[n]: [Found(called[one.other], Decision(one.decision), one.distance) for one in sorted(some, key=order)]
                for n, some in answers.items()
            }
    return found


def order(one: Any) -> tuple[int, float]:
    """Return by what the answers of a peer are sorted."""
    return Decision(one.decision).rank, one.distance


def within(known: Mapping[str, Query], algorithm: Fingerprint, bound: float) -> Answers:
    """Return YES for whatever lies within a distance of each picture as it is, the nearest first."""
    having = {
        name: query.values[algorithm.name]
        for name, query in known.items()
        if isinstance(query, Fingerprints)
        if algorithm.name in query.values
    }
    names, values = list(having), list(having.values())
    found = {}
    for name, value in having.items():
        distances = algorithm.distance(value, values)
        near = [n for n in np.flatnonzero(distances <= bound).tolist() if names[n] != name]
        found[name] = [Found(names[n], Decision.YES, float(distances[n])) for n in sorted(near, key=lambda n: distances[n])]
    return found


def alone(
    known: Mapping[str, Query],
    answers: Mapping[str, tuple[Found, ...]],
    algorithms: Mapping[str, Fingerprint],
    rules: Rules,
    truth: GroundTruth,
    wanted: Sequence[str],
) -> dict[str, Answers]:
    """Return what each algorithm would answer by itself, compared with every picture in all its views."""
    pairs = Pairs(Trial(known, answers, algorithms, rules), truth)
    likely = {name: max(rules.bounds(name)[1], 0.0) or 1.0 for name in algorithms}
    near: dict[str, dict[str, list[tuple[float, str]]]] = {name: {} for name in algorithms}

    def listen(algorithm: str, number: int, others: np.ndarray, distances: np.ndarray) -> None:
        # Without bounds of its own an algorithm keeps its nearest fifty, until its threshold is known.
        kept = np.flatnonzero(np.isfinite(distances) & (distances <= likely[algorithm]) & (others != number))
        if rules.bounds(algorithm)[1] < 0:
            kept = kept[np.argsort(distances[kept])[:50]]
        row = near[algorithm].setdefault(pairs.names[number], [])
        row += [(float(distances[n]), pairs.names[others[n]]) for n in kept.tolist()]

    spreads = pairs.spreads(listener=listen)
    found: dict[str, Answers] = {}
    for name in wanted:
        title, yes, maybe = bounds(name, rules, spreads[name])
        found[title] = {
            query: [Found(other, Decision.YES if d <= yes else Decision.MAYBE, d) for d, other in sorted(row) if d <= maybe]
            for query, row in near[name].items()
        }
    return found


def bounds(name: str, rules: Rules, spread: Spread) -> tuple[str, float, float]:
    """Return the title, the YES and the MAYBE distance of an algorithm alone."""
    yes, maybe = rules.bounds(name)
    if maybe >= 0:
        return f"{name} alone", yes, maybe
    best = spread.best().threshold
    return f"{name} alone (best F1: {best:.3f})", best, best


def tables(found: Mapping[str, Answers], truth: GroundTruth) -> str:
    """Return the tables in Markdown: all methods, then what the first of them find of each variant."""
    lines = [f"{len(truth.names):,} pictures, {len(truth.clusters)} clusters, {len(truth.lone):,} pictures that match nothing.", ""]
    lines += [f"| | {' | '.join(HEADS)} |", "|---|" + "---|" * len(HEADS)]
    scores = {}
    for name, answers in found.items():
        kept = {query: tuple(answers.get(query, ())) for query in truth.names}
        scores[name] = Scorer(truth).scores(kept)["rows"]
        figures = side(Trial(dict.fromkeys(truth.names), kept, {}, Rules({})), truth)  # type: ignore[arg-type]
        lines.append(f"| {name} | " + " | ".join(shown(figures[key]) for key in FIGURES) + " |")
    columns = [name for name in found if not name.partition(" alone")[1]]
    lines += ["", "Share of the variants by which the original was found, YES / YES or MAYBE:", ""]
    lines += [f"| variant | n | {' | '.join(columns)} |", "|---|---|" + "---|" * len(columns)]
    for row in sorted({row for one in scores.values() for row in one}):
        cells = [f"{shown(scores[name][row]['yes'])} / {shown(scores[name][row]['any'])}" for name in columns]
        lines.append(f"| {row} | {scores[columns[0]][row]['n']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def shown(value: float | None) -> str:
    if value is None:
        return "-"
    digits = 4 if 0.99 <= value < 1 else 3
    return f"{value:.{digits}f}" if value % 1 else f"{value:.0f}"


def put(page: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    before, mark, rest = page.read_text().partition(MARK)
    if not mark or END not in rest:
        raise SystemExit(f"{page} has no {MARK.strip()} with {END} after it")
    page.write_text(before + mark + text + rest[rest.index(END) :])


if __name__ == "__main__":
    main()
