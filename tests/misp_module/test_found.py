"""Attributes as MISP tells of them, whatever is in them."""

from typing import Any

import pytest

from matcher.errors import BadSettings
from misp_module.bankrules import BankRules
from misp_module.found import Found, seconds, seconds_of
from tests.misp_module.building import KNOWN

NAMES = ("*.png", "*.jpg")


def found(attribute: dict[str, Any] | None = None, event: dict[str, Any] | None = None, **within: Any) -> Found:
    return Found({"type": "attachment", "uuid": KNOWN, **(attribute or {})}, event or {}, within)


@pytest.mark.parametrize(
    ("attribute", "within", "wanted"),
    [
        ({"value": "a.PNG"}, {}, True),
        ({"value": "a.pdf"}, {}, False),
        ({"value": "screenshot"}, {}, True),
        ({"value": "a.pdf"}, {"name": "image"}, True),
        ({"value": "a.bin", "object_relation": "proof-screenshot"}, {"name": "ddos-claim"}, True),
        ({"value": "a.jpg|d41d8cd98f00b204e9800998ecf8427e", "type": "malware-sample"}, {}, True),
        ({"value": "a.exe|d41d8cd98f00b204e9800998ecf8427e", "type": "malware-sample"}, {}, False),
        ({"value": "a.png", "type": "filename"}, {}, False),
    ],
)
def test_what_may_be_a_picture(attribute: dict[str, Any], within: dict[str, Any], wanted: bool) -> None:
    assert found(attribute, **within).wanted(NAMES) is wanted


@pytest.mark.parametrize(
    "rows",
    [
        ({}, {}, {}),
        (
            {"uuid": 5, "value": None, "deleted": "maybe", "timestamp": [], "Tag": "x", "first_seen": {}},
            {"Orgc": 7, "Tag": [1]},
            {"Attribute": 3},
        ),
        ({"uuid": "no", "timestamp": "1e9", "first_seen": "yesterday"}, {"Tag": [{"name": 4}]}, {"Attribute": [5, {"type": "url"}]}),
    ],
)
def test_anything_may_be_missing_or_of_any_type(rows: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]) -> None:
    one = Found(*rows)
    assert (one.uuid, one.deleted, one.wanted(NAMES), one.versions) == ("", False, False, (0, 0))
    source = one.source(["bank"], ["tag"])
    assert (source.first_seen, source.last_seen) == (0, 0)
    assert isinstance(one.tags, tuple)


def test_times() -> None:
    assert [seconds(value) for value in ("1772409600", 1772409600, "1772409600.5", "", None, True, "9" * 13, "-5")] == [1772409600] * 3 + [
        0
    ] * 5
    assert seconds_of("2026-03-02T00:00:00.000000+00:00") == seconds_of("2026-03-02T00:00:00Z") == 1772409600
    assert [seconds_of(value) for value in ("", "soon", None, "0001-01-01T00:00:00Z")] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"tag": "a"}, "bank must be given"),
        ({"bank": "kits", "tags": "a"}, "there is no 'tags'"),
        ({"bank": "kits", "org": 5}, "org is 5"),
        ({"bank": "kit"}, "'kit', which is not there"),
    ],
)
def test_what_cannot_be_a_rule(row: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings, match=r"misp\.banks") as raised:
        BankRules([row], ["kits"])
    assert said in str(raised.value)
