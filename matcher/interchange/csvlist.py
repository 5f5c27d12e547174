"""Hash lists as tables: CSV with a line of headings."""

import csv
import io
from collections.abc import Iterable, Iterator

from matcher.interchange.columns import ALGORITHM, FINGERPRINT, Columns, columns, harmless, is_heading, joined
from matcher.interchange.entries import LONGEST_LINE, Flaw, Given, Item, Listed, ListFormat, Passed
from matcher.interchange.rows import Rows, about_of

HEADINGS = ("algorithm", "version", "fingerprint", "sha256", "tags", "source", "note")
_DELIMITERS = (",", ";", "\t")


class CsvList(ListFormat):
    """A table; which columns there are, and between what, its first line tells. Columns of unknown names are passed over.

    Ours: algorithm, version, fingerprint (hexadecimal), sha256, tags and source (of several, "|" between them), note.
    """

    name = "csv"

    def recognises(self, start: bytes) -> bool:
        first = start.lstrip().partition(b"\n")[0].decode("utf-8", "replace")
        return any(is_heading(first.split(delimiter)) for delimiter in _DELIMITERS)

    def read(self, given: Given) -> Iterator[Item]:
        with given.open() as file:
            # Written again with other bytes escaped: a name in another encoding must not cost the list.
            text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
            delimiter, known = _heading(given, text.readline(1 << 16))
            if known.unused:
                yield Passed(f"columns whose names say nothing to us ({', '.join(known.unused)[:200]})")
            reader = csv.reader(_bounded(given, text), delimiter=delimiter, strict=True)
            rows = Rows(given)
            while True:
                line = 2 + reader.line_num
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield Flaw(f"line {line}", f"it is no row of a table ({error})")
                    continue
                if cells:
                    yield _item(rows, f"line {line}", cells, known)

    def write(self, pictures: Iterable[Listed]) -> Iterator[bytes]:
        yield _text([HEADINGS])
        for picture in pictures:
            record = picture.record
            told = (joined(record.tags), joined(source.key for source in record.sources), picture.note)
            about = (picture.sha256 or "", *map(harmless, told))
            yield _text([(one.algorithm, str(one.version), one.value.hex(), *about) for one in picture.prints])


def _bounded(given: Given, text: io.TextIOWrapper) -> Iterator[str]:
    """Yield the lines, none of which may take all memory."""
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise given.bad(f"a line is longer than {LONGEST_LINE >> 20} MiB, so this is no list; nothing was imported")
        yield line


def _heading(given: Given, line: str) -> tuple[str, Columns]:
    """Return what is between the columns, and what they mean."""
    best = None
    for delimiter in _DELIMITERS:
        names = next(csv.reader([line], delimiter=delimiter), [])
        found = columns(names, given.algorithms)
        if found.useful and (best is None or len(found.places) + len(found.prints) > len(best[1].places) + len(best[1].prints)):
            best = delimiter, found
    if best is None:
        raise given.bad(
            f"line 1 names no column with fingerprints, but {line.strip()[:80]!r}; name one fingerprint, hash, pdq, phash or the like; "
            "nothing was imported"
        )
    return best


def _item(rows: Rows, place: str, cells: list[str], known: Columns) -> Item:
    width = len(cells)
    prints = [(algorithm, cells[column]) for algorithm, column in known.prints.items() if column < width and cells[column]]
    column = known.places.get(FINGERPRINT, width)
    if column < width and cells[column]:
        named = known.places.get(ALGORITHM, width)
        prints.append((cells[named] if named < width else "", cells[column]))
    return rows.item(place, prints, about_of(cells, known))


def _text(rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")
