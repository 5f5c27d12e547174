"""Saved web pages: the pictures inside of HTML, MHTML and HAR files.

What others wrote is read here, so: nothing is fetched or run, every loop and every copy has a bound, and what is broken or
cut off is passed over, as a browser would.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from matcher.errors import NotAPicture, TooLarge
from matcher.formats import sniff
from matcher.pages import har, html, mhtml
from matcher.pages.gathering import Embedded, Gathering, PageLimits

__all__ = ["HEAD", "Embedded", "Page", "PageLimits", "format_of", "is_page", "pictures_of", "read_page"]

HEAD = 4096  # bytes that tell what a file is
_READERS = {"HTML": html.read, "MHTML": mhtml.read, "HAR": har.read}
_SUFFIXES = {".html": "HTML", ".htm": "HTML", ".xhtml": "HTML", ".mhtml": "MHTML", ".mht": "MHTML", ".har": "HAR"}
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_HAR = re.compile(rb'\s*\{\s*"log"\s*:\s*\{')
_HEADER = re.compile(rb"\s*[A-Za-z][A-Za-z-]{1,60}:")


@dataclass(frozen=True)
class Page:
    """What a file holds.

    format: HTML, MHTML or HAR. url: of the page, as far as the file tells; None where it does not.
    pictures: each once, in the file's order. truncated: there was more than the limits allow.
    """

    format: str
    url: str | None
    pictures: tuple[Embedded, ...]
    truncated: bool = False


def format_of(data: bytes, name: str = "") -> str | None:
    """Return HTML, MHTML, HAR, or None for what is no page.

    data: the file, or its first HEAD bytes. name: of the file; what it ends with decides where the content leaves it open.
    """
    head = _plain(data[:HEAD])
    if sniff(data):
        return None
    if _HTML.match(_begin(head)):
        return "HTML"
    lower = head.lower()
    if _HEADER.match(head) and b"mime-version:" in lower and b"multipart/related" in lower:
        return "MHTML"
    if _HAR.match(head):
        return "HAR"
    wanted = _SUFFIXES.get(name.lower()[name.rfind(".") :] if "." in name else "")
    begins = {"HTML": b"<" in head, "MHTML": _HEADER.match(head) is not None, "HAR": head.lstrip().startswith(b"{")}
    return wanted if wanted and begins[wanted] and b"\0" not in head else None


def is_page(data: bytes, name: str = "") -> bool:
    """Whether a file is a saved page; see format_of."""
    return format_of(data, name) is not None


def read_page(data: bytes, name: str, limits: PageLimits, format: str | None = None) -> Page:
    """Return the pictures of a saved page. format: HTML, MHTML or HAR where it is known; None: as its content and name say.

    Raises TooLarge, NotAPicture for a file that is no page.
    """
    if len(data) > limits.max_bytes:
        raise TooLarge(f"{name} has {len(data) / 1e6:.1f} MB, the limit is {limits.max_bytes / 1e6:.1f} (pages.max_bytes)")
    format = format or format_of(data, name)
    if format is None:
        raise NotAPicture(f"{name} is no saved page; Kuato reads HTML, MHTML and HAR")
    gathering = Gathering(name, limits)
    url = _READERS[format](_plain(data), gathering)
    return Page(format, url, tuple(gathering.pictures), gathering.truncated)


def pictures_of(data: bytes, name: str, limits: PageLimits) -> Iterator[Embedded]:
    """Yield the pictures of a saved page, those beyond the limits left out. Raises TooLarge, NotAPicture."""
    yield from read_page(data, name, limits).pictures


def _begin(head: bytes) -> bytes:
    """Return a page from its first tag on, which comments and an XML declaration may stand before."""
    while True:
        head = head.lstrip()
        if not (mark := next((end for begin, end in ((b"<!--", b"-->"), (b"<?xml", b"?>")) if head.startswith(begin)), None)):
            return head
        head = head.partition(mark)[2]


def _plain(data: bytes) -> bytes:
    """Return a text in an encoding in which ASCII is ASCII, without a mark at its beginning."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(b"\xef\xbb\xbf")
