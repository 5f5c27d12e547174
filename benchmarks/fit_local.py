"""Finds the weights by which local features say how surely two pictures show the same.

    python benchmarks/fit_local.py IMAGES GROUND_TRUTH [IMAGES GROUND_TRUTH ..] [--counts 1 --counts 0.4]
        [--answers PREDICTIONS.jsonl ..]

Two logistic regressions on what alignments tell: of each variant with its original, of look-alikes, of wrong answers of `kuato evaluate` on
the folders where they are given, and of pictures drawn by chance. Each folder counts as `--counts` has it, and in it the pairs that belong
together as much as those that do not; for the second one, `--part sameness`, those that do not ten times as much on all folders but the
first. Writes the numbers of one of the two into matcher/likelihood.py, and prints for some bounds what they would find and how often they
would be wrong.
"""

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from textwrap import fill, indent

import numpy as np
from numpy.typing import NDArray

from matcher import likelihood
from matcher.alignment import HOPELESS
from matcher.decode import Limits
from matcher.errors import BadPicture
from matcher.extraction import extract
from matcher.fingerprints.local import Local
from matcher.labelled import read_file
from matcher.likelihood import products, standardised, strength, tells, tells_more
from matcher.match import Alignment
from matcher.truth import GroundTruth

Floats = NDArray[np.float64]
Telling = Callable[[Alignment], tuple[float, ...]]
MOST_ALIKE, BY_CHANCE, ROUNDS = 5000, 1500, 40
RIDGE = {"strength": 1.0, "sameness": 10.0}
# How much more a wrong answer costs on pages that look alike on purpose.
DEARER = 10.0
LOCAL = Local()
WIDTH = 140  # of a line of code
MODULE = Path(likelihood.__file__)


def fingerprints(images: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Return the local features of those pictures that have some."""
    found = {}
    for name in names:
        try:
            values = extract((images / name).read_bytes(), {"local": LOCAL}, Limits(), name=name).values
        except BadPicture:
            continue
        found |= {name: values["local"]} if "local" in values else {}
    return found


def pairs(truth: GroundTruth, names: Sequence[str], answered: Path | None, chance: random.Random) -> Iterator[tuple[str, str, bool]]:
    """Yield variants with their originals, look-alikes, and others."""
    for first, *others in truth.clusters.values():
        yield from ((other, first, True) for other in others)
    alike = sorted({pair for group in truth.lookalikes for pair in combinations(sorted(group.files), 2)})
    drawn = (tuple(chance.sample(names, 2)) for _ in range(BY_CHANCE))
    answers = [json.loads(line) for line in answered.read_text().splitlines()] if answered else []
    known = {(answer["query"], match["file"]) for answer in answers for match in answer.get("matches", ())}
    for a, b in (*chance.sample(alike, min(MOST_ALIKE, len(alike))), *sorted(known), *drawn):
        if not truth.same(a, b):
            yield a, b, False


def measured(images: Path, truth: GroundTruth, answered: Path | None, telling: Telling) -> tuple[Floats, NDArray[np.bool_]]:
    """Return what the alignments of a folder tell, (pairs, n), and which pairs belong together, (pairs,)."""
    prints = fingerprints(images, truth.names)
    rows, same = [], []
    for a, b, belong in pairs(truth, list(truth.names), answered, random.Random(1)):
        found = LOCAL.align(prints[a], prints[b]) if a in prints and b in prints and not truth.skipped(a, b) else None
        if found is not None and (telling is tells or strength(found) >= HOPELESS):
            rows.append(telling(found))
            same.append(belong)
    return np.array(rows), np.array(same)


def fitted(told: Floats, same: NDArray[np.bool_], weight: Floats, ridge: float) -> Floats:
    """Return the weights that make `same` likeliest, by Newton's method with a ridge of `ridge` on all but the first."""
    found, penalty = np.zeros(told.shape[1]), np.eye(told.shape[1]) * ridge
    penalty[0, 0] = 0
    for _ in range(ROUNDS):
        sure = 1 / (1 + np.exp(-np.clip(told @ found, -30, 30)))
        slope = told.T @ (weight * (same - sure)) - penalty @ found
        bend = (told * (weight * sure * (1 - sure))[:, None]).T @ told + penalty
        found += np.linalg.solve(bend, slope)
    return found


def write(numbers: dict[str, Floats]) -> None:
    """Put numbers in place of those that matcher/likelihood.py has under these names."""
    text = MODULE.read_text()
    for name, values in numbers.items():
        told = ", ".join(f"{value:.4g}" for value in values.tolist())
        value = f"({told})" if len(told) < WIDTH - 20 else "(\n" + indent(fill(f"{told},", WIDTH - 4), "    ") + "\n)"
        text = re.sub(rf"^{name} = \([^()]*\)$", f"{name} = {value}", text, count=1, flags=re.M)
    MODULE.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="IMAGES GROUND_TRUTH")
    parser.add_argument("--part", choices=("strength", "sameness"), required=True, help="which of the two")
    parser.add_argument("--counts", action="append", type=float, default=[], help="how much a folder counts, in turn; default 1")
    parser.add_argument("--answers", action="append", type=Path, default=[], help="predictions of `kuato evaluate` for a folder, in turn")
    arguments = parser.parse_args()
    given, plain = arguments.folders, arguments.part == "strength"
    if len(given) % 2:
        parser.error("give a ground truth after each folder of images")
    counts = [*arguments.counts, *[1.0] * len(given)]
    answers = [*arguments.answers, *[None] * len(given)]
    folders = zip(given[::2], given[1::2], answers, strict=False)
    sets = [measured(images, read_file(truth), answered, tells if plain else tells_more) for images, truth, answered in folders]
    told, same = (np.concatenate(parts) for parts in zip(*sets, strict=True))
    shares = [
        count * np.where(belong, 1 / belong.sum(), (DEARER if n and not plain else 1) / (~belong).sum())
        for n, (count, (_, belong)) in enumerate(zip(counts, sets, strict=False))
    ]
    weight = np.concatenate(shares) * len(same) / sum(share.sum() for share in shares)
    means, spreads = (np.zeros(told.shape[1]), np.ones(told.shape[1])) if plain else (told.mean(axis=0), told.std(axis=0))

    def prepared(told: Floats) -> Floats:
        return np.insert(told, 0, 1.0, axis=1) if plain else products(standardised(told, means, spreads))

    weights = fitted(prepared(told), same, weight, RIDGE[arguments.part])
    if plain:
        write({"ODDS": weights})
    else:
        write({"MEANS": means, "SPREADS": spreads, "WEIGHTS": weights})
    for images, (told, same) in zip(given[::2], sets, strict=True):
        distance = 1 / (1 + np.exp(prepared(told) @ weights))
        for bound in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
            near = distance <= bound
            print(f"{images}: within {bound}: {(near & same).sum()} of {same.sum()} that belong together, {(near & ~same).sum()} others")


if __name__ == "__main__":
    main()
