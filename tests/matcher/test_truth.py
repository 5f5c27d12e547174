"""Which pictures belong together, in all the forms that people label them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from matcher.errors import BadFile, BadRequest, NotFound
from matcher.labelled import read
from matcher.match import Decision
from matcher.truth import GroundTruth, Lookalikes
from matcher.visjs import as_graph, read_graph

OURS: dict[str, Any] = {
    "clusters": [
        {"id": "bank", "kind": "screenshot", "members": [{"file": "a.png", "variant": "base"}, {"file": "b.png", "variant": "thumb"}]},
        {"id": "shop", "members": ["c.png", {"file": "d.png"}]},
    ],
    "distractors": [{"file": "e.png", "kind": "photo"}],
    "hard_negatives": [{"files": ["e.png", "f.png"], "worst_acceptable": "MAYBE"}, ["a.png", "c.png"]],
    "ambiguous": [{"files": ["c.png", "b.png"]}, {"file": "g.png", "cluster": "bank"}],
}
# As VisJS-Classificator writes it.
GRAPH: dict[str, Any] = {
    "meta": {"source": "VISJS"},
    "nodes": [
        {"id": 0, "label": "", "image": "a.png", "shape": "image"},
        {"id": 1, "label": "", "image": "b.png", "shape": "image"},
        {"id": 2, "label": "c.png", "image": "", "shape": "image"},
    ],
    "clusters": [{"id": 7, "label": "bank", "image": "anchor.png", "shape": "icon", "members": [0, 1], "group": "anchor"}],
    "edges": [{"from": 7, "to": 0, "color": "gray"}, {"from": 1, "to": 7, "color": "gray"}],
}


def without(document: dict[str, Any], *path: str | int, **changes: Any) -> dict[str, Any]:
    """Return a copy of a document without what is at a path, and with other values at its top."""
    copy = json.loads(json.dumps(document))
    if path:
        place = copy
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]
    return {**copy, **changes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of seven different pictures."""
    images = tmp_path / "images"
    images.mkdir()
    for number, name in enumerate("abcdefg"):
        Image.fromarray(np.full((8, 8), 20 * number, np.uint8)).save(images / f"{name}.png")
    return images


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_ours_says_what_belongs_together_and_what_does_not_count() -> None:
    truth = GroundTruth.from_json(OURS)
    assert truth.clusters == {"bank": ("a.png", "b.png"), "shop": ("c.png", "d.png")}
    assert truth.singles == ("e.png", "f.png", "g.png")
    assert truth.names == ("a.png", "b.png", "c.png", "d.png", "e.png", "f.png", "g.png")
    assert truth.variant_of == {"a.png": "base", "b.png": "thumb"}
    assert truth.kind_of == {"a.png": "screenshot", "b.png": "screenshot", "e.png": "photo"}
    assert truth.same("a.png", "b.png") and not truth.same("a.png", "c.png") and not truth.same("e.png", "f.png")
    assert truth.skipped("b.png", "c.png") and truth.skipped("g.png", "a.png") and not truth.skipped("a.png", "c.png")
    assert [truth.worst(*pair) for pair in (("a.png", "b.png"), ("f.png", "e.png"), ("a.png", "c.png"))] == [
        Decision.YES,
        Decision.MAYBE,
        Decision.NO,
    ]
    pairs = list(truth.pairs())
    assert len(pairs) == 6 * 5 // 2 - 1  # without those of g.png, and without that of b.png and c.png
    assert [(a, b) for a, b, same in pairs if same] == [("a.png", "b.png"), ("c.png", "d.png")]


def test_ours_is_written_as_it_is_read() -> None:
    truth = GroundTruth.from_json(OURS)
    assert GroundTruth.from_json(json.loads(json.dumps(truth.as_json()))) == truth


def test_the_dev_set_is_read_whole(shared: Path) -> None:
    dev_set = shared / "data" / "dev"
    labelled = read(dev_set / "images", dev_set / "ground_truth.json")
    assert (len(labelled.truth.clusters), sum(map(len, labelled.truth.clusters.values()))) == (282, 2056)
    assert len(labelled.truth.names) == len(labelled.path_of) == len(list((dev_set / "images").iterdir()))
    assert labelled.truth.variant_of["ds003_base.jpg"] == "base"


