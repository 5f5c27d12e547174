"""Calibration on known pictures: labels that people gave in the store, and the fingerprints that are kept there; no file is read.

Mirrored and turned copies look different here, as only a picture itself tells how it looks turned.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matcher.calibration.calibrate import Calibration, Plan, conclude
from matcher.calibration.pairs import Pairs, compare
from matcher.calibration.reviews import groups
from matcher.calibration.thresholds import Targets
from matcher.calibration.writing import rewritten
from matcher.engine import Matcher
from matcher.errors import BadRequest
from matcher.labelling import Labelling, Labellings
from matcher.reviews import Review, Verdict
from matcher.settings import Settings, config_dir

Pair = tuple[str, str]
# Pairs of each kind that are compared for whoever waits for the answer, and reviews that are looked at for it, the latest.
SOME_PAIRS = 400
_MOST_REVIEWS = 5000


@dataclass(frozen=True)
class Labels:
    """Labelled pairs of known pictures, by SHA-256, the lesser first. same: whether they belong together.

    settled: pairs of which reviews and labellings said different things: the review holds, or else that they are different.
    """

    same: dict[Pair, bool]
    settled: tuple[Pair, ...] = ()

    @property
    def together(self) -> int:
        """How many pairs belong together."""
        return sum(self.same.values())

    @property
    def pictures(self) -> tuple[str, ...]:
        """The pictures in the pairs."""
        return tuple(dict.fromkeys(name for pair in self.same for name in pair))


def labels_of(labellings: Iterable[Labelling], reviews: Iterable[Review] = ()) -> Labels:
    """Return what people said of pairs of pictures."""
    same: dict[Pair, bool] = {}
    settled: dict[Pair, None] = {}
    for labelling in labellings:
        for a, b, together in labelling.truth().pairs():
            pair = (min(a, b), max(a, b))
            if same.setdefault(pair, together) != together:
                same[pair] = False
                settled[pair] = None
    for review in reviews:
        together = review.verdict is Verdict.SAME
        if same.get((review.a, review.b), together) != together:
            settled[review.a, review.b] = None
        same[review.a, review.b] = together
    return Labels(same, tuple(settled))


def labels_in(matcher: Matcher, labellings: Iterable[str], reviews: bool = True) -> Labels:
    """Return what people said in labellings, by their ids, and in reviews. Raises NotFound for a labelling that is not there."""
    kept = Labellings(matcher.collection.store)
    latest = sorted(matcher.collection.reviews.all(), key=lambda one: -one.when)[:_MOST_REVIEWS] if reviews else []
    return labels_of([kept.get(id) for id in labellings], latest)


def compared(
    matcher: Matcher, labels: Labels, most: int = 2000, seed: int = 1, progress: Callable[[int], None] = lambda done: None
) -> Pairs:
    """Return the evidence of labelled pairs, by the same code as a search; those of pictures that are no longer known are left out.

    most: pairs of each kind; of more, so many are drawn. A pair takes a few milliseconds. progress: told how many are done.
    Raises BadRequest where not both kinds of pairs are left.
    """
    known = {record.sha256: record for record in map(matcher.collection.known, labels.pictures) if record is not None}
    there = {pair: same for pair, same in labels.same.items() if known.keys() >= set(pair)}
    chosen = [(*pair, kind) for kind in (True, False) for pair in _some([pair for pair, same in there.items() if same is kind], most, seed)]
    if len({kind for _, _, kind in chosen}) < 2:
        missing = "belong together" if not any(kind for _, _, kind in chosen) else "are different"
        raise BadRequest(f"no two known pictures are labelled that {missing}; label more, or review more pairs")
    names = dict.fromkeys(name for a, b, _ in chosen for name in (a, b))
    pictures = {name: matcher.as_query(known[name]) for name in names}
    return Pairs(tuple(compare(pictures, chosen, matcher.algorithms, matcher.rules, progress)), groups(chosen))


def calibrated(matcher: Matcher, pairs: Pairs, targets: Targets, plan: Plan) -> Calibration:
    """Return the bounds that compared pairs lead to, as `kuato calibrate` finds them."""
    return conclude(pairs, matcher.rules, targets, plan, pictures=len(pairs.group_of))


def rules_with(matcher: Matcher, settings: Settings, pairs: Pairs, bounds: Mapping[str, float], how: str) -> str:
    """Return the rules file in force with other bounds in it, "algorithm.yes" or "algorithm.maybe" to a distance.

    pairs: on which these were found; bounds of other algorithms are left out. how: how they were found, which the file tells.
    """
    names = {key.rpartition(".")[0] for key in bounds} & set(pairs.algorithms)
    now = {name: matcher.rules.bounds(name) for name in names}
    new = {name: (bounds.get(f"{name}.yes", now[name][0]), bounds.get(f"{name}.maybe", now[name][1])) for name in names}
    head = [f"{how[:1].upper()}{how[1:]}, on {len(pairs)} labelled pairs of {len(pairs.group_of)} pictures."]
    base = settings["decision.rules"] or config_dir() / "decision.toml"
    return rewritten(base.read_text(encoding="utf-8"), new, dict.fromkeys(new, how), head)


def _some(pairs: Sequence[Pair], most: int, seed: int) -> list[Pair]:
    if len(pairs) <= most:
        return list(pairs)
    chosen = np.random.default_rng(seed).choice(len(pairs), most, replace=False)
    return [pairs[n] for n in sorted(chosen.tolist())]
