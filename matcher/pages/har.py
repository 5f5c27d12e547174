"""HAR: what a browser asked for while it showed a page, as JSON, the answers in it (log.entries[].response.content).

Walked through, never turned into objects: a file of brackets alone would become fifty times its size.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from matcher.pages import html
from matcher.pages.gathering import Gathering, unbase64, web_address

_TOKEN = re.compile(rb'[\s,:]*(?:([{}\[\]"])|[^\s,:{}\[\]"]+)')
_MOST_TOKENS = 5_000_000
_MOST_ENTRIES = 50_000
_DEEPEST = 200
_LONGEST_KEY = 40

Path = tuple[bytes, ...]
_PAGE: Path = (b"log", b"pages", b"*")
_ENTRY: Path = (b"log", b"entries", b"*")
_WANTED = {
    _PAGE: ((b"id",), (b"title",)),
    _ENTRY: (
        (b"pageref",),
        (b"request", b"url"),
        (b"response", b"content", b"mimeType"),
        (b"response", b"content", b"encoding"),
        (b"response", b"content", b"text"),
    ),
}
_PATHS = {above + below: (above, below) for above, some in _WANTED.items() for below in some}


@dataclass
class _Found:
    """A page or an entry: where in the file its strings stand."""

    above: Path
    strings: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def text(self, data: bytes, *path: bytes) -> str:
        begin, end = self.strings.get(path, (0, 0))
        try:
            text = json.loads(data[begin:end] or b'""', strict=False)
        except ValueError:
            return ""
        return text if isinstance(text, str) else ""


def read(data: bytes, gathering: Gathering) -> str | None:
    """Gather the pictures of a HAR file; return the URL of its first page, None where it is not told."""
    found = list(islice(_objects(data, gathering), _MOST_ENTRIES))
    gathering.truncated |= len(found) == _MOST_ENTRIES
    urls: dict[str, str] = {}
    entries = [one for one in found if one.above == _ENTRY]
    for page in found:
        if page.above == _PAGE and (url := web_address(page.text(data, b"title"))):
            urls[page.text(data, b"id")] = url
    for entry in entries:  # where a page's title is not its URL, what it asked for first is
        if url := web_address(entry.text(data, b"request", b"url")):
            urls.setdefault(entry.text(data, b"pageref"), url)
    for entry in entries:
        if gathering.full:
            break
        _gather(entry, data, gathering, urls.get(entry.text(data, b"pageref")))
    return next(iter(urls.values()), None)


def _gather(entry: _Found, data: bytes, gathering: Gathering, page_url: str | None) -> None:
    kind = entry.text(data, b"response", b"content", b"mimeType").strip().lower()
    content = entry.text(data, b"response", b"content", b"text").encode("utf-8", "replace")
    if entry.text(data, b"response", b"content", b"encoding").lower() == "base64":
        content = unbase64(content)
    if html.may_nest(kind):
        html.scan(content, gathering, page_url)
    else:
        gathering.offer(content, page_url, web_address(entry.text(data, b"request", b"url")))


def _objects(data: bytes, gathering: Gathering) -> Iterator[_Found]:
    """Yield the pages and entries in their order, as far as the JSON makes sense."""
    keys: list[bytes] = []  # of each object that is open: the key whose value comes next, b"" where a key does; "*" of lists
    found: _Found | None = None
    position = tokens = 0
    while token := _TOKEN.match(data, position):
        position = token.end()
        tokens += 1
        mark = token[1]
        begin = position - 1
        if mark == b'"':
            position, steps = _string_end(data, position, _MOST_TOKENS - tokens)
            tokens += steps
        if tokens >= _MOST_TOKENS or len(keys) > _DEEPEST:
            gathering.truncated = True
            break
        if position < 0:
            break
        if mark in (b"{", b"["):
            keys.append(b"*" if mark == b"[" else b"")
            if tuple(keys[:-1]) in _WANTED:
                found = _Found(tuple(keys[:-1]))
            continue
        if mark in (b"}", b"]"):
            if not keys:
                break
            keys.pop()
            if found and tuple(keys) == found.above:
                yield found
                found = None
        elif keys and not keys[-1]:
            keys[-1] = data[begin + 1 : min(position - 1, begin + 1 + _LONGEST_KEY)] or b" "
            continue
        elif mark and found and len(keys) <= 6 and (path := _PATHS.get(tuple(keys))):
            found.strings[path[1]] = begin, position
        if keys and keys[-1] != b"*":
            keys[-1] = b""
    if found and found.strings:
        yield found  # the file was cut off; what it says so far holds


def _string_end(data: bytes, begin: int, most: int) -> tuple[int, int]:
    """Return where the string that begins there has ended, -1 where it does not, and how many quotes were looked at."""
    position = begin
    for step in range(1, max(most, 1) + 1):
        quote = data.find(b'"', position)
        if quote < 0:
            return -1, step
        before = data[position:quote]
        # An even number of backslashes is so many backslashes; with an odd one, the last is the quote's.
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return quote + 1, step
        position = quote + 1
    return -1, most