@pytest.mark.parametrize(
    "document",
    [
        GRAPH,
        without(GRAPH, "meta"),
        without(GRAPH, "clusters", 0, "members"),
        without(GRAPH, "edges"),
        without(GRAPH, "nodes", 0, "shape"),
        without(GRAPH, "nodes", 0, "label"),
        without(GRAPH, "clusters", 0, "shape"),
        without(GRAPH, "clusters", nodes=[*GRAPH["nodes"], {"id": 7, "label": "bank", "image": "anchor.png", "shape": "icon"}]),
        without(GRAPH, "clusters", nodes=[*GRAPH["nodes"], {"id": "7", "label": "bank", "image": "anchor.png", "group": "anchor"}]),
        without(GRAPH, edges=[*GRAPH["edges"], {"from": 1, "to": 2, "color": {"color": "#00FF00"}, "label": "YES:0.0312"}]),
        without(GRAPH, edges=[*GRAPH["edges"], {"from": 7, "to": 99}]),
        without(GRAPH, "clusters", 0, "members", edges=[{"from": "0", "to": "7"}, {"from": "7", "to": 1}]),
    ],
    ids=lambda document: ",".join(document),
)
def test_graphs_of_every_age_say_the_same(document: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    truth = read(folder, write(tmp_path / "graph.json", document)).truth
    assert (truth.clusters, truth.singles) == ({"bank": ("a.png", "b.png")}, ("c.png",))


def test_graphs_are_written_as_they_are_read() -> None:
    truth = GroundTruth({"bank": ("a.png", "b.png"), "shop": ("c.png", "d.png")}, ("e.png",))
    graph = json.loads(json.dumps(as_graph(truth)))
    assert read_graph(graph) == truth
    assert read_graph(without(graph, "edges")) == read_graph(without(graph, "clusters", 0, "members")) == truth
    assert len({node["id"] for node in [*graph["nodes"], *graph["clusters"]]}) == 7


def test_a_picture_that_became_a_png_is_found(folder: Path, tmp_path: Path) -> None:
    nodes = [{**node, "image": node["image"].replace("a.png", "a.bmp")} for node in GRAPH["nodes"]]
    labelled = read(folder, write(tmp_path / "graph.json", {**GRAPH, "nodes": nodes}))
    assert labelled.truth.clusters == {"bank": ("a.png", "b.png")}
    assert labelled.path_of["a.png"] == folder / "a.png"


def test_clusters_of_one_label_go_by_their_ids(folder: Path, tmp_path: Path) -> None:
    clusters = [{**GRAPH["clusters"][0], "id": 7, "members": [0]}, {**GRAPH["clusters"][0], "id": 8, "members": [1]}]
    truth = read(folder, write(tmp_path / "graph.json", without(GRAPH, "edges", clusters=clusters))).truth
    assert truth.clusters == {"7": ("a.png",), "8": ("b.png",)}


def test_every_subfolder_is_a_cluster(folder: Path) -> None:
    for cluster, names in {"bank": "ab", "shop": "cd", "_unsure": "g"}.items():
        (folder / cluster).mkdir()
        for name in names:
            (folder / f"{name}.png").rename(folder / cluster / f"{name}.png")
    (folder / "bank" / "notes.txt").write_text("not a picture")
    labelled = read(folder, folder)
    assert labelled.truth.clusters == {"bank": ("bank/a.png", "bank/b.png"), "shop": ("shop/c.png", "shop/d.png")}
    assert labelled.truth.singles == ("e.png", "f.png")
    assert labelled.path_of["bank/a.png"] == folder / "bank" / "a.png"
    assert set(labelled.path_of) == set(labelled.truth.names)


def test_labels_may_lie_beside_the_pictures(folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    (labels / "bank").mkdir(parents=True)
    for name in "ab":
        (labels / "bank" / f"{name}.png").write_bytes((folder / f"{name}.png").read_bytes())
    assert read(folder, labels).truth.clusters == {"bank": ("a.png", "b.png")}


def test_a_name_that_is_one_file_s_is_enough(folder: Path, tmp_path: Path) -> None:
    (folder / "more").mkdir()
    (folder / "a.png").rename(folder / "more" / "a.png")
    labels = write(tmp_path / "truth.json", {"clusters": [{"id": "x", "members": ["b.png"]}], "distractors": ["a.png"]})
    assert read(folder, labels).truth.singles == ("more/a.png",)
    (folder / "less").mkdir()
    (folder / "less" / "a.png").write_bytes((folder / "more" / "a.png").read_bytes())
    with pytest.raises(BadFile, match=r"2 files called a\.png"):
        read(folder, labels)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"clusters": [{"id": 1, "members": ["a.png"]}, {"id": 2, "members": ["a.png"]}]}, "a.png is in two clusters, 1 and 2"),
        ({"clusters": [{"id": 1, "members": ["a.png"]}], "distractors": ["a.png"]}, "a.png is in a cluster and among the distractors"),
        (
            {"clusters": [{"id": 1, "members": ["a.png", "b.png"]}], "hard_negatives": [["a.png", "b.png"]]},
            "a.png and b.png are in the cluster 1, and different",
        ),
        ({"clusters": [{"id": 1, "members": ["a.png"]}, {"id": 1, "members": ["b.png"]}]}, "two clusters have the id 1"),
        ({"clusters": {"1": ["a.png"]}}, "clusters is no list"),
        ({"clusters": ["a.png"]}, r"clusters\[0\] is no object"),
        ({"clusters": [{"id": 1, "members": [{"name": "a.png"}]}]}, "names no file"),
        ({"clusters": [], "hard_negatives": [{"files": ["a.png", "b.png"], "worst_acceptable": "PERHAPS"}]}, "'PERHAPS' is no decision"),
        ({"clusters": [{"id": 1, "members": ["a.png", "z.png"]}]}, r"does not hold z\.png, which the ground truth names"),
        ({"clusters": [{"id": 1, "members": ["../images/a.png"]}]}, r"does not hold \.\./images/a\.png"),
        ({"pictures": []}, 'neither "clusters"'),
        ([], 'neither "clusters"'),
        (without(GRAPH, clusters=[{"id": 7, "members": [0, 9]}]), "cluster 7 has a member 9 that is no picture"),
        (without(GRAPH, nodes=[{"id": 0}]), "node 0 has no image"),
        (without(GRAPH, nodes=[{"image": "a.png"}]), "an entry of nodes has no id"),
        (without(GRAPH, nodes=GRAPH["nodes"] * 2), "two nodes have the id 0"),
        (without(GRAPH, edges=[{"from": 7}]), "an edge lacks from or to"),
        (without(GRAPH, clusters=[*GRAPH["clusters"], {"id": 8, "members": [0]}]), "a.png is in two clusters, bank and 8"),
    ],
)
def test_labels_that_cannot_be_are_told(document: Any, message: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=message):
        read(folder, write(tmp_path / "truth.json", document))


