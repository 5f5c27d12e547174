"""Graphs are what other tools read, and say what the trial says."""

from xml.etree import ElementTree

from matcher.errors import NotAPicture
from matcher.evaluation import Found, Trial
from matcher.labelled import Labelled
from matcher.match import Decision
from matcher.report import graphs
from matcher.report.clusters import held_against, proposed
from matcher.report.layout import places
from matcher.visjs import read_graph
from tests.matcher.report.test_clusters import TRUTH, a_trial

NS = "{http://graphml.graphdrawing.org/xmlns}"


def test_two_best_answers_of_each(tried: Trial) -> None:
    graph = graphs.similarity(tried)
    assert graph["meta"]["source"] == "DBDUMP"
    assert [node["id"] for node in graph["nodes"]] == list(tried.queries)
    for name, found in tried.answers.items():
        edges = [edge for edge in graph["edges"] if edge["from"] == name]
        assert [(e["to"], e["label"], e["value"]) for e in edges] == [
            (one.file, f"{one.decision.value}:{one.distance:.4f}", round(one.distance, 4)) for one in found[:2]
        ]
        assert [edge["color"]["color"] for edge in edges] == ["#00FF00", "#887700"][: len(found)]
    values = {edge["label"].partition(":")[0]: edge["value"] for edge in graphs.similarity(tried, by_decision=True)["edges"]}
    assert values == {"YES": 0.0, "MAYBE": 0.5}


def test_the_storage_graph_is_read_back_as_the_clusters(tried: Trial, labelled: Labelled) -> None:
    clustering = held_against(proposed(tried), labelled.truth)
    graph = graphs.storage(tried, clustering)
    read = read_graph(graph)
    assert sorted(map(sorted, read.clusters.values())) == sorted(map(sorted, clustering.proposed))
    assert all(float(node["label"]) >= 0 for node in graph["nodes"])


def test_truth_and_storage_in_one() -> None:
    clustering = held_against([("a", "b", "x"), ("c", "d"), ("e", "f"), ("g",), ("h",)], TRUTH)
    trial = a_trial()
    trial = Trial({**trial.queries, "h": NotAPicture("none")}, trial.answers, {}, trial.rules)
    edges = {(e["from"], e["to"]): e["color"] for e in graphs.merged(trial, clustering, TRUTH)["edges"]}
    assert edges["big", "a"] == "green" and edges["small", "e"] == "green" and edges["lost", "g"] == "green"
    assert edges["big", "c"] == "orange" and edges["cluster|1", "c"] == "red"
    assert edges["big", "x"] == "red"
    assert edges["lost", "h"] == "black"


def test_graphml_holds_every_node_and_edge_whatever_its_name(tried: Trial) -> None:
    name = 'a "<b>&\x01\udcff.png'
    trial = Trial({**tried.queries, name: NotAPicture("none")}, {**tried.answers, name: (Found(name, Decision.YES, 0.5),)}, {}, tried.rules)
    graph = graphs.similarity(trial)
    root = ElementTree.fromstring(graphs.graphml(graph).encode("utf-8", "backslashreplace"))
    nodes, edges = root.findall(f".//{NS}node"), root.findall(f".//{NS}edge")
    assert (len(nodes), len(edges)) == (len(graph["nodes"]), len(graph["edges"]))
    assert edges[0].get("source") == graph["edges"][0]["from"]
    data = {one.get("key"): one.text for one in edges[0]}
    assert data["e-label"] == graph["edges"][0]["label"] and float(data["e-value"] or "") == graph["edges"][0]["value"]
    assert any('a "<b>&' in (node.get("id") or "") for node in nodes)


def test_no_two_nodes_are_drawn_in_one_place() -> None:
    names = [str(n) for n in range(60)]
    found = places(names, [(0, n) for n in range(1, 30)] + [(40, 41)])
    assert len({tuple(place) for place in found.round(6).tolist()}) == 60
    # A part lies by itself: its nodes are nearer to their middle than any other node.
    middle, others = found[:30].mean(axis=0), found[30:]
    radius = ((found[:30] - middle) ** 2).sum(axis=1).max()
    assert (((others - middle) ** 2).sum(axis=1) > radius).all()
    assert places([], []).shape == (0, 2)
