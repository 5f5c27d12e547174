"""The index of adulau/photodna: `meta.json` beside its FAISS index.

Source: github.com/adulau/photodna. {"dimension": 144, "metric": .., "next_id": .., "items": [{"id", "path", "hash": 144 numbers, "extra"}]}
"""

import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from matcher.interchange import columns
from matcher.interchange.algorithms import PHOTODNA
from matcher.interchange.entries import Flaw, Given, Item, Listed, ListFormat, Passed
from matcher.interchange.fields import parse, shown
from matcher.interchange.rows import Rows

DIMENSION = 144
_CHUNK = 1 << 20
_LONGEST_ITEM = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")


class PhotoDNA(ListFormat):
    """The `meta.json` of adulau/photodna: vectors of 144 numbers, each with the path of its file.

    Its FAISS index is not read, nor written: vectors are all in `meta.json`, but the index has to be made from it anew.
    """

    name = "photodna"

    def wants(self, algorithm: str) -> bool:
        return algorithm == PHOTODNA

    def recognises(self, start: bytes) -> bool:
        return start.lstrip()[:1] == b"{" and (b'"dimension"' in start or re.search(rb'"items"\s*:\s*\[', start) is not None)

    def read(self, given: Given) -> Iterator[Item]:
        rows = Rows(given)
        for number, item in enumerate(_items(given), 1):
            place = f"item {number}"
            vector = item.get("hash") if isinstance(item, dict) else None
            if not isinstance(vector, list) or len(vector) != DIMENSION or not all(_is_byte(value) for value in vector):
                yield Flaw(place, f"{shown(vector)} is no vector of {DIMENSION} whole numbers from 0 to 255")
                continue
            extra = item.get("extra") if isinstance(item.get("extra"), dict) else {}
            about: dict[str, Any] = {columns.NAME: str(item.get("path") or ""), columns.NOTE: str(extra.get("note") or "")}
            about[columns.SHA256] = str(extra.get("sha256") or "")
            tags = extra.get("tags")
            about[columns.TAGS] = tags if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) else ()
            if any(vector):
                yield rows.item(place, [(PHOTODNA, ",".join(map(str, vector)))], about)
            else:
                yield Passed("vectors of zeros: what this algorithm makes of every picture of one colour")

    def write(self, pictures: Iterable[Listed]) -> Iterator[bytes]:
        yield b'{"dimension": %d, "items": [' % DIMENSION
        number = 0
        for picture in pictures:
            for one in picture.prints:
                number += 1
                path = picture.record.sources[0].id if picture.record.sources else picture.sha256 or f"{picture.record.sha256}"
                extra = {"sha256": picture.sha256, "tags": list(picture.record.tags), "note": picture.note}
                item = {"extra": {k: v for k, v in extra.items() if v}, "hash": list(one.value), "id": number, "path": path}
                yield (b", " if number > 1 else b"") + b"\n" + json.dumps(item).encode("ascii")
        end = {"metric": "squared_l2", "next_id": number + 1, "similarity_metric": "normalized_euclidean"}
        yield b"\n], " + json.dumps(end)[1:].encode("ascii") + b"\n"


def _is_byte(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255


def _items(given: Given) -> Iterator[Any]:
    """Yield the members of the list "items" of the file's one object, without reading all of it into memory. Raises BadFile."""
    decoder = json.JSONDecoder()
    with given.open() as file:
        text = _Window(io.TextIOWrapper(file, "utf-8", errors="backslashreplace"))
        before = text.until(re.compile(r'"items"\s*:\s*\['))
        if before is None:
            raise given.bad('there is no list "items" in it, so it is no meta.json of photodna; nothing was imported')
        text.skip()
        while not text.take("]"):
            found = text.value(decoder)
            if found is None:
                raise given.bad('its list "items" is cut short, or no JSON; nothing was imported')
            yield found[0]
            text.skip()
            if text.take(","):
                text.skip()
            elif not text.at("]"):
                raise given.bad('its list "items" is cut short, or no JSON; nothing was imported')
        try:
            about = parse(before + '"items": []' + text.rest())
        except ValueError:
            raise given.bad("what is around its list is no JSON, so it was cut short; nothing was imported") from None
        if about.get("dimension", DIMENSION) != DIMENSION:
            raise given.bad(f"its vectors have dimension {shown(about['dimension'])}, not {DIMENSION}; nothing was imported")


class _Window:
    """The part of a long text that is being looked at."""

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file
        self._text = ""
        self._at = 0

    def until(self, pattern: re.Pattern[str]) -> str | None:
        """Go behind the first place that matches and return what is before it; None where it is not near the beginning."""
        while not (found := pattern.search(self._text)):
            if len(self._text) > _LONGEST_ITEM or not self._more():
                return None
        self._at = found.end()
        return self._text[: found.start()]

    def rest(self) -> str:
        """Return all that follows, as far as it is bearable."""
        self._more()
        return self._text

    def skip(self) -> None:
        """Go behind blanks."""
        while found := _SPACE.match(self._text, self._at):
            self._at = found.end()
            if self._at < len(self._text) or not self._more():
                return

    def at(self, character: str) -> bool:
        """Whether a character stands here."""
        return self._text.startswith(character, self._at)

    def take(self, character: str) -> bool:
        """Go behind a character if it stands here."""
        there = self.at(character)
        self._at += there
        return there

    def value(self, decoder: json.JSONDecoder) -> tuple[Any] | None:
        """Return the JSON value that stands here, None where there is none of bearable length."""
        while True:
            try:
                found, self._at = decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                if len(self._text) - self._at > _LONGEST_ITEM or not self._more():
                    return None
                continue
            return (found,)

    def _more(self) -> bool:
        """Read on; what was passed is dropped."""
        read = self._file.read(_CHUNK)
        self._text, self._at = self._text[self._at :] + read, 0
        return bool(read)
