"""Which pictures nothing but the match may be shown of."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from matcher.bank import Bank

if TYPE_CHECKING:
    from matcher.records import Record


class Sensitivity:
    """Tells sensitive pictures by their tags and banks.

    tags: each is a tag, or the beginning of tags up to a colon or an equals sign: "copine-scale" covers
    `copine-scale:level="1"` and not `copine-scaled`. Upper and lower case are one.
    """

    def __init__(self, tags: Iterable[str] = ()) -> None:
        names = (tag.strip().rstrip(":=").casefold() for tag in tags)
        self._names = frozenset(name for name in names if name)

    def covers(self, record: "Record", banks: Iterable[Bank]) -> bool:
        """Whether a picture is sensitive. banks: those it is in; one that emits a sensitive tag says what its pictures show."""
        return self.covers_any(record.tags, banks)

    def covers_any(self, tags: Iterable[str], banks: Iterable[Bank]) -> bool:
        """Whether a picture with these tags in these banks is sensitive."""
        return self._covers_any(tags) or any(bank.sensitive or self._covers_any(bank.tags) for bank in banks)

    def _covers_any(self, tags: Iterable[str]) -> bool:
        return any(not self._names.isdisjoint(_beginnings(tag.strip().casefold())) for tag in tags)


def _beginnings(tag: str) -> list[str]:
    """Return a tag and its beginnings up to each colon and equals sign."""
    return [tag, *(tag[:at] for at, sign in enumerate(tag) if sign in ":=")]
