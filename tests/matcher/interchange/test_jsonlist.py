"""JSON lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from matcher.interchange.jsonlist import JsonLines
from matcher.source import Source
from tests.matcher.interchange.conftest import pdq
from tests.matcher.interchange.reading import found

ONE = pdq(1).hex()


@pytest.mark.parametrize(
    "line",
    [
        {"pdq": ONE},
        {"algorithm": "pdq", "fingerprint": ONE},
        {"hash": ONE},
        {"type": "HASH_PDQ", "indicator": ONE},
        {"type": "HASH_PDQ", "raw_indicator": ONE, "tags": {"data": [{"id": "1", "text": "a"}]}},
    ],
)
def test_keys_are_many(tmp_path: Path, line: dict[str, Any]) -> None:
    assert found(JsonLines(), tmp_path, json.dumps(line)).prints == [{"pdq": ONE}]


def test_everything_has_its_key(tmp_path: Path) -> None:
    line = {
        "algorithm": "pdq",
        "version": 1,
        "fingerprint": ONE,
        "sha256": "ab" * 32,
        "tags": ["a", "b,c|d"],
        "sources": ["url:https://x"],
        "note": "ü",
    }
    [entry] = found(JsonLines(), tmp_path, json.dumps(line)).entries
    assert (entry.sha256, entry.tags, entry.sources, entry.details) == (
        "ab" * 32,
        ("a", "b,c|d"),
        (Source("url", "https://x"),),
        {"note": "ü"},
    )


def test_vectors_are_read_too(tmp_path: Path) -> None:
    assert found(JsonLines(), tmp_path, json.dumps({"photodna": list(range(144))})).prints == [{"photodna": bytes(range(144)).hex()}]


def test_null_is_nothing(tmp_path: Path) -> None:
    [entry] = found(JsonLines(), tmp_path, json.dumps({"pdq": ONE, "phash": None, "tags": None, "sha256": None, "note": None})).entries
    assert (len(entry.prints), entry.tags, entry.sha256, entry.details) == (1, (), None, None)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '"text"',
        "[" * 100_000,
        '{"pdq": NaN}',
        '{"pdq": 5}',
        '{"pdq": {}}',
        f'{{"pdq": "{ONE}", "tags": 5}}',
        f'{{"pdq": "{ONE}", "tags": [{{"id": 1}}]}}',
        f'{{"pdq": "{ONE}", "version": true}}',
        f'{{"pdq": "{ONE}", "note": "{"n" * 5000}"}}',
        "{}",
        '{"pdq": 1' + "0" * 5000 + "}",
        "\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_wrong_lines_are_told_with_their_number(tmp_path: Path, line: str | bytes) -> None:
    text = line if isinstance(line, bytes) else line.encode()
    read = found(JsonLines(), tmp_path, json.dumps({"pdq": ONE}).encode() + b"\n\n" + text + b"\n")
    assert read.prints == [{"pdq": ONE}]
    assert [place for place, _ in read.flaws] == ["line 3"]


def test_members_that_say_nothing_are_told_once(tmp_path: Path) -> None:
    read = found(JsonLines(), tmp_path, 3 * f'{{"pdq": "{ONE}", "colour": "red"}}\n')
    assert (len(read.entries), read.passed) == (3, ["members whose names say nothing to us (colour)"])


@pytest.mark.parametrize("value", [5, 0, -1, 1.5, 1e300, True, False, "", "text", [], [1], [[]], {}, {"data": 5}, {"data": [5]}, None])
@pytest.mark.parametrize(
    "key", ["pdq", "algorithm", "fingerprint", "version", "sha256", "tags", "source", "url", "note", "name", "quality", "category"]
)
def test_any_member_may_be_anything(tmp_path: Path, key: str, value: Any) -> None:
    read = found(JsonLines(), tmp_path, json.dumps({"phash": "0f" * 8, key: value}))
    assert len(read.entries) + len(read.flaws) + len(read.passed) == 1
