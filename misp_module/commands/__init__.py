"""Commands about MISP: `kuato misp ..`. Each is an entry point of the group `kuato.misp`."""

from importlib.metadata import entry_points

import click

GROUP = "kuato.misp"


class Commands(click.Group):
    """The commands of every installed package that offers some."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({point.name for point in entry_points(group=GROUP)})

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name."""
        found = [point.load() for point in entry_points(group=GROUP, name=cmd_name)]
        return found[0] if found and isinstance(found[0], click.Command) else None


@click.group(cls=Commands)
def misp() -> None:
    """Work with a MISP server."""
