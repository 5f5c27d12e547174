"""docs/api.md leaves nothing out: no route, no error code, no figure."""

from pathlib import Path

import matcher.errors
from matcher.errors import KuatoError
from matcher.web.app import installed
from matcher.web.metrics import Metrics
from matcher.web.openapi import address, document

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
OPERATIONS = [operation for routes in installed() for operation in routes.operations]


def tree(kind: type[KuatoError]) -> list[type[KuatoError]]:
    return [kind, *(below for each in kind.__subclasses__() for below in tree(each))]


def test_every_route_is_documented() -> None:
    assert len(OPERATIONS) > 20
    assert [str(operation.path) for operation in OPERATIONS if f"| `{operation.method} {address(operation)}`" not in PAGE] == []


def test_every_route_is_documented_with_its_role_and_answers() -> None:
    described = document(OPERATIONS)["paths"]
    for operation in OPERATIONS:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{operation.method} {address(operation)}`"))
        details = described[address(operation)][operation.method.lower()]
        role, answers = (cell.strip() for cell in row.split("|")[2:4])
        assert role == details.get("x-kuato-role", "(open)")
        assert sorted(answers.split(", ")) == sorted(details["responses"])


def test_every_error_code_is_documented() -> None:
    kinds = {kind for kind in tree(KuatoError) if kind.__module__ == matcher.errors.__name__}
    assert len(kinds) > 20
    assert [kind.code for kind in kinds if f"| `{kind.code}` | {kind.status} | {kind.exit_code} |" not in PAGE] == []


def test_error_codes_are_told_apart() -> None:
    codes = [kind.code for kind in tree(KuatoError) if kind.__module__ == matcher.errors.__name__]
    assert len(codes) == len(set(codes))


def test_every_figure_is_documented() -> None:
    figures = Metrics().described()
    assert len(figures) > 5
    assert [name for name in figures if f"| `{name}` |" not in PAGE] == []


def test_every_role_is_documented() -> None:
    roles = {operation.role.label for operation in OPERATIONS if operation.role is not None} | {"review"}
    assert [role for role in roles if f"| `{role}` |" not in PAGE] == []
