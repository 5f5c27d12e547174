"""Events in files: exports of MISP, answers of its API, feeds; taken in without a server."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matcher.errors import BadPicture, Late, NotFound
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.entries import Flaw, Given
from matcher.interchange.misp import events_of
from matcher.settings import Settings
from misp_module.found import Found
from misp_module.intake import Intake, Outcome
from misp_module.pull import Tally

if TYPE_CHECKING:
    from matcher.engine import Matcher


class Exports:
    """Takes in what events in files hold. What a server was asked for itself is left as that told it."""

    def __init__(self, matcher: "Matcher", settings: Settings) -> None:
        self._intake = Intake(matcher, settings, _data)
        self._algorithms = Algorithms(matcher.algorithms, matcher.collection.filing)
        self.tally = Tally()

    def take(self, path: Path) -> Tally:
        """Take in one file, or the feed or files in a folder. Raises NotFound, BadFile."""
        if not path.exists():
            raise NotFound(f"there is no {path}; name a JSON export of MISP, or a folder with a feed")
        for event in events_of(Given(path, str(path), self._algorithms)):
            if isinstance(event, Flaw):
                self.tally.failed.append((event.place, event.text))
                continue
            for found in in_event(event):
                self._take(found)
        return self.tally

    def _take(self, found: Found) -> None:
        try:
            outcome = self._intake.take(found)
        except (BadPicture, Late) as error:
            self.tally.failed.append((found.uuid, str(error)))
            outcome = Outcome.FAILED
        self.tally.outcomes[outcome] += 1


def in_event(event: dict[str, Any]) -> Iterator[Found]:
    """Yield the attributes of an event, those in objects too."""
    for row in _rows(event.get("Attribute")):
        yield Found(row, event)
    for holder in _rows(event.get("Object")):
        for row in _rows(holder.get("Attribute")):
            yield Found(row, event, holder)


def _rows(value: Any) -> Iterator[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _data(found: Found) -> bytes:
    data = found.attribute.get("data")
    if not isinstance(data, str):
        raise NotFound(f"attribute {found.uuid} is there without its file")
    try:
        return base64.b64decode(data)
    except ValueError:
        return b""
