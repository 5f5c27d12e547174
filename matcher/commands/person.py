"""Who gives a command."""

import getpass
import os


def user() -> str:
    """Return the name of the user that this process runs as; their number where there is none, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
