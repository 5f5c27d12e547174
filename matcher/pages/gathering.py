"""What the readers of all kinds of pages share: where pictures are gathered, and how what is encoded is decoded."""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from matcher.formats import sniff

_MOST_LOOKS = 50_000
_LONGEST_URL = 2000
_ALPHABET = re.compile(rb"[A-Za-z0-9+/]*")
_BLANKS = b" \t\r\n\f\v"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True)
class PageLimits:
    """max_pictures: most that are taken out of one page. max_bytes: of a page, and of all that is taken out of it."""

    max_pictures: int = 200
    max_bytes: int = 64 << 20

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "PageLimits":
        """Return the limits that the settings name."""
        return cls(settings["pages.max_pictures"], settings["pages.max_bytes"])


@dataclass(frozen=True)
class Embedded:
    """A picture in a page.

    name: what messages call it. data: its file. page_url: of the page it is in. url: its own; None where unknown.
    """

    name: str
    data: bytes
    page_url: str | None = None
    url: str | None = None


class Gathering:
    """The pictures of one page, each once, as many as the limits allow. full: there is no use in looking further."""

    def __init__(self, name: str, limits: PageLimits) -> None:
        self.pictures: list[Embedded] = []
        self.truncated = False
        self._name = name
        self._limits = limits
        self._left = limits.max_bytes
        self._looks = _MOST_LOOKS
        self._seen: set[bytes] = set()

    @property
    def full(self) -> bool:
        return self._looks == 0 or (self.truncated and len(self.pictures) >= self._limits.max_pictures)

    def look(self) -> None:
        """Count a place where a picture may be: a page that has a million of them was not made for people."""
        self._looks -= 1
        self.truncated |= self._looks == 0

    def offer(self, data: bytes, page_url: str | None = None, url: str | None = None) -> None:
        """Take a file if it is a picture by its first bytes, and not there yet."""
        if sniff(data) is None or (digest := sha256(data).digest()) in self._seen:
            return
        if len(self.pictures) >= self._limits.max_pictures or len(data) > self._left:
            self.truncated = True
            return
        self._seen.add(digest)
        self._left -= len(data)
        self.pictures.append(Embedded(f"{self._name}, picture {len(self.pictures) + 1}", data, page_url, url))


def unbase64(text: bytes) -> bytes:
    """Return what base64 text stands for, as far as it makes sense: blanks are left out, what follows a stranger is not read."""
    text = text.translate(_URL_SAFE, _BLANKS)
    found = _ALPHABET.match(text)
    length = found.end() if found else 0
    length -= length % 4 == 1
    return binascii.a2b_base64(text[:length] + b"=" * (-length % 4))


def web_address(text: str | None) -> str | None:
    """Return an http or https URL as it is, None for anything else."""
    text = (text or "").strip()
    good = text.lower().startswith(("http://", "https://")) and len(text) <= _LONGEST_URL
    return text if good and text.isprintable() and " " not in text else None
