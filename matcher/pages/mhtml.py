"""MHTML: a page and its files as the parts of one message, as browsers save it (RFC 2557)."""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from matcher.pages import html
from matcher.pages.gathering import Gathering, unbase64, web_address

_DEEPEST = 8
_MOST_PARTS = 20_000
_LONGEST_HEAD = 16 << 10


@dataclass(frozen=True)
class _Part:
    """headers, and where the content begins and ends."""

    headers: Message
    begin: int
    end: int

    @property
    def kind(self) -> str:
        return self.headers.get_content_type()

    @property
    def location(self) -> str | None:
        return web_address(_header(self.headers, "Content-Location"))

    def content(self, data: bytes) -> bytes:
        raw = data[self.begin : self.end]
        encoding = _header(self.headers, "Content-Transfer-Encoding").strip().lower()
        if encoding == "base64":
            return unbase64(raw)
        return binascii.a2b_qp(raw) if encoding == "quoted-printable" else raw


def read(data: bytes, gathering: Gathering) -> str | None:
    """Gather the pictures of an MHTML file; return the page's URL, None where it is not told."""
    whole = _part(data, 0, len(data))
    splitter = _Splitter(data)
    parts = list(splitter.leaves(whole))
    gathering.truncated |= splitter.cut
    page = next((part for part in parts if part.kind in ("text/html", "application/xhtml+xml")), None)
    url = web_address(_header(whole.headers, "Snapshot-Content-Location")) or whole.location or (page.location if page else None)
    for part in parts:
        if gathering.full:
            break
        if html.may_nest(part.kind):
            html.scan(part.content(data), gathering, url)
        else:
            gathering.offer(part.content(data), url, part.location)
    return url


class _Splitter:
    """Takes a message apart. cut: there were more parts, or parts within parts, than anyone has use for."""

    def __init__(self, data: bytes) -> None:
        self.cut = False
        self._data = data
        self._left = _MOST_PARTS

    def leaves(self, whole: _Part) -> Iterator[_Part]:
        """Yield the parts that have no parts themselves, in their order."""
        waiting = [(whole, 0)]
        while waiting:
            part, depth = waiting.pop()
            multiple = part.headers.get_content_maintype() == "multipart"
            if not multiple and part.kind != "message/rfc822":
                yield part
            elif depth == _DEEPEST:
                self.cut = True
            else:
                inner = self._inner(part) if multiple else iter((_part(self._data, part.begin, part.end),))
                waiting += [(one, depth + 1) for one in reversed(list(inner))]

    def _inner(self, part: _Part) -> Iterator[_Part]:
        """Yield the parts between a part's boundaries; a last one that is cut off too."""
        data, mark = self._data, b"\n--" + _boundary(part.headers)
        at = data.find(mark, max(part.begin - 1, 0), part.end) if len(mark) > 3 else -1
        while at >= 0:
            begin = at + len(mark)
            if data[begin : begin + 2] == b"--":
                return
            if self._left == 0:
                self.cut = True
                return
            following = data.find(mark, begin, part.end)
            end = following if following >= 0 else part.end
            if data[begin : begin + 1] in (b"\r", b"\n", b" ", b"\t"):
                self._left -= 1
                yield _part(data, begin, end - (data[end - 1 : end] == b"\r"))
            at = following


def _part(data: bytes, begin: int, end: int) -> _Part:
    """Return the part in data[begin:end], whose headers end with the first empty line."""
    head = data[begin : min(end, begin + _LONGEST_HEAD)]
    start = len(head) - len(head.lstrip(b"\r\n\t "))
    ends = [at + len(gap) for gap in (b"\r\n\r\n", b"\n\n") if (at := head.find(gap, start)) >= 0]
    length = min(ends, default=len(head))
    try:
        headers: Message = BytesHeaderParser().parsebytes(head[start:length])
    except Exception:  # noqa: BLE001 - the parser is for letters people wrote, and may stumble over anything else
        headers = Message()
    return _Part(headers, begin + length, end)


def _boundary(headers: Message) -> bytes:
    try:
        return (headers.get_boundary() or "").encode("ascii")[:200]
    except Exception:  # noqa: BLE001 - as above
        return b""


def _header(headers: Message, name: str) -> str:
    try:
        return str(headers.get(name, ""))
    except Exception:  # noqa: BLE001 - as above
        return ""
