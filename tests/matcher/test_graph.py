"""Graphs of clusters: what is in them, where it is drawn, and how other programs get it."""

from math import dist
from xml.etree import ElementTree

from matcher.cluster import Cluster, Link
from matcher.gallery import View
from matcher.graph import DIFFERENT, PICTURE, PROPOSED, SEEN, Edge, Graph, Node, drawn
from matcher.graphexport import as_graphml, as_visjs
from matcher.graphlayout import arranged
from matcher.records import Record
from matcher.reviews import Review, Verdict
from matcher.source import Source
from matcher.visjs import read_graph
from matcher.whereabouts import DOMAIN, EVENT, OBJECT, Whereabouts


def record(n: int, *sources: Source, sensitive: bool = False) -> Record:
    return Record(n, f"{n:064x}", "PNG", (8, 8), 100, 1000.0, {}, {}, sources, sensitive=sensitive)


def view(name: str, *members: Record) -> View:
    ties = tuple((members[0].sha256, other.sha256, 0.1, "found") for other in members[1:])
    links = tuple(Link.between(members[0].id, other.id, 0.1) for other in members[1:])
    return View(Cluster(name, 1000.0, tuple(one.id for one in members), links), members, members[0].sha256, ties)


def test_a_graph_has_the_pictures_that_fit_and_what_ties_them() -> None:
    first, second = view("a", *map(record, range(1, 6))), view("b", *map(record, range(6, 10)))
    whole = drawn([first, second])
    assert (len(whole.pictures), len(whole.edges), whole.left_out) == (9, 7, 0)
    some = drawn([first, second], most=6)
    assert (len(some.pictures), len(some.edges), some.left_out) == (6, 4, 3)
    said = Review(record(1).sha256, record(2).sha256, Verdict.DIFFERENT, "ana", 1.0)
    contradicted = drawn([View(first.cluster, first.records, None, first.ties, (said,))])
    assert [edge.how for edge in contradicted.edges].count(DIFFERENT) == 1


def test_places_are_nodes_that_clusters_have_in_common() -> None:
    misp = Source(
        "misp-attribute", "5f3e-1", metadata={"event_uuid": "e-1", "event_info": "Wave <of> kits", "url": "https://Evil.example/x"}
    )
    shown = record(1, misp, Source("domain", "other.example"), Source("ail-object", "image::" + "ab" * 32))
    hidden = record(2, misp, sensitive=True)
    where = Whereabouts("https://misp.example/", "https://ail.example")
    graph = drawn([view("a", shown, hidden)], places=where.of)
    places = {(node.kind, node.label): node for node in graph.nodes if node.kind != PICTURE}
    assert {kind for kind, _ in places} == {DOMAIN, EVENT, OBJECT}
    assert places[EVENT, "Wave <of> kits"].link == "https://misp.example/events/view/e-1"
    assert places[OBJECT, "image abababababab"].link == f"https://ail.example/correlation/show?type=image&subtype=&id={'ab' * 32}"
    assert {label for kind, label in places if kind == DOMAIN} == {"evil.example", "other.example"}
    assert {edge.a for edge in graph.edges if edge.how == SEEN} == {shown.sha256}
    assert next((place.name, place.pictures) for place in where.of_many([shown, record(3, misp)])) == ("evil.example", 2)


def test_no_two_nodes_lie_on_each_other_and_the_layout_is_always_the_same() -> None:
    cluster_of = {f"{cluster}-{n}": f"c{cluster}" for cluster, size in enumerate((200, 50, 5, 2)) for n in range(size)}
    edges = [(id, f"domain:{n % 3}") for n, id in enumerate(cluster_of)]
    found = arranged(cluster_of, edges)
    assert set(found) == {*cluster_of, "domain:0", "domain:1", "domain:2"} and arranged(cluster_of, edges) == found
    spots = [found[id] for id in cluster_of]
    assert min(dist(a, b) for n, a in enumerate(spots) for b in spots[:n]) > 40
    assert len(set(found.values())) == len(found)
    assert arranged({}, []) == {}


def test_visjs_reads_the_exported_graph_again() -> None:
    graph = drawn([view("a", record(1), record(2)), view("b", record(3), record(4))])
    proposed = Graph(graph.nodes, (*graph.edges, Edge(record(2).sha256, record(3).sha256, PROPOSED, 0.25)))
    exported = as_visjs(proposed)
    truth = read_graph(exported)
    assert truth.clusters == {"a": (record(1).sha256, record(2).sha256), "b": (record(3).sha256, record(4).sha256)}
    assert [edge["label"] for edge in exported["edges"] if "label" in edge] == ["MAYBE:0.2500"]


def test_graphml_is_well_formed_whatever_a_name_holds() -> None:
    nodes = (Node("a", PICTURE, "\x00 <b>&\"' ﷽ \ud800", "c", x=1.5), Node("b", PICTURE, "plain"))
    root = ElementTree.fromstring(as_graphml(Graph(nodes, (Edge("a", "b", "found", 0.5),))))
    name = "{http://graphml.graphdrawing.org/xmlns}"
    assert [node.get("id") for node in root.iter(f"{name}node")] == ["a", "b"]
    labels = [data.text for data in root.iter(f"{name}data") if data.get("key") == "node.label"]
    assert labels == ["� <b>&\"' ﷽ �", "plain"]
    edge = next(root.iter(f"{name}edge"))
    assert (edge.get("source"), edge.get("target"), [data.text for data in edge]) == ("a", "b", ["found", "0.5"])
    assert {key.get("attr.type") for key in root.iter(f"{name}key")} == {"string", "int", "double"}
