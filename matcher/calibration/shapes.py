"""A calibration as JSON, and as the lines above the bounds in a rules file."""

from datetime import datetime, timezone
from typing import Any

from matcher.calibration.calibrate import Calibration
from matcher.calibration.fit import FUSED
from matcher.calibration.outcome import Estimate, Outcome
from matcher.calibration.thresholds import Thresholds
from matcher.calibration.writing import rounded


def as_json(calibration: Calibration) -> dict[str, Any]:
    """Return all that was found, without the pairs.

    Of each algorithm: `alone`, its bounds as if it decided by itself; `yes` and `maybe`, those with which the rule keeps to the targets;
    and what the bounds are worth on the pairs they were made from and on others.
    """
    used = calibration.used
    return {
        "targets": {
            "false_positive_rate": calibration.targets.false_positive,
            "false_negative_rate": calibration.targets.false_negative,
        },
        "pictures": calibration.pictures,
        "refused": list(calibration.refused),
        "pairs": {"same": int(used.same.sum()), "different": int((~used.same).sum()), "clusters": len(used.groups)},
        "algorithms": {
            name: {
                "alone": _thresholds(calibration.found.alone[name]),
                "yes": rounded(yes),
                "maybe": rounded(maybe),
                **_worth(calibration, name),
            }
            for name, (yes, maybe) in calibration.bounds.items()
        },
        FUSED: {"levels": _thresholds(calibration.found.fused.thresholds), **_worth(calibration, FUSED)},
        "check": {"folds": calibration.plan.folds, "rounds": calibration.plan.rounds, "hold_out": calibration.plan.hold_out},
        "warnings": list(calibration.warnings),
    }


def head(calibration: Calibration, now: datetime | None = None) -> list[str]:
    """Return what a rules file says of where its bounds come from, in lines of at most 120 letters."""
    used, targets = calibration.used, calibration.targets
    same, different = int(used.same.sum()), int((~used.same).sum())
    day = f"{now or datetime.now(timezone.utc):%Y-%m-%d}"
    wrong = f"of the different pairs at most {targets.false_positive:.4%} a YES"
    lines = [
        f"{day}, from {calibration.pictures} pictures: {same} pairs that belong together, {different} different ones.",
        f"Wanted: {wrong}, of the others at most {targets.false_negative:.4%} a NO.",
    ]
    if FUSED in calibration.on_unseen:
        seen = calibration.on_unseen[FUSED]
        lines.append(
            f"On pictures not used: {seen.false_positive} wrong YES, {seen.false_negative} wrong NO, "
            f"{seen.review} of the different pairs a MAYBE."
        )
    return lines


def notes(calibration: Calibration) -> dict[str, str]:
    """Return what a rules file says of each algorithm by itself."""
    return {name: f"by itself: yes {one.yes:.3f}, maybe {one.maybe:.3f}" for name, one in calibration.found.alone.items()}


def _thresholds(one: Thresholds) -> dict[str, Any]:
    return {
        "yes": round(one.yes, 6),
        "maybe": round(one.maybe, 6),
        "no_maybe_zone": one.no_maybe,
        "best_f1": {"at": round(one.best, 6), "f1": round(one.best_f1, 4)},
    }


def _worth(calibration: Calibration, name: str) -> dict[str, Any]:
    found = {"on_used": calibration.on_used, "on_unseen": calibration.on_unseen}
    return {key: _outcome(outcomes[name]) for key, outcomes in found.items() if name in outcomes}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "false_positive_rate": _estimate(outcome.false_positive),
        "false_negative_rate": _estimate(outcome.false_negative),
        "review_rate": _estimate(outcome.review),
    }


def _estimate(one: Estimate) -> dict[str, Any]:
    return {
        "rate": round(one.value, 6),
        "wrong": one.rate.wrong,
        "pairs": one.rate.pairs,
        "interval": [round(bound, 6) for bound in one.by_pairs],
        "interval_by_clusters": [round(bound, 6) for bound in one.by_clusters],
    }
