"""Pictures in MHTML."""

import base64

import pytest

from tests.matcher.pages.making import PAGE, base_64, found, inline, mhtml, picture, places, read

LOGO = "https://cdn.example/logo.png"


def part(*headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["", "--b", *headers, "", ""]).encode() + body


def message(*parts: bytes, head: str = "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n") -> bytes:
    return head.encode() + b"".join(parts) + b"\r\n--b--\r\n"


def test_a_page_as_a_browser_saves_it() -> None:
    style = f"p {{ background: url({inline(3)}) }}"
    data = mhtml(
        f'<html><img src="{LOGO}"><img src="{inline(2)}">',
        [("image/png", picture(1), LOGO), ("text/css", style.encode(), "cid:css-1@mhtml.blink"), ("image/png", picture(1), LOGO)],
    )
    page = read(data, "page.mhtml")
    assert (page.format, page.url) == ("MHTML", PAGE)
    assert [one.data for one in page.pictures] == [picture(2), picture(1), picture(3)]
    assert places(page.pictures) == [(PAGE, None), (PAGE, LOGO), (PAGE, None)]


def test_without_a_note_the_first_page_inside_tells_the_address() -> None:
    data = message(part("Content-Type: text/html", f"Content-Location: {PAGE}"), part("Content-Type: image/png", body=picture(1)))
    assert (read(data).url, found(data)) == (PAGE, [picture(1)])


@pytest.mark.parametrize("location", ["file:///C:/a.png", "cid:x@y", "logo.png", "javascript:alert(1)", "https://x.example/ y", "x" * 9999])
def test_an_address_that_is_none_on_the_web_is_not_kept(location: str) -> None:
    page = read(message(part("Content-Type: image/png", f"Content-Location: {location}", body=picture(1))))
    assert places(page.pictures) == [(None, None)]


@pytest.mark.parametrize("encoding", ["8bit", "binary", "7BIT", "nonsense"])
def test_a_picture_may_stand_there_as_it_is(encoding: str) -> None:
    jpeg = picture(1, "JPEG")
    assert found(message(part("Content-Type: image/jpeg", f"Content-Transfer-Encoding: {encoding}", body=jpeg))) == [jpeg]


def test_encodings_are_taken_as_far_as_they_make_sense() -> None:
    text = base64.encodebytes(picture(1)).replace(b"\n", b"\r\n")
    coded = "Content-Transfer-Encoding: BASE64"
    for body in (text, text.rstrip(b"=\r\n"), b"\r\n " + text.replace(b"\r\n", b" \r\n\t"), text + b"\r\n!!!! and more"):
        assert found(message(part("Content-Type: image/png", coded, body=body))) == [picture(1)]
    quoted = f'<img src=3D"{inline(2)[:50]}=\r\n{inline(2)[50:].replace("=", "=3D")}">'.encode()
    assert found(message(part("Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable", body=quoted))) == [picture(2)]


def test_a_page_alone_without_parts() -> None:
    head = "MIME-Version: 1.0\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert found(head.encode() + base_64(f"<img src={inline(1)}>".encode()).encode(), "page.mht") == [picture(1)]


def test_parts_within_parts() -> None:
    inner = b"\n--i\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + base_64(picture(1)).encode() + b"\n--i--\n"
    letter = b"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + base_64(picture(2)).encode()
    data = message(
        part("Content-Type: multipart/alternative; boundary=i", body=inner),
        part("Content-Type: message/rfc822", body=letter),
        part("Content-Type: image/png", body=picture(3)),
    )
    assert found(data) == [picture(1), picture(2), picture(3)]


@pytest.mark.parametrize(("depth", "pictures"), [(8, [picture(1)]), (9, []), (10_000, [])])
def test_parts_within_parts_have_an_end(depth: int, pictures: list[bytes]) -> None:
    heads = [f"Content-Type: multipart/related; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth)]
    page = read(f"MIME-Version: 1.0\r\n{''.join(heads)}Content-Type: image/png\r\n\r\n".encode() + picture(1))
    assert ([one.data for one in page.pictures], page.truncated) == (pictures, not pictures)


def test_so_have_parts() -> None:
    page = read(message(part("Content-Type: image/png", body=picture(1)), b"\r\n--b\r\n" * 30_000))
    assert ([one.data for one in page.pictures], page.truncated) == ([picture(1)], True)


BROKEN = {
    "cut off": message(part("Content-Type: image/png", body=picture(1))).partition(b"\r\n--b--")[0],
    "boundary in quotes": message(part("Content-Type: image/png", body=picture(1))).replace(b"=b\r\n", b'="b"\r\n'),
    "only line feeds": message(part("Content-Type: text/html", body=f"<img src={inline(1)}>".encode())).replace(b"\r\n", b"\n"),
    "text before": message(b"This is a multi-part message.", part("Content-Type: image/png", body=picture(1))),
    "another boundary that begins like it": message(part("Content-Type: image/png", body=picture(1)), b"\r\n--bb\r\n\r\nx"),
    "an unknown charset": message(part('Content-Type: text/html; charset="x-klingon"', body=f"<img src={inline(1)}>".encode())),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_not_quite_right_is_read_all_the_same(what: str) -> None:
    assert read(BROKEN[what]).pictures[0].data.startswith(picture(1)[:500])


NONSENSE = {
    "no boundary": message(head="MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n"),
    "an empty boundary": message(head='MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=""\r\n\r\n'),
    "a strange boundary": message(head="MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary*=utf-9'x'%E2%ff\r\n\r\n"),
    "no end of headers": b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n" + b"X: y\r\n" * 10_000,
    "a header that is noise": b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b; \xff=\xfe;=;;\r\n\r\n\r\n--b\r\n\xff:",
    "many parameters": b"MIME-Version: 1.0\r\nContent-Type: multipart/related" + b"; a*0*=x" * 1500 + b"\r\n\r\n",
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_holds_no_pictures(what: str) -> None:
    assert found(NONSENSE[what], "page.mhtml") == []
