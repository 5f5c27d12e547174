"""A graph as other programs open it: VisJS-Classificator's JSON, and GraphML for Gephi, yEd, NetworkX and others.

Source: GraphML, graphml.graphdrawing.org/specification.html.
"""

import re
from typing import Any
from xml.etree import ElementTree

from matcher.graph import PROPOSED, Graph
from matcher.truth import GroundTruth
from matcher.visjs import as_graph

_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_OF_NODES = {"kind": "string", "label": "string", "cluster": "string", "weight": "int", "link": "string", "x": "double", "y": "double"}
_OF_EDGES = {"how": "string", "distance": "double"}
# XML 1.0 has no place for these, however they are written.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_visjs(graph: Graph) -> dict[str, Any]:
    """Return the graph as VisJS-Classificator opens it, and `kuato calibrate` reads it: pictures by their SHA-256.

    What was only proposed is an edge MAYBE. Where pictures were seen has no place in it.
    """
    clusters: dict[str, list[str]] = {}
    singles = []
    for node in graph.pictures:
        if node.cluster:
            clusters.setdefault(node.cluster, []).append(node.id)
        else:
            singles.append(node.id)
    truth = GroundTruth({cluster: tuple(ids) for cluster, ids in clusters.items()}, tuple(singles))
    return as_graph(truth, [(edge.a, edge.b, edge.distance or 0.0) for edge in graph.edges if edge.how == PROPOSED])


def as_graphml(graph: Graph) -> bytes:
    """Return the graph as GraphML, in UTF-8."""
    ElementTree.register_namespace("", _NAMESPACE)
    root = ElementTree.Element(_tag("graphml"))
    for side, keys in (("node", _OF_NODES), ("edge", _OF_EDGES)):
        for name, kind in keys.items():
            ElementTree.SubElement(root, _tag("key"), {"id": f"{side}.{name}", "for": side, "attr.name": name, "attr.type": kind})
    whole = ElementTree.SubElement(root, _tag("graph"), {"id": "clusters", "edgedefault": "undirected"})
    for node in graph.nodes:
        _written(ElementTree.SubElement(whole, _tag("node"), {"id": _text(node.id)}), "node", node, tuple(_OF_NODES))
    for edge in graph.edges:
        ends = {"source": _text(edge.a), "target": _text(edge.b)}
        _written(ElementTree.SubElement(whole, _tag("edge"), ends), "edge", edge, tuple(_OF_EDGES))
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _written(element: ElementTree.Element, side: str, thing: object, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(thing, name)
        if value not in ("", None):
            ElementTree.SubElement(element, _tag("data"), {"key": f"{side}.{name}"}).text = _text(str(value))


def _text(value: str) -> str:
    return _FORBIDDEN.sub("�", value)


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"
