"""`kuato show`: all that is known of one picture."""

import json

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation


@click.command()
@click.argument("sha256", metavar="SHA")
@json_option
@pass_invocation
def show(invocation: Invocation, sha256: str, as_json: bool) -> None:
    """Show all that is known of one picture, named by its SHA-256."""
    record = invocation.matcher.get(sha256)
    fingerprints, texts = invocation.matcher.shown_fingerprints(record), invocation.matcher.text_on(record)
    if as_json:
        tables.emit(shapes.whole_picture(record, fingerprints, texts))
        return
    rows = [
        ("picture", record.sha256),
        ("format", f"{record.format}, {record.size[0]}x{record.size[1]}, {record.bytes_size:,} bytes"),
        ("added", shapes.moment(record.added) or ""),
        ("banks", ", ".join(record.banks)),
        ("tags", ", ".join(record.tags)),
        ("cluster", record.cluster),
    ]
    rows += [("sensitive", "what its sources tell of it is not shown")] if record.sensitive else []
    rows += [("seen at", _source(shapes.source(source, record.sensitive))) for source in record.sources]
    rows += [(name, tables.visible(text)) for name, text in texts.items()]
    rows += [(name, _short(value)) for name, value in fingerprints.items()]
    rows += [("versions", ", ".join(f"{name} {record.versions[name]}" for name in fingerprints))]
    tables.show(tables.pairs([(name, value) for name, value in rows if value]))


def _source(source: shapes.Source) -> str:
    first, last = source["first_seen"], source["last_seen"]
    times = f", {first} to {last}" if first and first != last else f", {last}" if last else ""
    kept = {name: value for name, value in (("metadata", source["metadata"]), ("visibility", source["visibility"])) if value}
    return f"{source['kind']}:{source['id']}{times}{', ' + json.dumps(kept, ensure_ascii=False) if kept else ''}"


def _short(value: bytes) -> str:
    return value.hex() if len(value) <= 64 else f"{len(value):,} bytes"
