"""Bytes that no honest client sends, against a server that really runs: refused in JSON, and the server goes on."""

import gzip
import json
import socket
from hashlib import sha256

import pytest
import redis

from tests.matcher.pictures import chunk as png_chunk
from tests.matcher.pictures import encoded, header, photo, rows
from tests.matcher.web.serving import Heard, Serving, hear, serving

MB = 1 << 20
SEARCH = b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\n"
PICTURE = encoded(photo())
FIELD = b'Content-Disposition: form-data; name="details"\r\n'
MOST = 8 * MB


@pytest.fixture(scope="module")
def server(redis_url, tmp_path_factory):
    """One server for all of these tests: what one leaves behind, the others meet."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    with serving(redis_url, tmp_path_factory.mktemp("hostile"), web__max_body=MOST, web__rate_limit=0) as running:
        running.ask("POST", "/api/v1/search", PICTURE, Content_Type="image/png")
        yield running


@pytest.fixture(autouse=True)
def alive(server):
    """After each of them the server answers as if nothing had been."""
    yield
    assert server.ask("GET", "/status/live").json["status"] == "live"
    found = server.ask("POST", "/api/v1/search", PICTURE, Content_Type="image/png")
    assert (found.status, found.json["sha256"]) == (200, sha256(PICTURE).hexdigest())


def refused(heard: Heard, *statuses: int) -> None:
    """It was refused as all else is: a 4xx, in JSON, with a code and a reason."""
    assert heard.status in (statuses or range(400, 500)), heard
    assert heard.headers["content-type"] == "application/json"
    assert set(heard.json) == {"code", "message"}
    assert "Traceback" not in heard.json["message"]


def form(*parts: bytes, boundary: bytes = b"limit", end: bytes = b"--limit--\r\n") -> bytes:
    """A multipart body; each part is its head, an empty line, and its content."""
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + end


def picture_part(data: bytes = PICTURE, name: bytes = b"a.png") -> bytes:
    return b'Content-Disposition: form-data; name="picture"; filename="' + name + b'"\r\n\r\n' + data


def post(server: Serving, path: str, *parts: bytes, kind: str = "multipart/form-data; boundary=limit", **details: bytes) -> Heard:
    return server.ask("POST", path, form(*parts, **details), Content_Type=kind)


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


LENGTHS = {
    "negative": b"Content-Length: -1",
    "signed": b"Content-Length: +5",
    "hexadecimal": b"Content-Length: 0x5",
    "broken": b"Content-Length: 5.0",
    "empty": b"Content-Length: ",
    "two": b"Content-Length: 5\r\nContent-Length: 6",
    "the same twice": b"Content-Length: 5\r\nContent-Length: 5",
    "a list": b"Content-Length: 5, 5",
    "beyond all numbers": b"Content-Length: " + b"9" * 5000,
    "beyond 64 bits": b"Content-Length: 18446744073709551621",
    "digits of another script": "Content-Length: \u0665".encode(),
}


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
def test_a_length_that_cannot_be(server, length):
    refused(server.say(SEARCH + length + b"\r\n\r\nhello"), 400, 413)


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent(server):
    for length in (MOST + 1, 10 * MOST, 1 << 40):
        refused(server.say(SEARCH + b"Content-Type: image/png\r\nContent-Length: %d\r\n\r\n" % length), 413)


def test_a_refusal_is_read_by_who_sends_on_all_the_same(server):
    pieces = (bytes(MB) for _ in range(20))
    refused(server.say(SEARCH + b"Content-Type: image/png\r\nContent-Length: %d\r\n\r\n" % (20 * MB), pieces), 413)


def test_a_chunked_body_beyond_the_limit(server):
    pieces = (b"%x\r\n%b\r\n" % (MB, bytes(MB)) for _ in range(20))
    refused(server.say(SEARCH + b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n", pieces), 413)


def test_a_chunked_body_is_a_body(server):
    answer = server.say(SEARCH + b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(PICTURE[:100], PICTURE[100:]))
    assert (answer.status, answer.json["sha256"]) == (200, sha256(PICTURE).hexdigest())


CHUNKS = {
    "no number": b"x\r\n",
    "negative": b"-1\r\n",
    "signed": b"+1\r\na\r\n",
    "not where it should end": b"1\r\nabc\r\n",
    "an endless size": b"0" * 100_000,
    "an endless remark": b"1;" + b"a" * 100_000,
    "an endless trailer": b"0\r\nX: " + b"a" * 100_000,
    "beyond all numbers": b"f" * 3000 + b"\r\n" + bytes(MOST + 1),
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_chunks_that_cannot_be(server, chunks):
    refused(server.say(SEARCH + b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n", chunks), 400, 413)


def test_a_body_shorter_than_it_says_is_never_a_request(server):
    def searched():
        return [line for line in server.ask("GET", "/metrics").body.splitlines() if b"kuato_requests_total{" in line and b"search" in line]

    before = searched()
    heard = server.say(SEARCH + b"Content-Type: image/png\r\nContent-Length: %d\r\n\r\n" % (len(PICTURE) + 1), PICTURE, end=True)
    assert heard.status == 0
    assert searched() == before


def test_what_is_longer_than_it_says_is_another_request(server):
    """And a picture that was cut short by it is a broken one."""
    with server.connect() as line:
        line.sendall(
            SEARCH + b"Content-Type: image/png\r\nContent-Length: 50\r\n\r\n" + PICTURE[:50] + b"GET /status/live HTTP/1.1\r\n\r\n"
        )
        refused(hear(line), 422)
        assert hear(line).json["status"] == "live"


SMUGGLED = {
    "length and chunks": b"HTTP/1.1\r\nContent-Length: 30\r\nTransfer-Encoding: chunked",
    "chunks and length": b"HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 30",
    "chunks in an old version": b"HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked",
    "chunks of something else": b"HTTP/1.1\r\nTransfer-Encoding: xchunked",
    "chunks twice": b"HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "chunks behind a tab": b"HTTP/1.1\r\nTransfer-Encoding:\tchunked\r\nContent-Length: 30",
    "chunks behind a space": b"HTTP/1.1\r\nTransfer-Encoding : chunked",
    "chunks with a control character": b"HTTP/1.1\r\nTransfer-Encoding: \x0bchunked",
    "chunks in a folded line": b"HTTP/1.1\r\nX: y\r\n Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 30",
    "nothing at all": b"HTTP/1.1\r\nTransfer-Encoding:\r\nContent-Length: 30",
    "a bare line feed": b"HTTP/1.1\r\nX: y\nTransfer-Encoding: chunked",
    "a bare carriage return": b"HTTP/1.1\r\nX: y\rTransfer-Encoding: chunked",
}


@pytest.mark.parametrize("told", SMUGGLED.values(), ids=SMUGGLED)
def test_no_request_is_smuggled_in_the_body_of_another(server, told):
    """The bytes behind the head are a chunked body to one server, and the next request to another."""
    head = b"POST /api/v1/search " + told + b"\r\nHost: localhost\r\n\r\n"
    with server.connect() as line:
        line.sendall(head + b"0\r\n\r\nGET /status/live HTTP/1.1\r\n\r\n")
        refused(hear(line))
        assert hear(line).status == 0, "the connection is closed, and what followed is not answered"


HEADS = {
    "no version": b"GET /status/live\r\n\r\n",
    "version 0.9": b"GET /status/live HTTP/0.9\r\n\r\n",
    "version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version 9.9": b"GET /status/live HTTP/9.9\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "noise": bytes(range(256)) + b"\r\n\r\n",
    "nothing but spaces": b" " * 100 + b"x\r\n\r\n",
    "a header without a colon": b"GET /status/live HTTP/1.1\r\nheader\r\n\r\n",
    "a NUL in a header": b"GET /status/live HTTP/1.1\r\nX: a\0b\r\n\r\n",
    "a header of 1 MB": b"GET /status/live HTTP/1.1\r\nX: " + b"a" * MB + b"\r\n\r\n",
    "a name of 1 MB": b"GET /status/live HTTP/1.1\r\n" + b"a" * MB + b": a\r\n\r\n",
    "an address of 1 MB": b"GET /" + b"a" * MB + b" HTTP/1.1\r\n\r\n",
    "10,000 headers": b"GET /status/live HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(10_000)) + b"\r\n",
    "an address that is none": b"GET http://[:: HTTP/1.1\r\n\r\n",
    "a method that is none": b"G\0T / HTTP/1.1\r\n\r\n",
    "an unknown method": b"EXPLODE /status/live HTTP/1.1\r\n\r\n",
    "a way up": b"GET /api/page/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n\r\n",
    "a name of invalid UTF-8": b"GET /api/v1/banks/%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a NUL in a name": b"GET /api/v1/banks/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "line ends in a name": b"GET /api/v1/banks/a%0d%0aSet-Cookie:%20a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two hosts": b"GET /api/v1/banks HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "a host that is none": b"GET /api/v1/banks HTTP/1.1\r\nHost: []:x\r\n\r\n",
    "no host": b"GET /api/v1/banks HTTP/1.1\r\n\r\n",
    "10,000 parameters": b"GET /api/v1/pictures?" + b"&".join([b"a="] * 5000) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a parameter of invalid UTF-8": b"GET /api/v1/pictures?tag=%ff&limit=x HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_that_makes_no_sense(server, head):
    heard = server.say(head)
    refused(heard)
    assert "set-cookie" not in heard.headers


def test_the_longest_name_of_a_source_has_its_place_in_an_address(server):
    address = "/api/v1/pictures?source=a:" + "%E4%B8%AD" * 4000
    assert server.ask("GET", address).json == {"pictures": [], "next": None}


def test_slow_bytes_are_waited_for(server):
    request = b"GET /status/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert server.say(request[at : at + 1] for at in range(len(request))).json["status"] == "live"


def test_many_requests_at_once_are_answered_in_turn(server):
    with server.connect() as line:
        line.sendall(b"GET /status/live HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n" * 50)
        assert [hear(line).status for _ in range(2)] == [200, 404]
    with server.connect() as line:
        line.settimeout(1)
        with pytest.raises((TimeoutError, ConnectionError)):  # it stops to read, as nobody reads what it says
            for _ in range(1000):
                line.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\n\r\n" * 1000)


def test_clients_that_go_away(server):
    for cut in (1, 20, len(SEARCH), len(SEARCH) + 60):
        whole = SEARCH + b"Content-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE
        with server.connect() as line:
            line.sendall(whole[:cut])
    for _ in range(20):  # before they are answered, and without a goodbye
        line = server.connect()
        line.sendall(whole)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        line.close()


def test_compressed_bodies_are_not_taken(server):
    bomb = gzip.compress(bytes(50 * MB))
    for data, coding in ((gzip.compress(PICTURE), "gzip"), (bomb, "gzip"), (bomb, "GZIP, identity"), (PICTURE, "br"), (bomb, "deflate")):
        refused(server.ask("POST", "/api/v1/search", data, Content_Type="image/png", Content_Encoding=coding), 415)
    refused(server.ask("POST", "/api/v1/search", bomb, Content_Type="image/png"), 415)
    refused(server.ask("POST", "/api/v1/search", bomb, Content_Type="application/gzip"), 415)


BOMBS = {
    "too many pixels": header(60_000, 60_000) + png_chunk(b"IDAT", b""),
    "more pixels than it says": header(100, 100) + png_chunk(b"IDAT", rows(100, 1 << 20)) + png_chunk(b"IEND"),
    "a text of 100 MB": PICTURE[:33] + png_chunk(b"zTXt", b"a\0\0" + gzip.zlib.compress(bytes(100 * MB), 9)) + PICTURE[33:],
    "large and empty": header(6000, 6000) + png_chunk(b"IDAT", rows(6000, 6000)) + png_chunk(b"IEND"),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_pictures_that_grow(server, bomb):
    heard = server.ask("POST", "/api/v1/search", bomb, Content_Type="image/png")
    if heard.status != 200:  # what grows within the limits is a picture
        refused(heard, 413, 415, 422)


def test_too_many_parts(server):
    part = b'Content-Disposition: form-data; name="picture"; filename="a"\r\n\r\nx'
    for path in ("/api/v1/search", "/api/v1/search/many"):
        refused(post(server, path, *[part] * 10_000), 413)
        refused(post(server, path, *[b'Content-Disposition: form-data; name="details"\r\n\r\n{}'] * 10_000), 413)
    assert server.ask("GET", "/api/v1/jobs").json["jobs"] == []


def test_a_field_of_many_bytes(server):
    refused(
        post(server, "/api/v1/pictures", picture_part(), b'Content-Disposition: form-data; name="details"\r\n\r\n' + b" " * 2 * MB), 413
    )
    refused(post(server, "/api/v1/pictures", picture_part(), b'Content-Disposition: form-data; name="' + b"a" * 2 * MB + b'"\r\n\r\n'))


def test_a_file_name_of_1_mb(server):
    heard = post(server, "/api/v1/search", picture_part(name=b"a" * MB))
    refused(heard, 400, 413)


NAMES = {
    "NUL": b"a\0b.png",
    "a way up": b"../../../etc/passwd",
    "another way up": b"..\\..\\windows",
    "line ends": b"a%0d%0ab.png",
    "invalid UTF-8": b"\xff\xfe\x80.png",
    "a terminal's commands": b"\x1b[2J\x07.png",
    "nothing": b"",
    "other scripts": "\u202egnp.\u4e2d\u6587.png".encode(),
    "10,000 letters": b"a" * 10_000,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_file_name_is_nothing_but_a_name(server, name):
    heard = post(server, "/api/v1/search", picture_part(name=name))
    if heard.status != 200:
        refused(heard, 400)
        return
    shown = heard.json["query"]
    assert shown.isprintable()
    assert len(shown) <= 120
    assert "/" not in shown


FORMS = {
    "an empty boundary": (form(picture_part()), "boundary="),
    "another boundary": (form(picture_part()), "boundary=other"),
    "a boundary of 10,000 letters": (form(picture_part()), "boundary=" + "a" * 10_000),
    "no boundary": (form(picture_part()), "x=y"),
    "no end": (form(picture_part(), end=b""), "boundary=limit"),
    "nothing": (b"", "boundary=limit"),
    "an end alone": (b"--limit--\r\n", "boundary=limit"),
    "a part without a head": (form(b"\r\nx"), "boundary=limit"),
    "a part without a name": (form(b"Content-Disposition: form-data\r\n\r\nx"), "boundary=limit"),
    "a part with a broken head": (form(b"\xff\xff: \0\r\n\r\nx"), "boundary=limit"),
    "a part whose head never ends": (form(b"X: " + b"a" * MB), "boundary=limit"),
    "a line end in a name": (form(picture_part().replace(b"picture", b"pic\r\nture")), "boundary=limit"),
    "a NUL in a name": (form(picture_part().replace(b"picture", b"pic\0ture")), "boundary=limit"),
    "an unknown part": (form(picture_part(), FIELD.replace(b"details", b"other") + b"\r\nx"), "boundary=limit"),
    "a form in a form": (form(b"Content-Type: multipart/mixed; boundary=inner\r\n\r\n" + form(picture_part())), "boundary=limit"),
    "a field in UTF-7": (form(picture_part(), FIELD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n+AHsAfQ-"), "boundary=limit"),
    "two fields": (form(picture_part(), FIELD + b"\r\n{}", FIELD + b"\r\n{}"), "boundary=limit"),
}


@pytest.mark.parametrize(("body", "kind"), FORMS.values(), ids=FORMS)
def test_a_form_that_makes_no_sense(server, body, kind):
    for path in ("/api/v1/pictures", "/api/v1/pictures/many"):
        refused(server.ask("POST", path, body, Content_Type=f"multipart/form-data; {kind}"))


def test_what_is_no_form(server):
    for path in ("/api/v1/pictures", "/api/v1/search/many", "/api/v1/compare"):
        for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/mixed; boundary=limit", "\x0b;;;=,", "text/plain"):
            refused(server.ask("POST", path, form(picture_part()), Content_Type=kind))


DEEP = b"[" * 100_000
DOCUMENTS = {
    "nothing": b"",
    "no JSON": b"picture",
    "100,000 brackets": DEEP,
    "100,000 brackets that end": DEEP + b"]" * 100_000,
    "100,000 braces": b'{"a":' * 100_000,
    "deep metadata": b'{"add_sources": [{"kind": "a", "id": "b", "metadata": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}]}",
    "a number beyond all numbers": b'{"add_sources": [{"kind": "a", "id": "b", "metadata": {"a": 1e999}}]}',
    "a number of 100,000 digits": b'{"add_sources": [{"kind": "a", "id": "b", "metadata": {"a": ' + b"9" * 100_000 + b"}}]}",
    "NaN": b'{"add_sources": [{"kind": "a", "id": "b", "metadata": {"a": NaN}}]}',
    "Infinity": b'{"add_sources": [{"kind": "a", "id": "b", "visibility": {"a": -Infinity}}]}',
    "half a surrogate": b'{"add_tags": ["\\ud800"]}',
    "half a surrogate in metadata": b'{"add_sources": [{"kind": "a", "id": "b", "metadata": {"a": "\\udfff"}}]}',
    "UTF-16": '{"add_tags": ["a"]}'.encode("utf-16"),
    "a NUL": b'{"add_tags": ["a\\u0000"]}',
    "a list": b"[]",
    "a text": b'"add_tags"',
    "null": b"null",
    "two": b"{}{}",
    "an unknown field": b'{"__class__": {"a": 1}}',
    "10,000 tags": json.dumps({"add_tags": [f"tag {n}" for n in range(10_000)]}).encode(),
    "a tag of 1 MB": json.dumps({"add_tags": ["a" * MB]}).encode(),
    "a name of 1 MB": b'{"' + b"a" * MB + b'": 1}',
    "a source without an end": json.dumps({"add_sources": [{"kind": "a", "id": "b" * MB}]}).encode(),
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_json_that_makes_no_sense(server, document):
    known = server.ask("POST", "/api/v1/pictures", PICTURE, Content_Type="image/png").json["picture"]
    refused(server.ask("PATCH", f"/api/v1/pictures/{known['sha256']}", document, Content_Type="application/json"))
    details = document.replace(b"add_", b"")
    field = b'Content-Disposition: form-data; name="details"\r\nContent-Type: application/json\r\n\r\n' + details
    for path in ("/api/v1/pictures", "/api/v1/pictures/many"):
        refused(post(server, path, picture_part(), field))
    now = server.ask("GET", f"/api/v1/pictures/{known['sha256']}").json
    assert (now["tags"], now["sources"]) == ([], [])
    assert server.ask("GET", "/api/v1/jobs").json["jobs"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "half", [b"", SEARCH + b"Content-Type: image/png\r\nContent-Length: 1000000\r\n\r\n" + bytes(700_000)], ids=["idle", "half-sent"]
)
def test_connections_that_say_nothing_starve_nobody(server, half):
    """Answers come while 500 others are connected, and are not waited for: with neither a word nor the rest of their request."""
    silent = [server.connect() for _ in range(500)]
    try:
        for line in silent:
            line.sendall(half)
        for _ in range(5):
            assert server.ask("POST", "/api/v1/search", PICTURE, Content_Type="image/png").status == 200
        assert server.ask("GET", "/status/ready").status == 200
        for line in silent[::50]:
            line.setblocking(False)
            with pytest.raises(BlockingIOError):
                line.recv(1)  # nothing was said to them, and they are still connected
    finally:
        for line in silent:
            line.close()


@pytest.mark.slow
def test_memory_stays_what_it_was(server):
    """200 MB of attacks: large bodies, parts of all sizes, bombs, lines without an end, requests without an answer."""
    field = b'Content-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'

    start = SEARCH + b"Content-Type: image/png\r\n"

    def attacks():
        yield server.say(start + b"Transfer-Encoding: chunked\r\n\r\n", (b"100000\r\n%b\r\n" % bytes(MB) for _ in range(9)))
        yield server.say(start + b"Transfer-Encoding: chunked\r\n\r\n", (b"0" * MB for _ in range(9)))
        yield server.say(start + b"Content-Length: 99999999\r\n\r\n", (bytes(MB) for _ in range(9)))
        yield post(server, "/api/v1/search", field + bytes(7 * MB))
        yield post(server, "/api/v1/search/many", *[field + bytes(400_000)] * 20, *[b"broken"])
        yield post(server, "/api/v1/search", *[field + bytes(7000)] * 1000)
        yield post(server, "/api/v1/search", *[field + b"x"] * 50_000)
        yield post(server, "/api/v1/search", picture_part(name=b"a" * 7 * MB))
        yield server.ask("POST", "/api/v1/search", gzip.compress(bytes(100 * MB)), Content_Type="image/png", Content_Encoding="gzip")
        yield server.ask("POST", "/api/v1/search/fingerprints", b"[" * 7 * MB, Content_Type="application/json")
        yield server.ask(
            "POST", "/api/v1/search/fingerprints", b'{"fingerprints": {"pdq": "' + b"a" * 7 * MB, Content_Type="application/json"
        )
        for bomb in BOMBS.values():
            yield server.ask("POST", "/api/v1/search", bomb, Content_Type="image/png")

    for heard in attacks():
        assert heard.status < 500
    before = server.memory()
    for _ in range(3):
        for heard in attacks():
            assert heard.status < 500
    assert server.memory() - before < 50 * MB, f"{before / MB:.0f} MB before, {server.memory() / MB:.0f} after"
