"""The graph of one cluster, or of the largest ones: its page, its data for the script, and what other programs open."""

import json
from itertools import islice

from flask import Response

from matcher.gallery import Offer, View
from matcher.graph import Graph, drawn
from matcher.graphexport import as_graphml, as_visjs
from matcher.records import Record
from matcher.tokens import Role
from matcher.ui.clusters import gallery_of, seen
from matcher.ui.pages import Answered, Pages
from matcher.ui.tiles import Tiles, label
from matcher.ui.visit import Visit

pages = Pages("graph", "/graph")

MOST = 1000
_CLUSTERS = 200


@pages.get("", role=Role.SEARCH)
def show(visit: Visit) -> Answered:
    """Show the graph of a cluster, or of the largest ones."""
    cluster = visit.query.get("cluster", "")
    view = seen(visit, cluster) if cluster else None
    return visit.render("graph.html", cluster=view.cluster.id if view else "", size=len(view.records) if view else 0)


@pages.get("/data", role=Role.SEARCH)
def data(visit: Visit) -> Answered:
    """Return the nodes and edges for the script: the nodes as [id, kind, label, cluster, weight, link, x, y]."""
    graph = graph_of(visit)
    return visit.json(
        {
            "nodes": [[one.id, one.kind, one.label, one.cluster, one.weight, one.link, one.x, one.y] for one in graph.nodes],
            "edges": [[edge.a, edge.b, edge.how, edge.distance] for edge in graph.edges],
            "left_out": graph.left_out,
        }
    )


@pages.get("/tile/<sha256>", role=Role.SEARCH)
def tile(visit: Visit) -> Answered:
    """Return what is known of one picture of the graph."""
    found = Tiles(visit).named([visit.path["sha256"]]) if len(visit.path["sha256"]) == 64 else {}
    shown = next(iter(found.values()), None)
    return visit.json({"tile": shown.as_json if shown else None})


@pages.get("/visjs.json", role=Role.SEARCH, audit="graph.export")
def visjs(visit: Visit) -> Answered:
    """Return the graph for VisJS-Classificator."""
    return _file(visit, json.dumps(as_visjs(graph_of(visit)), indent=1).encode(), "application/json", "json")


@pages.get("/graph.graphml", role=Role.SEARCH, audit="graph.export")
def graphml(visit: Visit) -> Answered:
    """Return the graph as GraphML."""
    return _file(visit, as_graphml(graph_of(visit)), "application/graphml+xml", "graphml")


def graph_of(visit: Visit) -> Graph:
    """Return the graph that the address asks for: of `cluster`, of the largest without; with places where `places` says so."""
    gallery, tiles = gallery_of(visit), Tiles(visit)
    wanted = visit.query.get("cluster", "")
    offers: list[Offer] = []
    if wanted:
        views: list[View] = [gallery.tied(seen(visit, wanted).cluster)]
    else:
        standing = sorted(visit.services.matcher.collection.clusters.standing(), key=lambda one: (-len(one.members), one.id))
        views = [view for view in (gallery.tied(one) for one in islice(standing, _CLUSTERS)) if len(view.records) > 1]
        offers = gallery.offers() if not visit.caller.limited else []

    def named(record: Record) -> str:
        return label(record, tiles.where.of(record))

    return drawn(views, offers, MOST, tiles.where.of if visit.query.get("places") == "1" else None, named)


def _file(visit: Visit, content: bytes, kind: str, suffix: str) -> Response:
    name = visit.query.get("cluster", "")[:8] or "largest"
    safe = "".join(letter for letter in name if letter.isalnum() and letter.isascii())
    return Response(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="clusters-{safe}.{suffix}"'})
