"""The calibration: labels, what each algorithm says of them, a handle a bound, and what other bounds would change."""

from typing import Any

from flask import Response, request
from pydantic import Field, ValidationError

from matcher.calibration.calibrate import Plan
from matcher.calibration.fit import FUSED
from matcher.calibration.keeping import Comparisons
from matcher.calibration.known import SOME_PAIRS, calibrated, compared, labels_in, rules_with
from matcher.calibration.narrowing import narrowed
from matcher.calibration.pairs import Pairs
from matcher.calibration.thresholds import Targets
from matcher.calibration.whatif import Change, Counts, WhatIf, curves, what_if
from matcher.errors import BadRequest
from matcher.labelling import Labellings
from matcher.settings import config_dir
from matcher.tokens import Role
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.tiles import Tiles
from matcher.ui.visit import Visit
from matcher.ui.words import N_
from matcher.web.operation import Model

_ICON = "M4 18c5 0 5-12 10-12h6M9 4v16M9 12h.01M17 4v16"
pages = Pages("calibration", "/calibration", menu=Menu(N_("Calibration"), place=70, icon=_ICON, role=Role.REVIEW))

_CHANGES = 60


class Compared(Model):
    """What to compare: labellings by id, and whether reviews count."""

    labellings: tuple[str, ...] = Field(default=(), max_length=100)
    reviews: bool = True


class Bounded(Model):
    """A comparison, and bounds to hold it against, "algorithm.yes" or "algorithm.maybe" to a distance (-1: none)."""

    comparison: str
    bounds: dict[str, float] = Field(default_factory=dict, max_length=200)


class Wished(Model):
    """A comparison, and the rates of errors that are accepted."""

    comparison: str
    false_positive: float = Field(ge=0, le=1)
    false_negative: float = Field(ge=0, le=1)


@pages.get("", role=Role.REVIEW)
def show(visit: Visit) -> Answered:
    """Show which labels there are."""
    visit.caller.check_unlimited()
    collection = visit.services.matcher.collection
    reviews = sum(1 for _ in collection.reviews.all())
    file = visit.services.settings["decision.rules"] or config_dir() / "decision.toml"
    return visit.render("calibration.html", labellings=Labellings(collection.store).all(), reviews=reviews, file=file)


@pages.post("/compare", role=Role.REVIEW, audit="calibration.compare")
def compare(visit: Visit) -> Answered:
    """Compare the labelled pictures with each other; answer what the script draws."""
    visit.caller.check_unlimited()
    matcher, asked = visit.services.matcher, _given(Compared)
    labels = labels_in(matcher, asked.labellings, asked.reviews)
    pairs = compared(matcher, labels, SOME_PAIRS)
    name = Comparisons(matcher.collection.store).keep(pairs)
    bounds = {name: matcher.rules.bounds(name) for name in pairs.algorithms}
    return visit.json(
        {
            "comparison": name,
            "pictures": len(pairs.group_of),
            "settled": len(labels.settled),
            "algorithms": [
                {
                    "name": curve.algorithm,
                    "yes": bounds[curve.algorithm][0],
                    "maybe": bounds[curve.algorithm][1],
                    "same": _rounded(curve.same.tolist()),
                    "different": _rounded(curve.different.tolist()),
                    "same_counts": curve.same_counts.tolist(),
                    "different_counts": curve.different_counts.tolist(),
                }
                for curve in curves(pairs)
            ],
            "what": _told(visit, what_if(pairs, matcher.rules, {})),
        }
    )


@pages.post("/what-if", role=Role.REVIEW)
def try_bounds(visit: Visit) -> Answered:
    """Answer what other bounds would change."""
    visit.caller.check_unlimited()
    asked = _given(Bounded)
    pairs = _kept(visit, asked.comparison)
    return visit.json({"what": _told(visit, what_if(pairs, visit.services.matcher.rules, asked.bounds))})


@pages.post("/find", role=Role.REVIEW)
def find(visit: Visit) -> Answered:
    """Answer with which bounds the rule keeps to the accepted rates, as `kuato calibrate` finds them, and what these are worth."""
    visit.caller.check_unlimited()
    asked = _given(Wished)
    pairs = _kept(visit, asked.comparison)
    found = calibrated(visit.services.matcher, pairs, Targets(asked.false_positive, asked.false_negative), Plan(rounds=1))
    unseen = found.on_unseen.get(FUSED)
    return visit.json(
        {
            "bounds": {name: list(bounds) for name, bounds in found.bounds.items()},
            "unseen": [str(unseen.false_positive), str(unseen.false_negative), str(unseen.review)] if unseen else None,
            "warnings": list(found.warnings),
        }
    )


@pages.post("/narrow", role=Role.REVIEW)
def narrow(visit: Visit) -> Answered:
    """Answer with which MAYBE bounds fewer of the pairs that people rejected are a MAYBE."""
    visit.caller.check_unlimited()
    found = narrowed(_kept(visit, _given(Bounded).comparison), visit.services.matcher.rules)
    return visit.json({"bounds": dict(found.bounds), "rejected": list(found.rejected), "confirmed": list(found.confirmed)})


@pages.post("/rules", role=Role.ADMIN, audit="calibration.rules")
def rules(visit: Visit) -> Answered:
    """Return a rules file with other bounds in it; it is in force once the settings name it."""
    visit.caller.check_unlimited()
    try:
        asked = Bounded.model_validate_json(visit.form.get("asked", ""))
    except ValidationError:
        raise BadRequest("the bounds cannot be read; load the page anew") from None
    pairs = _kept(visit, asked.comparison)
    text = rules_with(visit.services.matcher, visit.services.settings, pairs, asked.bounds, "by hand")
    return Response(text, content_type="application/toml", headers={"Content-Disposition": 'attachment; filename="decision.toml"'})


def _given(model: type[Any]) -> Any:
    try:
        return model.model_validate(request.get_json(silent=True))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRequest(f"{'.'.join(map(str, first['loc'])) or 'the request'}: {first['msg']}") from None


def _kept(visit: Visit, name: str) -> Pairs:
    return Comparisons(visit.services.matcher.collection.store).get(name)


def _told(visit: Visit, found: WhatIf) -> dict[str, Any]:
    shown = found.changes[:_CHANGES]
    tiles = Tiles(visit).named(sha256 for change in shown for sha256 in (change.pair.a, change.pair.b))
    return {
        "same": [_counts(each) for each in found.same],
        "different": [_counts(each) for each in found.different],
        "changes": [_change(change) for change in shown],
        "more": len(found.changes) - len(shown),
        "tiles": {sha256: tile.as_json for sha256, tile in tiles.items()},
    }


def _counts(counts: Counts) -> list[int]:
    return [counts.yes, counts.maybe, counts.no]


def _change(change: Change) -> dict[str, Any]:
    pair = change.pair
    told = {"a": pair.a, "b": pair.b, "same": pair.same, "worse": change.worse}
    return {**told, "before": change.before.value, "after": change.after.value}


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 4) for value in values]
