"""Tables of rules in the settings: read with types, refused with the reason."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from matcher.errors import BadSettings


class Table:
    """One table of a setting; says where it is in what it refuses. setting: its name. number: its place, from 1."""

    def __init__(self, setting: str, number: int, row: Mapping[str, Any], known: Collection[str]) -> None:
        self._where = f"{setting}, rule {number}"
        self._row = row
        unknown = sorted(set(row) - set(known))
        if unknown:
            raise self.wrong(f"there is no {unknown[0]!r}; it may have {', '.join(sorted(known))}")

    def wrong(self, why: str) -> BadSettings:
        """Return the error that tells what is wrong with this table."""
        return BadSettings(f"{self._where}: {why}")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a text, or a list of texts; none where it is not given."""
        value = self._row.get(name, ())
        found = (value,) if isinstance(value, str) else value
        if not isinstance(found, list | tuple) or not all(isinstance(one, str) and one.strip() for one in found):
            raise self.wrong(f"{name} is {value!r}, but must be a text or a list of texts")
        return tuple(one.strip() for one in found)

    def text(self, name: str) -> str:
        """Return a text that must be given."""
        found = self.texts(name)
        if len(found) != 1:
            raise self.wrong(f"{name} must be given, as one text")
        return found[0]

    def flag(self, name: str) -> bool:
        """Return a flag, false where it is not given."""
        value = self._row.get(name, False)
        if not isinstance(value, bool):
            raise self.wrong(f"{name} is {value!r}, but must be true or false")
        return value

    def among(self, name: str, choices: Collection[str]) -> tuple[str, ...]:
        """Return texts that must be among the choices."""
        found = self.texts(name)
        strange = [one for one in found if one not in choices]
        if strange:
            raise self.wrong(f"{name} has {strange[0]!r}; choose from {', '.join(choices)}")
        return found


def fits(patterns: Collection[str], values: Collection[str]) -> bool:
    """Whether one of the values is as one of the patterns says (* and ?, case does not matter); no pattern asks nothing."""
    return not patterns or any(fnmatchcase(value.lower(), literal(pattern)) for pattern in patterns for value in values)


def literal(pattern: str) -> str:
    """Return a pattern in which only * and ? mean something: brackets are common in what people write about events."""
    return pattern.lower().replace("[", "[[]")
