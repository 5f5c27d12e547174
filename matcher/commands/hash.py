"""`kuato hash`: the fingerprints of files, for other tools or out of curiosity."""

from contextlib import closing

import click

from matcher import shapes
from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, Input, collected, exit_code, in_parallel, no_pictures
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from matcher.errors import BadRequest, KuatoError
from matcher.extraction import Fingerprints
from matcher.fingerprints import registry
from matcher.pool import WorkerPool

_SHOWN = 64  # bytes of a fingerprint on a terminal


@click.command("hash")
@click.argument("paths", metavar="FILE|FOLDER|-...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--algorithm", "names", metavar="NAME", multiple=True, help="Compute this one; default: what fingerprints.enabled says.")
@click.option("--all", "every", is_flag=True, help="Compute all that are installed and need no model.")
@json_option
@pass_invocation
def hash_files(invocation: Invocation, paths: tuple[str, ...], names: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Print the fingerprints of pictures, in hexadecimal; needs no Redis."""
    if every and names:
        raise BadRequest("--all and --algorithm exclude each other; give one of them")
    settings = invocation.settings
    # Those that need a model are computed where they are asked for by name.
    wanted = (
        tuple(name for name, kind in registry.available().items() if kind.confined) if every else names or settings["fingerprints.enabled"]
    )
    algorithms = registry.load(wanted or None, settings)
    errors, asked = list[KuatoError](), 0

    with WorkerPool.of(settings, algorithms) as pool:

        def compute(one: Input) -> tuple[Input, Fingerprints | KuatoError]:
            try:
                return one, pool.fingerprint(one.read(settings["picture.max_bytes"]), name=tables.visible(one.name))
            except ONE_PICTURE as error:
                return one, error

        inputs = (one for one in collected(paths) if one.is_picture())
        with closing(in_parallel(compute, inputs, invocation.threads)) as outcomes:
            for one, outcome in outcomes:
                asked += 1
                if isinstance(outcome, KuatoError):
                    errors.append(outcome)
                    tables.failed(outcome, {"file": one.name}, as_json)
                elif as_json:
                    tables.emit(shapes.hashes(one.name, outcome))
                else:
                    _show(one, outcome)
    if not asked:
        raise no_pictures(paths)
    click.get_current_context().exit(exit_code(errors))


def _show(one: Input, found: Fingerprints) -> None:
    rows = [("sha256", found.sha256), *((name, _short(value)) for name, value in found.values.items())]
    rows += [(name, "too-simple") for name in found.too_simple]
    if tables.on_terminal():
        tables.say(f"{one.name}: {found.format} {found.size[0]}x{found.size[1]}")
        tables.show(tables.pairs(rows))
    else:
        # Value first, as sha256sum does it: file names may hold blanks.
        for algorithm, value in rows:
            tables.say(f"{value}  {algorithm}  {one.name}")


def _short(value: bytes) -> str:
    if not tables.on_terminal() or len(value) <= _SHOWN:
        return value.hex()
    return f"{value[:_SHOWN].hex()}... ({len(value):,} bytes)"
