"""The API in this process, with a caller whose every answer is held against the OpenAPI document."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema_rs import Draft202012Validator, validator_for
from werkzeug.test import TestResponse

from matcher.settings import Settings
from matcher.tokens import Role
from matcher.web.app import create_app, installed
from matcher.web.openapi import document
from matcher.web.services import Services
from tests.matcher.in_process import services_on


class Described:
    """What the OpenAPI document promises of each answer."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._described = described
        self._validators: dict[str, Draft202012Validator] = {}

    def check(self, method: str, path: str, answer: TestResponse) -> None:
        operation = self._described["paths"][path][method.lower()]
        assert str(answer.status_code) in operation["responses"], f"{method} {path} answered {answer.status_code}, which is not documented"
        content = operation["responses"][str(answer.status_code)].get("content")
        if content is None:
            assert answer.data == b""
            return
        assert answer.mimetype in [kind.partition(";")[0] for kind in content]
        if answer.mimetype == "application/json":
            self._validator(method, path, answer).validate(answer.json)

    def _validator(self, method: str, path: str, answer: TestResponse) -> Draft202012Validator:
        key = f"{method} {path} {answer.status_code}"
        if key not in self._validators:
            response = self._described["paths"][path][method.lower()]["responses"][str(answer.status_code)]
            schema = {**response["content"]["application/json"]["schema"], "components": self._described["components"]}
            self._validators[key] = validator_for(schema)
        return self._validators[key]


@dataclass
class Asking:
    """Asks the API; every answer must be as documented. token: sent along where there is one."""

    app: Flask
    described: Described
    token: str | None = None

    def __call__(self, method: str, path: str, *, token: str | None = None, headers: dict[str, str] | None = None, **details: Any) -> Any:
        sent = token if token is not None else self.token
        given = {**({"Authorization": f"Bearer {sent}"} if sent else {}), **(headers or {})}
        answer = self.app.test_client().open(path, method=method, headers=given, **details)
        rule = next((str(rule) for rule in self._rules(path, method)), None)
        assert rule is not None, f"{method} {path} leads nowhere"
        self.described.check(method, rule, answer)
        return answer

    def get(self, path: str, **details: Any) -> Any:
        return self("GET", path, **details)

    def post(self, path: str, **details: Any) -> Any:
        return self("POST", path, **details)

    def patch(self, path: str, **details: Any) -> Any:
        return self("PATCH", path, **details)

    def delete(self, path: str, **details: Any) -> Any:
        return self("DELETE", path, **details)

    def _rules(self, path: str, method: str) -> Iterator[str]:
        adapter = self.app.url_map.bind("localhost")
        rule, _ = adapter.match(path.partition("?")[0], method, return_rule=True)
        yield rule.rule.replace("<path:", "<").replace("<", "{").replace(">", "}")


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """All that the routes work with, on an empty store."""
    with services_on(settings) as services:
        yield services


@pytest.fixture
def api(services: Services) -> Asking:
    """The API as a caller on this machine finds it, before the first token."""
    operations = [operation for routes in installed() for operation in routes.operations]
    return Asking(create_app(services), Described(document(operations)))


@pytest.fixture
def token(services: Services) -> Callable[..., str]:
    """Make tokens."""

    def make(role: str = "admin", **details: Any) -> str:
        return services.tokens.create("a test", Role.named(role), **details)[1]

    return make


@pytest.fixture
def upload(sample: Callable[[str], Path]) -> Callable[..., dict[str, Any]]:
    """Make the body of a request with some samples in it, and details."""

    def make(*names: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        data: dict[str, Any] = {"picture": [(BytesIO(sample(name).read_bytes()), Path(name).name) for name in names]}
        if details is not None:
            data["details"] = json.dumps(details)
        return {"data": data, "content_type": "multipart/form-data"}

    return make


@pytest.fixture
def audited(settings: Settings) -> Callable[[], list[dict[str, Any]]]:
    """Read the audit file."""
    path = settings["data.dir"] / "audit.jsonl"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]
