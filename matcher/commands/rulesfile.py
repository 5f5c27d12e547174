"""The rules file that a command writes where it is told to, and what whoever called it does with it then."""

from pathlib import Path

from matcher.commands import tables
from matcher.commands.inputs import as_text
from matcher.errors import BadRequest


def check(out: str | None) -> None:
    """Raise BadRequest where no file could be written: before the work is done, not after."""
    if out is not None and not Path(out).absolute().parent.is_dir():
        raise BadRequest(f"{as_text(out)} cannot be written; name one in a folder that exists (--out)")


def write(text: str, out: str) -> None:
    """Write rules, wholly or not at all. Raises BadRequest."""
    path = Path(out)
    try:
        part = path.with_name(path.name + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise BadRequest(f"{as_text(out)} cannot be written: {error.strerror} (--out)") from error


def tell(out: str) -> None:
    """Say how rules that were written come into force."""
    tables.say(f"written to {as_text(out)}; in force with --set decision.rules={as_text(out)}, or as decision.rules in the settings file")