def test_what_is_no_json_is_told(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    for content in (b"", b"{", b"\xff\xfe\xfa", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(BadFile, match=r"truth\.json is no JSON"):
            read(folder, path)


def test_what_is_not_there_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        read(folder, tmp_path / "truth.json")
    with pytest.raises(NotFound, match="is no folder"):
        read(tmp_path / "elsewhere", write(tmp_path / "truth.json", OURS))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("not a picture")
    with pytest.raises(BadRequest, match="holds no pictures"):
        read(tmp_path / "empty", tmp_path / "truth.json")


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (GroundTruth({}), "has no pictures"),
        (GroundTruth({"a": ("a.png",)}, ("b.png",)), "no two pictures belong together"),
        (GroundTruth({"a": ("a.png", "b.png")}), "all pictures are in one cluster"),
    ],
)
def test_labels_by_which_nothing_can_be_measured_are_told(truth: GroundTruth, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        truth.check_pairs()


def test_what_is_easily_confused_stays_together() -> None:
    truth = GroundTruth(
        {"a": ("a1", "a2"), "b": ("b1", "b2"), "c": ("c1",)},
        ("e", "f", "g", "h"),
        lookalikes=(Lookalikes(("e", "a2")), Lookalikes(("f", "e"))),
        ambiguous=frozenset({("b1", "g")}),
    )
    assert truth.families == {"a": ("a1", "a2", "e", "f"), "b": ("b1", "b2", "g"), "c": ("c1",), "h": ("h",)}


def test_some_pictures_keep_what_is_known_of_them() -> None:
    truth = GroundTruth.from_json(OURS).only(["a.png", "c.png", "d.png", "e.png", "g.png"])
    assert truth.clusters == {"bank": ("a.png",), "shop": ("c.png", "d.png")}
    assert (truth.singles, truth.variant_of, truth.unsure) == (("e.png", "g.png"), {"a.png": "base"}, {"g.png"})
    assert [group.files for group in truth.lookalikes] == [("a.png", "c.png")]
    assert truth.ambiguous == frozenset()
