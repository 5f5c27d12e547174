"""The index of adulau/photodna."""

import json
from pathlib import Path
from typing import Any

import pytest

from matcher.errors import BadFile
from matcher.interchange.photodna import PhotoDNA
from tests.matcher.interchange.reading import found

VECTOR = [n % 256 for n in range(200, 344)]


def meta(*items: Any, **changes: Any) -> str:
    """The file as that program writes it."""
    whole = {"dimension": 144, "metric": "squared_l2", "similarity_metric": "normalized_euclidean", "next_id": 9, "items": list(items)}
    return json.dumps(whole | changes, indent=2, sort_keys=True)


def item(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "path": "/images/ä.jpg", "hash": VECTOR, "extra": {}} | changes


def test_vectors_are_read_with_their_paths(tmp_path: Path) -> None:
    read = found(PhotoDNA(), tmp_path, meta(item(), item(id=2, extra={"tags": ["a"], "note": "n", "sha256": "ab" * 32})))
    assert read.prints == [{"photodna": bytes(VECTOR).hex()}] * 2
    assert read.entries[0].details == {"name": "/images/ä.jpg"}
    assert (read.entries[1].sha256, read.entries[1].tags) == ("ab" * 32, ("a",))


def test_a_file_may_be_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    read = found(PhotoDNA(), tmp_path, meta(*(item(id=n) for n in range(2000))))
    assert len(read.entries) == 2000


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "text",
        {},
        item(hash=VECTOR[:-1]),
        item(hash=[*VECTOR, 1]),
        item(hash=[256, *VECTOR[1:]]),
        item(hash=[-1, *VECTOR[1:]]),
        item(hash=[0.5, *VECTOR[1:]]),
        item(hash=[True, *VECTOR[1:]]),
        item(hash="text"),
        item(extra={"sha256": "short"}),
        item(path="p" * 5000),
    ],
)
def test_wrong_items_are_told_with_their_place(tmp_path: Path, wrong: Any) -> None:
    read = found(PhotoDNA(), tmp_path, meta(item(), wrong, item()))
    assert (len(read.entries), [place for place, _ in read.flaws]) == (2, ["item 2"])


def test_flat_pictures_are_passed_over(tmp_path: Path) -> None:
    read = found(PhotoDNA(), tmp_path, meta(item(hash=[0] * 144)))
    assert (read.entries, len(read.passed)) == ([], 1)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.97])
def test_what_was_cut_short_is_refused(tmp_path: Path, keep: float) -> None:
    whole = meta(*(item(id=n) for n in range(3)))
    with pytest.raises(BadFile, match="nothing was imported"):
        found(PhotoDNA(), tmp_path, whole[: int(keep * len(whole))])


@pytest.mark.parametrize("text", ["", "{}", "[]", meta(dimension=128), '{"items": [' + "[" * 100_000, '{"items": [1 2]}'])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadFile, match="list: .*"):
        found(PhotoDNA(), tmp_path, text)
