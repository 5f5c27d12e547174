"""What hash lists hold, whatever their format: entries, and what is wrong with lines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple, TypeVar

from matcher.engine import checked_sha256, checked_tags
from matcher.errors import BadFile, BadRequest
from matcher.interchange.algorithms import Algorithms
from matcher.records import Record
from matcher.source import Source

# A line of a list: the longest fingerprint in hexadecimal, and what is said of it.
LONGEST_LINE = 4 << 20
LONGEST_TEXT = 4096
Checked = TypeVar("Checked")


class Print(NamedTuple):
    """A fingerprint of one algorithm."""

    algorithm: str
    version: int
    value: bytes


class Entry(NamedTuple):
    """One picture of a list.

    place: where it stands, such as "line 5". sha256: what the list says that of the file is. details: what else is said of it.
    """

    place: str
    prints: tuple[Print, ...]
    sha256: str | None = None
    tags: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    details: dict[str, Any] | None = None


class Flaw(NamedTuple):
    """A place where something is wrong."""

    place: str
    text: str


class Passed(NamedTuple):
    """Something that is right, and not for us. what: in the plural."""

    what: str


Item = Entry | Flaw | Passed


@dataclass(frozen=True)
class Given:
    """What is known of a list before it is read. algorithm: of its fingerprints, where the list does not say; "" for unknown.

    path: the file or folder. name: what messages call it.
    """

    path: Path
    name: str
    algorithms: Algorithms
    algorithm: str = ""

    def open(self) -> BinaryIO:
        """Return the file, opened behind a byte order mark."""
        file = self.path.open("rb")
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        return file

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines with their numbers, without their ends, but for empty ones. Raises BadFile."""
        with self.open() as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise self.bad(f"line {number} is longer than {LONGEST_LINE >> 20} MiB, so this is no list; nothing was imported")
                if line := line.strip():
                    yield number, line

    def bad(self, what: str) -> BadFile:
        """Return the error that refuses the whole file."""
        return BadFile(f"{self.name}: {what}")


@dataclass(frozen=True)
class Listed:
    """A picture as a list may tell of it. record: without what may not leave. prints: those wanted. sha256: of its file, if known."""

    record: Record
    prints: tuple[Print, ...]
    sha256: str | None
    note: str = ""


class ListFormat(ABC):
    """A format of hash lists. name: what --format calls it."""

    name: ClassVar[str]

    @abstractmethod
    def recognises(self, start: bytes) -> bool:
        """Whether a file that begins so is of this format."""

    @abstractmethod
    def read(self, given: Given) -> Iterator[Item]:
        """Yield what is in a list, the same each time. Raises BadFile where nothing of it can be read."""

    @abstractmethod
    def write(self, pictures: Iterable[Listed]) -> Iterator[bytes]:
        """Yield the text of a list of these pictures."""

    def wants(self, algorithm: str) -> bool:
        """Whether the format can hold fingerprints of this algorithm."""
        return bool(algorithm)


@dataclass
class Words:
    """Tags and SHA-256 as lists give them, checked; the same ones come again and again. Raises ValueError."""

    _tags: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def tags(self, given: Iterable[str]) -> tuple[str, ...]:
        """Return tags as they are kept."""
        key = tuple(given)
        if not key:
            return ()
        found = self._tags.get(key)
        if found is None:
            found = self._tags[key] = _or_value_error(lambda: checked_tags(tag for tag in key if tag.strip()))
            if len(self._tags) > 10_000:
                self._tags.clear()
        return found

    def sha256(self, given: str) -> str | None:
        """Return a SHA-256 in small letters, None for an empty one."""
        return _or_value_error(lambda: checked_sha256(given)) if given.strip() else None

    def text(self, what: str, given: str) -> str:
        """Return a remark of bearable length."""
        if len(given) > LONGEST_TEXT:
            raise ValueError(f"{what} has {len(given)} characters; {LONGEST_TEXT} are the most")
        return given.strip()

    def source(self, given: str) -> Source:
        """Return the source written as KIND:ID."""
        kind, _, id = self.text("source", given).partition(":")
        if not kind.strip() or not id.strip():
            raise ValueError(f"{given[:80]!r} is no source; write KIND:ID")
        return Source(kind.strip(), id.strip())


def _or_value_error(check: Callable[[], Checked]) -> Checked:
    try:
        return check()
    except BadRequest as error:
        raise ValueError(str(error)) from None
