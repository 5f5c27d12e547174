"""`kuato misp`: what sets Kuato up beside a MISP server, and works with it."""

import click

from misp_module.commands.check import check
from misp_module.commands.install import install
from misp_module.commands.install_module import install_module
from misp_module.commands.sync import sync


@click.group()
def misp() -> None:
    """Set Kuato up beside a MISP server, and work with it."""


for command in (check, install, install_module, sync):
    misp.add_command(command)
