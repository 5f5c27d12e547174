"""A stock server behind our endpoint: its modules are listed and asked as if MISP did it, and what it does to us is not passed on."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from matcher.errors import BadSettings
from matcher.settings import Settings
from misp_module.app import create_app
from misp_module.assembly import served
from misp_module.upstream import Upstream
from tests.misp_module.building import Shelf, answer, asking, known, match
from tests.misp_module.serving import free_port, silent

THEIRS = [{"name": "dns", "type": "expansion", "mispattributes": {}, "meta": {}}, {"name": "image_correlation", "type": "theirs"}]


@contextmanager
def other(listed=THEIRS, replies=(200, b'{"results": [{"types": ["text"], "values": "theirs"}]}')):
    """Another server. asked: the bodies it got."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._send(200, listed if isinstance(listed, bytes) else json.dumps(listed).encode())

        def do_POST(self):
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(*replies)

        def _send(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = asked
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client(url, **changes):
    overrides = {"misp.upstream": url} | {name.replace("__", "."): value for name, value in changes.items()}
    settings = Settings.load(environ={}, overrides=overrides)
    return create_app(served(Shelf(answer(match(known()))), settings), settings).test_client()


def address(server):
    return f"http://127.0.0.1:{server.server_port}"


def names(modules):
    return [each["name"] for each in modules]


def test_the_modules_of_both_are_listed_and_ours_win():
    with other() as server:
        found = client(address(server)).get("/modules").get_json()
    assert names(found)[-1] == "dns" and names(found).count("image_correlation") == 1
    assert next(each for each in found if each["name"] == "image_correlation")["type"] == "expansion"


def test_what_is_not_ours_is_passed_on_as_it_is():
    body = b'{"module": "dns",  "ip": "192.0.2.1", "text": "\xff", "config": {"a": [1, 2]}}' + b" " * 10_000
    with other() as server:
        reply = client(address(server)).post("/query", data=body)
    assert server.asked == [body]
    assert reply.status_code == 200 and reply.get_json() == {"results": [{"types": ["text"], "values": "theirs"}]}


def test_what_is_ours_is_not():
    with other() as server:
        assert client(address(server)).post("/query", json=asking(b"picture")).get_json()["results"]["Object"]
        # Nor what names its module in an unusual way: MISP writes it first.
        assert "no module dns" in client(address(server)).post("/query", data='{"a": 1, "module": "dns"}').get_json()["error"]
    assert server.asked == []


@pytest.mark.parametrize("replies", [(500, b"<html>"), (302, b""), (404, b"")])
def test_a_failure_of_theirs_is_an_error_in_words(replies):
    with other(replies=replies) as server:
        reply = client(address(server)).post("/query", data='{"module": "dns"}')
    assert reply.status_code == 200 and reply.get_json()["results"] == {} and str(replies[0]) in reply.get_json()["error"]


def test_a_server_that_goes_down_stays_listed():
    with other() as server:
        ours = client(address(server))
        before = ours.get("/modules").get_json()
    assert ours.get("/modules").get_json() == before
    reply = ours.post("/query", data='{"module": "dns"}').get_json()
    assert reply["results"] == {} and "does not answer" in reply["error"]


def test_one_that_was_never_there_does_not_hold_up_ours():
    started = time.monotonic()
    found = client(f"http://127.0.0.1:{free_port()}").get("/modules").get_json()
    assert "image_correlation" in names(found) and time.monotonic() - started < 4.9  # the list itself may take 5 s


def test_one_that_is_silent_does_not_hold_up_ours():
    with silent() as server:
        ours = client(server.url, misp__upstream_seconds=0.5)
        started = time.monotonic()
        assert "image_correlation" in names(ours.get("/modules").get_json())
        assert time.monotonic() - started < 4.9  # the list itself may take 5 s
        assert "misp.upstream_seconds" in ours.post("/query", data='{"module": "dns"}').get_json()["error"]


@pytest.mark.parametrize("listed", [b"", b"<html>", b"{}", b"[" * 100_000, [1, {"name": 5}, None]])
def test_a_list_that_is_none_is_passed_over(listed):
    with other(listed=listed) as server:
        found = client(address(server)).get("/modules").get_json()
    assert len(found) == 8


def test_the_list_is_brought_up_to_date():
    now = [0.0]
    with other(listed := list(THEIRS)) as server:
        upstream = Upstream(address(server), 5.0, clock=lambda: now[0])
        assert names(upstream.modules()) == ["dns", "image_correlation"]
        listed.append({"name": "whois"})
        assert names(upstream.modules()) == ["dns", "image_correlation"]
        now[0] = 60.0
        give_up = time.monotonic() + 60
        while "whois" not in names(upstream.modules()):
            assert time.monotonic() < give_up
            time.sleep(0.05)


@pytest.mark.parametrize("url", ["127.0.0.1:6666", "ftp://a", "http://", "http://a/path", "http://[", "http://a:0"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(BadSettings, match=r"misp\.upstream"):
        Upstream(url, 1.0)
