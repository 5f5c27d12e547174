"""Taking back, for good, what was written to MISP because of some pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misp_module.budget import Spent
from misp_module.writeback import WriteBack
from misp_module.writebook import Written

if TYPE_CHECKING:
    from matcher.engine import Matcher


@dataclass(frozen=True)
class Selection:
    """What to take back: what is all of what is given.

    picture: SHA-256 of one of the two. bank: that one of the two is in. since: when it was first written, in seconds since the epoch.
    """

    picture: str = ""
    bank: str = ""
    since: float | None = None


class Retraction:
    """Takes back what was written to one server. It is not written again, whatever a sync finds. told: called with each, in words."""

    def __init__(self, matcher: "Matcher", back: WriteBack, told: Callable[[str], None], dry_run: bool = False) -> None:
        self._matcher = matcher
        self._back = back
        self._told = told
        self._dry_run = dry_run

    def run(self, selection: Selection, now: int) -> int:
        """Take back what is selected; return of how many matches that was. Interrupted, it can simply be repeated."""
        inside: dict[str, bool] = {}

        def wanted(entry: Written) -> bool:
            if selection.picture and selection.picture not in (entry.submitted, entry.known):
                return False
            if selection.since is not None and entry.when < selection.since:
                return False
            return not selection.bank or any(self._in(selection.bank, sha256, inside) for sha256 in (entry.submitted, entry.known))

        count, attributes = 0, dict[str, None]()
        try:
            for entry in list(self._back.book.all()):
                if wanted(entry) and (not entry.retracted or not entry.empty):
                    attributes[entry.newer] = None
                    self._back.pen.take_back(entry, for_good=now)
                    count += 1
            for uuid in attributes:
                if not self._dry_run:
                    self._back.untag(uuid)
        except Spent as spent:
            self._told(f"{spent}; the same command goes on from here later")
        return count

    def _in(self, bank: str, sha256: str, inside: dict[str, bool]) -> bool:
        if sha256 not in inside:
            record = self._matcher.collection.known(sha256)
            inside[sha256] = record is not None and bank in record.banks
        return inside[sha256]
