"""From MISP's request over HTTP, Redis and the workers to the objects: nothing is played."""

import base64
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

import pytest
from PIL import Image
from pymisp import MISPObject

from matcher.engine import Matcher
from matcher.settings import Settings, config_dir
from matcher.source import Source
from misp_module.app import create_app
from misp_module.assembly import served
from misp_module.server import Listener
from tests.misp_module.building import ENRICHED, EVENT, KNOWN, SECOND_OF_MARCH, asking, jpeg, page, png, rows, seen_in_misp

SECRET = "c0ffee00-1111-4222-8333-444455556666"
LINKS = "https://misp.example.org"


@pytest.fixture(scope="module")
def configured(redis_url, tmp_path_factory):
    return {
        "redis.url": redis_url,
        "redis.prefix": "misp-test:",
        "data.dir": tmp_path_factory.mktemp("data"),
        "workers.count": 1,
        "misp.listen": "127.0.0.1:0",
        "misp.link_base": LINKS,
        "misp.deadline": 30.0,  # the machine may be busy with other tests
    }


@pytest.fixture(scope="module")
def matcher(configured):
    """A matcher that knows a login page from MISP, another from a file, a third that is secret, and a page to be ignored."""
    with Matcher.open(Settings.load(environ={}, overrides=configured)) as matcher:
        matcher.banks.create("kit X", kind="known-bad")
        matcher.banks.create("defaults", kind="ignore")
        matcher.add(png(page(1)), sources=[seen_in_misp(KNOWN, distribution=3, tlp="tlp:green")], banks=["kit X"])
        matcher.add(png(page(40).rotate(180)), sources=[Source("file", "/home/analyst/brand.png", SECOND_OF_MARCH)])
        matcher.add(png(page(80).transpose(Image.Transpose.TRANSPOSE)), sources=[seen_in_misp(SECRET, tlp="tlp:red")])
        matcher.add(png(page(120).crop((200, 100, 700, 600))), banks=["defaults"])
        yield matcher


@pytest.fixture(scope="module")
def ask(matcher, configured):
    listener = Listener(matcher, Settings.load(environ={}, overrides=configured))
    thread = threading.Thread(target=listener.run)
    thread.start()
    address = urlsplit(listener.url)

    def ask(request):
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        try:
            connection.request("POST", "/query", json.dumps(request))
            response = connection.getresponse()
            assert response.status == 200
            return json.loads(response.read())
        finally:
            connection.close()

    yield ask
    listener.stop()
    thread.join(30)


def best(reply):
    return rows(reply["results"]["Object"][0])


def test_a_recompressed_copy_is_the_same_picture(ask):
    reply = ask(asking(jpeg(page(1), 50)))
    found = best(reply)
    assert found["explanation"].startswith(f"YES: same picture as attribute {KNOWN}, seen 2026-03-02, bank kit X (")
    assert (found["known-image"], found["known-event"], found["link"]) == (KNOWN, EVENT, f"{LINKS}/attributes/view/{KNOWN}")
    loaded = MISPObject("image-similarity", strict=True, misp_objects_path_custom=str(config_dir() / "misp" / "objects"))
    loaded.from_dict(**reply["results"]["Object"][0])
    assert loaded.to_dict()["name"] == "image-similarity"


def test_answers_come_yes_first_then_by_distance(ask):
    found = [rows(found) for found in ask(asking(jpeg(page(1))))["results"]["Object"]]
    assert found == sorted(found, key=lambda row: (row["decision"] != "YES", float(row["distance"])))


def test_the_same_request_gets_the_same_values(ask):
    request = asking(jpeg(page(1)))
    assert [rows(found) for found in ask(request)["results"]["Object"]] == [rows(found) for found in ask(request)["results"]["Object"]]


def test_the_same_bytes_elsewhere_are_an_exact_copy(ask):
    found = best(ask(asking(png(page(1)))))
    assert (found["relation"], found["distance"], found["method"]) == ("exact copy", "0.00", "SHA-256")


def test_the_attribute_itself_is_no_answer(ask):
    reply = ask(asking(png(page(1)), uuid=KNOWN))
    assert KNOWN not in json.dumps([rows(found) for found in reply["results"].get("Object", [])])


