"""`kuato export`: everything, or hash lists, for another store or another tool."""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from matcher.audit import Audit
from matcher.commands import tables
from matcher.commands.inputs import STDIN, as_text
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.person import user
from matcher.errors import BadRequest, KuatoError, NotFound
from matcher.interchange.document import OWN
from matcher.interchange.export import Export, Selection
from matcher.interchange.hashlists import FORMATS, ListExport
from matcher.settings import Settings


@click.command()
@click.argument("file", default=STDIN, type=click.Path(allow_dash=True))
@click.option("--format", "format", type=click.Choice([OWN, *FORMATS]), default=OWN, show_default=True, help="Of the file.")
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Only pictures of this bank; other banks are not mentioned.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Only pictures with this tag.")
@click.option(
    "--algorithm", "algorithms", metavar="NAME", multiple=True, help="Of lists: fingerprints of this algorithm; default: all small ones."
)
@click.option("--hashes-only", is_flag=True, help="Of lists: without sources, tags and notes.")
@json_option
@pass_invocation
def export(
    invocation: Invocation,
    file: str,
    format: str,
    banks: tuple[str, ...],
    tags: tuple[str, ...],
    algorithms: tuple[str, ...],
    hashes_only: bool,
    as_json: bool,
) -> None:
    """Write everything that is known into FILE, or to standard output (-): banks, pictures with their sources, tags and fingerprints.

    `kuato import` takes it in again, in an empty store exactly as it was. With --format the fingerprints are written as a hash list
    for other tools: csv and jsonl with all algorithms, threatexchange with PDQ, photodna, misp. Of sensitive pictures neither the
    metadata of their sources leaves nor a fingerprint that shows pixels; `kuato backup` keeps those too.

    A FILE of that name is replaced, once the new one is complete. The audit file gains a line.
    """
    if as_json and file == STDIN:
        raise BadRequest("--json answers on standard output, where the export goes; name a FILE for it")
    if format == OWN and (algorithms or hashes_only):
        raise BadRequest("--algorithm and --hashes-only are for hash lists; choose a --format")
    matcher = invocation.matcher
    selection = Selection(matcher, banks, tags)
    told: dict[str, Any]
    with _audited(invocation.settings, file, format, banks, tags) as noted:
        if format == OWN:
            whole = Export(matcher, selection)
            _write(file, whole.lines())
            told = {"format": format, "banks": whole.banks, "pictures": whole.pictures, "withheld": whole.withheld}
            text = f"{whole.pictures} pictures and {whole.banks} banks written to {as_text(file)}"
        else:
            part = ListExport(matcher, selection, format, algorithms, hashes_only)
            _write(file, part.lines())
            told = {"format": format, "banks": 0, "pictures": part.pictures, "withheld": 0}
            text = f"{part.pictures} pictures written to {as_text(file)}"
            if part.left_out:
                tables.complain(f"{part.left_out} pictures have no fingerprint that is wanted in such a list; they are left out")
        noted["pictures"] = told["pictures"]
    if told["withheld"]:
        tables.complain(f"{told['withheld']} pictures are sensitive: metadata of their sources and fingerprints that show pixels stay here")
    if as_json:
        tables.emit({"file": as_text(file), **told})
    elif file != STDIN:
        tables.say(text)


@contextmanager
def _audited(settings: Settings, file: str, format: str, banks: tuple[str, ...], tags: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Leave a line in the audit file, as an export over HTTP does; yields what it shall say beside. Raises BadSettings."""
    audit = Audit.of(settings)
    noted: dict[str, Any] = {}
    status = 500
    try:
        yield noted
        status = 200
    except KuatoError as error:
        status = error.status
        raise
    finally:
        where = None if file == STDIN else as_text(os.path.realpath(file))
        noted |= {"format": format, "banks": list(banks) or None, "tags": list(tags) or None, "file": where}
        audit.note("export", status=status, caller=user(), **noted)


def _write(file: str, pieces: Iterable[bytes]) -> None:
    """Write to standard output, or into a file that is there whole or not at all."""
    if file == STDIN:
        out = sys.stdout.buffer
        out.writelines(pieces)
        out.flush()
        return
    target = Path(os.path.realpath(file))
    if target.exists() and not target.is_file():
        with target.open("wb") as pipe:
            pipe.writelines(pieces)
        return
    if not target.parent.is_dir():
        raise NotFound(f"there is no folder {as_text(str(target.parent))}; make it first")
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as draft:
            draft.writelines(pieces)
            draft.flush()
            os.fsync(draft.fileno())
        # As any other file that this user makes would be.
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
