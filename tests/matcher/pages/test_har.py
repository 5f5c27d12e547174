"""Pictures in HAR."""

import json

import pytest

from tests.matcher.pages.making import PAGE, entry, found, har, inline, picture, places, read

LOGO = "https://cdn.example/logo.png"
TITLED = [{"id": "page_1", "title": PAGE, "startedDateTime": "2026-01-01T00:00:00Z"}]


def test_the_answers_to_a_page_s_requests() -> None:
    html = f'<img src="{inline(2)}"> "quoted" \\ back\u2603'.encode()
    data = har([entry(PAGE, html, "text/html; charset=utf-8", coded=False), entry(LOGO, picture(1)), entry(LOGO, picture(1))], TITLED)
    page = read(data, "page.har")
    assert (page.format, page.url) == ("HAR", PAGE)
    assert [one.data for one in page.pictures] == [picture(2), picture(1)]
    assert places(page.pictures) == [(PAGE, None), (PAGE, LOGO)]


@pytest.mark.parametrize("options", [{"indent": 2}, {"sort_keys": True}, {"separators": (",", ":")}, {"ensure_ascii": False}])
def test_however_it_is_written(options: dict[str, object]) -> None:
    page = read(har([entry(LOGO, picture(1))], TITLED, **options), "page.har")
    assert places(page.pictures) == [(PAGE, LOGO)]


def test_where_the_title_is_no_address_the_first_request_of_the_page_is() -> None:
    pages = [{"id": "page_1", "title": "Sale!"}, {"id": "page_2", "title": "https://two.example/"}]
    data = har([entry(PAGE, b"x", "text/plain"), entry(LOGO, picture(1)), entry(LOGO, picture(2), page="page_2")], pages)
    assert places(read(data).pictures) == [(PAGE, LOGO), ("https://two.example/", LOGO)]


def test_texts_in_base64_and_pictures_called_something_else() -> None:
    style = f"p {{ background: url({inline(1)}) }}".encode()
    data = har([entry(PAGE, style, "text/css"), entry(LOGO, picture(2), "application/octet-stream"), entry(LOGO, picture(3), "")])
    assert found(data) == [picture(1), picture(2), picture(3)]


def test_an_inline_picture_that_was_noted_as_a_request() -> None:
    assert places(read(har([entry(inline(1), picture(1))], TITLED)).pictures) == [(PAGE, None)]


def test_escaped_slashes() -> None:
    assert found(har([entry(LOGO, picture(1))]).replace(b"/", b"\\/")) == [picture(1)]


def test_what_only_looks_like_an_entry_is_none() -> None:
    whole = {
        "other": {"entries": [entry(LOGO, picture(1))]},
        "entries": [entry(LOGO, picture(2))],
        "text": har([entry(LOGO, picture(3))]).decode(),
    }
    data = json.dumps({"log": {"x": whole, "entries": [{"response": {"content": [entry(LOGO, picture(4))]}}]}}).encode()
    assert found(data) == []


WHOLE = har([entry(LOGO, picture(1)), entry(LOGO, picture(2))])


@pytest.mark.parametrize("end", [*range(0, len(WHOLE), 997), len(WHOLE) - 1])
def test_cut_off_it_tells_what_it_can(end: int) -> None:
    pictures = [picture(1), picture(2)]
    assert found(b'{"log":{' + WHOLE[9:end], "page.har") == pictures[: sum(json.dumps(p)[1:-1].encode() in WHOLE[:end] for p in _coded())]


def _coded() -> list[str]:
    return [one["response"]["content"]["text"] for one in json.loads(WHOLE)["log"]["entries"]]


NONSENSE = {
    "deep lists": b'{"log":{"entries":' + b"[" * 1_000_000,
    "deep objects": b'{"log":' + b'{"a":' * 1_000_000,
    "closed too often": b'{"log":{"entries":[' + b"]}" * 100_000,
    "entries of strange types": b'{"log":{"entries":[1,"x",null,[],{"request":"x","response":[{"content":{"text":"x"}}]}]}}',
    "fields of strange types": b'{"log":{"entries":[{"request":{"url":7},"response":{"content":{"text":{"a":1},"encoding":["base64"]}}}]}}',
    "strings without end": b'{"log":{"entries":[{"response":{"content":{"text":"' + b'\\"' * 100_000,
    "strings that are none": b'{"log":{"entries":[{"response":{"content":{"encoding":"base64","text":"\\u12 \xff \\q"}}}]}}',
    "base64 of nothing": har([entry(LOGO, b"hello")]),
    "lone surrogates": b'{"log":{"entries":[{"response":{"content":{"mimeType":"text/html","text":"data:\\ud800,\\udc00"}}}]}}',
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_holds_no_pictures(what: str) -> None:
    assert found(NONSENSE[what], "page.har") == []


@pytest.mark.slow
@pytest.mark.parametrize("filling", [b"[],", b'"\\"",', b'{"pageref":"x"},', b"1,"])
def test_no_filling_costs_more_than_its_share(filling: bytes) -> None:
    page = read(b'{"log":{"entries":[' + filling * (12_000_000 // len(filling)), "page.har")
    assert (page.pictures, page.truncated) == ((), True)