def test_a_query_is_not_remembered(ask, matcher):
    before = {record.sha256 for record in matcher.find()}
    ask(asking(png(page(7))))
    assert {record.sha256 for record in matcher.find()} == before


def test_a_secret_picture_does_not_exist(ask):
    reply = ask(asking(png(page(80).transpose(Image.Transpose.TRANSPOSE))))
    assert reply == {"results": {}, "comment": "No known picture is like shot.png."}


def test_a_file_is_told_without_its_folder(ask):
    found = best(ask(asking(jpeg(page(40).rotate(180)))))
    assert "same picture as file brand.png, seen 2026-03-02" in found["explanation"] and "analyst" not in json.dumps(found)


def test_a_picture_to_be_ignored_says_so(ask):
    reply = ask(asking(png(page(120).crop((200, 100, 700, 600)))))
    assert all("defaults" not in rows(found).get("bank", "") for found in reply["results"].get("Object", []))
    assert reply["results"] or "bank defaults" in reply["error"]


def test_a_blank_picture_is_too_simple(ask):
    reply = ask(asking(png(Image.new("RGB", (600, 400), "white"))))
    assert reply["results"] == {} and "too simple to match" in reply["error"]


@pytest.mark.parametrize("data", [b"%PDF-1.7 not a picture", b"\x89PNG\r\n\x1a\nbroken", b"\xff\xd8\xff\xe0" + b"\x00" * 50, b"<svg/>"])
def test_what_is_no_picture_is_named(ask, data):
    reply = ask(asking(data))
    assert reply["results"] == {} and "shot.png" in reply["error"]


def test_hostile_files_are_answered_in_time(ask, shared):
    for file in sorted((shared / "data" / "malformed" / "files").iterdir()):
        started = time.monotonic()
        reply = ask(asking(file.read_bytes(), value=file.name))
        assert isinstance(reply["results"], dict) and "Traceback" not in reply.get("error", ""), file.name
        assert time.monotonic() - started < 10, file.name


def test_hover_answers_for_attributes_that_are_known(ask, matcher):
    matcher.add(jpeg(page(1), 70), sources=[seen_in_misp(ENRICHED)])
    try:
        assert best(ask(asking()))["known-image"] == KNOWN
    finally:
        [record] = matcher.by_source("misp-attribute", ENRICHED)
        matcher.remove(record.sha256)
    assert ask(asking())["results"] == {}


def test_eight_at_once(ask):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(ask(asking(jpeg(page(1)))))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [best(reply)["decision"] for reply in replies] == ["YES"] * 8


def test_recorded_requests(ask, matcher, shared):
    """The picture that MISP's recorded requests carry is known from another attribute."""
    button, hover = ((json.loads((shared / "misp-samples" / f"query-{name}.json").read_text())) for name in ("button-attribute", "hover"))
    matcher.add(base64.b64decode(button["attribute"]["data"]), sources=[seen_in_misp(KNOWN), seen_in_misp(ENRICHED)])
    for name in ("button-attribute", "enrich-event", "attributes-enrich", "attach-enrichment"):
        request = json.loads((shared / "misp-samples" / f"query-{name}.json").read_text()) | {"module": "image_correlation"}
        found = best(ask(request))
        assert (found["decision"], found["relation"], found["known-image"]) == ("YES", "exact copy", KNOWN)
    assert best(ask(hover | {"module": "image_correlation"}))["known-image"] == KNOWN


def test_a_store_that_is_away_is_an_error_in_time(tmp_path, free_port):
    away = {"redis.url": f"redis://127.0.0.1:{free_port}/0", "data.dir": tmp_path, "workers.count": 1}
    settings = Settings.load(environ={}, overrides=away)
    with Matcher.open(settings) as matcher:
        started = time.monotonic()
        reply = create_app(served(matcher, settings), settings).test_client().post("/query", json=asking(png(page(1)))).get_json()
        assert reply["results"] == {} and reply["error"] and str(free_port) not in reply["error"]
        assert time.monotonic() - started < 5
