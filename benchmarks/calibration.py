"""Bounds from sixty pictures of one half of a labelled set, checked on the other half: how near the accepted rate of false positives is.

    python benchmarks/calibration.py --images DIR --truth ground_truth.json [--splits 3] [--checked 120] [--json]

Clusters are split into halves at random. The sixty are three pictures of each of ten clusters, and thirty others; the pictures checked are
drawn from the other half alike, and all their pairs are compared. Prints for each split and accepted rate the rate found there,
and what became of the pairs that belong together.
"""

import argparse
import json
import random
import sys
from pathlib import Path

from matcher.calibration.calibrate import fingerprinted
from matcher.calibration.fit import FUSED, fit
from matcher.calibration.outcome import outcomes
from matcher.calibration.pairs import Pairs, compare
from matcher.calibration.thresholds import Targets
from matcher.decision import Rules
from matcher.extraction import Fingerprints
from matcher.fingerprints import registry
from matcher.labelled import read
from matcher.settings import Settings
from matcher.truth import GroundTruth

OF_A_CLUSTER = 3
RATES = (0.01, 0.03, 0.1)
MISSED = 0.1


def halves(truth: GroundTruth, dice: random.Random) -> tuple[GroundTruth, GroundTruth]:
    """Return the truth of either half; clusters stay whole."""
    groups = [*truth.clusters.values(), *((name,) for name in truth.singles)]
    dice.shuffle(groups)
    middle = len(groups) // 2
    first, second = ([name for group in part for name in group] for part in (groups[:middle], groups[middle:]))
    return truth.only(first), truth.only(second)


def drawn(truth: GroundTruth, count: int, dice: random.Random) -> GroundTruth:
    """Return the truth of `count` pictures: one half in clusters of three, one half that belong to no other."""
    clusters = [names for names in truth.clusters.values() if len(names) >= OF_A_CLUSTER]
    chosen = [name for names in dice.sample(clusters, count // 2 // OF_A_CLUSTER) for name in dice.sample(names, OF_A_CLUSTER)]
    return truth.only([*chosen, *dice.sample(truth.singles, count - len(chosen))])


def pairs_of(truth: GroundTruth, pictures: dict[str, Fingerprints], settings: Settings) -> Pairs:
    algorithms = registry.load(settings["fingerprints.enabled"] or None)
    labels = [(a, b, same) for a, b, same in truth.pairs() if a in pictures and b in pictures]
    group_of = {name: truth.cluster_of.get(name, name) for name in truth.names}
    return Pairs(tuple(compare(pictures, labels, algorithms, Rules.load(settings["decision.rules"] or None))), group_of)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--checked", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print one JSON document a line")
    args = parser.parse_args()
    settings, labelled = Settings.load(environ={}), read(args.images, args.truth)
    rules = Rules.load(settings["decision.rules"] or None)
    if not args.json:
        print("| split | accepted | wrong YES | by the accepted | right: YES or MAYBE | different ones with a MAYBE |")
        print("|---|---|---|---|---|---|")
    worst = 0.0
    for split in range(1, args.splits + 1):
        dice = random.Random(split)
        ours, others = halves(labelled.truth, dice)
        used, checked = drawn(ours, args.pictures, dice), drawn(others, args.checked, dice)
        pictures, _ = fingerprinted({name: labelled.path_of[name] for name in (*used.names, *checked.names)}, settings)
        made, held = pairs_of(used, pictures, settings), pairs_of(checked, pictures, settings)
        for rate in RATES:
            found = fit(made, rules, Targets(rate, MISSED))
            worth = outcomes(held, rules, found)
            fused = worth[FUSED]
            ratio = fused.false_positive.value / rate
            worst = max(worst, ratio)
            row = {
                "split": split,
                "accepted": rate,
                "pairs_used": len(made),
                "pairs_checked": len(held),
                "false_positive_rate": fused.false_positive.value,
                "ratio": ratio,
                "false_negative_rate": fused.false_negative.value,
                "review_rate": fused.review.value,
                "alone": {name: one.false_positive.value / rate for name, one in worth.items() if name != FUSED},
            }
            if args.json:
                print(json.dumps(row), flush=True)
            else:
                print(
                    f"| {split} | {rate:.3f} | {fused.false_positive} of {fused.false_positive.rate.pairs} | {ratio:.2f} | "
                    f"{1 - fused.false_negative.value:.3f} | {fused.review.value:.3f} |",
                    flush=True,
                )
    print(f"worst: {worst:.2f} times the accepted rate", file=sys.stderr)


if __name__ == "__main__":
    main()
