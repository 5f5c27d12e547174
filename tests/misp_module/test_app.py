"""The protocol: whatever is asked, MISP gets JSON it can use."""

import base64
import json
import logging
import time
from pathlib import Path

import pytest

from matcher.errors import StoreUnavailable
from matcher.settings import Settings
from misp_module.app import create_app
from misp_module.assembly import served
from misp_module.modules import entry
from misp_module.stock.kuato_module import MODULES
from tests.misp_module.building import ENRICHED, Shelf, answer, asking, attribute, known, match, rows, seen_in_misp


def configured(**changes):
    return Settings.load(environ={}, overrides={name.replace("__", "."): value for name, value in changes.items()})


def client(matcher=None, **changes):
    return create_app(served(matcher or Shelf(answer(match(known()))), configured(**changes)), configured(**changes)).test_client()


def ask(body, matcher=None, **changes):
    """Return the answer to a query after checking what holds for every answer."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client(matcher, **changes).post("/query", data=text, content_type="application/json")
    assert response.status_code == 200
    reply = json.loads(response.data.decode("utf-8"))
    assert isinstance(reply["results"], dict) and "Traceback" not in reply.get("error", "")
    return reply


class TestDoors:
    def test_there_are_four_and_no_more(self):
        app = create_app(served(Shelf(), configured()), configured())
        assert {(rule.rule, *sorted(rule.methods - {"HEAD"})) for rule in app.url_map.iter_rules()} == {
            ("/modules", "GET"),
            ("/query", "POST"),
            ("/healthcheck", "GET"),
            ("/version", "GET"),
        }

    def test_modules(self):
        found = next(each for each in client().get("/modules").get_json() if each["name"] == "image_correlation")
        assert found.keys() == {"name", "type", "mispattributes", "meta"}
        assert (found["name"], found["type"]) == ("image_correlation", "expansion")
        assert (
            found["mispattributes"]["input"][:3] == ["attachment", "malware-sample", "image"]
            and found["mispattributes"]["format"] == "misp_standard"
        )
        assert found["meta"]["module-type"] == ["expansion", "hover"]
        assert isinstance(found["meta"]["config"], list)

    def test_healthcheck_and_version(self):
        assert client().get("/healthcheck").get_json() == {"status": True}
        assert client().get("/version").get_json().keys() == {"version"}

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/", 404), ("GET", "/query", 405), ("OPTIONS", "/query", 405), ("POST", "/modules", 405), ("GET", "/static/x", 404)],
    )
    def test_other_doors_are_closed(self, method, path, status):
        response = client().open(path, method=method)
        assert response.status_code == status and response.get_json()["error"]


class TestWhoMayAsk:
    @pytest.mark.parametrize("path", ["/modules", "/version", "/nowhere"])
    def test_only_addresses_of_the_list(self, path):
        assert client(misp__allow="192.0.2.7").get(path, environ_overrides={"REMOTE_ADDR": "192.0.2.8"}).status_code == 403
        assert client(misp__allow="192.0.2.7").get(path, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code != 403

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-Ip", "Forwarded", "Client-Ip"])
    def test_headers_are_not_believed(self, header):
        response = client(misp__allow="192.0.2.7").get("/modules", headers={header: "192.0.2.7"})
        assert response.status_code == 403

    def test_pages_in_a_browser_are_refused(self):
        response = client().post("/query", data="{}", headers={"Origin": "https://evil.example"})
        assert response.status_code == 403


class TestQuery:
    def test_a_match(self):
        [found] = ask(asking(b"picture"))["results"]["Object"]
        assert rows(found)["decision"] == "YES" and found["ObjectReference"][0]["referenced_uuid"] == ENRICHED

    def test_the_number_of_matches_is_a_setting(self):
        many = Shelf(answer(*(match(known(f"{i:064x}")) for i in range(4))))
        assert len(ask(asking(b"picture"), many, misp__max_matches=2)["results"]["Object"]) == 2

    def test_a_lone_surrogate_in_what_is_known_does_not_reach_php(self):
        picture = known(sources=(seen_in_misp(),), banks=("bad \ud800 name",))
        text = client(Shelf(answer(match(picture)))).post("/query", json=asking(b"picture")).data
        assert b"\\ud800" not in text and json.loads(text)["results"]["Object"]

    def test_a_slow_search_is_given_up_in_time(self):
        class Slow(Shelf):
            def search(self, data, *, limit, exclude, name):
                time.sleep(1.5)
                return super().search(data, limit=limit, exclude=exclude, name=name)

        started = time.monotonic()
        assert "misp.deadline" in ask(asking(b"picture"), Slow(), misp__deadline=0.3)["error"]
        assert time.monotonic() - started < 1.2

    def test_a_bug_is_logged_and_not_shown(self, caplog):
        class Broken(Shelf):
            def search(self, data, *, limit, exclude, name):
                raise RuntimeError("at line 7 of secret.py")

        assert ask(asking(b"picture"), Broken())["error"] == "Kuato could not answer; its log tells why."
        assert "secret.py" in caplog.text

    def test_where_the_store_is_stays_with_the_operator(self, caplog):
        class Away(Shelf):
            def search(self, data, *, limit, exclude, name):
                raise StoreUnavailable("redis://:password@10.0.0.1 does not answer")

        with caplog.at_level(logging.CRITICAL):
            said = ask(asking(b"picture"), Away())["error"]
        assert "store is away" in said and "10.0.0.1" not in said


def deep(levels):
    return b'{"module": "image_correlation", "attribute": ' + b"[" * levels + b"]" * levels + b"}"


def raw(**changes):
    return asking(b"picture") | changes


HOSTILE = {
    "nothing": b"",
    "no JSON": b"<html>",
    "cut off": json.dumps(asking(b"picture")).encode()[:-20],
    "not UTF-8": b'{"module": "\xff\xfe"}',
    "UTF-16": json.dumps({"module": 5}).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a list": [asking(b"picture")],
    "a text": "image_correlation",
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "NaN": b'{"module": NaN}',
    "Infinity": b'{"module": "image_correlation", "attribute": Infinity}',
    "a huge number": b'{"module": "image_correlation", "attribute": ' + b"9" * 100_000 + b"}",
    "a tiny exponent": b'{"module": "image_correlation", "attribute": 1e-999999999}',
    "deep lists": deep(40_000),
    "very deep lists": deep(2_000_000),
    "millions of parts": b"[" + b"[]," * 3_000_000 + b"[]]",
    "no module": {"attribute": attribute(b"picture")},
    "an unknown module": raw(module="qrcode"),
    "a module in a list": raw(module=["image_correlation"]),
    "a module that is an object": raw(module={"a": 1}),
    "a module with a surrogate": raw(module="\ud800"),
    "a module with 100,000 letters": raw(module="x" * 100_000),
    "a module with a line break": raw(module="a\r\nSet-Cookie: b"),
    "a dunder": raw(module="__class__"),
    "no attribute": {"module": "image_correlation"},
    "an attribute in a list": raw(attribute=[attribute(b"picture")]),
    "an attribute that is a text": raw(attribute="shot.png"),
    "an attribute of another type": asking(b"picture", type="url"),
    "an attribute without type": asking(b"picture", type=None),
    "a type that is a list": asking(b"picture", type=["attachment"]),
    "a malware sample": asking(b"PK", type="malware-sample"),
    "data in a list": raw(attribute=attribute() | {"data": [1, 2]}),
    "data that is a number": raw(attribute=attribute() | {"data": 1}),
    "data that is no base64": raw(attribute=attribute() | {"data": "%%%%"}),
    "data with a surrogate": raw(attribute=attribute() | {"data": "\ud800"}),
    "data with zero bytes": raw(attribute=attribute() | {"data": "QUJD\x00"}),
    "data with three letters": raw(attribute=attribute() | {"data": "QUJ"}),
    "data that is no picture": asking(b"not a picture"),
    "data that is too large": raw(attribute=attribute() | {"data": "A" * 3_000_000}),
    "a body that is too large": b" " * 4_000_000,
    "a uuid that is none": asking(b"picture", uuid="5"),
    "a uuid that is a number": asking(b"picture", uuid=5),
    "an object without attachments": {"module": "image_correlation", "object": {"Attribute": [attribute(type="filename")]}},
    "an object without attributes": {"module": "image_correlation", "object": {}},
    "the old style": {"module": "image_correlation", "attachment": "shot.png", "data": base64.b64encode(b"picture").decode()},
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_request_gets_one_line_of_reason_soon(body):
    started = time.monotonic()
    reply = ask(body, picture__max_bytes=1_500_000)
    assert time.monotonic() - started < 2
    assert reply["results"] == {} and 10 < len(reply["error"]) < 300 and "\n" not in reply["error"]


ODD = {
    "a name with control characters": {"value": "a\x00\x1b[31m\r\n.png"},
    "a name with a surrogate": {"value": "\udfff.png"},
    "a name of 100,000 letters": {"value": "x" * 100_000},
    "a name that is an object": {"value": {"a": [1]}},
    "no name": {"value": None},
    "a uuid in capitals": {"uuid": ENRICHED.upper()},
    "no uuid": {"uuid": None},
    "unknown keys": {"_allTags": [{"name": "x"}], "Galaxy": [], "ShadowAttribute": [], "later": {"a": [1, 2, {"b": None}]}},
    "numbers for texts": {"id": 5, "timestamp": 1795236815, "to_ids": "0", "deleted": None},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD.keys())
def test_an_odd_request_is_answered_all_the_same(changes):
    reply = ask(asking(b"picture", **changes))
    assert len(reply["results"]["Object"]) == 1 and "error" not in reply


RECORDED = {
    "query-button-attribute": True,
    "query-button-object": True,
    "query-enrich-event": True,
    "query-attributes-enrich": True,
    "query-attach-enrichment": True,
    "query-hover": True,
    "query-action": False,
}


@pytest.mark.parametrize(("name", "answered"), RECORDED.items())
def test_requests_as_a_real_misp_sent_them(shared: Path, name, answered):
    request = json.loads((shared / "misp-samples" / f"{name}.json").read_text("utf-8"))
    asked = request.get("attribute", {}).get("uuid")
    shelf = Shelf(answer(match(known())), [known("cd" * 32, sources=(seen_in_misp(asked or ENRICHED),))])
    assert "There is no module" in ask(request, shelf)["error"]
    reply = ask(request | {"module": "image_correlation"}, shelf)
    if answered:
        [found] = reply["results"]["Object"]
        assert rows(found)["decision"] == "YES" and "error" not in reply
        assert asked is None or found["ObjectReference"][0]["referenced_uuid"] == asked
    else:
        assert reply["results"] == {} and "attribute" in reply["error"]


@pytest.mark.parametrize("name", MODULES)
def test_an_entry_is_what_the_module_file_says(name):
    assert entry(name).keys() == {"name", "type", "mispattributes", "meta"} and entry(name)["name"] == name
