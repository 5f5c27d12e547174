"""What thirty reviewed pairs are worth: MAYBE among pictures that nobody reviewed, before and after the MAYBE bounds are drawn in.

    python benchmarks/review_gain.py --images DIR --truth ground_truth.json [--pictures 800] [--reviews 30] [--draws 5] [--keep FILE]

Whole families of pictures (clusters with what is easily confused with them) are drawn; each picture is searched among those before it.
The pairs that are a MAYBE are put in the order of the review page; the first so many are judged as the ground truth says, and the bounds
drawn in by them (`matcher/calibration/narrowing.py`). What that does is counted on pairs of which neither picture was reviewed: MAYBE,
wrong YES, and pairs that belong together and are a NO now. --draws: with other pairs reviewed, at random among the MAYBE, to tell chance.
--keep: keeps the compared pairs there, and reads them again. Exits with 1 where MAYBE shrinks by less than a third, or a wrong YES is new.
"""

import argparse
import json
import random
import sys
from pathlib import Path
from typing import cast

from matcher.calibration.calibrate import fingerprinted
from matcher.calibration.fused import decisions
from matcher.calibration.keeping import packed, unpacked
from matcher.calibration.narrowing import narrowed
from matcher.calibration.pairs import Pair, Pairs
from matcher.collection import Collection
from matcher.decision import Rules
from matcher.duplicates import Shelf
from matcher.fingerprints import registry
from matcher.labelled import Labelled, read
from matcher.match import Decision
from matcher.search import Scope, Search
from matcher.settings import Settings

MATCHES = 50
WANTED = 1 / 3


def drawn(labelled: Labelled, count: int, seed: int) -> list[str]:
    """Return about so many pictures, in whole families."""
    families = list(labelled.truth.families.values())
    random.Random(seed).shuffle(families)
    names: list[str] = []
    for family in families:
        if len(names) + len(family) <= count:
            names += family
    return names


def found(labelled: Labelled, names: list[str], settings: Settings) -> Pairs:
    """Return what searches find, as pairs with their evidence; those that the ground truth leaves open are left out."""
    algorithms = registry.load(settings["fingerprints.enabled"] or None, settings)
    pictures, _ = fingerprinted({name: labelled.path_of[name] for name in names}, settings, told)
    shelf = Shelf(algorithms)
    search = Search(cast(Collection, shelf), algorithms, Rules.load(settings["decision.rules"] or None))
    name_of: dict[str, str] = {}
    pairs = []
    for name, picture in pictures.items():
        if picture.sha256 in name_of:
            continue
        for match in search.answer(picture, Scope(MATCHES)).matches:
            other = name_of[match.picture.sha256]
            if not labelled.truth.skipped(name, other):
                pairs.append(Pair(name, other, labelled.truth.same(name, other), match.evidence))
        shelf.put(picture)
        name_of[picture.sha256] = name
        told("search", len(name_of), len(pictures))
    return Pairs(tuple(pairs), {name: labelled.truth.cluster_of.get(name, name) for name in names})


def useful(pair: Pair) -> float:
    """How useful a verdict is, as `matcher/doubts.py` has it for pictures that are in no cluster and no bank."""
    near = [min(1.0, one.threshold / one.distance) if one.distance > 0 else 1.0 for one in pair.evidence if one.threshold > 0]
    return max(near, default=0.0)


def gain(pairs: Pairs, rules: Rules, reviewed: list[Pair]) -> dict[str, object]:
    """Return what reviewing these pairs changes among the pictures that were not reviewed."""
    made = narrowed(Pairs(tuple(reviewed), pairs.group_of), rules)
    seen = {name for pair in reviewed for name in (pair.a, pair.b)}
    rest = Pairs(tuple(pair for pair in pairs.pairs if not {pair.a, pair.b} & seen), pairs.group_of)
    before, after = decisions(rest, rules, {}), decisions(rest, rules, made.bounds)
    maybe = [said.count(Decision.MAYBE) for said in (before, after)]
    wrong = [sum(one is Decision.YES and not pair.same for one, pair in zip(said, rest.pairs, strict=True)) for said in (before, after)]
    right = [sum(one is not Decision.NO and pair.same for one, pair in zip(said, rest.pairs, strict=True)) for said in (before, after)]
    return {
        "reviewed": len(reviewed),
        "rejected": sum(not pair.same for pair in reviewed),
        "maybe_before": maybe[0],
        "maybe_after": maybe[1],
        "shrunk": round(1 - maybe[1] / maybe[0], 3) if maybe[0] else None,
        "wrong_yes_before": wrong[0],
        "wrong_yes_after": wrong[1],
        "found_before": right[0],
        "found_after": right[1],
        "bounds": {name: round(bound, 4) for name, bound in made.bounds.items()},
    }


def told(step: str, done: int, total: int) -> None:
    if sys.stderr.isatty() or done % 100 == 0:
        print(f"{step} {done}/{total}", file=sys.stderr, end="\r" if sys.stderr.isatty() else "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=800)
    parser.add_argument("--reviews", type=int, default=30)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    settings = Settings.load(environ={})
    rules = Rules.load(settings["decision.rules"] or None)
    if args.keep and args.keep.is_file():
        pairs = unpacked(args.keep.read_bytes())
    else:
        labelled = read(args.images, args.truth)
        pairs = found(labelled, drawn(labelled, args.pictures, args.seed), settings)
        if args.keep:
            args.keep.write_bytes(packed(pairs))
    open_pairs = [pair for pair, said in zip(pairs.pairs, decisions(pairs, rules, {}), strict=True) if said is Decision.MAYBE]
    first = gain(pairs, rules, sorted(open_pairs, key=useful, reverse=True)[: args.reviews])
    print(json.dumps({"order": "as the page", **first}), flush=True)
    for draw in range(1, args.draws + 1):
        some = random.Random(draw).sample(open_pairs, min(args.reviews, len(open_pairs)))
        print(json.dumps({"order": f"at random, {draw}", **gain(pairs, rules, some)}), flush=True)
    worse = cast(int, first["wrong_yes_after"]) > cast(int, first["wrong_yes_before"])
    return int(worse or cast(float, first["shrunk"] or 0) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
