"""What counts as a saved page, and the limits on all of them."""

from pathlib import Path

import pytest

from matcher.errors import NotAPicture, TooLarge
from matcher.pages import HEAD, PageLimits, format_of, is_page, pictures_of
from matcher.settings import Settings
from tests.matcher.pages.making import entry, found, har, inline, mhtml, picture, read
from tests.matcher.pictures import NOT_PICTURES

PAGES = {
    "html": (b"<!DOCTYPE html><p>", "", "HTML"),
    "html without a type": (b"\n <HTML lang=en>", "", "HTML"),
    "html after a comment": (b"\xef\xbb\xbf<!-- saved -->\n<!-- twice --><html>", "", "HTML"),
    "xhtml": (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">', "", "HTML"),
    "utf-16": ("<html>".encode("utf-16"), "", "HTML"),
    "a piece of html": (b"<div><img></div>", "snippet.HTM", "HTML"),
    "mhtml": (mhtml("<html>", []), "", "MHTML"),
    "mhtml of one part": (b"Content-Type: text/html\r\n\r\n<p>", "a.mht", "MHTML"),
    "har": (har([]), "", "HAR"),
    "har that begins otherwise": (b'{"comment": "x", "log": {}}', "a.har", "HAR"),
}


@pytest.mark.parametrize("what", PAGES)
def test_pages_are_known_by_their_beginning(what: str) -> None:
    data, name, format = PAGES[what]
    assert format_of(data, name) == format
    assert format_of(data[:HEAD] + b"x" * HEAD, name) == format
    assert is_page(data, name)


OTHERS = {
    **{what: (data, "a.html") for what, (data, _) in NOT_PICTURES.items() if what not in ("a web page", "a drawing")},
    "a picture": (picture(1), "a.html"),
    "a drawing": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg"),
    "a feed": (b'<?xml version="1.0"?><rss>', "a.xml"),
    "a letter": (b"From: me\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nhello", "a.eml"),
    "some json": (b'{"logs": []}', "a.json"),
    "text": (b"hello", "a.txt"),
    "comments only": (b"<!-- -->" * 10_000, "a"),
    "nothing": (b"", "a.har"),
    "no suffix": (b"<div>", "html"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_nothing_else_is_one(what: str) -> None:
    data, name = OTHERS[what]
    assert format_of(data, name) is None
    with pytest.raises(NotAPicture, match="is no saved page"):
        read(data, name)


MANY = {
    "HTML": ("<html>" + "".join(f'<img src="{inline(n)}">' for n in range(6))).encode(),
    "MHTML": mhtml("<html>", [("image/png", picture(n), f"https://x.example/{n}") for n in range(6)]),
    "HAR": har([entry(f"https://x.example/{n}", picture(n)) for n in range(6)]),
}


@pytest.mark.parametrize("format", MANY)
def test_more_pictures_than_allowed_are_left_out(format: str) -> None:
    few, all = read(MANY[format], max_pictures=5), read(MANY[format], max_pictures=6)
    assert ([one.data for one in few.pictures], few.truncated) == ([picture(n) for n in range(5)], True)
    assert ([one.data for one in all.pictures], all.truncated) == ([picture(n) for n in range(6)], False)


@pytest.mark.parametrize("format", MANY)
def test_a_page_larger_than_allowed_is_not_read(format: str) -> None:
    size = len(MANY[format])
    assert len(found(MANY[format], max_bytes=size)) == 6
    with pytest.raises(TooLarge, match=r"page\.html has .* \(pages\.max_bytes\)"):
        read(MANY[format], max_bytes=size - 1)


def test_a_million_places_without_a_picture_are_not_all_looked_at() -> None:
    page = read(b"<html>" + b'"data:;base64,' * 1_000_000 + f'<img src="{inline(1)}">'.encode())
    assert (page.pictures, page.truncated) == ((), True)


def test_pictures_alone() -> None:
    assert [one.data for one in pictures_of(MANY["HTML"], "a.html", PageLimits())] == [picture(n) for n in range(6)]


def test_the_limits_are_settings() -> None:
    settings = Settings.load(environ={}, overrides={"pages.max_pictures": 7, "pages.max_bytes": 8})
    assert PageLimits.of(settings) == PageLimits(7, 8)
    assert PageLimits.of(Settings.load(environ={})) == PageLimits()


def test_no_reader_knows_the_network() -> None:
    folder = Path(__file__).parents[3] / "matcher" / "pages"
    assert not any(
        word in file.read_text() for file in folder.glob("*.py") for word in ("import socket", "urlopen", "http.client", "requests")
    )
