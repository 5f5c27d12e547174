"""What came of a picture that AIL has."""

from dataclasses import dataclass

from ail_connector.queue import Tag
from matcher.match import Match


@dataclass(frozen=True)
class Outcome:
    """What came of a picture.

    name: "again" (seen there before), "tagged", "capped" (worth tags, but too much of its kind today), "same source", "quiet" (matches
    that are worth no tag), "new" (no match). tags: to be given to objects, this one and others. matches: without same source.
    sensitive: the picture, or a known one that it matches, is; then nobody outside is told which it is.
    related: objects of the same type that it turns out to be the same picture as.
    """

    name: str
    sha256: str
    tags: tuple[Tag, ...] = ()
    matches: tuple[Match, ...] = ()
    same_source: int = 0
    related: tuple[str, ...] = ()
    sensitive: bool = False
