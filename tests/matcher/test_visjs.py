"""Graphs of pictures that are still to be decided on."""

from matcher.truth import GroundTruth
from matcher.visjs import as_graph, read_graph


def test_a_picture_that_nobody_decided_on_does_not_count() -> None:
    truth = GroundTruth({"bank": ("a.png", "b.png")}, ("c.png", "d.png"))
    graph = as_graph(truth, [("a.png", "c.png", 0.2)])
    assert {edge["label"]: edge["value"] for edge in graph["edges"] if "label" in edge} == {"MAYBE:0.2000": 0.2}
    read_again = read_graph(graph)
    assert (read_again.clusters, read_again.unsure) == (truth.clusters, {"c.png"})
    assert [(a, b) for a, b, _ in read_again.pairs()] == [("a.png", "b.png"), ("a.png", "d.png"), ("b.png", "d.png")]
    placed = read_graph(as_graph(GroundTruth({"bank": ("a.png", "b.png", "c.png")}), [("a.png", "c.png", 0.2)]))
    assert placed.unsure == frozenset() and placed.same("a.png", "c.png")
