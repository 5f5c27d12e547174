"""`kuato misp`: what sets Kuato up beside a MISP server."""

import click

from misp_module.commands.check import check
from misp_module.commands.install import install
from misp_module.commands.install_module import install_module


@click.group()
def misp() -> None:
    """Set Kuato up beside a MISP server."""


for command in (check, install, install_module):
    misp.add_command(command)
