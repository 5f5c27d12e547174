"""Ground truth as VisJS-Classificator and Douglas-Quaid write it: a graph of pictures, clusters and edges between them.

Source: Douglas-Quaid, github.com/CIRCL/douglas-quaid (JSON of the graph); vis.js networks. Ids are numbers or texts, and are compared as
texts. What old and hand-made files lack is tolerated: meta, clusters (then a node with the shape "icon" or the group "anchor" is one),
shapes, labels, members (edges tell them, in either direction). An edge between two pictures, or to what is not there, says
nothing of clusters. A picture is known by its image, by its label only where it has no image. One that is in no cluster
belongs to no other, unless an edge with the label MAYBE ties it to another picture: then nobody has decided yet.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from matcher.errors import BadFile
from matcher.match import Decision
from matcher.truth import GroundTruth

MAYBE = Decision.MAYBE.value
ANCHOR = {"image": "anchor.png", "shape": "icon", "group": "anchor"}


def is_graph(document: Any) -> bool:
    """Whether a JSON document is such a graph, rather than our own ground truth."""
    return isinstance(document, Mapping) and "nodes" in document


def read_graph(document: Mapping[str, Any], name: str = "the graph") -> GroundTruth:
    """Return which pictures the graph ties together. name: what an error calls it. Raises BadFile."""
    try:
        return _read(document)
    except BadFile as error:
        raise BadFile(f"{name}: {error}") from error


def as_graph(truth: GroundTruth, open_pairs: Iterable[tuple[str, str, float]] = ()) -> dict[str, Any]:
    """Return a graph that VisJS-Classificator opens: every cluster an anchor, with an edge to each of its pictures.

    open_pairs: two pictures that may belong together, and their distance; an edge MAYBE between them.
    """
    ids = {name: number for number, name in enumerate(truth.names)}
    anchors = {cluster: len(ids) + number for number, cluster in enumerate(truth.clusters)}
    return {
        "meta": {"source": "VISJS"},
        "nodes": [{"id": id, "label": name, "image": name, "shape": "image"} for name, id in ids.items()],
        "clusters": [
            {"id": anchors[cluster], "label": cluster, **ANCHOR, "members": [ids[name] for name in names]}
            for cluster, names in truth.clusters.items()
        ],
        "edges": [
            *({"from": anchors[cluster], "to": ids[name], "color": "gray"} for cluster, names in truth.clusters.items() for name in names),
            *(
                {"from": ids[a], "to": ids[b], "color": {"color": "#887700"}, "label": f"{MAYBE}:{distance:.4f}", "value": distance}
                for a, b, distance in open_pairs
            ),
        ],
    }


def _read(document: Mapping[str, Any]) -> GroundTruth:
    nodes, anchors = _by_id(document, "nodes"), _by_id(document, "clusters")
    anchors |= {id: node for id, node in nodes.items() if id not in anchors and _is_anchor(node)}
    image_of = {id: _image(id, node) for id, node in nodes.items() if id not in anchors}
    members = {id: dict.fromkeys(_members(id, anchor, image_of)) for id, anchor in anchors.items()}
    unsure = set[str]()
    for end, other, label in _edges(document):
        if end in anchors and other in image_of:
            members[end][image_of[other]] = None
        elif end in image_of and other in image_of and label.startswith(MAYBE):
            unsure.add(image_of[end])
    label_of = _labels(anchors)
    placed = {name for names in members.values() for name in names}
    singles = tuple(dict.fromkeys(name for name in image_of.values() if name not in placed))
    clusters = {label_of[id]: tuple(names) for id, names in members.items() if names}
    return GroundTruth(clusters, singles, unsure=frozenset(unsure - placed))


def _by_id(document: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for entry in _list(document, key):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("id"), int | str):
            raise BadFile(f"an entry of {key} has no id: {str(entry)[:100]}")
        id = str(entry["id"])
        if id in found:
            raise BadFile(f"two {key} have the id {id}; give each its own")
        found[id] = entry
    return found


def _is_anchor(node: Mapping[str, Any]) -> bool:
    return node.get("shape") == "icon" or node.get("group") == "anchor"


def _image(id: str, node: Mapping[str, Any]) -> str:
    name = node.get("image") or node.get("label")
    if not isinstance(name, str):
        raise BadFile(f"node {id} has no image; give it the name of a file")
    return name


def _members(id: str, anchor: Mapping[str, Any], image_of: Mapping[str, str]) -> Iterable[str]:
    for member in _list(anchor, "members"):
        if str(member) not in image_of:
            raise BadFile(f"cluster {id} has a member {member!r} that is no picture of the graph; remove it, or add the node")
        yield image_of[str(member)]


def _edges(document: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Yield the two ends of each edge, both ways round, and its label."""
    for edge in _list(document, "edges"):
        if not isinstance(edge, Mapping) or "from" not in edge or "to" not in edge:
            raise BadFile(f"an edge lacks from or to: {str(edge)[:100]}")
        a, b, label = str(edge["from"]), str(edge["to"]), str(edge.get("label", ""))
        yield a, b, label
        yield b, a, label


def _labels(anchors: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return what to call each cluster: its label where no other has it, else its id."""
    labels = [anchor.get("label") for anchor in anchors.values()]
    return {
        id: str(label) if label and labels.count(label) == 1 and label not in anchors else id
        for (id, anchor), label in zip(anchors.items(), labels, strict=True)
    }


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    found = document.get(key) or []
    if not isinstance(found, list):
        raise BadFile(f"{key} is no list")
    return found
