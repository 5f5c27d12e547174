"""A rules file with new bounds in it: everything else, the comments too, stays as it was."""

import math
import re
import sys
from collections.abc import Mapping, Sequence

from matcher.errors import BadSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HEAD = "Calibrated by `kuato calibrate`."
_TABLE = re.compile(r"\s*\[\s*(?P<name>[^\[\]]+?)\s*\]\s*(#.*)?$")
_BOUND = re.compile(r"\s*(?P<key>yes|maybe)\s*=")


def rewritten(text: str, bounds: Mapping[str, tuple[float, float]], notes: Mapping[str, str], head: Sequence[str]) -> str:
    """Return the text of a rules file with other bounds.

    bounds: algorithm -> YES and MAYBE distance; tables that are missing are added. notes: what to write beside a table in place of the
    comment there, which tells of the old bounds. head: more comment lines for the top.
    Raises BadSettings for a file written in a way that cannot be changed so.
    """
    new = {name: {"yes": rounded(yes), "maybe": rounded(max(yes, maybe))} for name, (yes, maybe) in bounds.items()}
    lines: list[str] = []
    current = ""
    for line in _body(text):
        if (table := _TABLE.match(line)) is not None:
            current = table["name"].strip().strip("\"'")
            if current in new:
                line = f"{line.partition('#')[0].rstrip()}{_remark(notes.get(current, ''))}"
        elif current in new and (bound := _BOUND.match(line)) is not None:
            line = f"{bound['key']} = {new[current][bound['key']]}"
        lines.append(line)
    known = tomllib.loads(text)
    for name in new:
        if name not in known:
            lines += ["", f"[{name}]{_remark(notes.get(name, ''))}", f"yes = {new[name]['yes']}", f"maybe = {new[name]['maybe']}"]
    made = "\n".join([*(f"# {line}".rstrip() for line in (HEAD, *head)), "", *lines]) + "\n"
    wanted = {**known, **{name: {**known.get(name, {}), **values} for name, values in new.items()}}
    try:
        if tomllib.loads(made) == wanted:
            return made
    except tomllib.TOMLDecodeError:
        pass
    raise BadSettings(
        'the rules cannot be changed as they are written: give every algorithm a table "[name]" with lines "yes = .." and "maybe = .."'
    )


def _body(text: str) -> list[str]:
    """Return the lines without the head of an earlier calibration."""
    lines = text.splitlines()
    if not lines or lines[0] != f"# {HEAD}":
        return lines
    return lines[lines.index("") + 1 :] if "" in lines else lines


def rounded(distance: float) -> float:
    """Return a bound with six decimals, never less than it was: the distance itself is meant to be within."""
    return min(1.0, math.ceil(distance * 1e6 - 1e-6) / 1e6)


def _remark(note: str) -> str:
    return f"  # {note}" if note else ""
