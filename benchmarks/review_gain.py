"""What thirty reviewed pairs are worth: what still waits for a person, and what the drawn-in MAYBE bounds do to pictures nobody reviewed.

    python benchmarks/review_gain.py --images DIR --truth ground_truth.json [--pictures 1500] [--reviews 30] [--draws 3] [--keep FILE]

Whole families of pictures (clusters with what is easily confused with them) are drawn; each picture is searched among those before it.
A YES ties two pictures; pairs that are a MAYBE and not in one cluster wait, in the order of the review page. So many are judged, one after
the other, as the ground truth says, and each confirmed one ties its two clusters; then the MAYBE bounds are drawn in by what was judged
(`matcher/calibration/narrowing.py`). Counted are the pairs that wait, before and after; and on pairs of which neither picture was
reviewed: MAYBE, wrong YES, and pairs that belong together and were found, by the old bounds and by the new.

--draws: other orders, at random, to tell chance. --keep: keeps the compared pairs there, and reads them again. Exits with 1 where what
waits shrinks by less than a third, or a wrong YES is new.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Mapping
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
from matcher.errors import BadRequest
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


class Ties:
    """Which pictures are in one cluster."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def root(self, name: str) -> str:
        while (above := self._above.setdefault(name, name)) != name:
            name = above
        return name

    def tie(self, a: str, b: str) -> None:
        self._above[self.root(a)] = self.root(b)

    def tied(self, pair: Pair) -> bool:
        return self.root(pair.a) == self.root(pair.b)


def waiting(pairs: Pairs, said: list[Decision], ties: Ties, reviewed: set[tuple[str, str]]) -> list[Pair]:
    """Return the pairs that wait for a person."""
    found = zip(pairs.pairs, said, strict=True)
    return [pair for pair, one in found if one is Decision.MAYBE and not ties.tied(pair) and (pair.a, pair.b) not in reviewed]


def gain(pairs: Pairs, rules: Rules, count: int, order: Callable[[Pair], float]) -> dict[str, object]:
    """Return what reviewing so many pairs, the highest by `order` first, changes."""
    said, ties = decisions(pairs, rules, {}), Ties()
    for pair, one in zip(pairs.pairs, said, strict=True):
        if one is Decision.YES:
            ties.tie(pair.a, pair.b)
    judged: dict[tuple[str, str], Pair] = {}
    before = waiting(pairs, said, ties, set())
    while len(judged) < count and (left := waiting(pairs, said, ties, set(judged))):
        pair = max(left, key=order)
        judged[pair.a, pair.b] = pair
        if pair.same:
            ties.tie(pair.a, pair.b)
    settled = waiting(pairs, said, ties, set(judged))
    try:
        bounds = narrowed(Pairs(tuple(judged.values()), pairs.group_of), rules).bounds
    except BadRequest:  # too few
        bounds = {}
    after = waiting(pairs, decisions(pairs, rules, bounds), ties, set(judged))
    return {
        "reviewed": len(judged),
        "rejected": sum(not pair.same for pair in judged.values()),
        "waiting_before": len(before),
        "waiting_after_reviews": len(settled),
        "waiting_after_bounds": len(after),
        "shrunk": round(1 - len(after) / len(before), 3) if before else None,
        "bounds": {name: round(bound, 4) for name, bound in bounds.items()},
        "unseen": unseen(pairs, rules, bounds, {name for pair in judged.values() for name in (pair.a, pair.b)}),
    }


def unseen(pairs: Pairs, rules: Rules, bounds: Mapping[str, float], seen: set[str]) -> dict[str, list[int]]:
    """Return figures before and after on pairs of which neither picture was reviewed."""
    rest = Pairs(tuple(pair for pair in pairs.pairs if not {pair.a, pair.b} & seen), pairs.group_of)
    both = [list(zip(decisions(rest, rules, each), rest.pairs, strict=True)) for each in ({}, bounds)]
    return {
        "maybe": [sum(one is Decision.MAYBE for one, _ in said) for said in both],
        "wrong_maybe": [sum(one is Decision.MAYBE and not pair.same for one, pair in said) for said in both],
        "wrong_yes": [sum(one is Decision.YES and not pair.same for one, pair in said) for said in both],
        "found": [sum(one is not Decision.NO and pair.same for one, pair in said) for said in both],
    }


def told(step: str, done: int, total: int) -> None:
    if sys.stderr.isatty() or done % 100 == 0:
        print(f"{step} {done}/{total}", file=sys.stderr, end="\r" if sys.stderr.isatty() else "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=1500)
    parser.add_argument("--reviews", type=int, default=30)
    parser.add_argument("--draws", type=int, default=3)
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
    first = gain(pairs, rules, args.reviews, useful)
    print(json.dumps({"order": "as the page", **first}), flush=True)
    for draw in range(1, args.draws + 1):
        dice = random.Random(draw)
        lots = {id(pair): dice.random() for pair in pairs.pairs}
        print(
            json.dumps({"order": f"at random, {draw}", **gain(pairs, rules, args.reviews, lambda pair, lots=lots: lots[id(pair)])}),
            flush=True,
        )
    before, after = cast(dict[str, list[int]], first["unseen"])["wrong_yes"]
    return int(after > before or cast(float, first["shrunk"] or 0) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
