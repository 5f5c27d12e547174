"""`kuato misp install`: put templates and tags on a MISP server."""

from pathlib import Path

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, json_option, pass_invocation
from misp_module.steps import Step


@click.command()
@click.option(
    "--misp-folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="MISP's folder on this machine.",
)
@json_option
@pass_invocation
def install(invocation: Invocation, misp_folder: Path | None, as_json: bool) -> None:
    """Put Kuato's object templates, taxonomy and tags on the MISP server that misp.url and misp.key name.

    Rights that the user of the key lacks are told, and what is left to do. Templates are files of MISP's: they are copied
    with --misp-folder. Nothing is done twice. Exit code 1 when something is left to do.
    """
    # Imported here because PyMISP takes its time.
    from misp_module.connection import connect
    from misp_module.install import Installer

    installer = Installer(connect(invocation.settings), misp_folder)
    told = [tell(step, as_json) for step in installer.install()]
    if not all(told):
        click.get_current_context().exit(1)


def tell(step: Step, as_json: bool) -> bool:
    """Print a step; return whether it is well."""
    if as_json:
        tables.emit({"well": step.well, "text": step.text})
    else:
        tables.say(f"{'ok  ' if step.well else 'TODO'}  {step.text}")
    return step.well
