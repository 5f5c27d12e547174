"""`kuato config`: the settings."""

import json

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.settings import TABLE


@click.group()
def config() -> None:
    """Tell the settings in force."""


@config.command()
@json_option
@pass_invocation
def show(invocation: Invocation, as_json: bool) -> None:
    """Show every setting: its value (but no password), where that comes from, its unit, and what it is for."""
    settings = invocation.settings
    values = {row.name: settings.shown(row.name) for row in TABLE}
    if as_json:
        for row in TABLE:
            value = values[row.name]
            plain = list(value) if isinstance(value, tuple) else value if isinstance(value, int | float | str) else str(value or "")
            tables.emit({"name": row.name, "value": plain, "origin": settings.origin(row.name), "unit": row.unit, "text": row.text})
        return
    if tables.on_terminal():
        for row in TABLE:
            value = f"{_text(values[row.name])} {row.unit}".rstrip() if values[row.name] not in ("", (), None) else "(empty)"
            tables.say(f"{row.name} = {value}, {settings.origin(row.name)}")
            tables.say(f"    {row.text}")
        return
    rows = [(row.name, _text(values[row.name]), row.unit, settings.origin(row.name), row.text) for row in TABLE]
    tables.show(tables.table(("setting", "value", "unit", "origin", "text"), rows))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in value)
    return "" if value is None else str(value)
