"""Pictures in HTML."""

import base64
from urllib.parse import quote

import numpy as np
import pytest

from tests.matcher.pages.making import PAGE, base_64, found, inline, picture, read
from tests.matcher.pictures import encoded

ONE = inline(1)
CODED = base_64(picture(1))
LINES = "\n".join(CODED[n : n + 76] for n in range(0, len(CODED), 76))
DRAWING = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{ONE}"/></svg>'

PLACES = {
    "src": f'<img src="{ONE}">',
    "src in single quotes": f"<img src='{ONE}'>",
    "src without quotes": f"<img src={ONE} alt=data>",
    "src with blanks": f'<img src="  {ONE}  ">',
    "src in lines": f'<img src="data:image/png;base64,\r\n{LINES}">',
    "srcset": f'<img srcset="{ONE} 2x">',
    "srcset, second": f'<img srcset="a.png 1x, {ONE} 640w">',
    "srcset, several": f'<img srcset="{ONE} 1x, {ONE} 1.5x">',
    "icon": f'<link rel="icon" href="{ONE}">',
    "style": f"<p style='background: url({ONE}) no-repeat'>",
    "style with quotes": f'<p style="background: url(&quot;{ONE}&quot;)">',
    "style sheet": f"<style>p {{ background: url( '{ONE}' ) }}</style>",
    "drawing": f'<svg><image xlink:href="{ONE}"/></svg>',
    "poster": f'<video poster="{ONE}">',
    "script": f'<script>show("{ONE.replace("/", chr(92) + "/")}")</script>',
    "script with codes": f'<script>show("{ONE.replace("+", chr(92) + "u002B").replace("=", chr(92) + "x3d")}")</script>',
    "template": f"<script>show(`{ONE}`)</script>",
    "entities": f'<img src="{ONE.replace("/", "&#x2F;").replace("+", "&#43;").replace("=", "&equals;").replace(":", "&colon;")}">',
    "percent signs": f'<img src="{"data:image/png;base64," + CODED.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D")}">',
    "capital letters": f'<IMG SRC="{ONE.replace("data:image/png;base64", "DATA:IMAGE/PNG;BASE64")}">',
    "parameters": f'<img src="{ONE.replace(";base64", ";charset=utf-8;name=a.png; base64")}">',
    "no type": f'<img src="data:;base64,{CODED}">',
    "another type": f'<img src="data:text/plain;base64,{CODED}">',
    "no padding": f'<img src="{ONE.rstrip("=")}">',
    "for URLs": f'<img src="data:image/png;base64,{base64.urlsafe_b64encode(picture(1)).decode()}">',
    "no base64": f'<img src="data:image/png,{quote(picture(1))}">',
    "drawing in base64": f'<img src="data:image/svg+xml;base64,{base_64(DRAWING.encode())}">',
    "drawing in percent signs": f'<img src="data:image/svg+xml,{quote(DRAWING)}">',
    "page in a frame": f'<iframe src="data:text/html;base64,{base_64(f"<img src={ONE}>".encode())}">',
    "page in an attribute": f'<iframe srcdoc="&lt;img src=&quot;{ONE}&quot;&gt;">',
    "one after another, as text": f"{inline(1, 'image/x')} {ONE}",
    "comment": f"<!-- <img src='{ONE}'> -->",
    "broken": f"<img <p <<< src='{ONE}",
}


@pytest.mark.parametrize("place", PLACES)
def test_wherever_a_picture_is_it_is_found_once(place: str) -> None:
    assert found(f"<!DOCTYPE html><body>{PLACES[place]} and more data") == [picture(1)]


def test_all_are_found_in_their_order_and_each_once() -> None:
    page = "<html>" + "".join(f'<img src="{inline(n)}">' for n in (1, 2, 1, 3, 2))
    assert found(page) == [picture(1), picture(2), picture(3)]
    assert [one.name for one in read(page).pictures] == [f"page.html, picture {n}" for n in (1, 2, 3)]


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO"])
def test_every_format_counts(kind: str) -> None:
    data = picture(1, kind)
    assert found(f'<html><img src="data:image/x;base64,{base_64(data)}">') == [data]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "shift_jis"])
def test_in_any_encoding(encoding: str) -> None:
    page = f'<html><meta charset="nonsense">é<img src="{ONE}">' if encoding != "shift_jis" else f'<html>日本<img src="{ONE}">'
    assert found(page.encode(encoding)) == [picture(1)]


NOTHING = {
    "a drawing": f'<img src="data:image/svg+xml;base64,{base_64(b"<svg/>")}">',
    "no picture": f'<img src="data:image/png;base64,{base_64(b"hello")}">',
    "no base64 at all": '<img src="data:image/png;base64,§$%&/()">',
    "a stump": '<img src="data:image/png;base64,">',
    "one letter": '<img src="data:image/png;base64,i">',
    "a link": '<img src="https://elsewhere.example/a.png">',
    "a file": '<img src="file:///etc/passwd"><img src="page_files/a.png">',
    "the word": "<p>data: is what we gather, base64, and so on",
}


@pytest.mark.parametrize("what", NOTHING)
def test_what_is_no_picture_in_the_page_is_passed_over(what: str) -> None:
    assert found(f"<html>{NOTHING[what]}") == []


def test_drawings_in_drawings_have_an_end() -> None:
    page = f'<img src="{ONE}">'
    for depth in range(1, 5):
        page = f'<img src="data:image/svg+xml;base64,{base_64(page.encode())}">'
        assert found(f"<html>{page}") == ([picture(1)] if depth < 3 else [])


SAVERS = {
    "browsers": f"<!DOCTYPE html>\n<!-- saved from url=(0029){PAGE} -->\n<html>",
    "SingleFile": f"<!DOCTYPE html> <html><!--\n Page saved with SingleFile \n url: {PAGE} \n saved date: now\n-->",
    "monolith": f"<!-- Saved from {PAGE} at 2026-01-01T00:00:00Z using monolith v2.8.1 -->\n<html>",
    "ScrapBook": f'<!DOCTYPE html>\n<html lang="en" data-scrapbook-source="{PAGE}">',
}


@pytest.mark.parametrize("saver", SAVERS)
def test_the_page_s_address_is_what_the_saving_program_noted(saver: str) -> None:
    page = read(f'{SAVERS[saver]}<img src="{ONE}">')
    assert (page.url, page.pictures[0].page_url, page.pictures[0].url) == (PAGE, PAGE, None)


@pytest.mark.parametrize(
    "head",
    [
        f'<html><link rel="canonical" href="{PAGE}"><meta property="og:url" content="{PAGE}">',
        "<!-- saved from url=(0014)about:internet --><html>",
        "<!-- saved from url=(0020)javascript:alert(1) --><html>",
        "<!-- saved from url=(0020)file:///home/me/a.html --><html>",
        f"<html>{' ' * 10_000}<!-- saved from url=(0029){PAGE} -->",
    ],
)
def test_and_nothing_else(head: str) -> None:
    """A phishing page that was copied from the bank's own says that it is the bank's."""
    assert read(f'{head}<img src="{ONE}">').url is None


def test_a_transparent_dot_counts_as_well() -> None:
    dot = encoded(np.zeros((1, 1), np.uint8), "GIF")
    assert found(f"<html><img src='data:image/gif;base64,{base_64(dot)}'>") == [dot]
