"""`kuato show`: all that is known of one picture."""

import json

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.source import Source


@click.command()
@click.argument("sha256", metavar="SHA")
@json_option
@pass_invocation
def show(invocation: Invocation, sha256: str, as_json: bool) -> None:
    """Show all that is known of one picture, named by its SHA-256."""
    record = invocation.matcher.get(sha256)
    if as_json:
        tables.emit(shapes.whole_picture(record))
        return
    rows = [
        ("picture", record.sha256),
        ("format", f"{record.format}, {record.size[0]}x{record.size[1]}, {record.bytes_size:,} bytes"),
        ("added", shapes.moment(record.added) or ""),
        ("banks", ", ".join(record.banks)),
        ("tags", ", ".join(record.tags)),
    ]
    rows += [("seen at", _source(source)) for source in record.sources]
    rows += [(f"{name} v{record.versions[name]}", _short(value)) for name, value in record.fingerprints.items()]
    tables.show(tables.pairs([(name, value) for name, value in rows if value]))


def _source(source: Source) -> str:
    first, last = shapes.moment(source.first_seen), shapes.moment(source.last_seen)
    times = f", {first} to {last}" if first and first != last else f", {last}" if last else ""
    kept = {name: value for name, value in (("metadata", source.metadata), ("visibility", source.visibility)) if value}
    return f"{source.key}{times}{', ' + json.dumps(kept, ensure_ascii=False) if kept else ''}"


def _short(value: bytes) -> str:
    return value.hex() if len(value) <= 64 else f"{len(value):,} bytes"
