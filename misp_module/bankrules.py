"""Into which banks pictures from MISP go: the tables of `misp.banks`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from matcher.errors import BadSettings
from matcher.ruletable import Table, fits
from misp_module.found import Found

_PLACES = ("tag", "org", "event", "object", "relation")


@dataclass(frozen=True)
class BankRule:
    """What must hold of an attribute for its picture to go into a bank: all that is given; of several texts one is enough."""

    bank: str
    wanted: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, number: int, row: Mapping[str, Any]) -> "BankRule":
        """Return the rule that a table tells. Raises BadSettings."""
        table = Table("misp.banks", number, row, ("bank", *_PLACES))
        return cls(table.text("bank"), {name: table.texts(name) for name in _PLACES})

    def admits(self, found: Found) -> bool:
        """Whether the rule is for such an attribute."""
        return all(fits(patterns, found.places[name]) for name, patterns in self.wanted.items())


class BankRules:
    """All rules. banks: names of those there are. Raises BadSettings for a rule that names another, or makes no sense."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], banks: Iterable[str]) -> None:
        self._rules = [BankRule.read(number, row) for number, row in enumerate(rows, 1)]
        missing = [rule.bank for rule in self._rules if rule.bank not in set(banks)]
        if missing:
            raise BadSettings(f"misp.banks names the bank {missing[0]!r}, which is not there; create it with `kuato bank create`")

    def banks(self, found: Found) -> tuple[str, ...]:
        """Return the banks that an attribute's picture goes into."""
        return tuple(dict.fromkeys(rule.bank for rule in self._rules if rule.admits(found)))
