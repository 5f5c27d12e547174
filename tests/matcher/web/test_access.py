"""Every route, asked by everybody: 401, 403 or let in, as the OpenAPI document says."""

from dataclasses import replace

import pytest

from matcher.fetch import Fetcher
from matcher.tokens import Role, Tokens
from matcher.web.app import installed
from matcher.web.openapi import document
from tests.matcher.pictures import encoded, photo
from tests.matcher.web.plausible import PLACES, operations
from tests.matcher.web_server import Ways

OPEN = {
    "GET /status/live",
    "GET /status/ready",
    # These describe the API and are no part of it.
    "GET /api",
    "GET /api/page/<file>",
    "GET /api/v1/openapi.json",
}
OPERATIONS = list(operations(document(operation for routes in installed() for operation in routes.operations)))
GUARDED = [operation for operation in OPERATIONS if operation.role is not None]
PICTURE = encoded(photo())


@pytest.fixture
def settings(settings):
    return settings.with_overrides({"fetch.allow": ["*"]})


@pytest.fixture
def services(services):
    """Fetching is allowed, and leads nowhere: a refusal is then never one of fetching."""
    ways = Ways()
    return replace(services, fetcher=Fetcher(services.settings, ways.resolve, ways.connect))


@pytest.fixture
def ask(api):
    """Ask an operation plausibly, with this Authorization header."""

    def asked(operation, authorization):
        headers = {"Authorization": authorization} if authorization is not None else {}
        return api(operation.method, operation.address(), headers=headers, **operation.body(PICTURE))

    return asked


def strangers(services):
    """Authorization headers that let nobody in, by what is wrong with them."""
    good = services.tokens.create("a test", Role.ADMIN)[1]
    other = services.tokens.create("another", Role.ADMIN)[1]
    revoked, revoked_text = services.tokens.create("a leaver", Role.ADMIN)
    services.tokens.revoke(revoked.id)
    expired = Tokens(services.matcher.collection.store, clock=lambda: 1000.0).create("a guest", Role.ADMIN, days=1)[1]
    prefix, id, secret = good.split("_", 2)
    return {
        "no token": None,
        "an empty header": "",
        "an unknown token": f"Bearer {prefix}_{'0' * 12}_{secret}",
        "the secret of another": f"Bearer {prefix}_{id}_{other.split('_', 2)[2]}",
        "no secret": f"Bearer {prefix}_{id}_",
        "the id alone": f"Bearer {prefix}_{id}",
        "half a secret": f"Bearer {good[:-20]}",
        "more than the secret": f"Bearer {good}x",
        "two tokens": f"Bearer {good} {other}",
        "another case": f"Bearer {good.upper()}",
        "another prefix": f"Bearer other_{id}_{secret}",
        "nothing after Bearer": "Bearer",
        "spaces after Bearer": "Bearer   ",
        "another scheme": f"Basic {good}",
        "no scheme": good,
        "letters from elsewhere": "Bearer kuato_\u00e9_\u00fc\u00df",
        "a very long token": f"Bearer {'kuato_' * 1000}",
        "a revoked token": f"Bearer {revoked_text}",
        "an expired token": f"Bearer {expired}",
    }


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_strangers_are_not_let_in(services, ask, operation):
    for who, authorization in strangers(services).items():
        answer = ask(operation, authorization)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), who
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_a_role_lets_in_where_it_is_enough(token, ask, operation):
    needed = Role.named(operation.role)
    for role in Role:
        answer = ask(operation, f"Bearer {token(role.label)}")
        if role < needed:
            assert (answer.status_code, answer.json["code"]) == (403, "refused"), role.label
            assert needed.label in answer.json["message"]
        else:
            assert answer.status_code not in (401, 403), role.label


def test_what_is_open_to_all(api, token):
    token()
    found = set()
    for rule in (rule for rule in api.app.url_map.iter_rules() if "." not in rule.endpoint):  # pages: tests/matcher/ui
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            path = rule.rule.replace("<path:", "<").replace("<", "{").replace(">", "}").format(**PLACES)
            if api.app.test_client().open(path, method=method).status_code != 401:
                found.add(f"{method} {rule.rule}")
    assert found == OPEN


def test_what_is_open_is_documented_as_open():
    assert {str(operation) for operation in OPERATIONS if operation.role is None} == {"GET /status/live", "GET /status/ready"}
    assert len(GUARDED) > 20


def test_head_is_no_way_around(api, token):
    token()
    for operation in (operation for operation in GUARDED if operation.method == "GET"):
        assert api.app.test_client().head(operation.address()).status_code == 401


def test_other_methods_and_addresses_say_so(api):
    client = api.app.test_client()
    wrong = client.put("/api/v1/pictures")
    assert (wrong.status_code, wrong.json["code"], set(wrong.headers["Allow"].split(", "))) == (
        405,
        "method-not-allowed",
        {"GET", "HEAD", "POST"},
    )
    nowhere = client.get("/api/v1/nowhere")
    assert (nowhere.status_code, nowhere.json["code"]) == (404, "not-found")


def test_a_token_in_the_address_is_not_taken(api, token):
    assert api.get(f"/api/v1/banks?token={token()}").status_code == 401


def test_the_scheme_may_be_written_as_one_likes(api, token):
    text = token("search")
    for header in (f"bearer {text}", f"BEARER {text}", f"Bearer  {text}", f"Bearer {text} "):
        assert api.get("/api/v1/pictures", headers={"Authorization": header}).status_code == 200
