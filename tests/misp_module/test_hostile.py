"""Hostile requests, to our endpoint and through a stock server: valid JSON in time, and nothing is stored."""

import base64
import io
import json
import time
import zipfile

import pytest
import redis
from click.testing import CliRunner

from matcher.engine import Matcher
from matcher.settings import Settings
from misp_module.commands import misp
from tests.misp_module.building import EVENT, KNOWN, asking, attribute, page, png, seen_in_misp
from tests.misp_module.serving import listening, stock
from tests.misp_module.test_app import HOSTILE
from tests.misp_module.test_contract import encrypted

PREFIX = "misp-hostile:"
MOST = 2 << 20


def archive(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()


def text(data):
    return base64.b64encode(data).decode()


def sample(data):
    return asking(data, type="malware-sample", value=f"a.png|{'0' * 32}", uuid=EVENT)


def lookup(**changes):
    return {"module": "image_lookup", "attribute": attribute(**changes)}


def action(name, **changes):
    return {"module": name, "data": {"Event": {"Attribute": [attribute(b"picture")]}}, "params": {}} | changes


BOMB = b"\x89PNG\r\n\x1a\n" + bytes(200 << 20)
MORE = {
    "a sample that is a bomb": sample(archive({"a": BOMB})),
    "an encrypted sample that is no picture": sample(encrypted({"a": b"MZ" + bytes(5000)})),
    "a sample in a sample": sample(archive({"a": archive({"a": b"x"})})),
    "a sample without a file": sample(archive({"x.filename.txt": b"a.png"})),
    "a sample that is cut off": sample(archive({"a": png(page(1))})[:200]),
    "a sample with 5,000 files": sample(archive({f"{i}.filename.txt": b"" for i in range(5000)})),
    "a lookup without value": lookup(type="url", value=None),
    "a lookup of a list": lookup(type="domain", value=["a.example"]),
    "a lookup of a long URL": lookup(type="url", value="http://a.example/" + "a" * 100_000),
    "a lookup of no host": lookup(type="domain", value="http://["),
    "a lookup of no hash": lookup(type="sha256", value="../../etc/passwd"),
    "a lookup of patterns": lookup(type="sha256", value="*" * 64),
    "a lookup of a type of ours": lookup(type="image", value="x"),
    "a lookup without attribute": {"module": "image_lookup"},
    "an action without event": {"module": "image_stop", "data": None},
    "an action with a list": {"module": "image_stop", "data": [1]},
    "an action with a wrong decision": action("image_stop", params={"decision": "PERHAPS"}),
    "an action with a bank that is not there": action("image_stop", params={"bank": "x" * 10_000}),
    "a register that is off": action("image_register"),
    "a tag that is off": action("image_tag", params={"tag": "tlp:red"}),
    "a sighting that is off": action("image_sighting"),
    "an event whose attributes are a text": action(
        "image_stop", data={"Event": {"Attribute": "x", "Object": "y"}}, params={"decision": "NO"}
    ),
    "an import without file": {"module": "image_import"},
    "an import that is no base64": {"module": "image_import", "data": "%%%"},
    "an import of text": {"module": "image_import", "data": text(b"hello")},
    "an import that is a bomb": {"module": "image_import", "data": text(archive({"a.png": BOMB}))},
    "an import of nothing": {"module": "image_import", "data": text(archive({}))},
    "an import of paths": {"module": "image_import", "data": text(archive({"../../etc/passwd": b"root", "/a": b"b"}))},
    "an import of 5,000 files": {"module": "image_import", "data": text(archive({f"{i}.txt": b"x" for i in range(5000)}))},
    "an import that is too large": {"module": "image_import", "data": "A" * (3 * MOST)},
    "an export without events": {"module": "image_export", "data": {"Event": {}}},
    "an export of texts": {"module": "image_export", "data": ["x"]},
    "an export with a wrong uuid": {"module": "image_export", "data": [{"Event": {"Attribute": [attribute(uuid="*")]}}]},
}


@pytest.fixture(scope="module")
def settings(redis_url, tmp_path_factory):
    overrides = {"redis.url": redis_url, "redis.prefix": PREFIX, "data.dir": tmp_path_factory.mktemp("data"), "workers.count": 1}
    overrides |= {"misp.listen": "127.0.0.1:0", "picture.max_bytes": MOST}
    return Settings.load(environ={}, overrides=overrides)


@pytest.fixture(scope="module")
def ours(settings):
    with Matcher.open(settings) as matcher:
        matcher.add(png(page(1)), sources=[seen_in_misp(KNOWN)])
        with listening(matcher, settings) as found:
            yield found


@pytest.fixture(scope="module")
def through(ours, tmp_path_factory):
    """A stock server with our modules."""
    folder = tmp_path_factory.mktemp("server")
    assert CliRunner().invoke(misp, ["install-module", str(folder / "custom"), "--url", ours.url]).exit_code == 0
    with stock(folder, folder / "custom") as found:
        yield found


@pytest.fixture(scope="module")
def stored(redis_url):
    """What the store holds, by key."""

    def dump():
        with redis.Redis.from_url(redis_url) as client:
            return {key: client.dump(key) for key in client.scan_iter(f"{PREFIX}*")}

    return dump


KINDS = HOSTILE | MORE


def is_question(body):
    """Whether a stock server takes the body apart, and asks one of our modules; what is no JSON it refuses by itself."""
    if not isinstance(body, dict) or not str(body.get("module")).startswith("image_"):
        return False
    return "\\ud800" not in json.dumps(body)  # nor does it take half a character


def check(server, kind, stored):
    before, started = stored(), time.monotonic()
    status, reply = server.query(KINDS[kind])
    assert time.monotonic() - started < 10  # MISP's own patience
    assert status == 200 and reply["results"] == {} and 10 < len(reply["error"]) < 300 and "\n" not in reply["error"]
    assert "Traceback" not in reply["error"] and stored() == before


@pytest.mark.parametrize("kind", KINDS)
def test_our_endpoint_answers_in_time_and_nothing_is_stored(ours, stored, kind):
    check(ours, kind, stored)


@pytest.mark.parametrize("kind", [kind for kind, body in KINDS.items() if is_question(body)])
def test_so_it_is_through_a_stock_server(through, stored, kind):
    check(through, kind, stored)


def test_both_are_well_afterwards(ours, through):
    for server in (ours, through):
        assert server.query(asking(png(page(1)), uuid=EVENT))[1]["results"]["Object"]
