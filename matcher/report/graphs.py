"""Graphs of a trial for other tools: VisJS-Classificator's JSON and GraphML.

The similarity graph has an edge from every query to its two best answers; the storage graph one from every proposed cluster to
its pictures; the merged graph holds the clusters against the truth: "green" a picture where the truth has it, "orange" where the
truth has it although it was put elsewhere, together with "red" where it was put, "black" where it was not stored.
Source: Douglas-Quaid, github.com/CIRCL/douglas-quaid (JSON of its exports).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from matcher.errors import BadPicture
from matcher.evaluation import Trial
from matcher.match import Decision
from matcher.report.clusters import Clustering, medoids
from matcher.truth import GroundTruth

Graph = dict[str, Any]

BEST = 2  # answers of each query that the similarity graph shows
RANKS = ("#00FF00", "#887700")
VALUES = {Decision.YES: 0.0, Decision.MAYBE: 0.5, Decision.NO: 0.75}


def similarity(trial: Trial, by_decision: bool = False) -> Graph:
    """Return the graph of the best answers. by_decision: an edge's value is 0 for YES, 0.5 for MAYBE, instead of the distance."""
    edges = [
        {
            "from": name,
            "to": one.file,
            "color": {"color": RANKS[rank]},
            "label": f"{one.decision.value}:{one.distance:.4f}",
            "value": VALUES[one.decision] if by_decision else round(one.distance, 4),
        }
        for name, found in trial.answers.items()
        for rank, one in enumerate(found[:BEST])
    ]
    return {"meta": {"source": "DBDUMP"}, "clusters": [], "nodes": [_node(name, name) for name in trial.queries], "edges": edges}


def storage(trial: Trial, clustering: Clustering) -> Graph:
    """Return the graph of the proposed clusters; a picture's label is its centrality score, least in the middle of its cluster."""
    score = medoids(trial, clustering.proposed)
    clusters = [_cluster(_cluster_id(number), names) for number, names in enumerate(clustering.proposed) if names]
    return {
        "meta": {"source": "DBDUMP"},
        "clusters": clusters,
        "nodes": [_node(name, f"{score[name]:.4f}") for names in clustering.proposed for name in names],
        "edges": [{"from": cluster["id"], "to": name, "color": "gray"} for cluster in clusters for name in cluster["members"]],
    }


def merged(trial: Trial, clustering: Clustering, truth: GroundTruth) -> Graph:
    """Return the true clusters, with where each picture was put."""
    put = {name: number for number, names in enumerate(clustering.proposed) for name in names}
    meant = {one.proposed: one.true for one in clustering.pairs if one.proposed is not None}
    edges: list[dict[str, str]] = []
    for cluster, names in truth.clusters.items():
        for name in names:
            if name not in put or isinstance(trial.queries.get(name), BadPicture):
                edges.append({"from": cluster, "to": name, "color": "black"})
            elif meant.get(put[name]) == cluster:
                edges.append({"from": cluster, "to": name, "color": "green"})
            else:
                elsewhere = meant.get(put[name], _cluster_id(put[name]))
                edges += [{"from": cluster, "to": name, "color": "orange"}, {"from": elsewhere, "to": name, "color": "red"}]
    strangers = [name for name in truth.singles if name in put and put[name] in meant]
    edges += [{"from": meant[put[name]], "to": name, "color": "red"} for name in strangers]
    named = dict.fromkeys([*(name for names in truth.clusters.values() for name in names), *strangers])
    known = [_cluster(id, names) for id, names in truth.clusters.items()]
    other = dict.fromkeys(edge["from"] for edge in edges if edge["from"] not in truth.clusters)
    return {
        "meta_1": {"source": "VISJS"},
        "meta_2": {"source": "DBDUMP"},
        "clusters": [*known, *(_cluster(id, clustering.proposed[int(id.partition("|")[2])]) for id in other)],
        "nodes": [_node(name, name) for name in named],
        "edges": edges,
    }


def graphml(graph: Graph) -> str:
    """Return a graph as GraphML, directed; what an edge or a node is labelled and valued stays with it."""
    keys = (("label", "node"), ("kind", "node"), ("label", "edge"), ("color", "edge"), ("value", "edge"))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">']
    lines += [
        f'<key id="{to[0]}-{name}" for="{to}" attr.name="{name}" attr.type="{"double" if name == "value" else "string"}"/>'
        for name, to in keys
    ]
    lines.append('<graph edgedefault="directed">')
    for kind, nodes in (("cluster", graph["clusters"]), ("picture", graph["nodes"])):
        lines += [_element("node", {"id": node["id"]}, {"label": node["label"], "kind": kind}) for node in nodes]
    for edge in graph["edges"]:
        colour = edge["color"]["color"] if isinstance(edge["color"], Mapping) else edge["color"]
        data = {"label": edge.get("label"), "color": colour, "value": edge.get("value")}
        lines.append(_element("edge", {"source": edge["from"], "target": edge["to"]}, data))
    return "\n".join([*lines, "</graph>", "</graphml>"]) + "\n"


def edges(graph: Graph, names: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Return the edges as pairs of places in `names`."""
    place = {name: number for number, name in enumerate(names)}
    return [(place[edge["from"]], place[edge["to"]]) for edge in graph["edges"]]


def _node(name: str, label: str) -> dict[str, str]:
    return {"id": name, "label": label, "image": name, "shape": "image"}


def _cluster(id: str, names: Sequence[str]) -> dict[str, Any]:
    return {"id": id, "label": "", "image": "", "shape": "image", "members": list(names), "group": ""}


def _cluster_id(number: int) -> str:
    return f"cluster|{number}"


def _element(tag: str, attributes: Mapping[str, str], data: Mapping[str, Any]) -> str:
    head = " ".join(f"{name}={quoteattr(_xml(value))}" for name, value in attributes.items())
    inner = "".join(f'<data key="{tag[0]}-{name}">{escape(_xml(str(value)))}</data>' for name, value in data.items() if value is not None)
    return f"<{tag} {head}>{inner}</{tag}>"


def _xml(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd" for c in text)
