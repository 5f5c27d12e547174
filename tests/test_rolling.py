"""A rolling upgrade: what runs in other people's processes stays a minor version behind the server, and goes on working.

The other parts: `tests/matcher/test_old_store.py` (the store), `tests/ail_connector/test_native.py` (the file that runs inside AIL).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.client import Client
from matcher.engine import Matcher
from matcher.errors import NotFound
from matcher.settings import Settings
from matcher.web.app import create_app
from misp_module.app import create_app as create_misp_app
from misp_module.assembly import served
from tests.matcher.in_process import services_on, serving
from tests.matcher.next_minor import NEWS, NextMinor
from tests.misp_module.building import asking, rows
from tests.misp_module.test_module_file import loaded

SAMPLES = Path(__file__).parent.parent / "samples"
KNOWN, COPY = SAMPLES / "baseline" / "tinlark-login.png", SAMPLES / "queries" / "tinlark-half.webp"


@pytest.fixture
def newer(settings: Settings) -> Iterator[str]:
    """The URL of a server that is a minor version ahead."""
    with services_on(settings) as services, serving(NextMinor(create_app(services))) as server:
        yield server.url


def test_the_python_client_is_a_minor_version_behind(newer: str) -> None:
    with Client(newer) as client:
        client.banks.create("kits", "known-bad")
        added = client.add(KNOWN, sources=["url:https://tinlark.example/"], banks=["kits"])
        assert set(NEWS) <= set(added)
        sha256 = added["picture"]["sha256"]
        answer = client.search(COPY)
        assert (answer["decision"], answer["matches"][0]["picture"]["sha256"]) == ("YES", sha256)
        assert client.change(sha256, add_tags=["seen"])["tags"] == ["seen"]
        assert client.get(sha256)["banks"] == ["kits"]
        client.remove(sha256)
        with pytest.raises(NotFound):
            client.get(sha256)


def test_the_module_file_is_a_minor_version_behind(settings: Settings, tmp_path: Path) -> None:
    with Matcher.open(settings) as matcher:
        matcher.add(KNOWN.read_bytes(), name=KNOWN.name)
        settings = settings.with_overrides({"misp.deadline": 30.0})
        with serving(NextMinor(create_misp_app(served(matcher, settings), settings), deep=False)) as server:
            module = loaded(tmp_path, url=server.url)  # type: ignore[no-untyped-call]
            reply = module.handler(q=json.dumps(asking(COPY.read_bytes())))
    assert rows(reply["results"]["Object"][0])["explanation"].startswith("YES")
