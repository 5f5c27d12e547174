"""docs/ tells of every command, option, exit code and JSON field."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from matcher.cli import BROKEN_PIPE, INTERRUPTED, TERMINATED, kuato
from matcher.errors import KuatoError
from matcher.match import Answer
from tests.matcher.commands.conftest import Kuato

DOCS = Path(__file__).parents[3] / "docs"
COMMANDS = (DOCS / "commands.md").read_text()
PAGE = (DOCS / "command-line.md").read_text()


def commands(group: click.Group, context: click.Context, path: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, context, f"{path} {name}")


EVERY = [("kuato", kuato), *commands(kuato, click.Context(kuato), "kuato")]


@pytest.mark.parametrize(("path", "command"), EVERY, ids=[path for path, _ in EVERY])
def test_every_command_and_option_is_documented(path: str, command: click.Command) -> None:
    section = re.search(rf"^## {path}\n(.*?)(^## |\Z)", COMMANDS, re.MULTILINE | re.DOTALL)
    assert section, "run: python docs/generate.py"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in section[1], "run: python docs/generate.py"
            assert parameter.help, f"{path} {parameter.opts[0]} has no help"
    assert command.help


def test_our_own_commands_come_through_the_door_of_strangers() -> None:
    ours = "add bank compare config doctor evaluate hash list remove reset search serve show stats tag"
    assert {path.split()[1] for path, _ in EVERY[1:]} >= set(ours.split())


def test_every_exit_code_is_documented() -> None:
    def codes(kind: type[KuatoError]) -> Iterator[int]:
        yield kind.exit_code
        for each in kind.__subclasses__():
            yield from codes(each)

    for code in {0, INTERRUPTED, BROKEN_PIPE, TERMINATED, *codes(KuatoError)}:
        assert f"\n| {code} | " in PAGE


@pytest.mark.usefixtures("store_url")
def test_every_field_of_an_answer_is_documented(kuato: Kuato, gallery: Path) -> None:
    kuato("add", gallery / "house.png")
    [answer] = kuato.json("search", gallery / "house-small.jpg")
    match = answer["matches"][0]
    shapes = {"answer": answer, "match": match, "evidence": match["evidence"][0], "picture": match["picture"]}
    kuato("bank", "create", "b")
    [shapes["bank"]] = kuato.json("bank", "list")
    for name, shape in shapes.items():
        section = PAGE.partition(f"\n### {name}\n")[2].partition("\n#")[0]
        assert [field for field in shape if f"`{field}`" not in section] == [], name
    assert {field.name for field in fields(Answer)} <= set(answer)


@pytest.mark.parametrize("call", [["stats"], ["doctor"], ["config", "show"], ["reset", "--yes"]])
def test_every_field_of_the_other_documents_is_documented(kuato: Kuato, call: list[str]) -> None:
    name = call[0] if call[0] != "config" else "config show"
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    for document in kuato.json(*call):
        assert [field for field in document if f'"{field}"' not in row] == []
