"""`kuato backup`: everything in one file."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.inputs import STDIN, as_text
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest
from matcher.newfile import new_file

if TYPE_CHECKING:
    from matcher.backup import BackedUp


@click.command()
@click.argument("file", metavar="FILE|-", type=click.Path(allow_dash=True))
@click.option("--force", is_flag=True, help="Take the place of a file of that name.")
@json_option
@pass_invocation
def backup(invocation: Invocation, file: str, force: bool, as_json: bool) -> None:
    """Copy everything into one file, for `kuato restore`: pictures, banks, tags, sources, tokens; not settings, jobs, log files.

    Others may search, add and remove meanwhile. What was acknowledged before is in the file, what was removed before is not.
    A store of an older version can be copied too, before `kuato upgrade`. FILE gets its name when it is complete and on disk;
    until then it is FILE.part. Only its owner can read it. With - it goes to standard output, and the summary to standard error.
    """
    from matcher.backup import Backup

    to_stdout = file == STDIN
    if to_stdout and tables.on_terminal():
        raise BadRequest("a backup is no text; lead standard output into a file or another program")
    began = time.monotonic()
    store = invocation.store(oldest=1)
    store.info()  # before there is a file
    with tables.progress("copying", None) as advance:
        made = Backup(store, progress=advance)
        if to_stdout:
            done = made.write(out := sys.stdout.buffer)
            out.flush()
        else:
            with new_file(Path(file), force) as new:
                done = made.write(new)
    if not as_json:
        seconds = time.monotonic() - began
        text = f"{done.counts.pictures:,} pictures, {done.counts.keys:,} keys, {done.bytes / 1e6:,.1f} MB in {seconds:.1f} s"
        (tables.complain if to_stdout else tables.say)(f"{text}; see {as_text(file)}" if not to_stdout else text)
    elif not to_stdout:
        tables.emit(_shape(file, done))


def _shape(file: str, done: "BackedUp") -> shapes.Shape:
    return {"file": as_text(file), "pictures": done.counts.pictures, "keys": done.counts.keys, "bytes": done.bytes, "schema": done.schema}
