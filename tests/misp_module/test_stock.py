"""Our endpoint beside the misp-modules server that MISP knows: the same shapes, and no name taken."""

import importlib.util
from collections import Counter

import pytest

from matcher.settings import Settings
from misp_module.app import create_app
from misp_module.assembly import served
from misp_module.stock.kuato_module import MODULES
from tests.misp_module.building import Shelf, answer, asking, known, match
from tests.misp_module.serving import stock as running_stock


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    with running_stock(tmp_path_factory.mktemp("stock")) as server:
        yield server


@pytest.fixture(scope="module")
def stock_modules(stock):
    return stock.get("/modules")[1]


@pytest.fixture
def ours():
    return create_app(served(Shelf(answer(match(known()))), Settings.load(environ={})), Settings.load(environ={})).test_client()


def test_our_entry_has_the_shape_of_every_other(stock_modules, ours):
    entry = ours.get("/modules").get_json()[0]
    assert all(other.keys() == entry.keys() for other in stock_modules)
    alike = [m for m in stock_modules if m["type"] == entry["type"] and m["mispattributes"].get("format") == "misp_standard"]
    assert len(alike) > 20
    for part in ("mispattributes", "meta"):
        for name, value in entry[part].items():
            # A few of them have slips, such as a version that is a number: most decide.
            types = Counter(type(other[part][name]) for other in alike if name in other[part])
            assert types.most_common(1)[0][0] is type(value), name
    usual = Counter(name for other in alike for name in other["meta"])
    assert {name for name, count in usual.items() if count > len(alike) / 2} == entry["meta"].keys()


def test_our_name_is_neither_theirs_nor_a_package(stock_modules, ours):
    for name in MODULES:
        assert name not in {other["name"] for other in stock_modules}
        assert importlib.util.find_spec(name) is None


@pytest.mark.parametrize("path", ["/healthcheck", "/version"])
def test_the_small_answers_have_the_same_keys(stock, ours, path):
    assert {name: type(value) for name, value in stock.get(path)[1].items()} == {
        name: type(value) for name, value in ours.get(path).get_json().items()
    }


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"module": "no_such_module", "attribute": {}}, id="unknown module"),
        pytest.param({"attribute": {}}, id="no module"),
        pytest.param({"module": "{name}"}, id="no attribute"),
        pytest.param({"module": "{name}", "attribute": {"type": "attachment"}}, id="half an attribute"),
    ],
)
def test_errors_come_in_the_same_shape(stock, ours, request_):
    def put(name):
        return {key: name if value == "{name}" else value for key, value in request_.items()}

    # A module of the same kind: misp_standard, and as strict about what it is given.
    status, theirs = stock.query(put("mmdb_lookup"))
    reply = ours.post("/query", json=put("image_correlation"))
    assert (status, reply.status_code) == (200, 200)
    assert isinstance(theirs["error"], str)
    assert reply.get_json() == {"error": reply.get_json()["error"], "results": {}}
    assert isinstance(reply.get_json()["error"], str)


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
def test_where_they_fail_we_answer(stock, ours, body):
    assert stock.query(body)[0] == 500
    reply = ours.post("/query", data=body)
    assert reply.status_code == 200 and reply.get_json()["results"] == {}


def test_a_recorded_answer_has_the_shape_misp_reads(ours):
    results = ours.post("/query", json=asking(b"picture")).get_json()["results"]
    assert results.keys() <= {"Attribute", "Object", "EventReport", "Tag", "Galaxy"}
    for found in results["Object"]:
        assert {"name", "meta-category", "description", "template_uuid", "template_version", "uuid", "Attribute"} <= found.keys()
        assert all({"uuid", "type", "value", "object_relation", "category"} <= row.keys() for row in found["Attribute"])
