"""Adding and searching as a caller may: what routes and jobs have in common."""

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from matcher import shapes
from matcher.engine import Matcher
from matcher.match import Answer
from matcher.source import Source
from matcher.web.access import Caller

if TYPE_CHECKING:
    from matcher.records import Record


class AddedPicture(TypedDict):
    """A picture that is known now. new: whether it was not known before; also true when the caller could not know that it was.

    answer: what a search found before it was added, null where none was asked for.
    """

    new: bool
    picture: shapes.Picture
    answer: shapes.Answer | None


class Acts:
    """What one caller does with the matcher.

    waiting: seconds to wait for a free worker at most, None for as long as it takes. begun: when this was begun the first time,
    where it is done again (seconds since the epoch): what was added since is told as new once more.
    """

    def __init__(self, matcher: Matcher, caller: Caller, waiting: float | None = None, begun: float | None = None) -> None:
        self._matcher = matcher
        self._caller = caller
        self._waiting = waiting
        self._begun = begun

    def add(
        self,
        data: bytes,
        name: str,
        *,
        sources: Iterable[Source] = (),
        tags: Iterable[str] = (),
        banks: Iterable[str] = (),
        search: int | None = None,
    ) -> AddedPicture:
        """Remember a picture; search: with how many matches at most to look for it before. Raises what Matcher.add does, and Refused."""
        banks = self._caller.written_banks(banks)
        sources = self._caller.added_sources(sources)
        answer = self.search(data, name, limit=search) if search is not None else None
        hidden = self._caller.limited and not self._seen(data)
        added = self._matcher.add(data, sources=sources, tags=tags, banks=banks, name=name, waiting=self._waiting)
        again = self._begun is not None and added.record.added >= int(self._begun)
        return {"new": added.new or hidden or again, "picture": shapes.picture(self._caller.part(added.record)), "answer": answer}

    def search(self, data: bytes, name: str, *, limit: int, banks: Iterable[str] = ()) -> shapes.Answer:
        """Return which of the pictures that the caller sees this one may be. Raises what Matcher.search does, and Refused."""
        found = self._matcher.search(
            data, limit=limit, banks=self.searched_banks(banks), exclude=self.hidden, name=name, waiting=self._waiting
        )
        return self.answer(name, found)

    def searched_banks(self, asked: Iterable[str]) -> tuple[str, ...] | None:
        """Return the banks to search, None for all. Raises Refused for one that is not the caller's."""
        asked = tuple(asked)
        banks = self._caller.searched_banks(asked)
        if asked or banks is None:
            return banks
        # Of those that a token is limited to some may have been deleted since: the others are still its to search.
        there = {bank.name for bank in self._matcher.banks.list()}
        return tuple(name for name in banks if name in there)

    def answer(self, name: str, found: Answer) -> shapes.Answer:
        """Return an answer as the caller may see it."""
        return shapes.answer(name, self._caller.told(found, self._matcher.banks.list() if self._caller.limited else ()))

    def hidden(self, record: "Record") -> bool:
        """Whether a picture does not exist for the caller."""
        return not self._caller.sees(record)

    def _seen(self, data: bytes) -> bool:
        known = self._matcher.collection.known(sha256(data).hexdigest())
        return known is not None and self._caller.sees(known)
