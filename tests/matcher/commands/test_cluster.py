"""`kuato cluster` and `kuato review`, as people and programs call them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.matcher.commands.conftest import Kuato
from tests.matcher.pictures import encoded, photo


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three copies of one picture, and another picture."""
    whole = Image.fromarray(np.asarray(photo(480, 360)))
    found = []
    for n in range(3):
        path = tmp_path / f"copy-{n}.jpg"
        path.write_bytes(encoded(whole.resize((480 - 40 * n, 360 - 30 * n)), "JPEG", quality=90 - 5 * n))
        found.append(path)
    other = tmp_path / "other.png"
    other.write_bytes(encoded(photo(seed=3)))
    return [*found, other]


@pytest.fixture
def shas(kuato: Kuato, files: list[Path]) -> list[str]:
    return [kuato.json("add", path)[0]["picture"]["sha256"] for path in files]


def test_a_cluster_is_listed_shown_split_and_joined(kuato: Kuato, shas: list[str]) -> None:
    (listed,) = kuato.json("cluster", "list")
    assert listed["size"] == 3
    shown = kuato.json("cluster", "show", listed["id"])[0]
    assert [picture["sha256"] for picture in shown["pictures"]] == shas[:3]
    split = kuato.json("cluster", "split", listed["id"], shas[0])[0]
    assert (split["cluster"]["size"], split["split"]) == (2, None)
    assert kuato.json("show", shas[0])[0]["cluster"] is None
    joined = kuato.json("cluster", "join", shas[0], shas[1])[0]
    assert (joined["id"], joined["size"]) == (listed["id"], 3)
    people = kuato("cluster", "show", listed["id"])
    assert people.exit_code == 0
    assert "pictures        3" in people.stdout and all(sha256 in people.stdout for sha256 in shas[:3])
    assert listed["id"] in kuato("cluster", "list").stdout


def test_search_and_show_tell_the_cluster(kuato: Kuato, shas: list[str], files: list[Path]) -> None:
    (listed,) = kuato.json("cluster", "list")
    found = kuato.json("search", files[0])[0]["matches"]
    assert {match["picture"]["cluster"] for match in found} == {listed["id"]}
    assert listed["id"] in kuato("search", files[0]).stdout
    assert listed["id"] in kuato("show", shas[0]).stdout


def test_a_review_is_given_told_listed_and_withdrawn(kuato: Kuato, shas: list[str]) -> None:
    a, b = sorted((shas[0], shas[1]))
    given = kuato.json("review", shas[0], shas[1], "--reject")[0]
    assert (given["a"], given["b"], given["verdict"]) == (a, b, "different")
    assert kuato.json("review", shas[1], shas[0]) == [given]
    assert kuato.json("review", "list") == [given]
    assert shas[1] not in [match["picture"]["sha256"] for match in kuato.json("search", "--sha256", shas[0])[0]["matches"]]
    assert kuato.json("review", shas[1], shas[0], "--confirm")[0]["verdict"] == "same"
    assert [one["verdict"] for one in kuato.json("review", "list")] == ["same"]
    assert kuato.json("review", shas[1], shas[0], "--withdraw")[0]["withdrawn"]
    assert kuato.json("review", "list") == []
    assert "nobody said anything" in kuato("review", shas[0], shas[1]).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["review", "0" * 64], 2, "name two pictures"),
        (["review", "0" * 64, "1" * 64, "--confirm", "--reject"], 2, "one of --confirm"),
        (["review", "0" * 64, "1" * 64, "--confirm"], 4, "no picture"),
        (["cluster", "show", "nothing"], 4, "there is no cluster"),
        (["cluster", "show", "00000000-0000-4000-8000-000000000000"], 4, "there is no cluster"),
        (["cluster", "accept", "nothing"], 4, "no proposal"),
        (["cluster", "undo", "nothing"], 4, "no decision"),
    ],
)
def test_what_makes_no_sense_is_refused(kuato: Kuato, words: list[str], code: int, said: str) -> None:
    result = kuato(*words)
    assert result.exit_code == code
    assert said in result.stderr


def test_what_was_not_looked_up_when_it_was_added_is_looked_up_afterwards(kuato: Kuato, files: list[Path]) -> None:
    kuato.options.append("--set=cluster.automatic=false")
    for path in files:
        assert kuato.json("add", path)[0]["picture"]["cluster"] is None
    assert kuato.json("cluster", "list") == []
    assert kuato.json("cluster", "build") == [{"pictures": 4, "clusters": 1, "proposals": 0}]
    assert [one["size"] for one in kuato.json("cluster", "list")] == [3]
    assert kuato.json("cluster", "build") == [{"pictures": 0, "clusters": 1, "proposals": 0}]


def test_too_large_a_cluster_is_proposed_accepted_and_rejected(kuato: Kuato, files: list[Path]) -> None:
    kuato.options.append("--set=cluster.max_size=2")
    added = [kuato.json("add", path)[0]["picture"] for path in files[:3]]
    assert added[2]["cluster"] is None
    (proposal,) = kuato.json("cluster", "proposals")
    assert proposal["reason"] == "size"
    assert {side["picture"] for side in proposal["sides"]} == {None, added[2]["sha256"]}
    assert proposal["id"] in kuato("cluster", "proposals").stdout
    assert kuato.json("cluster", "accept", proposal["id"])[0]["size"] == 3
    assert "is undone; it waits again" in kuato("cluster", "undo", proposal["id"]).stdout
    assert kuato.json("cluster", "proposals") == [proposal] and [one["size"] for one in kuato.json("cluster", "list")] == [2]
    assert kuato.json("cluster", "accept", proposal["id"])[0]["size"] == 3
    kuato("remove", added[2]["sha256"])
    kuato.json("add", files[2])
    (proposal,) = kuato.json("cluster", "proposals")
    assert kuato.json("cluster", "reject", proposal["id"]) == [{"id": proposal["id"], "rejected": True}]
    assert kuato.json("cluster", "proposals") == []
    assert kuato.json("cluster", "undo", proposal["id"]) == [{"id": proposal["id"], "waits": True}]
    assert kuato.json("cluster", "proposals") == [proposal]


def test_what_is_said_is_what_calibration_reads(kuato: Kuato, shas: list[str]) -> None:
    kuato("review", shas[0], shas[3], "--reject")
    line = json.loads(kuato("review", "list", "--json").stdout)
    assert {name: line[name] for name in ("a", "b", "verdict")} == {
        "a": min(shas[0], shas[3]),
        "b": max(shas[0], shas[3]),
        "verdict": "different",
    }
