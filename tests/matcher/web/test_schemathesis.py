"""Requests that a machine makes up from the OpenAPI document, sound and broken: no 5xx, nothing that is not documented.

KUATO_TEST_EXAMPLES=150 makes it try so many of each kind and route; the default keeps to a minute.
"""

import os
from dataclasses import replace

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from matcher.fetch import Fetcher
from matcher.tokens import Role
from matcher.web.app import create_app
from matcher.web.operation import Call, Reply, Routes
from tests.matcher.web_server import Ways

# The tool's own use of its library, now and then.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

EXAMPLES = int(os.environ.get("KUATO_TEST_EXAMPLES", "6"))
# What is not held against the API, and why.
NOT_CHECKED = {
    # Any bytes are a sound upload to the document, but few are a picture; a limit may be beyond web.max_limit.
    "positive_data_acceptance": "what is no picture is refused, and that is documented",
    # Sends the request again in a way that the test client does not take; test_access.py does it for each route.
    "ignored_auth": "does not work without a network in schemathesis 4",
}
# What the tool finds, and what is meant to be so: (check, route).
MEANT = {
    # GET /pictures/many asks for a picture called "many", and is told that this is no SHA-256.
    *(
        (check, f"POST /api/v1/pictures/{name}")
        for check in ("unsupported_method", "allow_header_conformance")
        for name in ("many", "fetch")
    ),
    # A job that is cancelled can still be looked at.
    ("use_after_free", "GET /api/v1/jobs/{id}"),
    ("use_after_free", "GET /api/v1/jobs/{id}/results"),
    ("use_after_free", "DELETE /api/v1/jobs/{id}"),
}


@pytest.fixture
def settings(settings):
    return settings.with_overrides({"web.rate_limit": 0, "fetch.allow": ["*"], "web.wait_seconds": 0.1})


@pytest.fixture
def services(services):
    ways = Ways()
    return replace(services, fetcher=Fetcher(services.settings, ways.resolve, ways.connect))


@pytest.fixture
def tried(api, token):
    """Let the tool try an application; return how many requests it made, the statuses of their answers, and what it found."""

    def run(phase, app=None):
        phases = ("examples", "coverage", "fuzzing", "stateful")
        config = SchemathesisConfig.from_dict(
            {
                "seed": 1,
                "headers": {"Authorization": f"Bearer {token()}"},
                "continue-on-failure": True,
                "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none", "no-shrink": True},
                "phases": {each: {"enabled": each == phase} for each in phases},
                "checks": {name: {"enabled": False} for name in NOT_CHECKED},
            }
        )
        schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app or api.app, config=config)
        cases, statuses, found = 0, set(), []
        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError | events.FatalError):
                found.append(f"the tool failed: {event}")
            if isinstance(event, events.ScenarioFinished):
                cases += len(event.recorder.interactions)
                statuses |= {one.response.status_code for one in event.recorder.interactions.values() if one.response is not None}
                found += complaints(event)
        return cases, statuses, found

    return run


def complaints(event):
    infos = ((check.name, check.failure_info) for checks in event.recorder.checks.values() for check in checks)
    return [
        f"{name}: {info.failure.operation}: {info.failure.message}\n{info.code_sample}"
        for name, info in infos
        if info is not None and (name, info.failure.operation) not in MEANT
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("phase", "least"), [("coverage", 1000), ("fuzzing", 100), ("stateful", 20)])
def test_every_answer_is_as_documented(tried, phase, least):
    cases, statuses, found = tried(phase)
    assert "\n\n".join(found) == ""
    assert cases >= least
    assert {200, 400} <= statuses


def test_the_tool_would_tell(services, tried):
    """Of a route that fails, and of two that answer something else than they say."""
    routes = Routes("wrong")

    @routes.get("/failing", role=Role.SEARCH, returns=dict[str, int])
    def failing(call: Call) -> dict[str, int]:
        return {"one": 1 // 0}

    @routes.get("/lying", role=Role.SEARCH, returns=dict[str, int])
    def lying(call: Call) -> Reply:
        return Reply({"one": "two"}, 200)

    @routes.get("/teapot", role=Role.SEARCH, returns=dict[str, int])
    def teapot(call: Call) -> Reply:
        return Reply({}, 418)

    _, statuses, found = tried("coverage", create_app(services, routes=[routes]))
    told = {(text.split(": ")[0], text.split(": ")[1]) for text in found}
    assert told >= {
        ("not_a_server_error", "GET /api/v1/failing"),
        ("response_schema_conformance", "GET /api/v1/lying"),
        ("status_code_conformance", "GET /api/v1/teapot"),
    }
    assert {500, 418} <= statuses
