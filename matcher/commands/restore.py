"""`kuato restore`: what a backup holds, back into the store."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from matcher.commands import tables
from matcher.commands.inputs import STDIN, as_text
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest, NotFound, Refused
from matcher.shapes import moment

if TYPE_CHECKING:
    from matcher.archive import ArchiveReader


@click.command()
@click.argument("file", metavar="FILE|-", type=click.Path(allow_dash=True))
@click.option("--replace", is_flag=True, help="Delete what the store holds first, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only read the file and tell what it holds; needs no Redis.")
@json_option
@pass_invocation
def restore(invocation: Invocation, file: str, replace: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Bring back what `kuato backup` wrote, into an empty store.

    The whole file is read first: one that is incomplete, altered or of a newer version is refused, and nothing is changed.
    Other programs that use the store, such as `kuato serve`, must be stopped. Interrupted, it leaves a store that nothing
    will use; the same command begins anew. All is as it was when the backup was made: pictures that were removed or forgotten
    since are back, and tokens that were revoked since are valid again.
    """
    from matcher.archive import ArchiveReader
    from matcher.store import SCHEMA

    if file == STDIN and replace and not yes:
        raise BadRequest("standard input holds the backup, so nobody can be asked; give --yes as well")
    with _opened(file) as (opened, size):
        with tables.progress("reading, MB", size >> 20) as advance:
            reader = ArchiveReader(opened, _called(file), lambda done: advance(done >> 20))
        if not dry_run and not _restored(invocation, reader, replace, yes):
            tables.complain("nothing was changed")
            return
    counts, header = reader.counts, reader.header
    if as_json:
        tables.emit(
            {
                "file": as_text(file),
                "created": moment(header.created),
                "schema": header.schema,
                "pictures": counts.pictures,
                "keys": counts.keys,
                "restored": not dry_run,
            }
        )
    else:
        done = "holds" if dry_run else "restored:"
        tables.say(f"{_called(file)} {done} {counts.pictures:,} pictures, {counts.keys:,} keys, as of {moment(header.created)}")
    if header.schema < SCHEMA and not dry_run:
        tables.complain("an older version wrote this; run `kuato upgrade` now")


def _restored(invocation: Invocation, reader: "ArchiveReader", replace: bool, yes: bool) -> bool:
    """Restore; False when the user would not have it."""
    from matcher.restore import Restore

    plan = Restore(reader, invocation.store(oldest=0))
    if replace and not yes and not plan.empty():
        where = f"under {invocation.settings['redis.prefix']} in {invocation.settings.shown('redis.url') or 'our own Redis'}"
        what = f"{plan.pictures():,} pictures, all banks and tokens {tables.visible(where)}"
        back = f"{reader.counts.pictures:,} pictures of {moment(reader.header.created)}"
        if not click.confirm(f"Delete {what}, and bring back {back}?", err=True):
            return False
    with tables.progress("restoring", reader.counts.keys) as advance:
        plan.run(replace, advance)
    return True


@contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file that can be read twice, and tell its size: standard input or a pipe by way of a temporary file."""
    with ExitStack() as closing:
        opened = sys.stdin.buffer if file == STDIN else closing.enter_context(_file(Path(file)))
        if file == STDIN or not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            copy = closing.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(opened, copy)
            opened = copy
        yield opened, opened.seek(0, os.SEEK_END)


def _file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{as_text(str(path))} does not exist; check the path") from None
    except PermissionError:
        raise Refused(f"{as_text(str(path))} may not be read; check its permissions") from None
    except IsADirectoryError:
        raise BadRequest(f"{as_text(str(path))} is a folder; name a file") from None


def _called(file: str) -> str:
    return "standard input" if file == STDIN else as_text(file)
