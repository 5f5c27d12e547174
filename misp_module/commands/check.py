"""`kuato misp check`: whether MISP's questions come through, and answers come back."""

import click

from matcher.commands.invocation import Invocation, json_option, pass_invocation
from misp_module.commands.install import tell


@click.command()
@click.option("--modules", "server", metavar="URL", default="", help="Address of the misp-modules server that has Kuato's modules.")
@json_option
@pass_invocation
def check(invocation: Invocation, server: str, as_json: bool) -> None:
    """Test the whole chain: Kuato's store and listener, the misp-modules server, MISP and its settings, templates and tags.

    What is wrong is said with what to do about it. Nothing is changed. Exit code 1 when something is wrong.
    """
    # Imported here because PyMISP takes its time.
    from misp_module.checkup import Checkup

    told = [tell(step, as_json) for step in Checkup(invocation.settings, server).steps(invocation.matcher)]
    if not all(told):
        click.get_current_context().exit(1)
