"""Saved pages for the tests, and the pictures in them."""

import base64
import json
from collections.abc import Sequence
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import numpy as np

from matcher.pages import Embedded, Page, PageLimits, read_page
from tests.matcher.pictures import encoded

PAGE = "https://shop.example/sale?x=1"


def picture(number: int, kind: str = "PNG") -> bytes:
    return encoded(np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8), kind)


def base_64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def inline(number: int, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base_64(picture(number))}"


def read(data: bytes | str, name: str = "page.html", **limits: int) -> Page:
    return read_page(data.encode() if isinstance(data, str) else data, name, PageLimits(**limits))


def found(data: bytes | str, name: str = "page.html", **limits: int) -> list[bytes]:
    return [one.data for one in read(data, name, **limits).pictures]


def places(pictures: Sequence[Embedded]) -> list[tuple[str | None, str | None]]:
    return [(one.page_url, one.url) for one in pictures]


def mhtml(html: str, files: Sequence[tuple[str, bytes, str]], url: str | None = PAGE, encoding: str = "base64") -> bytes:
    """A page as Chrome saves it. files: media type, content, Content-Location."""
    message = MIMEMultipart("related", type="text/html")
    if url:
        message["Snapshot-Content-Location"] = url
    page = MIMEText(html, "html", "utf-8")
    if url:
        page["Content-Location"] = url
    message.attach(page)
    for kind, content, location in files:
        part = MIMEBase(*kind.split("/"))
        part["Content-Transfer-Encoding"] = encoding
        part["Content-Location"] = location
        part.set_payload(base64.encodebytes(content).decode() if encoding == "base64" else content.decode("latin-1"))
        message.attach(part)
    return message.as_bytes().replace(b"\n", b"\r\n")


def entry(url: str, content: bytes, kind: str = "image/png", page: str = "page_1", coded: bool = True) -> dict[str, Any]:
    said = {"encoding": "base64", "text": base_64(content)} if coded else {"text": content.decode()}
    return {
        "_initiator": {"type": "parser", "stack": {"callFrames": [{"url": url, "lineNumber": 1}]}},
        "pageref": page,
        "request": {"method": "GET", "url": url, "headers": [{"name": "Accept", "value": "image/*"}], "cookies": []},
        "response": {"status": 200, "headers": [], "content": {"size": len(content), "mimeType": kind, **said}},
    }


def har(entries: Sequence[dict[str, Any]], pages: Sequence[dict[str, Any]] = (), **options: Any) -> bytes:
    log = {"version": "1.2", "creator": {"name": "x"}, "pages": list(pages), "entries": list(entries)}
    return json.dumps({"log": log}, **options).encode()
