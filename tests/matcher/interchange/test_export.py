"""An export tells everything, in an order of its own, and nothing that may not leave."""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import pytest

from matcher.bank import Bank
from matcher.engine import Matcher
from matcher.errors import NotFound
from matcher.interchange.export import Export, Selection, export_lines
from matcher.records import Record
from matcher.source import Source
from tests.matcher.interchange.conftest import everything, filled, fingerprints, remember


def documents(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def pictures(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [document["picture"] for document in documents(lines) if "picture" in document]


def test_an_empty_store_has_an_export_too(matcher: Matcher) -> None:
    header, end = documents(export_lines(matcher))
    assert header == {"kuato-export": {"version": 1, "schema": 2, "algorithms": matcher.collection.versions}}
    assert (end["end"]["banks"], end["end"]["pictures"]) == (0, 0)


def test_everything_is_told_of_a_bank(matcher: Matcher) -> None:
    filled(matcher)
    banks = [document["bank"] for document in documents(export_lines(matcher)) if "bank" in document]
    assert [bank["name"] for bank in banks] == ["phishing", "shop"]
    assert {*banks[0], "id"} == {field.name for field in fields(Bank)}
    assert (banks[0]["tags"], banks[0]["thresholds"], banks[0]["keep_days"]) == (['circl:incident="phishing"'], {"pdq.yes": 0.05}, 30)


def test_everything_is_told_of_a_picture(matcher: Matcher) -> None:
    filled(matcher)
    first = pictures(export_lines(matcher))[0]
    # What is new in a record must get its place here, and a new version of the format.
    # Clusters travel by themselves, behind the pictures.
    derived = {"bank_ids", "versions", "sensitive", "group", "cluster", "placed"}
    renamed = {"size": {"width", "height"}, "bytes_size": {"bytes"}}
    told = {field.name for field in fields(Record)} - derived
    assert set(first) == {name for field in told for name in renamed.get(field, {field})}
    assert (first["id"], first["width"], first["height"], first["bytes"], first["banks"]) == (1, 640, 480, 1235, ["phishing"])
    assert {field.name for field in fields(Source)} == set(first["sources"][0])
    assert first["sources"][0]["metadata"] == {"event": [1, {"a": None, "x": 0.5}]}
    assert first["fingerprints"]["pdq"] == {"version": 1, "hex": fingerprints(1).values["pdq"].hex()}
    assert set(first["fingerprints"]["local"]) == {"version", "large", "base64"}


def test_pictures_stand_in_the_order_of_their_ids_and_removed_ones_not_at_all(matcher: Matcher) -> None:
    filled(matcher)
    assert [picture["id"] for picture in pictures(export_lines(matcher))] == [1, 2, 4]


def test_two_exports_are_equal(matcher: Matcher) -> None:
    filled(matcher)
    assert b"".join(export_lines(matcher)) == b"".join(export_lines(matcher))


def test_a_bank_alone_mentions_no_other_bank(matcher: Matcher) -> None:
    filled(matcher)
    lines = list(export_lines(matcher, banks=["shop"]))
    assert [picture["banks"] for picture in pictures(lines)] == [["shop"]]
    assert not any(b"phishing" in line for line in lines)


def test_a_tag_alone_mentions_the_banks_of_its_pictures(matcher: Matcher) -> None:
    filled(matcher)
    lines = list(export_lines(matcher, tags=["one"]))
    assert [picture["id"] for picture in pictures(lines)] == [1, 4]
    assert [next(iter(document)) for document in documents(lines)] == ["kuato-export", "bank", "picture", "picture", "end"]


def test_of_banks_and_tags_pictures_must_have_one_of_each(matcher: Matcher) -> None:
    filled(matcher)
    assert [picture["id"] for picture in pictures(export_lines(matcher, banks=["phishing", "shop"], tags=["one", "none"]))] == [1]


def test_a_tag_taken_away_counts_no_more(matcher: Matcher) -> None:
    filled(matcher)
    matcher.tag(everything(matcher)[0].sha256, remove=["one"])
    assert [picture["id"] for picture in pictures(export_lines(matcher, tags=["one"]))] == [4]


def test_an_unknown_bank_is_told_at_once(matcher: Matcher) -> None:
    with pytest.raises(NotFound, match="no bank"):
        export_lines(matcher, banks=["nobody"])


@pytest.mark.parametrize("how", ["bank", "tag"])
def test_what_shows_a_sensitive_picture_stays(matcher: Matcher, how: str) -> None:
    matcher.banks.create("hidden", sensitive=True)
    seen = Source("misp-attribute", "uuid", 5, 6, {"comment": "what is on it"}, {"tlp": "red"})
    tags, banks = (['copine-scale:level="1"'], []) if how == "tag" else ([], ["hidden"])
    remember(matcher, 1, sources=[seen], tags=tags, banks=banks)
    remember(matcher, 2, sources=[seen])
    export = Export(matcher, Selection(matcher))
    hidden, shown = pictures(export.lines())
    assert set(hidden["fingerprints"]) == {"pdq", "tiles"}
    assert hidden["sources"] == [
        {"kind": "misp-attribute", "id": "uuid", "first_seen": 5, "last_seen": 6, "metadata": {}, "visibility": {"tlp": "red"}}
    ]
    assert set(shown["fingerprints"]) == {"pdq", "tiles", "local"}
    assert shown["sources"][0]["metadata"] == {"comment": "what is on it"}
    assert export.withheld == 1
