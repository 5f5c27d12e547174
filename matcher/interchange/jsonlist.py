"""Hash lists as JSON, one object a line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from matcher.interchange.columns import ALGORITHM, FINGERPRINT, SOURCE, TAGS, Columns, columns, split
from matcher.interchange.entries import Flaw, Given, Item, Listed, ListFormat, Passed
from matcher.interchange.fields import parse
from matcher.interchange.rows import Rows


class JsonLines(ListFormat):
    """Objects, one a line; the keys may be called as columns of tables may.

    Ours: algorithm, version, fingerprint (hexadecimal), sha256, tags (list), sources (list of KIND:ID), note. Others: {"pdq": ..},
    and indicators of the ThreatExchange API ({"type": "HASH_PDQ", "indicator": .., "tags": ..}).
    """

    name = "jsonl"

    def recognises(self, start: bytes) -> bool:
        try:
            first = json.loads(start.lstrip().partition(b"\n")[0])
        except ValueError:
            return False
        # Documents of one object are other formats.
        return isinstance(first, dict) and not first.keys() & {"items", "Event", "response", "Attribute", "Object"}

    def read(self, given: Given) -> Iterator[Item]:
        rows, meanings, unused = Rows(given), dict[tuple[str, ...], Columns](), set[str]()
        for number, line in given.lines():
            place = f"line {number}"
            try:
                found = parse(line)
            except ValueError as error:
                yield Flaw(place, str(error))
                continue
            if not isinstance(found, dict):
                yield Flaw(place, "it is no object")
                continue
            names = tuple(found)
            if names not in meanings:
                if len(meanings) > 1000:
                    meanings.clear()
                known = meanings[names] = columns(names, given.algorithms)
                if new := set(known.unused) - unused:
                    unused |= new
                    yield Passed(f"members whose names say nothing to us ({', '.join(sorted(new))[:200]})")
            yield self._item(rows, place, names, found, meanings[names])

    def write(self, pictures: Iterable[Listed]) -> Iterator[bytes]:
        for picture in pictures:
            for one in picture.prints:
                line: dict[str, Any] = {"algorithm": one.algorithm, "version": one.version, "fingerprint": one.value.hex()}
                about = {
                    "sha256": picture.sha256,
                    "tags": picture.record.tags,
                    "sources": [source.key for source in picture.record.sources],
                    "note": picture.note,
                }
                line |= {name: value for name, value in about.items() if value}
                yield json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"

    def _item(self, rows: Rows, place: str, names: tuple[str, ...], found: Mapping[str, Any], known: Columns) -> Item:
        about = {meaning: value for meaning, at in known.about if (value := found[names[at]]) is not None}
        for meaning in (TAGS, SOURCE):
            if meaning in about:
                try:
                    about[meaning] = _texts(about[meaning])
                except ValueError as error:
                    return Flaw(place, f"{meaning}: {error}")
        prints = [(algorithm, _text(found[names[at]])) for algorithm, at in known.prints.items()]
        if FINGERPRINT in known.places:
            named = found[names[known.places[ALGORITHM]]] if ALGORITHM in known.places else ""
            prints.append((str(named or ""), _text(found[names[known.places[FINGERPRINT]]])))
        return rows.item(place, prints, about)


def _text(value: Any) -> str:
    """Return a fingerprint as text; a vector stays readable as one."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _texts(value: Any) -> list[str]:
    """Return a list of texts however it is written: as one, between bars, or as the ThreatExchange API has tags."""
    if isinstance(value, dict):
        value = value.get("data")
    if isinstance(value, str) or value is None:
        return split(value or "")
    if isinstance(value, list):
        named = [one.get("text") if isinstance(one, dict) else one for one in value]
        texts = [one for one in named if isinstance(one, str)]
        if len(texts) == len(value):
            return texts
    raise ValueError("it is no list of texts")
