"""`kuato duplicates`: which files of a folder show the same picture."""

import stat
from collections.abc import Iterable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, Input, collected, exit_code, in_parallel, no_pictures
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import KuatoError
from matcher.extraction import Fingerprints
from matcher.match import Decision

if TYPE_CHECKING:
    from matcher.duplicates import Copy, Group


@click.command()
@click.argument("paths", metavar="FOLDER|FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--maybe", is_flag=True, help="Also group what may be the same picture; a person should look at these.")
@click.option("--jobs", metavar="N", type=click.IntRange(1, 256), help="Pictures in work at once; default: workers.count.")
@json_option
@pass_invocation
def duplicates(invocation: Invocation, paths: tuple[str, ...], maybe: bool, jobs: int | None, as_json: bool) -> None:
    """Group the files of folders that show the same picture: the same bytes, and copies in other sizes, formats, turns.

    The best of a group, the one with most pixels, comes first. Nothing is remembered, changed or deleted; needs no Redis. A
    file that is met twice, by a link or because folders overlap, counts once.
    """
    from matcher.decision import Rules
    from matcher.duplicates import Duplicates
    from matcher.fingerprints import registry
    from matcher.pool import WorkerPool

    if jobs is not None:
        invocation.override("workers.count", jobs)
    settings = invocation.settings
    algorithms = registry.load(settings["fingerprints.enabled"] or None, settings)
    found = Duplicates(algorithms, Rules.load(settings["decision.rules"] or None), maybe)
    inputs = [one for one in _once(collected(paths)) if one.is_picture()]
    if not inputs:
        raise no_pictures(paths)
    errors = list[KuatoError]()

    with WorkerPool.of(settings, algorithms) as pool:

        def look(one: Input) -> tuple[Input, str | Fingerprints | KuatoError]:
            try:
                data = one.read(settings["picture.max_bytes"])
                digest = sha256(data).hexdigest()
                return one, digest if digest in found else pool.fingerprint(data, query=True, name=tables.visible(one.name))
            except ONE_PICTURE as error:
                return one, error

        bar = tables.progress("comparing", len(inputs))
        with bar as advance, closing(in_parallel(look, inputs, invocation.threads)) as outcomes:
            for done, (one, outcome) in enumerate(outcomes, 1):
                advance(done)
                if isinstance(outcome, KuatoError):
                    errors.append(outcome)
                    tables.failed(outcome, {"file": one.name}, as_json)
                elif isinstance(outcome, Fingerprints):
                    found.add(one.name, outcome)
                else:
                    found.add_again(one.name, outcome)
    groups = found.groups()
    if as_json:
        for group in groups:
            tables.emit(_shape(group))
    else:
        _show(groups, len(inputs) - len(errors))
    click.get_current_context().exit(exit_code(errors))


def _once(inputs: Iterable[Input]) -> Iterator[Input]:
    """Yield each file once, by whatever names it is met: one that is deleted as a copy of itself is lost."""
    seen = set[tuple[int, int]]()
    for one in inputs:
        try:
            status = Path(one.path).stat()
        except OSError:
            yield one  # reading it will tell what is wrong
            continue
        if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            yield one


def _show(groups: "list[Group]", pictures: int) -> None:
    rows = [
        (str(number), _how(group, copy), f"{copy.size[0]}x{copy.size[1]}", copy.format, f"{copy.bytes_size:,}", copy.name)
        for number, group in enumerate(groups, 1)
        for copy in group.copies
    ]
    tables.show(tables.table(("group", "", "size", "format", "bytes", "file"), rows, fold=("file",)))
    copies = [copy for group in groups for copy in group.copies[1:]]
    size = sum(copy.bytes_size for copy in copies)
    tables.say(f"{len(groups)} groups in {pictures} pictures; {len(copies)} files besides the best ones, {size / 1e6:,.1f} MB")


def _how(group: "Group", copy: "Copy") -> str:
    """Say what a file has to do with the best of its group."""
    if copy is group.copies[0]:
        return "best"
    if copy.sha256 == group.copies[0].sha256:
        return "same bytes"
    return "same picture" if group.decision is Decision.YES else "maybe the same"


def _shape(group: "Group") -> dict[str, Any]:
    files = [
        {
            "file": copy.name,
            "sha256": copy.sha256,
            "format": copy.format,
            "width": copy.size[0],
            "height": copy.size[1],
            "bytes": copy.bytes_size,
        }
        for copy in group.copies
    ]
    return {"decision": group.decision, "exact": group.exact, "files": files}
