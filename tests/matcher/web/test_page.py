"""The page to try the API on: it loads nothing from elsewhere, and works below a prefix."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from matcher.web.app import installed
from matcher.web.openapi import document
from tests.matcher.web.serving import serving

KINDS = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
ELSEWHERE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


class Links(HTMLParser):
    """What a page makes a browser load, and its scripts and styles that stand in the page itself."""

    def __init__(self, text):
        super().__init__()
        self.links, self.inline, self._within = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.links += [value for name, value in attributes if name in ("src", "href", "action", "data", "srcset", "poster", "background")]
        self.inline += [value for name, value in attributes if name.startswith("on") or name == "style"]
        self._within = tag if tag in ("script", "style") and "src" not in found else None

    def handle_data(self, data):
        if self._within and data.strip():
            self.inline.append(data)


@pytest.fixture
def page(api):
    answer = api.app.test_client().get("/api")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return answer


def test_the_page_names_nothing_elsewhere(page):
    found = Links(page.text)
    assert len(found.links) == 4
    assert not [link for link in found.links if ELSEWHERE.match(link) or link.startswith("/")]
    assert found.inline == []
    assert "http" not in page.text


def test_all_that_it_loads_is_here(api, page):
    for link in Links(page.text).links:
        answer = api.app.test_client().get(urljoin("/api", link))
        assert (answer.status_code, answer.mimetype) == (200, KINDS[link[link.rindex(".") :]]), link
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if answer.mimetype == "text/css":
            assert not re.search(r"@import|url\(\s*[\"']?\s*(?!data:)[^\"'\s]", answer.text)


def test_its_script_asks_here_alone(api):
    script = api.app.test_client().get("/api/page/begin.js").text
    options = re.fullmatch(r"SwaggerUIBundle\(\{(.*)\}\);\n", script)
    assert options is not None
    assert 'url: "api/v1/openapi.json"' in options[1]
    assert "validatorUrl: null" in options[1]  # it would send the document to swagger.io
    assert "http" not in script


def test_a_browser_would_not_load_anything_else(page):
    """What the script might ask for all the same, the browser refuses."""
    policy = {name: values for name, *values in (part.split() for part in page.headers["Content-Security-Policy"].split(";"))}
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == ["'none'"]
    assert {value for values in policy.values() for value in values} <= {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert [name for name, values in policy.items() if "'unsafe-inline'" in values] == ["style-src"]


def test_other_answers_may_load_nothing_at_all(api):
    for path in ("/api/v1/openapi.json", "/api/v1/pictures", "/status/live", "/metrics", "/nowhere"):
        headers = api.app.test_client().get(path).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"], headers["Referrer-Policy"]) == (
            "nosniff",
            "no-store",
            "no-referrer",
        )


def test_nothing_else_is_served_from_the_page_s_folder(api):
    for name in ("LICENSE", "swagger-ui.js", "oauth2-redirect.html", "index.css", "..", "begin.js.map", "%2e%2e%2f__init__.py"):
        assert api.app.test_client().get(f"/api/page/{name}").status_code == 404


def test_the_document_is_the_one_of_the_routes(api):
    assert api.app.test_client().get("/api/v1/openapi.json").json == json.loads(
        json.dumps(document(operation for routes in installed() for operation in routes.operations))
    )


@pytest.mark.slow
@pytest.mark.parametrize("stripped", [False, True], ids=["as it is", "stripped by the proxy"])
def test_it_works_below_a_prefix(redis_url, store_url, tmp_path, sample, stripped):
    """The browser sees /kuato/...; a proxy hands that on, or takes the prefix away."""
    with serving(redis_url, tmp_path, web__prefix="/kuato") as server:

        def get(address, method="GET", **details):
            return server.ask(method, address.removeprefix("/kuato") if stripped else address, **details)

        page = get("/kuato/api")
        assert page.status == 200
        for link in Links(page.body.decode()).links:
            assert get(urljoin("/kuato/api", link)).status == 200
        described = urljoin("/kuato/api", "api/v1/openapi.json")
        base = urljoin(described, get(described).json["servers"][0]["url"])
        assert urljoin(base, ".").startswith("/kuato")
        address = f"{base.rstrip('/')}/api/v1/search/many"
        form = (
            b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
            + sample("queries/tinlark-half.webp").read_bytes()
        )
        job = get(address, "POST", body=form + b"\r\n--x--\r\n", Content_Type="multipart/form-data; boundary=x")
        assert job.status == 202
        assert get(urljoin(address, job.headers["location"])).json["id"] == job.json["id"]
