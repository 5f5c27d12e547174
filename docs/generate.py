"""Writes the pages that follow from the program: config/kuato.toml, docs/settings.md, docs/commands.md, the tables of docs/api.md.

Run `python docs/generate.py` after a change of a setting or a command; a test compares.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from matcher.cli import kuato
from matcher.errors import KuatoError
from matcher.settings import as_markdown, as_toml
from matcher.web.app import installed
from matcher.web.metrics import Metrics
from matcher.web.openapi import address, errors_of

ROOT = Path(__file__).parent.parent

SETTINGS = """# Settings

A value comes from, the later the stronger:

1. the default, as below;
2. the settings file, TOML: the one named by `kuato --config FILE`, else by `$KUATO_CONFIG`, else `~/.config/kuato/kuato.toml`
   where there is one. `config/kuato.toml` in the project has every setting at its default, commented out;
3. the environment variable in the last column (a list: separated by commas);
4. the command line: `kuato --set search.limit=20 ...`.

`kuato config show` tells what is in force and where it came from. A setting or variable that does not exist, or a value of the
wrong type, ends the program with the reason (exit code 2). A path in the file is relative to the file.

"""

COMMANDS = """# Commands

Every command explains itself with `--help`. Tables are for people; `--json` gives one JSON document a line for programs.
Errors go to stderr, one line each; [command-line.md](command-line.md) has the exit codes, and what programs can rely on.

"""


def pages() -> dict[Path, str]:
    """Return the text of each page."""
    return {
        ROOT / "config" / "kuato.toml": as_toml(),
        ROOT / "docs" / "settings.md": SETTINGS + as_markdown(),
        ROOT / "docs" / "commands.md": COMMANDS + "\n".join(_help(kuato, None, "kuato")),
        ROOT / "docs" / "api.md": _filled(ROOT / "docs" / "api.md", routes=_routes(), errors=_errors(), metrics=_metrics()),
    }


def _help(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=100, **{**command.context_settings, "max_content_width": 100}
    )
    yield f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            if (inner := command.get_command(context, each)) is not None:
                yield from _help(inner, context, each)


def _filled(page: Path, **parts: str) -> str:
    """Return a page with new text between its marks `<!-- name -->` and `<!-- end -->`."""
    text = page.read_text()
    for name, part in parts.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        text = before + begin + part + rest[rest.index("<!-- end -->") :]
    return text


def _routes() -> str:
    rows = ["| route | role | answers |", "|---|---|---|"]
    for operation in (operation for routes in installed() for operation in routes.operations):
        role = operation.role.label if operation.role is not None else "(open)"
        statuses = sorted({*operation.returns, *(error.status for error in errors_of(operation))})
        what = (operation.handler.__doc__ or "").partition("\n")[0]
        rows.append(f"| `{operation.method} {address(operation)}`<br>{what} | {role} | {', '.join(map(str, statuses))} |")
    return "\n".join(rows) + "\n"


def _errors() -> str:
    rows = ["| code | status | exit code | meaning |", "|---|---|---|---|"]
    kinds, found = [KuatoError], list[type[KuatoError]]()
    while kinds:
        kind = kinds.pop(0)
        found.append(kind)
        kinds[:0] = [one for one in kind.__subclasses__() if one.__module__ == KuatoError.__module__]
    rows += [f"| `{kind.code}` | {kind.status} | {kind.exit_code} | {' '.join((kind.__doc__ or '').split())} |" for kind in found]
    return "\n".join(rows) + "\n"


def _metrics() -> str:
    return "| metric | meaning |\n|---|---|\n" + "".join(f"| `{name}` | {text} |\n" for name, text in Metrics().described().items())


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
        print(path.relative_to(ROOT))
