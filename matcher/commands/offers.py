"""From what people name to the pictures in it: a file is one, a saved web page holds some, a URL leads to either."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from matcher import pages, shapes
from matcher.collection import Added
from matcher.commands import tables
from matcher.commands.inputs import ONE_PICTURE, STDIN, Input, as_text
from matcher.errors import KuatoError, NotAPicture
from matcher.fetch import Fetcher
from matcher.formats import sniff
from matcher.pages import Embedded, PageLimits
from matcher.settings import Settings
from matcher.source import Source


@dataclass(frozen=True)
class Offer:
    """One picture, or what should have been one.

    one: where it comes from, the `number`th of what was named. name: what messages call it. read: returns its bytes, or raises
    a KuatoError. source: None where unknown. page: the saved page it is in, by its URL or path. url: its own in that page.
    """

    one: Input
    number: int
    name: str
    read: Callable[[], bytes]
    source: Source | None = None
    page: str | None = None
    url: str | None = None

    def shape(self, outcome: Added) -> dict[str, Any]:
        """Return what programs read of a picture that was added."""
        where = {"file": self.one.name, "page": self.page, "url": self.url}
        return {**where, "new": outcome.new, "picture": shapes.picture(outcome.record)}


class Offering:
    """The pictures of inputs. passed_over: how many inputs, met in folders, were neither pictures nor pages with some."""

    def __init__(self, settings: Settings) -> None:
        self.passed_over = 0
        self._settings = settings
        self._limits = PageLimits.of(settings)

    @cached_property
    def _fetcher(self) -> Fetcher:
        return Fetcher(self._settings)

    def offers(self, inputs: Iterable[Input]) -> Iterator[Offer]:
        """Yield the pictures of all inputs, in their order. Pages and URLs are read here, files only when somebody wants them."""
        for number, one in enumerate(inputs, 1):
            whole = Offer(one, number, tables.visible(one.name), partial(one.read, self._settings["picture.max_bytes"]), _file(one))
            try:
                yield from self._offers(whole)
            except ONE_PICTURE as error:
                yield replace(whole, read=partial(_fail, error))

    def _offers(self, whole: Offer) -> Iterator[Offer]:
        one = whole.one
        if one.is_url:
            fetched = self._fetcher.fetch(one.path)
            further = {"fetched": fetched.url} if fetched.url != one.path else {}
            whole = replace(_holding(whole, fetched.data), source=Source("url", one.path, metadata=further))
            name = "page.html" if fetched.content_type == "text/html" else urlsplit(fetched.url).path
            yield from self._held(whole, fetched.data, pages.format_of(fetched.data, name))
        elif one.is_stream:
            data = one.read_either(self._settings["picture.max_bytes"], self._limits.max_bytes)
            yield from self._held(_holding(whole, data), data, pages.format_of(data, one.path))
        elif format := pages.format_of(head := one.head(), one.path):
            yield from self._held(whole, one.read(self._limits.max_bytes, "pages.max_bytes"), format)
        elif one.called_picture or sniff(head):
            yield whole
        else:
            self.passed_over += 1

    def _held(self, whole: Offer, data: bytes, format: str | None) -> Iterator[Offer]:
        """Yield the pictures of a page that was read, or what was read itself when it is none."""
        if format is None:
            yield whole
            return
        page = pages.read_page(data, whole.name, self._limits, format)
        if page.truncated:
            limits = "pages.max_pictures, pages.max_bytes"
            tables.complain(f"{whole.name} holds more than is taken out of one page; the rest was left out ({limits})")
        if not page.pictures:
            if whole.one.called_picture:
                raise NotAPicture(f"{whole.name} is a saved page ({page.format}) without a picture in it; what it links to is not fetched")
            self.passed_over += 1
        yield from (_in_page(whole, picture) for picture in page.pictures)


def _in_page(whole: Offer, picture: Embedded) -> Offer:
    place, known = whole.source, {"url": picture.url} if picture.url else {}
    if place is not None and place.kind == "url":
        # Where we found it counts, not where it says that it was saved from.
        source, shown = Source("page", place.id, metadata=known | place.metadata), place.id
    else:
        file = {"file": place.id} if place is not None and picture.page_url else {}
        id = picture.page_url or (place.id if place is not None else "")
        source, shown = Source("page", id, metadata=known | file), picture.page_url or whole.one.name
    return replace(_holding(whole, picture.data), name=picture.name, source=source if source.id else None, page=shown, url=picture.url)


def now(source: Source) -> Source:
    """Return a source as seen at this moment."""
    moment = time.time()
    return replace(source, first_seen=moment, last_seen=moment)


def _file(one: Input) -> Source | None:
    return Source("file", as_text(str(Path(one.path).absolute()))) if one.path != STDIN else None


def _holding(whole: Offer, data: bytes) -> Offer:
    return replace(whole, read=lambda: data)


def _fail(error: KuatoError) -> bytes:
    raise error
