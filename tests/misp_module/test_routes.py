"""MISP's questions through the API: what the module file asks over HTTPS, with a token."""

import json

import pytest

from matcher.settings import Settings
from matcher.source import Source
from matcher.tokens import Role
from matcher.web.app import create_app
from tests.matcher.in_process import services_on, serving
from tests.misp_module.building import ENRICHED, KNOWN, asking, attribute, jpeg, page, png, rows, seen_in_misp
from tests.misp_module.test_module_file import loaded

OURS, THEIRS = "5a5a5a5a-0000-4000-8000-000000000001", "5a5a5a5a-0000-4000-8000-000000000002"


@pytest.fixture
def services(settings):
    given = Settings.load(environ={}, overrides={**dict(settings), "misp.deadline": 60.0, "misp.actions": ["image_register"]})
    with services_on(given) as services:
        services.matcher.add(png(page(1)), sources=[seen_in_misp(KNOWN, distribution="1", org=THEIRS)])
        yield services


@pytest.fixture
def asked(services, tmp_path):
    """Ask as the module file does."""
    with serving(create_app(services)) as server:

        def ask(name, body, token=""):
            module = loaded(tmp_path, name, url=f"{server.url}/api/v1/misp", token=token)
            module._SECONDS = module._HOVER_SECONDS = 120.0
            return module.handler(q=body if isinstance(body, bytes) else json.dumps(body).encode())

        yield ask


def token(services, role=Role.SEARCH, **scope):
    return services.tokens.create("misp", role, **scope)[1]


def test_the_module_file_is_answered_with_a_token(services, asked):
    found = asked("image_correlation", asking(jpeg(page(1), 80)), token(services))
    assert rows(found["results"]["Object"][0])["known-image"] == KNOWN
    assert "token" in asked("image_correlation", asking(jpeg(page(1), 80)))["error"]
    assert "token" in asked("image_correlation", asking(jpeg(page(1), 80)), "wrong")["error"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"module": "dns"}'])
def test_what_is_wrong_is_told_as_misp_wants_it(services, asked, body):
    reply = asked("image_correlation", body, token(services))
    assert reply["results"] == {} and reply["error"]


def test_a_token_of_an_organisation_is_told_what_it_may_know(services, asked):
    services.matcher.add(png(page(2)), sources=[Source("misp-attribute", ENRICHED, 1.0, 1.0, {}, {"distribution": "1", "org": OURS})])
    ours = token(services, orgs=[OURS])
    assert asked("image_correlation", asking(jpeg(page(1), 80), uuid=OURS), ours)["results"] == {}
    assert rows(asked("image_correlation", asking(jpeg(page(2), 80), uuid=OURS), ours)["results"]["Object"][0])["known-image"] == ENRICHED


def test_only_a_token_that_may_write_lets_pictures_be_registered(services, asked):
    event = {"uuid": OURS, "distribution": "1", "Attribute": [attribute(png(page(7)))]}
    request = {"module": "image_register", "data": {"Event": event}, "params": {}}
    assert "misp.actions" in asked("image_register", request, token(services))["error"]
    assert "misp.actions" in asked("image_register", request, token(services, Role.WRITE, orgs=[OURS]))["error"]
    assert not services.matcher.by_source("misp-attribute", ENRICHED)
    assert asked("image_register", request, token(services, Role.WRITE))["data"] is True
    assert services.matcher.by_source("misp-attribute", ENRICHED)


def test_the_modules_are_listed(services):
    client = create_app(services).test_client()
    listed = client.get("/api/v1/misp/modules", headers={"Authorization": f"Bearer {token(services)}"}).get_json()
    assert len(listed) == 8 and {each["type"] for each in listed} == {"expansion", "action_mod", "import_mod", "export_mod"}
    headers = {"Authorization": f"Bearer {token(services)}", "Content-Type": "application/octet-stream"}
    assert client.post("/api/v1/misp/query", headers=headers).status_code == 400
