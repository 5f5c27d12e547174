"""Clusters: listed by size, age and growth; one cluster with all that is known of it; splitting, merging, what waits for a person."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice

from markupsafe import Markup

from matcher.cluster import Cluster
from matcher.clustering import Clustering
from matcher.clusters import checked_id
from matcher.dashboard import first_since
from matcher.engine import checked_sha256
from matcher.errors import BadRequest, NotFound
from matcher.gallery import Gallery, Offer, View
from matcher.records import Record
from matcher.rulings import Ruling
from matcher.tally import DAY, day, last_days
from matcher.tokens import Role
from matcher.ui.drawing import bars
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.tiles import Tile, Tiles
from matcher.ui.visit import Visit
from matcher.ui.words import N_
from matcher.whereabouts import DOMAIN, EVENT, FILE, OBJECT, Place

_ICON = "M7 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM18 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM14 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6M10 8l6-2M9 10l4 5M17 8l-2 7"
pages = Pages("clusters", "/clusters", menu=Menu(N_("Clusters"), place=30, icon=_ICON))

ORDERS = {"size": N_("Largest"), "growth": N_("Growing fastest"), "new": N_("Newest"), "old": N_("Oldest")}
_EACH = 20
_DECIDED = 50
_FACES = 4
_READ = 60
_MEMBERS = 120
_WEEK = 7
_LINE_DAYS = 40
_LOOKED_AT = 2000


@dataclass(frozen=True)
class Row:
    """A cluster in the list. grown: pictures that came within a week. faces: some of its pictures. places: where most were seen."""

    id: str
    size: int
    grown: int
    made: float
    latest: float
    faces: list[Tile]
    places: list[Place]


@pages.get("", role=Role.SEARCH)
def show(visit: Visit) -> Answered:
    """List the clusters."""
    order = visit.query.get("order", "size")
    order = order if order in ORDERS else "size"
    start = max(0, int(number)) if (number := visit.query.get("from", "0")).isdecimal() and len(number) < 9 else 0
    matcher = visit.services.matcher
    since = first_since(matcher.collection, matcher.collection.clock() - _WEEK * DAY)
    standing = sorted(_standing(visit), key=_sorting(order, since))
    rows = [_row(visit, cluster, since) for cluster in standing[start : start + _EACH]]
    offers = gallery_of(visit).offers() if visit.may(Role.REVIEW) and not visit.caller.limited else []
    return visit.render(
        "clusters.html",
        rows=[row for row in rows if row.size > 1],
        order=order,
        orders=ORDERS,
        count=len(standing),
        start=start,
        each=_EACH,
        waiting=len(offers),
    )


@pages.get("/waiting", role=Role.REVIEW)
def waiting(visit: Visit) -> Answered:
    """Show what would make clusters grow but waits for a person."""
    visit.caller.check_unlimited()
    offers = gallery_of(visit).offers()[:_EACH]
    known = Tiles(visit).named(sha256 for offer in offers for tie in offer.ties[:_FACES] for sha256 in tie[:2])
    undone = visit.query.get("undone", "")
    return visit.render("clusters_waiting.html", offers=offers, known=known, ruling=_just_decided(visit), undone=undone)


@pages.post("/waiting/<proposal>/accept", role=Role.REVIEW, audit="proposal.accept")
def accept(visit: Visit) -> Answered:
    """Let a cluster grow as was proposed."""
    clustering = _judging(visit, "proposal")
    proposal = clustering.proposal(visit.path["proposal"])
    cluster = clustering.accept(proposal, visit.caller.name)
    return visit.go("clusters.one", cluster=cluster.id, decided=proposal.id)


@pages.post("/waiting/<proposal>/reject", role=Role.REVIEW, audit="proposal.reject")
def reject(visit: Visit) -> Answered:
    """Let what was proposed stay apart."""
    clustering = _judging(visit, "proposal")
    proposal = clustering.proposal(visit.path["proposal"])
    clustering.reject(proposal, visit.caller.name)
    return visit.go("clusters.waiting", decided=proposal.id)


@pages.get("/decided", role=Role.REVIEW)
def decided(visit: Visit) -> Answered:
    """Show who decided what of proposals, and when."""
    visit.caller.check_unlimited()
    collection = visit.services.matcher.collection
    rulings = collection.rulings.latest(_DECIDED)
    nearest = [min(ruling.proposal.links, key=lambda link: link.distance).pair for ruling in rulings]
    live = collection.records.live(dict.fromkeys(id for pair in nearest for id in pair)).values()
    records, tiles = {record.id: record for record in collection.named(live)}, Tiles(visit)
    pictures = [tiles.of([records[id] for id in pair if id in records]) for pair in nearest]
    return visit.render("clusters_decided.html", decided=list(zip(rulings, pictures, strict=True)))


@pages.post("/decided/<proposal>/undo", role=Role.REVIEW, audit="proposal.undo")
def undo(visit: Visit) -> Answered:
    """Undo what was decided of a proposal."""
    waits = _judging(visit, "proposal").undo(visit.path["proposal"])
    return visit.go("clusters.waiting", undone="waits" if waits else "settled")


@pages.get("/<cluster>", role=Role.SEARCH)
def one(visit: Visit) -> Answered:
    """Show a cluster."""
    view = seen(visit, visit.path["cluster"])
    tiles = Tiles(visit)
    places = tiles.where.of_many(view.records)
    offers = [offer for offer in gallery_of(visit).offers() if _concerns(offer, view.cluster)] if not visit.caller.limited else []
    return visit.render(
        "cluster.html",
        view=view,
        tiles=tiles.of(view.records[:_MEMBERS]),
        more=max(0, len(view.records) - _MEMBERS),
        domains=[place for place in places if place.kind == DOMAIN],
        events=[place for place in places if place.kind == EVENT],
        objects=[place for place in places if place.kind == OBJECT],
        line=timeline(visit, view.records),
        latest=max((record.last_seen for record in view.records), default=0.0),
        offers=offers,
        limited=visit.caller.limited,
        ruling=_just_decided(visit),
    )


@pages.post("/<cluster>/split", role=Role.REVIEW, audit="cluster.split")
def split(visit: Visit) -> Answered:
    """Take pictures out of a cluster."""
    clustering = _judging(visit, "cluster")
    matcher = visit.services.matcher
    cluster = matcher.collection.clusters.get(visit.path["cluster"])
    leaving = [matcher.get(checked_sha256(sha256)) for sha256 in dict.fromkeys(visit.chosen("picture"))]
    if not leaving:
        raise BadRequest(visit.words.gettext("choose the pictures that are to leave the cluster first"))
    made = clustering.split(cluster, leaving)
    return visit.go("clusters.one", cluster=made.id if made else cluster.id)


@pages.post("/<cluster>/merge", role=Role.REVIEW, audit="cluster.join")
def merge(visit: Visit) -> Answered:
    """Bring a cluster and another one together; the other is named by its id, or by a picture of it."""
    clustering = _judging(visit, "cluster")
    matcher, wanted = visit.services.matcher, visit.form.get("other", "").strip()
    here = _first(visit, matcher.collection.clusters.get(visit.path["cluster"]))
    there = matcher.get(wanted) if len(wanted) == 64 else _first(visit, matcher.collection.clusters.get(wanted))
    joined = clustering.join(here, there)
    return visit.go("clusters.one", cluster=joined.id)


def gallery_of(visit: Visit) -> Gallery:
    """Return what shows clusters, with what the visitor may see of them."""
    matcher = visit.services.matcher
    return Gallery(matcher.collection, matcher.clustering, visit.caller.shown)


def seen(visit: Visit, id: str) -> View:
    """Return a cluster as the visitor may see it. Raises NotFound."""
    view = gallery_of(visit).view(visit.services.matcher.collection.clusters.get(id))
    if visit.caller.limited and len(view.records) < 2:
        # That there is one would tell of pictures that are not the visitor's to know.
        raise NotFound(f"there is no cluster {checked_id(id)}")
    return view


def timeline(visit: Visit, records: Iterable[Record]) -> Markup:
    """Return when the pictures of a cluster came, drawn by day over its last weeks."""
    days = last_days(visit.services.matcher.collection.clock(), _LINE_DAYS)
    counts = dict.fromkeys(days, 0)
    for record in records:
        first = min([seen for source in record.sources if (seen := source.first_seen or source.last_seen)], default=record.added)
        when = day(first)
        if when in counts:
            counts[when] += 1
    columns = [(f"{name[:4]}-{name[4:6]}-{name[6:]}: {count}", (count,)) for name, count in counts.items()]
    return bars(columns, visit.words.gettext("Pictures first seen, by day"))


def _standing(visit: Visit) -> Iterable[Cluster]:
    standing = visit.services.matcher.collection.clusters.standing()
    if not visit.caller.limited:
        return standing
    # How large a cluster is may be told only of what the visitor sees of it.
    gallery = gallery_of(visit)
    return (cluster for cluster in islice(standing, _LOOKED_AT) if len(gallery.glance_at(cluster)) > 1)


def _sorting(order: str, since: int) -> Callable[[Cluster], tuple[float | str, ...]]:
    return {
        "size": lambda one: (-len(one.members), one.id),
        "growth": lambda one: (-_grown(one, since), -len(one.members), one.id),
        "new": lambda one: (-one.made, one.id),
        "old": lambda one: (one.made, one.id),
    }[order]


def _grown(cluster: Cluster, since: int) -> int:
    return sum(1 for id in cluster.members if id >= since)


def _row(visit: Visit, cluster: Cluster, since: int) -> Row:
    tiles, limited = Tiles(visit), visit.caller.limited
    # Of a large one the first and the newest; of what a limited visitor does not see nothing is counted.
    ends = tuple(dict.fromkeys((*cluster.members[: _READ // 2], *cluster.members[-_READ // 2 :])))
    records = gallery_of(visit).glance_at(cluster if limited else replace(cluster, members=ends))
    size = len(records) if limited else len(cluster.members)
    grown = sum(record.id >= since for record in records) if limited else _grown(cluster, since)
    latest = max((record.last_seen for record in records), default=cluster.made)
    return Row(
        cluster.id,
        size,
        grown,
        cluster.made,
        latest,
        tiles.of(records[:_FACES]),
        [place for place in tiles.where.of_many(records) if place.kind != FILE][:3],
    )


def _concerns(offer: Offer, cluster: Cluster) -> bool:
    return any(side.cluster == cluster.id for side in offer.sides)


def _just_decided(visit: Visit) -> Ruling | None:
    """Return the decision that led the visitor here, for as long as it can be undone."""
    wanted = visit.query.get("decided", "")
    if not wanted or visit.caller.limited or not visit.may(Role.REVIEW):
        return None
    try:
        return visit.services.matcher.collection.rulings.get(wanted)
    except NotFound:
        return None


def _first(visit: Visit, cluster: Cluster) -> Record:
    """Return a picture of a cluster. Raises NotFound."""
    record = next(iter(gallery_of(visit).glance_at(cluster)), None)
    if record is None:
        raise NotFound(f"cluster {cluster.id} has no pictures any more")
    return record


def _judging(visit: Visit, what: str) -> Clustering:
    visit.caller.check_unlimited()
    visit.audited[what] = visit.path[what]
    return visit.services.matcher.clustering
