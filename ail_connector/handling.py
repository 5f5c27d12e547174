"""One message of AIL: which pictures it is about, and what becomes of it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from ail_connector.database import OBJECTS, Database, is_crawled
from ail_connector.errors import FileMissing, OddMessage
from ail_connector.installation import FAVICON, SCREENSHOT
from ail_connector.message import Message
from ail_connector.objects import Files
from ail_connector.outcome import Outcome
from ail_connector.processing import Processing
from ail_connector.queue import Tag
from matcher.errors import BadPicture, DecodeCrash, DecodeTimeout

_log = logging.getLogger(__name__)
# The outcome of a message with several pictures is the first of these that one of them has.
_RANKS = ("tagged", "capped", "no screenshot", "quiet", "same source", "new", "again", "placeholder")


class NotYet(Exception):
    """There is nothing to be done with a message now; it may be otherwise later."""


@dataclass(frozen=True)
class Handled:
    """What came of a message: an outcome, and tags to be sent."""

    outcome: str
    tags: tuple[Tag, ...] = ()


class Handling:
    """Handles messages.

    placeholders: SHA-256 of screenshots that show nothing. correlating: whether AIL gets correlations, too. favicons: whether those of a
    crawled page are looked at.
    """

    def __init__(
        self,
        processing: Processing,
        database: Database,
        files: Files,
        placeholders: frozenset[str] = frozenset(),
        correlating: bool = False,
        favicons: bool = False,
    ) -> None:
        self._correlating = correlating
        self._processing = processing
        self._database = database
        self._files = files
        self._placeholders = placeholders
        self._favicons = favicons

    def handle(self, message: Message, again: bool, last: bool = False) -> Handled:
        """Do what a message asks for. again: it may have been begun before. last: nobody will look at it later.

        Raises NotYet while a page has no screenshot, but not at last; FileMissing, DecodeTimeout, DecodeCrash and what comes of servers
        that are away.
        """
        kind, subtype, id = message.parts
        if is_crawled(message):
            return self._page(id, again, last)
        if kind == "item":
            return Handled("not crawled")
        if kind not in OBJECTS or subtype or message.gid is None:
            _log.info("a message about %.40r, of which no picture can be had", kind)
            return Handled("odd message")
        return _together(list(self._picture(kind, id, message.text, "", again)))

    def _page(self, item: str, again: bool, last: bool) -> Handled:
        """Look at the screenshots of a crawled page, and at its favicons."""
        found = self._database.screenshots(item)
        if not found and not last:
            raise NotYet(f"the page {item} has no screenshot")
        outcomes = [one for name in found for one in self._picture(SCREENSHOT, name, "", item, again)] or [Outcome("no screenshot", "")]
        if self._favicons:
            outcomes += [one for name in self._database.favicons(item) for one in self._favicon(name, item, again)]
        return _together(outcomes)

    def _favicon(self, id: str, item: str, again: bool) -> Iterator[Outcome]:
        """Yield what comes of a favicon; what fails at it must not keep its page's screenshot from its tags."""
        try:
            yield from self._picture(FAVICON, id, "", item, again)
        except RETRIED as error:
            _log.info("favicon: %s", error.code)
            yield Outcome(error.code.replace("-", " "), id)

    def _picture(self, kind: str, id: str, date: str, item: str, again: bool) -> Iterator[Outcome]:
        """Yield what comes of one picture; of what is none its outcome tells why."""
        if kind == SCREENSHOT and id in self._placeholders:
            yield Outcome("placeholder", id)
            return
        try:
            data = self._files.read(kind, id)
            day = date if len(date) == 8 and date.isascii() and date.isdecimal() else ""
            sighting = self._database.sighting(kind, id, day, item)
            outcome = self._processing.process(data, sighting, again=again)
            if self._correlating:
                self._database.correlate(sighting.gid, outcome.related)
            yield outcome
        except (DecodeTimeout, DecodeCrash):
            raise
        except (BadPicture, OddMessage) as error:
            # Which one it is stays out of the log: it may be a sensitive one.
            _log.info("%s: %s", kind, error.code)
            yield Outcome(error.code.replace("-", " "), id)


def _together(outcomes: list[Outcome]) -> Handled:
    names = {outcome.name for outcome in outcomes}
    name = next((rank for rank in _RANKS if rank in names), outcomes[0].name)
    return Handled(name, tuple(dict.fromkeys(tag for outcome in outcomes for tag in outcome.tags)))


RETRIED = (FileMissing, DecodeTimeout, DecodeCrash)
