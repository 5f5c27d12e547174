"""Clusters as a graph: pictures, what ties them, and where they were seen, with a place for each in the plane."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from matcher.gallery import Offer, Tie, View
from matcher.graphlayout import arranged
from matcher.records import Record
from matcher.reviews import Verdict
from matcher.whereabouts import CHAT, DOMAIN, EVENT, OBJECT, Place

PICTURE = "picture"
PROPOSED, DIFFERENT, SEEN = "proposed", "different", "seen"
KINDS = (PICTURE, DOMAIN, EVENT, OBJECT, CHAT)
_PLACES_EACH = 40


@dataclass(frozen=True)
class Node:
    """A picture, or a place where some were seen. id: of no other node. cluster: the picture's, "" for none. x, y: where to draw it.

    weight: how many of the pictures a place has, 1 for a picture. link: where the place can be looked at, "" where that is not known.
    """

    id: str
    kind: str
    label: str
    cluster: str = ""
    weight: int = 1
    link: str = ""
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Edge:
    """What ties two nodes. how: "found", "reviewed", "by hand", PROPOSED, DIFFERENT or SEEN. distance: 0..1, None for none."""

    a: str
    b: str
    how: str
    distance: float | None = None


@dataclass(frozen=True)
class Graph:
    """left_out: pictures that are not in it, as there would be too many."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int = 0

    @property
    def pictures(self) -> tuple[Node, ...]:
        """The nodes that are pictures."""
        return tuple(node for node in self.nodes if node.kind == PICTURE)


def drawn(
    views: Iterable[View],
    offers: Sequence[Offer] = (),
    most: int = 1000,
    places: Callable[[Record], Sequence[Place]] | None = None,
    label: Callable[[Record], str] = lambda record: record.sha256[:12],
) -> Graph:
    """Return the graph of clusters, of those given first while there is room.

    offers: proposals between them. most: pictures. places: says where a picture was seen; None: that is not drawn. label: of a picture.
    """
    nodes: dict[str, Node] = {}
    ties: list[Tie] = []
    edges: list[Edge] = []
    records: list[Record] = []
    left_out = 0
    for view in views:
        shown = view.records[: most - len(nodes)]
        left_out += len(view.records) - len(shown)
        nodes |= {record.sha256: Node(record.sha256, PICTURE, label(record), view.cluster.id) for record in shown}
        records += shown
        ties += view.ties
        edges += [Edge(one.a, one.b, DIFFERENT) for one in view.contradictions if one.verdict is Verdict.DIFFERENT]
    edges = [*(Edge(a, b, how, distance) for a, b, distance, how in ties), *edges]
    edges += [Edge(a, b, PROPOSED, distance) for offer in offers for a, b, distance, _ in offer.ties]
    edges = [edge for edge in edges if edge.a in nodes and edge.b in nodes]
    if places is not None:
        more, seen = _seen(records, places)
        nodes |= {node.id: node for node in more}
        edges += seen
    at = arranged({id: node.cluster for id, node in nodes.items() if node.kind == PICTURE}, [(edge.a, edge.b) for edge in edges])
    return Graph(tuple(replace(node, x=at[node.id][0], y=at[node.id][1]) for node in nodes.values()), tuple(edges), left_out)


def _seen(records: Iterable[Record], places: Callable[[Record], Sequence[Place]]) -> tuple[list[Node], list[Edge]]:
    """Return a node for each place and its edges, of the places of one picture the first few."""
    found: dict[str, Node] = {}
    edges: list[Edge] = []
    for record in records:
        for place in [place for place in places(record) if place.kind in KINDS][:_PLACES_EACH]:
            before = found.get(place.key, Node(place.key, place.kind, place.label, weight=0, link=place.link))
            found[place.key] = replace(before, weight=before.weight + 1)
            edges.append(Edge(record.sha256, place.key, SEEN))
    return list(found.values()), edges
