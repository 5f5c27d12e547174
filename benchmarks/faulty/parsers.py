"""Everything of Kuato that takes apart what others have written, each as a function of bytes, with something to begin with.

Each may raise what is foreseen (KuatoError), and nothing else.
"""

import base64
import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ail_connector.message import Message
from benchmarks.faulty.pictures import seeds
from matcher import addresses, formats, labelled, visjs
from matcher.archive import ArchiveReader, ArchiveWriter, Header
from matcher.decision import Rules
from matcher.decode import Limits, decode
from matcher.errors import KuatoError
from matcher.filing import Filing
from matcher.fingerprints import registry
from matcher.interchange.algorithms import Algorithms
from matcher.interchange.entries import Given
from matcher.interchange.hashlists import FORMATS
from matcher.pages import PageLimits, read_page
from matcher.records import LIVE, Record, pack, unpack
from matcher.settings import Settings
from matcher.source import Source
from matcher.store import Store
from matcher.truth import GroundTruth
from misp_module import query

_HASH = "f" * 32 + "0123456789abcdef" * 2
_LIMITS = Limits(max_pixels=1 << 20)


@dataclass(frozen=True)
class Parser:
    """parse: takes bytes apart, all of them. seeds: sound inputs."""

    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def parsers(folder: Path) -> dict[str, Parser]:
    """Return all by name. folder: for those that read files."""
    png = seeds(None)["png"]
    inline = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    html = f'<html><base href="https://a.example/"><img src="{inline}"><style>a{{background:url({inline})}}</style></html>'
    entry = {"request": {"url": "https://a.example/a.png"}, "response": {"content": {"mimeType": "image/png", "encoding": "base64"}}}
    entry["response"]["content"]["text"] = base64.b64encode(png).decode()  # type: ignore[index]
    har = {"log": {"version": "1.2", "pages": [{"title": "https://a.example/"}], "entries": [entry]}}
    mhtml = (
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://a.example/\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related; boundary="b"\r\n\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n'
        f"Content-Location: https://a.example/a.png\r\n\r\n{base64.b64encode(png).decode()}\r\n--b--\r\n"
    )
    graph = {
        "clusters": [{"id": "c", "label": "one", "members": ["1"], "group": ""}],
        "nodes": [{"id": "1", "image": "a.png"}, {"id": "2", "image": "b.png"}],
        "edges": [{"from": "c", "to": "1"}, {"from": "1", "to": "2"}],
        "meta": {},
    }
    truth = GroundTruth({"a": ("1.png", "2.png")}, ("3.png", "4.png")).as_json()
    record = Record(
        1, "0" * 64, "PNG", (3, 4), 5, 6.0, {"pdq": bytes(32)}, {"pdq": 1}, (Source("url", "x", 1, 2, {"a": 1}, {}),), ("t",), (7,)
    )
    request = {
        "module": "kuato",
        "attribute": {"uuid": "5f0c1e0a-7a1c-4d0e-9d53-5b1f2a3c4d5e", "type": "attachment", "value": "a.png", "data": ""},
    }
    lists = {
        "csv": f'algorithm,version,fingerprint,sha256,tags\npdq,1,{_HASH},,"a|b"\n',
        "jsonl": json.dumps({"pdq": _HASH, "tags": ["a"], "version": 1}) + "\n",
        "threatexchange": f"pdq {_HASH}\n{_HASH},99,a.jpg\n",
        "photodna": json.dumps({"dimension": 144, "items": [{"id": 1, "path": "p", "hash": [7] * 144}], "next_id": 2}),
        "misp": json.dumps({"Event": {"uuid": "x", "Object": [{"Attribute": [{"object_relation": "pdq", "value": _HASH}]}]}}),
    }
    found = {
        "page": Parser(
            lambda data: read_page(data, "page", PageLimits(50, 1 << 20)), (html.encode(), json.dumps(har).encode(), mhtml.encode())
        ),
        "html": Parser(lambda data: read_page(data, "a.html", PageLimits(50, 1 << 20)), (html.encode(),)),
        "har": Parser(lambda data: read_page(data, "a.har", PageLimits(50, 1 << 20)), (json.dumps(har).encode(),)),
        "mhtml": Parser(lambda data: read_page(data, "a.mhtml", PageLimits(50, 1 << 20)), (mhtml.encode(),)),
        "visjs": Parser(_json(visjs.read_graph), (json.dumps(graph).encode(),)),
        "truth": Parser(_file(folder / "truth.json", labelled.read_file), (json.dumps(truth).encode(), json.dumps(graph).encode())),
        "settings": Parser(_file(folder / "kuato.toml", _settings), (b'[web]\nlisten = "127.0.0.1:1"\n[picture]\nmax_pixels = 5\n',)),
        "rules": Parser(_file(folder / "rules.toml", Rules.load), (b'rule = "verified"\ncontent = 0.2\n[pdq]\nyes = 0.1\nmaybe = 0.2\n',)),
        "backup": Parser(lambda data: list(ArchiveReader(io.BytesIO(data), "backup").frames()), (_backup(),)),
        "record": Parser(lambda data: unpack(1, data) if data else None, (pack(record, LIVE, 1),)),
        "misp-request": Parser(
            _misp, (json.dumps(request).encode(), json.dumps({"Event": {"Attribute": [request["attribute"]]}}).encode())
        ),
        "ail-message": Parser(
            lambda data: Message.parse(data).parts, (b"image::" + b"0" * 64 + b";text", b"item:crawled/2026/a.example:x;1")
        ),
        "url": Parser(
            lambda data: str(addresses.parse(data.decode("utf-8", "surrogateescape"))), (b"https://a.example:8443/x?y#z", b"http://[::1]/")
        ),
        "picture-head": Parser(_head, tuple(seeds(None).values())),
        "picture": Parser(lambda data: decode(data, _LIMITS), tuple(seeds(None).values())),
    }
    for name, text in lists.items():
        found[f"list-{name}"] = Parser(_file(folder / "list", lambda path, name=name: _listed(name, path)), (text.encode(),))  # type: ignore[misc]
    return found


def harmless(parser: Parser, data: bytes) -> None:
    """Parse bytes; what is foreseen may be raised, all else comes through."""
    with suppress(KuatoError):
        parser.parse(data)


def _json(read: Callable[[Any], object]) -> Callable[[bytes], object]:
    def parse(data: bytes) -> object:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            return None
        return read(document) if isinstance(document, dict) else None

    return parse


def _file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def parse(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return parse


def _settings(path: Path) -> object:
    return Settings.load(path, environ={})


def _listed(name: str, path: Path) -> object:
    enabled = registry.load()
    return list(FORMATS[name].read(Given(path, path.name, Algorithms(enabled, Filing(Store(str), enabled)), "")))


def _misp(data: bytes) -> object:
    asked = query.parse(data)
    with suppress(KuatoError):
        query.subjects(asked, 1 << 20)
    return query.within(asked, 1 << 20)


def _head(data: bytes) -> object:
    kind = formats.sniff(data)
    formats.describe(data)
    if kind == "ICO":
        formats.largest_icon(data)
    if kind == "PNG":
        formats.bare_png(data)
    return formats.claimed_size(data) if kind else None


def _backup() -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file, Header(2, "0.1", 1_700_000_000.0))
    writer.strings([(b"r\0\0\0\1", b"record"), (b"p", bytes(100))])
    writer.held(b"hash", b"b", [b"name", b"{}"])
    writer.close(1)
    return file.getvalue()
