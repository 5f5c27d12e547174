"""`kuato import`: take in what `kuato export` wrote, or a hash list."""

import gc
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from matcher.commands import tables
from matcher.commands.inputs import STDIN, as_text
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.commands.sources import SOURCE
from matcher.errors import BadFile, NotFound, Refused
from matcher.interchange.document import OWN
from matcher.interchange.hashlists import AUTO, FORMATS, importer_of, recognised
from matcher.interchange.survey import Survey
from matcher.source import Source


@click.command("import")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--format", "format", type=click.Choice([AUTO, OWN, *FORMATS]), default=AUTO, show_default=True, help="Of the file.")
@click.option("--bank", "banks", metavar="NAME", multiple=True, help="Put the pictures into this bank too.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Give the pictures this tag too.")
@click.option(
    "--source", "sources", metavar="KIND:ID", type=SOURCE, multiple=True, help="Where they were seen; of a list by default: hash-list:FILE."
)
@click.option("--algorithm", metavar="NAME", default="", help="Of a list: which algorithm its hashes are of, where it does not say.")
@click.option("--trust-sha256", is_flag=True, help="Of a list: know pictures by the SHA-256 it tells, not by their fingerprint.")
@click.option("--skip-bad", is_flag=True, help="Of a list: take what is right of it, though not all is.")
@click.option("--check", "only_check", is_flag=True, help="Only tell what is in the file and what is wrong with it.")
@json_option
@pass_invocation
def import_file(
    invocation: Invocation,
    file: str,
    format: str,
    banks: tuple[str, ...],
    tags: tuple[str, ...],
    sources: tuple[Source, ...],
    algorithm: str,
    trust_sha256: bool,
    skip_bad: bool,
    only_check: bool,
    as_json: bool,
) -> None:
    """Take in FILE, or standard input (-): what `kuato export` wrote, or a hash list of other tools.

    Lists are tables (csv), JSON lines (jsonl), PDQ lists of Meta's tools (threatexchange), the meta.json of adulau/photodna, and
    events and feeds of MISP (also a folder). A file in which anything is wrong is refused before anything is written. An export
    goes into an empty store exactly as it was; into any other it is merged: banks that exist stay as they are, pictures known
    already only gain sources, tags and banks.
    """
    matcher = invocation.matcher
    now = time.time()
    seen = [replace(source, first_seen=now, last_seen=now) for source in sources]
    with _at_hand(file) as (path, name):
        found = recognised(path, name) if format == AUTO else format
        importer = importer_of(
            matcher,
            found,
            algorithm=algorithm,
            banks=banks,
            tags=tags,
            sources=seen,
            trust_sha256=trust_sha256,
            skip_bad=skip_bad,
        )
        survey = importer.check(path, name)
        _warn(survey)
        if only_check:
            _tell(name, survey, as_json)
            if survey.wrong and not skip_bad:
                raise BadFile(f"{name}: {survey.wrong} entries are wrong")
            return
        try:
            with _no_collection(), tables.progress("importing", survey.pictures, not (as_json and tables.on_terminal())) as advance:
                done = importer.write(path, survey, lambda done, _: advance(done), name)
        except (KeyboardInterrupt, SystemExit):
            tables.complain("stopped; the same command goes on from here")
            raise
    if as_json:
        tables.emit({**_shape(name, survey), "new": done.new, "known": done.known, "created_banks": list(done.banks)})
    else:
        banks_made = f", banks created: {', '.join(done.banks)}" if done.banks else ""
        tables.say(f"{done.new} added, {done.known} known already{banks_made}")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let no garbage be looked for: among a million records, none of which refers to itself, that takes a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _at_hand(file: str) -> Iterator[tuple[Path, str]]:
    """Yield a path that can be read twice, and what to call it. Raises NotFound, Refused."""
    path, name = Path(file), "standard input" if file == STDIN else as_text(Path(file).name or file)
    try:
        if file != STDIN and (path.is_file() or path.is_dir()):
            if path.is_file():
                path.open("rb").close()
            yield path, name
            return
        if file != STDIN and not path.exists():
            raise NotFound(f"{as_text(file)} does not exist; check the path")
        with tempfile.NamedTemporaryFile(prefix="kuato-import-") as spooled:
            if file == STDIN:
                shutil.copyfileobj(sys.stdin.buffer, spooled)
            else:
                with path.open("rb") as pipe:
                    shutil.copyfileobj(pipe, spooled)
            spooled.flush()
            yield Path(spooled.name), name
    except PermissionError:
        raise Refused(f"{as_text(file)} may not be read; check its permissions") from None


def _warn(found: Survey) -> None:
    for text in found.warnings:
        tables.complain(f"warning: {text}")
    for what, count in found.passed.items():
        tables.complain(f"passed over: {count} {what}")
    for flaw in found.flaws:
        tables.complain(f"{flaw.place}: {flaw.text}")
    if found.wrong > len(found.flaws):
        tables.complain(f"and {found.wrong - len(found.flaws)} more entries that are wrong")


def _tell(name: str, found: Survey, as_json: bool) -> None:
    if as_json:
        tables.emit(_shape(name, found))
        return
    prints = ", ".join(f"{count} {algorithm}" for algorithm, count in found.fingerprints.items()) or "none"
    tables.say(
        f"{name}: format {found.format}; pictures: {found.pictures}; fingerprints: {prints}; wrong: {found.wrong}; nothing was imported"
    )


def _shape(name: str, found: Survey) -> dict[str, object]:
    return {
        "file": name,
        "format": found.format,
        "banks": len(found.banks),
        "pictures": found.pictures,
        "fingerprints": dict(found.fingerprints),
        "wrong": found.wrong,
        "flaws": [{"place": flaw.place, "text": flaw.text} for flaw in found.flaws],
        "passed": dict(found.passed),
        "warnings": list(found.warnings),
    }
