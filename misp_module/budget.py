"""How much may be written to MISP: in one run, and in a day."""

from collections.abc import Mapping
from typing import Any

from misp_module.syncstate import SyncState


class Spent(Exception):
    """No more may be written now. The message says why."""


class Budget:
    """Counts writes. dry_run: none is made, so none is counted."""

    def __init__(self, state: SyncState, settings: Mapping[str, Any], dry_run: bool = False) -> None:
        self._state = state
        self._a_run: int = settings["misp.max_writes_run"]
        self._a_day: int = settings["misp.max_writes_day"]
        self._dry_run = dry_run
        self.made = 0

    def spend(self) -> None:
        """Count a write that is about to be made. Raises Spent."""
        if self.made >= self._a_run:
            raise Spent(f"{self._a_run} writes were made, the limit of one run (misp.max_writes_run)")
        if not self._dry_run and not self._state.spend(self._a_day):
            raise Spent(f"{self._a_day} writes were made today, the limit (misp.max_writes_day)")
        self.made += 1
