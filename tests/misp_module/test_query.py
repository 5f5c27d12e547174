"""Bytes from the network become subjects, or one error that says why not."""

import base64
import json

import pytest

from matcher.errors import BadRequest, TooLarge
from misp_module.query import is_uuid, parse, plain, subjects
from tests.misp_module.building import ENRICHED, asking, attribute

MIB = 2**20


def test_an_attribute_becomes_a_subject():
    [subject] = subjects(parse(json.dumps(asking(b"bytes of a picture")).encode()), MIB)
    assert (subject.uuid, subject.name, subject.data) == (ENRICHED, "shot.png", b"bytes of a picture")


@pytest.mark.parametrize(("changes", "data"), [({}, None), ({"data": None}, None), ({"data": ""}, b"")])
def test_bytes_that_misp_did_not_send(changes, data):
    assert subjects({"attribute": attribute() | changes}, MIB)[0].data == data


def test_an_object_gives_its_attachments():
    parts = [attribute(type="filename"), attribute(b"one", value="one.png"), attribute(b"two", value="two.png"), "nonsense"]
    assert [subject.data for subject in subjects({"object": {"Attribute": parts}}, MIB)] == [b"one", b"two"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"[" * 200_000,
        b"[" * 50_000,
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"\xff\xfe\xfd",
        b'{"a": 1,}',
        b"[" + b"{}," * 200_000 + b"{}]",
    ],
)
def test_what_is_no_request_is_refused(body):
    with pytest.raises(BadRequest):
        parse(body)


def test_a_number_of_a_million_digits_costs_nothing():
    assert parse(b'{"n": ' + b"9" * 1_000_000 + b"}") == {"n": float("inf")}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "url"}, "or malware-sample; this one is of type url"),
        ({"type": ["attachment"]}, "of type list"),
        ({"uuid": "not-a-uuid"}, "not a UUID"),
        ({"uuid": 5}, "not a UUID"),
        ({"data": "!!!!"}, "not valid base64"),
        ({"data": "QUJD\nQUJD"}, "not valid base64"),
        ({"data": "QUJ"}, "not valid base64"),
        ({"data": "é"}, "not valid base64"),
        ({"data": "\ud800"}, "not valid base64"),
        ({"data": ["QUJD"]}, "not a text"),
    ],
)
def test_a_wrong_attribute_is_named(changes, said):
    with pytest.raises(BadRequest, match=said):
        subjects({"attribute": attribute(b"abc") | changes}, MIB)


def test_the_limit_is_that_of_the_decoded_file():
    assert subjects({"attribute": attribute(b"x" * 1000)}, 1000)[0].data == b"x" * 1000
    with pytest.raises(TooLarge, match=r"picture\.max_bytes"):
        subjects({"attribute": attribute() | {"data": base64.b64encode(b"x" * 1003).decode()}}, 1000)


@pytest.mark.parametrize("request_", [{}, {"attribute": []}, {"object": {}}, {"object": {"Attribute": {}}}, {"object": {"Attribute": []}}])
def test_a_request_without_attachment_says_what_is_needed(request_):
    with pytest.raises(BadRequest, match="attachment"):
        subjects(request_, MIB)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("shot.png", "shot.png"),
        ("a\r\nb\x00c", "a b c"),
        ("shot\u202egnp.exe", "shot gnp.exe"),
        ("\ud800.png", ".png"),
        ("", "unnamed"),
        (None, "unknown"),
        ({}, "dict"),
    ],
)
def test_names_are_made_fit_to_be_shown(value, shown):
    assert plain(value) == shown


def test_long_names_keep_their_ends():
    assert plain("a" * 300 + ".png", 40) == "a" * 20 + "…" + "a" * 15 + ".png"


def test_uuids():
    assert is_uuid(ENRICHED) and is_uuid(ENRICHED.upper())
    assert not any(map(is_uuid, ["", None, 5, ENRICHED[:-1], ENRICHED.replace("-", ""), "{" + ENRICHED + "}", "z" * 36]))
