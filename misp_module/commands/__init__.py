"""`kuato misp`: what sets Kuato up beside a MISP server."""

import click

from misp_module.commands.install_module import install_module


@click.group()
def misp() -> None:
    """Set Kuato up beside a MISP server."""


misp.add_command(install_module)
