"""HTML, and whatever else may have `data:` URLs in it: CSS, SVG, scripts.

Looked for are the URLs themselves, wherever they stand (src, srcset, style, icons, scripts), so no tag soup can hide one.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from matcher.formats import sniff
from matcher.pages.gathering import Gathering, unbase64, web_address

_DEEPEST = 3  # a page in a frame's data: URL, a drawing in its style sheet, a picture in the drawing
_DATA = re.compile(rb"data:([\w.+/-]{0,100})((?:;[^;,\"'<>()\\]{0,100}){0,6}),", re.IGNORECASE)
_UNBROKEN = re.compile(rb"[A-Za-z0-9+/_%=-]*")
_BROKEN = re.compile(rb"[A-Za-z0-9+/_%\s=-]*")  # into lines, as quotes and brackets allow
_QUOTES = (b'"', b"'", b"(", b"`")
_OTHER = re.compile(rb"[^\"'<>()\s`]*")
_DESCRIPTOR = re.compile(rb"[ \t]+\d{1,5}[wxh]?\s*$")  # of a picture in srcset
_HINT = re.compile(rb"data", re.IGNORECASE)
_NESTING = re.compile(r"text/|image/svg|application/(xhtml|xml|json|(x-)?javascript)", re.IGNORECASE)
_LONGEST_ENCODED = 4 << 20
# What programs write first into a page that they save. What a page says of itself (canonical, og:url) is no evidence: a copy
# of somebody's login page says that it is theirs.
_SAVED = [
    re.compile(rb"<!--\s{0,9}saved from url=\(\d{1,6}\)(\S{1,2000})\s"),
    re.compile(rb"<!--\s{0,9}Page saved with SingleFile\s{1,9}url:\s{0,9}(\S{1,2000})\s"),
    re.compile(rb"<!--\s{0,9}Saved from (\S{1,2000}) at [^<>]{1,100}using monolith"),
    re.compile(rb"<html[^<>]{0,500}\sdata-scrapbook-source=\"([^\"\s]{1,2000})\""),
]
_SAVED_HEAD = 8192


def _spellings() -> Iterator[tuple[bytes, bytes]]:
    """Yield how HTML, scripts and style sheets may write what a data: URL has in it, and what is meant."""
    named = {"/": "sol", "+": "plus", "=": "equals", ":": "colon", ";": "semi", ",": "comma", '"': "quot", "'": "apos", "&": "amp"}
    for character, name in named.items():
        code, meant = ord(character), character.encode()
        yield f"&{name};".encode(), meant
        for spelled in {f"&#{code};", f"&#x{code:x};", f"&#x{code:X};", f"&#X{code:X};", f"&#0{code};", f"\\u{code:04x}", f"\\u{code:04X}"}:
            yield spelled.encode(), meant
        for spelled in {f"\\x{code:x}", f"\\x{code:X}"}:
            yield spelled.encode(), meant
    yield from ((b"&NewLine;", b"\n"), (b"&Tab;", b"\t"), (b"&#10;", b"\n"), (b"&#13;", b"\r"), (b"&#xA;", b"\n"))
    yield from ((b"\\/", b"/"), (b"\\\r\n", b""), (b"\\\n", b""), (b"\\n", b"\n"))


_SPELLINGS = tuple(_spellings())
_PERCENT = tuple((f"%{ord(c):02{case}}".encode(), c.encode()) for c in "+/= \r\n" for case in "xX")


def read(data: bytes, gathering: Gathering) -> str | None:
    """Gather the pictures of an HTML file; return the URL it was saved from, None where nobody noted it."""
    url = saved_from(data)
    scan(data, gathering, url)
    return url


def saved_from(data: bytes) -> str | None:
    """Return the URL that a page was saved from, as the program that saved it noted."""
    head = data[:_SAVED_HEAD]
    for pattern in _SAVED:
        if found := pattern.search(head):
            return web_address(found[1].decode("utf-8", "replace"))
    return None


def may_nest(kind: str) -> bool:
    """Whether files of this media type may have data: URLs in them."""
    return _NESTING.match(kind) is not None


def scan(data: bytes, gathering: Gathering, page_url: str | None = None, depth: int = 1) -> None:
    """Gather the pictures in all data: URLs of a text, and in the drawings and pages that are in data: URLs themselves."""
    if not _HINT.search(data):
        return
    for spelled, meant in _SPELLINGS:
        if spelled in data:
            data = data.replace(spelled, meant)
    position = 0
    while (found := _DATA.search(data, position)) and not gathering.full:
        gathering.look()
        kind, parameters, begin = found[1], found[2].lower(), found.end()
        coded = parameters.replace(b" ", b"").endswith(b";base64")
        before = data[max(found.start() - 16, 0) : found.start()].rstrip()[-1:]
        run = (_OTHER if not coded else _BROKEN if before in _QUOTES else _UNBROKEN).match(data, begin)
        # What was read is not read again, so that the whole costs one pass, whatever it holds.
        position = run.end() if run else begin
        if coded:
            text = _cleaned(data[begin:position])
            content = unbase64(text) if may_nest(kind.decode("latin-1")) or sniff(unbase64(text[:64])) else b""
        else:
            content = unquote_to_bytes(data[begin:position]) if position - begin <= _LONGEST_ENCODED else b""
        if sniff(content):
            gathering.offer(content, page_url)
        elif depth < _DEEPEST:
            scan(content, gathering, page_url, depth + 1)


def _cleaned(run: bytes) -> bytes:
    """Return the base64 text of a run, without percent signs and without what follows it in a srcset."""
    for spelled, meant in _PERCENT:
        if spelled in run:
            run = run.replace(spelled, meant)
    run = run.lstrip().partition(b"%")[0]
    return run[:-40] + _DESCRIPTOR.sub(b"", run[-40:])
