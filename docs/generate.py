"""Writes the pages that follow from the program: config/kuato.toml, docs/settings.md, docs/commands.md.

Run `python docs/generate.py` after a change of a setting or a command; a test compares.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from matcher.cli import kuato
from matcher.settings import as_markdown, as_toml

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


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
        print(path.relative_to(ROOT))
