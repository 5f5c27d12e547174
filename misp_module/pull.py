"""Taking over what a MISP server has: all of it the first time, then what changed.

Three things are followed, each from where the last sync came to, and each can be interrupted anywhere:

    attributes by their time   closed windows, which go back by `misp.overlap` behind the last sync
    attributes by number       those that came from another server bring along a time long gone
    events by their time       who may know of an event, and what it is about, can change without its attributes

What is deleted for good leaves no trace there: the sweep holds all that is known against all that MISP has.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matcher.commands.inputs import in_parallel
from matcher.errors import BadPicture, Late, NotFound
from matcher.settings import Settings
from misp_module.found import KIND, Found, seconds, text
from misp_module.intake import Intake, Outcome
from misp_module.remote import Remote, Row
from misp_module.syncstate import SyncState
from misp_module.windows import windows

if TYPE_CHECKING:
    from matcher.engine import Matcher

DAY = 86_400
_AHEAD = 60  # seconds that MISP's clock may be ahead without anything being left for the next sync
_FEW = 200
_FIRST = 1  # PyMISP takes a time of 0 for none at all


@dataclass
class Tally:
    """What was done: attributes by outcome, and those that could not be read, with the reason."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        told = [outcome for outcome in Outcome if outcome is not Outcome.SAME and self.outcomes[outcome]]
        found = [f"{self.outcomes[outcome]} {outcome.value}" for outcome in told]
        return ", ".join(found) or "nothing new"


