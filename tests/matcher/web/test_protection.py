"""What every answer says of itself, and that nothing that was sent comes back as a page."""

from matcher.web.app import installed
from matcher.web.openapi import BASE
from matcher.web.protection import HEADERS
from tests.matcher.web.test_http import Crowded

ATTACK = '<script>alert("1")</script>'
ROUTES = [operation for routes in installed() for operation in routes.operations]


def test_every_route_protects_its_answer_and_shows_nothing_back(api):
    assert len(ROUTES) > 30
    for operation in ROUTES:
        attack(api, operation)


def attack(api, operation):
    path = ("" if operation.outside else BASE) + operation.path.replace(":path", "")
    for name in ("sha256", "other", "name", "id", "file", "token", "kind"):
        path = path.replace(f"{{{name}}}", ATTACK)
    client = api.app.test_client()
    for given in ({}, {"query_string": {"limit": ATTACK, ATTACK: ATTACK}}, {"json": {ATTACK: ATTACK}}, {"data": {"details": ATTACK}}):
        answer = client.open(path, method=operation.method, headers={"X-Forwarded-Host": ATTACK}, **given)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert "html" not in answer.content_type
        if ATTACK in answer.text:  # in the message of an error; a browser is told that it is no page
            assert answer.content_type == "application/json"


def test_the_page_is_the_same_whatever_is_asked(api):
    client = api.app.test_client()
    page = client.get("/api")
    assert client.get("/api", headers={"Referer": ATTACK, "User-Agent": ATTACK}).data == page.data
    assert client.get("/api", query_string={"url": ATTACK}).status_code == 400
    for policy in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert policy in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"


def test_an_answer_to_what_is_no_request_is_protected_too():
    with Crowded(connections=10) as server:
        line = server.connect(f"GET /{ATTACK} HTTP/9.9\r\n{ATTACK}: x\r\n\r\n".encode())
        said = b"".join(iter(lambda: line.recv(4096), b"")).decode()
    head = said.partition("\r\n\r\n")[0]
    assert "Content-Type: application/json" in head
    assert [name for name, value in HEADERS.items() if f"{name}: {value}" not in head] == []
    assert ATTACK not in said
