"""Labelling: pictures sorted into groups by hand, from proposed clusters, into a ground truth that `kuato calibrate` reads."""

import json
from dataclasses import replace
from typing import Any

from flask import Response, request
from pydantic import Field, ValidationError

from matcher.engine import Wanted
from matcher.errors import BadRequest
from matcher.labelling import MOST, Group, Labelling, Labellings
from matcher.labelsample import groups_of, proposed
from matcher.tokens import Role
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.tiles import Tiles
from matcher.ui.visit import Visit
from matcher.ui.words import N_
from matcher.visjs import as_graph
from matcher.web.operation import Model

_ICON = "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 17h6M17 14v6"
pages = Pages("labelling", "/labelling", menu=Menu(N_("Labelling"), place=60, icon=_ICON, role=Role.REVIEW))

FEW, MANY = 4, 200


class Sorted(Model):
    """Where each picture of a labelling is, as the script sends it. version: of the labelling that was changed."""

    version: int
    groups: tuple[tuple[str, tuple[str, ...]], ...] = Field(max_length=MOST)
    singles: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


@pages.get("", role=Role.REVIEW)
def show(visit: Visit) -> Answered:
    """List the labellings, and offer a new one."""
    visit.caller.check_unlimited()
    banks = [bank.name for bank in visit.services.matcher.banks.list() if not bank.sensitive]
    return visit.render("labellings.html", labellings=_labellings(visit).all(), banks=banks, few=FEW, many=MANY)


@pages.post("/new", role=Role.REVIEW, audit="labelling.begin")
def begin(visit: Visit) -> Answered:
    """Draw pictures to label, and propose how they belong together."""
    visit.caller.check_unlimited()
    text = visit.form.get("count", "60")
    count = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not FEW <= count <= MANY:
        raise BadRequest(visit.words.gettext("a labelling has %(few)d to %(many)d pictures") % {"few": FEW, "many": MANY})
    labellings = _labellings(visit)
    wanted = Wanted(bank=visit.form.get("bank") or None)
    sample = proposed(visit.services.matcher, count, seed=len(labellings.all()) + 1, wanted=wanted)
    doubtful = tuple(sha256 for group in sample.doubtful for sha256 in group)
    name = visit.form.get("name", "").strip() or visit.words.gettext("Labelling")
    made = labellings.begin(name, visit.caller.name, groups_of(sample), undecided=(*doubtful, *sample.singles))
    visit.audited["labelling"] = made.id
    return visit.go("labelling.one", id=made.id)


@pages.get("/<id>", role=Role.REVIEW)
def one(visit: Visit) -> Answered:
    """Show the board on which pictures are sorted."""
    labelling = _asked(visit)
    tiles = Tiles(visit).named(labelling.pictures)
    return visit.render("labelling.html", labelling=labelling, state=_state(labelling), tiles={sha: tiles[sha].as_json for sha in tiles})


@pages.post("/<id>/save", role=Role.REVIEW, audit="labelling.sort")
def save(visit: Visit) -> Answered:
    """Keep where the pictures are."""
    labelling = _asked(visit)
    visit.audited["labelling"] = labelling.id
    try:
        given = Sorted.model_validate(request.get_json(silent=True))
    except ValidationError as error:
        raise BadRequest(f"this is not where the pictures of a labelling are: {error.error_count()} fields are wrong") from None
    groups = [Group(name, pictures) for name, pictures in given.groups]
    new = labelling.sorted_anew(groups, given.singles, given.undecided)
    kept = _labellings(visit).save(replace(new, version=given.version), visit.caller.name)
    return visit.json(_state(kept))


@pages.post("/<id>/delete", role=Role.REVIEW, audit="labelling.delete")
def delete(visit: Visit) -> Answered:
    """Forget a labelling."""
    visit.audited["labelling"] = _asked(visit).id
    _labellings(visit).delete(visit.path["id"])
    return visit.go("labelling.show")


@pages.get("/<id>/truth.json", role=Role.REVIEW, audit="labelling.export")
def truth(visit: Visit) -> Answered:
    """Return the ground truth for `kuato calibrate`: pictures by their SHA-256."""
    labelling = _asked(visit)
    return _file(labelling.truth().as_json(), "ground_truth.json")


@pages.get("/<id>/graph.json", role=Role.REVIEW, audit="labelling.export")
def graph(visit: Visit) -> Answered:
    """Return what was decided for VisJS-Classificator."""
    labelling = _asked(visit)
    truth = labelling.truth()
    return _file(as_graph(truth.only(set(truth.names) - truth.unsure)), "graph.json")


def _labellings(visit: Visit) -> Labellings:
    return Labellings(visit.services.matcher.collection.store)


def _asked(visit: Visit) -> Labelling:
    visit.caller.check_unlimited()
    return _labellings(visit).get(visit.path["id"])


def _state(labelling: Labelling) -> dict[str, Any]:
    return {
        "version": labelling.version,
        "groups": [[group.name, list(group.pictures)] for group in labelling.groups],
        "singles": list(labelling.singles),
        "undecided": list(labelling.undecided),
    }


def _file(document: dict[str, Any], name: str) -> Response:
    content = json.dumps(document, indent=1).encode()
    return Response(content, content_type="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'})