class Pull:
    """One server's attributes, taken into the store.

    noted: called with the UUIDs of attributes that are new or changed, before they are taken. told: called with where it is, in
    seconds since the epoch, after each window.
    """

    def __init__(
        self,
        matcher: "Matcher",
        remote: Remote,
        state: SyncState,
        settings: Settings,
        *,
        noted: Callable[[list[str]], None] = lambda uuids: None,
        told: Callable[[int], None] = lambda until: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._matcher = matcher
        self._remote = remote
        self._state = state
        self._settings = settings
        self._noted = noted
        self._told = told
        self._clock = clock
        self._threads = settings.workers() + 1
        self._intake = Intake(matcher, settings, lambda found: remote.data(found.uuid))
        # What is no picture comes by more than one way.
        self._refused = set[tuple[str, int]]()
        self.tally = Tally()

    def run(self, since: int = 0) -> Tally:
        """Take over all that changed since the last sync, and since a time where that is given and before it.

        Where there was no sync yet: since that time alone. Raises what Remote does, StoreUnavailable.
        """
        now = int(self._clock()) + _AHEAD
        position = self._state.position
        if not position.events:
            # What changes while the first sync is at work is for the following one.
            self._state.move(until=since, swept=now, top=self._highest(), events=now - _AHEAD)
            position = self._state.position
        start = position.until - int(self._settings["misp.overlap"])
        self._by_time(max(_FIRST, min(start, since) if since else start), now)
        self._by_number(position.top)
        self._by_event(max(_FIRST, position.events - int(self._settings["misp.overlap"])), now)
        return self.tally

    def due(self) -> bool:
        """Whether a sweep is."""
        days = self._settings["misp.sweep_days"]
        return bool(days) and self._state.position.swept + days * DAY < self._clock()

    def sweep(self) -> Tally:
        """Forget the attributes of this server that it has no more, or that we may no longer see."""
        begun = int(self._clock())
        there, page, limit = set[str](), 1, self._settings["misp.page"]
        while rows := self._remote.attributes(page=page, limit=limit, order="Attribute.id asc"):
            there |= {text(row.get("uuid")).lower() for row in rows if not row.get("deleted")}
            self._state.keep()
            page += 1
        for record in self._matcher.find(source=KIND, limit=None):
            for source in record.sources:
                ours = source.kind == KIND and source.metadata.get("server") == self._remote.url
                if ours and source.id not in there and not self._still_there(source.id):
                    self.tally.outcomes[self._intake.forget(source.id, self._remote.url)] += 1
        self._state.move(swept=begun)
        return self.tally

    def listed(self, start: int) -> Iterator[tuple[int, list[Found]]]:
        """Yield what there is since a time, by windows, without fetching any of it: for an estimate."""
        for until, rows in windows(self._ask, self._first(start), int(self._clock()) + _AHEAD, self._settings["misp.page"]):
            yield until, [one for one in self._placed(rows) if not one.deleted and one.wanted(self._settings["misp.names"])]

    def _by_time(self, start: int, end: int) -> None:
        for until, rows in windows(self._ask, self._first(start), end, self._settings["misp.page"]):
            self._take(rows)
            self._state.move(until=min(until, end - _AHEAD))
            self._told(min(until, end - _AHEAD))

    def _by_number(self, top: int) -> None:
        found, page, limit = dict[int, Row](), 1, self._settings["misp.page"]
        while rows := self._remote.attributes(page=page, limit=limit, order="Attribute.id desc"):
            found |= {number: row for row in rows if (number := _number(row)) > top}
            if len(rows) < limit or min(map(_number, rows)) <= top:
                break
            page += 1
        ascending = sorted(found)
        for at in range(0, len(ascending), _FEW):
            some = ascending[at : at + _FEW]
            self._take([found[number] for number in some])
            self._state.move(top=some[-1])

    def _by_event(self, start: int, end: int) -> None:
        limit = self._settings["misp.page"]

        def ask(since: int, until: int, page: int) -> list[Row]:
            return self._remote.changed_events(since, until, page, limit)

        for until, events in windows(ask, start, end, limit):
            for event in events:
                page = 1
                while rows := self._remote.attributes(eventid=text(event["id"]), page=page, limit=limit, order="Attribute.id asc"):
                    self._take(rows, {text(event["id"]): event})
                    page += 1
                    if len(rows) < limit:
                        break
            self._state.move(events=min(until, end - _AHEAD))

    def _take(self, rows: Iterable[Row], events: Mapping[str, Row] | None = None) -> None:
        """Take attributes in."""
        placed = list(self._placed(rows, events))
        fresh = [found for found in placed if not self._intake.current(found)]
        if len(placed) > len(fresh):
            self.tally.outcomes[Outcome.SAME] += len(placed) - len(fresh)
        # Before: once it is taken, a process that comes after this one sees nothing new in it.
        self._noted([found.uuid for found in fresh if not found.deleted or self._intake.known(found.uuid) is not None])
        with closing(in_parallel(self._one, fresh, self._threads)) as outcomes:
            for found, outcome in outcomes:
                self._state.keep()
                if outcome in (Outcome.PASSED, Outcome.FAILED):
                    self._refused.add((found.uuid, found.versions[0]))
                self.tally.outcomes[outcome] += 1

    def _one(self, found: Found) -> tuple[Found, Outcome]:
        try:
            return found, self._intake.take(found)
        except (BadPicture, Late) as error:
            self.tally.failed.append((found.uuid, str(error)))
            return found, Outcome.FAILED

    def _placed(self, rows: Iterable[Row], known: Mapping[str, Row] | None = None) -> Iterator[Found]:
        """Yield attributes with the event and the object that each is in; what is in none that we may see is not there for us."""
        rows = list(rows)
        events = known if known is not None else self._remote.events(text(row.get("event_id")) for row in rows)
        objects = dict[str, Row]()
        for row in rows:
            event = events.get(text(row.get("event_id")))
            if event is None:
                continue
            found = Found(row, event, server=self._remote.url)
            if (found.uuid, found.versions[0]) in self._refused:
                continue
            number = text(row.get("object_id"))
            if number not in ("", "0") and not found.deleted and not self._intake.current(found):
                if number not in objects:
                    objects[number] = self._object(number)
                found = found.within(objects[number])
            yield found

    def _object(self, number: str) -> Row:
        try:
            return self._remote.object(number)
        except NotFound:
            # Who may see it is not told to us, so nobody may.
            return {"distribution": "0"}

    def _ask(self, start: int, end: int, page: int) -> list[Row]:
        return self._remote.attributes(
            timestamp=(start, end), page=page, limit=self._settings["misp.page"], order="Attribute.timestamp asc"
        )

    def _first(self, start: int) -> int:
        """Return from when on there is anything."""
        if start > _FIRST:
            return start
        oldest = self._remote.attributes(page=1, limit=1, order="Attribute.timestamp asc")
        return max(_FIRST, seconds(oldest[0].get("timestamp"))) if oldest else int(self._clock())

    def _highest(self) -> int:
        return max(map(_number, self._remote.attributes(page=1, limit=1, order="Attribute.id desc")), default=0)

    def _still_there(self, uuid: str) -> bool:
        try:
            return not self._remote.attribute(uuid).get("deleted")
        except NotFound:
            return False


def _number(row: Mapping[str, Any]) -> int:
    found = text(row.get("id"))
    return int(found) if found.isdecimal() else 0
