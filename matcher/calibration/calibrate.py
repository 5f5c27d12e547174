"""The calibration: fingerprints of labelled pictures, all their pairs, bounds, and what these are worth on pictures not used."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matcher.calibration import reviews
from matcher.calibration.fit import FUSED, Fit, fit
from matcher.calibration.outcome import Outcome, cross_checked, decided, folded, outcomes
from matcher.calibration.pairs import Pairs, compare
from matcher.calibration.reviews import Review
from matcher.calibration.thresholds import Targets
from matcher.decision import Rules
from matcher.errors import BadPicture, BadRequest
from matcher.extraction import Fingerprints
from matcher.fingerprints import registry
from matcher.labelled import Labelled, pictures_of
from matcher.pool import WorkerPool
from matcher.settings import Settings

Progress = Callable[[str, int, int], None]
_FEW_SAME = 10
_FEW_WRONG = 3


@dataclass(frozen=True)
class Plan:
    """How bounds are checked on pictures they were not made from.

    folds: into how many parts the clusters go, of which each is judged by the bounds of the others; rounds: how often, each time by other
    parts. hold_out: in place of that, the share of the clusters that is not used but for the check. seed: of all that is drawn.
    most: different pairs that are compared; of more, so many are drawn.
    """

    folds: int = 3
    rounds: int = 3
    hold_out: float | None = None
    seed: int = 1
    most: int = 50_000


@dataclass(frozen=True)
class Calibration:
    """What was found. refused: pictures that cannot be decoded. used: the pairs the bounds are made from.

    on_used, on_unseen: algorithm, or FUSED -> what the bounds are worth on the pairs they were made from, and on others; the latter
    is empty where there were too few. warnings: what whoever uses the bounds should know, in words.
    """

    targets: Targets
    plan: Plan
    pictures: int
    refused: tuple[str, ...]
    used: Pairs
    found: Fit
    on_used: Mapping[str, Outcome]
    on_unseen: Mapping[str, Outcome]
    warnings: tuple[str, ...]

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """YES and MAYBE distance of each algorithm, with which the rule keeps to the targets."""
        of = self.found.fused.bounds
        return {name: (of[f"{name}.yes"], of[f"{name}.maybe"]) for name in self.found.alone}


def calibrate(
    images: Path,
    labelled: Labelled,
    targets: Targets,
    settings: Settings,
    reviewed: Sequence[Review] = (),
    plan: Plan = Plan(),
    progress: Progress = lambda step, done, total: None,
) -> Calibration:
    """Return bounds for the enabled algorithms and the rule of the settings, from the pictures of a folder.

    reviewed: pairs that a person judged besides. progress: told the step, how many are done, and of how many.
    Raises BadRequest where not both kinds of pairs are there, BadFile for reviews that contradict the labels, BadSettings.
    """
    found = pictures_of(images) if reviewed else labelled.path_of
    labels = reviews.labels(labelled.truth, reviewed, found, images)
    if not reviewed:
        labelled.truth.check_pairs()
    algorithms = registry.load(settings["fingerprints.enabled"] or None, settings)
    rules = Rules.load(settings["decision.rules"] or None)
    names = sorted({name for a, b, _ in labels for name in (a, b)})
    pictures, refused = fingerprinted({name: found[name] for name in names}, settings, progress)
    labels = _drawn([(a, b, same) for a, b, same in labels if a in pictures and b in pictures], plan)
    if len({same for _, _, same in labels}) < 2:
        missing = "belong together" if not any(same for _, _, same in labels) else "are different"
        raise BadRequest(f"no two pictures that can be compared {missing}; label more pictures")
    pairs = Pairs(
        tuple(compare(pictures, labels, algorithms, rules, lambda done: progress("compare", done, len(labels)))), reviews.groups(labels)
    )
    return conclude(pairs, rules, targets, plan, refused, len(pictures), progress)


def conclude(
    pairs: Pairs,
    rules: Rules,
    targets: Targets,
    plan: Plan = Plan(),
    refused: Sequence[str] = (),
    pictures: int = 0,
    progress: Progress = lambda step, done, total: None,
) -> Calibration:
    """Return the bounds that compared pairs lead to, checked as planned."""
    used = pairs
    progress("check", 0, 1)
    if plan.hold_out is None:
        on_unseen = cross_checked(pairs, rules, targets, min(plan.folds, len(pairs.groups)), plan.rounds, plan.seed)
        made = fit(used, rules, targets)
    else:
        order = folded(pairs.groups, len(pairs.groups), plan.seed)
        held = {group for part in order[: round(plan.hold_out * len(order))] for group in part}
        used, unseen = pairs.within(set(pairs.groups) - held), pairs.within(held)
        if not used.same.any() or used.same.all():
            raise BadRequest("what is not held out has no pair of each kind; label more pictures, or hold out fewer (--hold-out)")
        made = fit(used, rules, targets)
        on_unseen = {name: Outcome.of([(unseen, codes)]) for name, codes in decided(unseen, rules, made).items()} if len(unseen) else {}
    progress("check", 1, 1)
    warnings = tuple(_warnings(targets, used, made, on_unseen))
    return Calibration(targets, plan, pictures, tuple(refused), used, made, outcomes(used, rules, made), on_unseen, warnings)


def fingerprinted(
    path_of: Mapping[str, Path], settings: Settings, progress: Progress = lambda step, done, total: None
) -> tuple[dict[str, Fingerprints], tuple[str, ...]]:
    """Return the fingerprints of pictures, of all views, by name; and what is wrong with those that cannot be decoded."""
    algorithms = registry.load(settings["fingerprints.enabled"] or None, settings)
    pictures: dict[str, Fingerprints] = {}
    refused: list[str] = []

    def look(name: str) -> tuple[str, Fingerprints | BadPicture]:
        try:
            return name, pool.fingerprint(path_of[name].read_bytes(), query=True, name=name)
        except BadPicture as error:
            return name, error

    with (
        WorkerPool.of(settings, algorithms) as pool,
        ThreadPoolExecutor(settings.workers() + 1) as threads,
    ):
        for done, (name, outcome) in enumerate(threads.map(look, path_of), 1):
            progress("fingerprint", done, len(path_of))
            if isinstance(outcome, Fingerprints):
                pictures[name] = outcome
            else:
                refused.append(str(outcome))
    return pictures, tuple(refused)


def _drawn(labels: Sequence[tuple[str, str, bool]], plan: Plan) -> list[tuple[str, str, bool]]:
    """Return all pairs that belong together, and as many of the different ones as are to be compared."""
    different = [label for label in labels if not label[2]]
    if len(different) <= plan.most:
        return list(labels)
    chosen = np.random.default_rng(plan.seed).choice(len(different), plan.most, replace=False)
    return [*(label for label in labels if label[2]), *(different[n] for n in sorted(chosen.tolist()))]


def _warnings(targets: Targets, pairs: Pairs, found: Fit, on_unseen: Mapping[str, Outcome]) -> Sequence[str]:
    same, different = int(pairs.same.sum()), int(np.count_nonzero(~pairs.same))
    said: list[str] = []
    if same < _FEW_SAME:
        said.append(f"only {same} pairs belong together: the MAYBE bounds rest on little; label more pictures of the same")
    if targets.false_positive * different < _FEW_WRONG:
        few = f"{targets.false_positive:g} of {different} different pairs is {targets.false_positive * different:.1f} pairs"
        said.append(f"a false-positive rate of {few}: the YES bounds are extrapolated; label more pictures, or accept a higher rate")
    for name, thresholds in [*found.alone.items(), (FUSED, found.fused.thresholds)]:
        who = "the fused decision" if name == FUSED else f"{name} by itself"
        if thresholds.yes < 0:
            said.append(f"{who} says no YES: no distance keeps to a false-positive rate of {targets.false_positive:g}")
        elif thresholds.no_maybe:
            said.append(
                f"{who} has no MAYBE: the YES bound {thresholds.yes:.3f} is not below the MAYBE bound {thresholds.maybe:.3f}, so one bound "
                "keeps to both rates; accept fewer errors for a zone to review"
            )
        if not thresholds.reached:
            said.append(f"{who} cannot keep to a false-negative rate of {targets.false_negative:g}: at any distance more pairs are missed")
    if not on_unseen:
        said.append("there are too few clusters to check the bounds on pictures not used; label more")
    elif on_unseen[FUSED].false_positive.by_clusters[0] > targets.false_positive:
        rate = on_unseen[FUSED].false_positive.value
        said.append(f"on pictures not used, the rule said YES to {rate:.2%} of the different pairs, not {targets.false_positive:.2%}")
    return said
