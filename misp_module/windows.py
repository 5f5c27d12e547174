"""Reading what changed within a time, from a server that lists in pages while others change what it lists."""

from collections.abc import Callable, Iterator
from typing import Any

Row = dict[str, Any]
# start, end (both count, seconds since the epoch), page (from 1) -> rows, at most `limit` of them.
Ask = Callable[[int, int, int], list[Row]]
WIDEST = 365 * 86_400
_PASSES = 5


def windows(ask: Ask, start: int, end: int, limit: int) -> Iterator[tuple[int, list[Row]]]:
    """Yield closed windows of time that cover start..end: the end of each, and all that changed in it.

    A window is narrowed until what is in it fits one page: pages shift when a row that was on an earlier one changes. Where
    there is more in one second, its pages are read until they bring nothing new.
    """
    width = WIDEST
    while start <= end:
        stop = min(end, start + width)
        rows = ask(start, stop, 1)
        if len(rows) >= limit:
            if stop > start:
                width = (stop - start) // 2
                continue
            rows = _settled(ask, start, limit)
        yield stop, rows
        if len(rows) * 4 < limit:
            width = min(WIDEST, 2 * width + 1)
        start = stop + 1


def _settled(ask: Ask, second: int, limit: int) -> list[Row]:
    found = dict[str, Row]()
    for _ in range(_PASSES):
        before, page = len(found), 1
        while rows := ask(second, second, page):
            found |= {str(row.get("uuid")): row for row in rows}
            page += 1
            if len(rows) < limit:
                break
        if len(found) == before:
            break
    return list(found.values())
