"""A MISP server asked through PyMISP: trusted or not, through proxies or not, patient, and silent about the key."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from werkzeug.serving import make_server

from matcher.errors import BadSettings, FetchFailed, NotFound, Refused
from matcher.settings import Settings
from misp_module.remote import Remote
from tests.misp_module.fake_misp import FOREIGN, KEY, FakeMisp, app_of

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server with a certificate of its own authority, and the file with that."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = make_server("127.0.0.1", 0, app_of(FakeMisp()), threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", tmp_path / "ca.pem"
    server.shutdown()
    thread.join()
    server.server_close()


def remote(url: str, told: list[str] | None = None, **changes: Any) -> Remote:
    asked = {"misp.url": url, "misp.key": KEY, "misp.pause": 0.001, "misp.retries": 1, **changes}
    return Remote(Settings.load(environ={}, overrides=asked), told=(told if told is not None else []).append)


def test_who_we_are_and_what_we_may(misp: FakeMisp) -> None:
    found = remote(f"{misp.url}/")
    assert found.org == misp.orgs["1"]
    assert found.lacks("perm_sighting", "perm_site_admin") == ["perm_site_admin"]


def test_a_certificate_must_be_trusted(secured: tuple[str, Path]) -> None:
    url, authority = secured
    with pytest.raises(FetchFailed, match=r"not trusted.*misp\.ca_file"):
        remote(url).org  # noqa: B018
    assert remote(url, **{"misp.ca_file": authority}).org["name"] == "OURS"
    assert remote(url, **{"network.ca_file": authority}).org["name"] == "OURS"
    assert remote(url, **{"misp.verify": False}).org["name"] == "OURS"


def test_proxies_are_those_of_the_settings(misp: FakeMisp, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert remote(misp.url).org["name"] == "OURS"
    assert remote(misp.url, **{"network.proxy": "http://127.0.0.1:9", "misp.proxy": "none"}).org["name"] == "OURS"
    for changes in ({"misp.proxy": "http://127.0.0.1:9"}, {"network.proxy": "http://127.0.0.1:9"}, {"network.environment": True}):
        with pytest.raises(FetchFailed, match="cannot be reached"):
            remote(misp.url, **changes).org  # noqa: B018


def test_what_is_refused_and_what_is_not_there(misp: FakeMisp) -> None:
    found, attribute = remote(misp.url), misp.attach(misp.event(org=FOREIGN), b"data")
    with pytest.raises(NotFound, match=f"has no attribute {NOBODY}"):
        found.attribute(NOBODY)
    with pytest.raises(Refused, match="refuses the tag a:b"):
        found.tag(attribute["uuid"], "a:b", local=False)
    for gone in (lambda: found.untag(attribute["uuid"], "a:b"), lambda: found.unsight("9"), lambda: found.unrelate(NOBODY)):
        gone()  # that there is none is as good


@pytest.mark.parametrize("address", ["127.0.0.1:40377", "127.0.0.1:403", "127.0.0.1:401", "misp-403.invalid"])
def test_an_address_with_the_digits_of_a_refusal_is_none(address: str) -> None:
    with pytest.raises(FetchFailed, match="cannot be reached"):
        remote(f"http://{address}", **{"misp.retries": 0}).org  # noqa: B018


def test_a_busy_server_is_asked_again_until_enough(misp: FakeMisp) -> None:
    told = list[str]()
    found = remote(misp.url, told, **{"misp.retries": 4})
    assert found.attributes(limit=1) == []
    misp.faults.busy = 4
    assert found.attributes(limit=1) == []
    assert [("is busy (429); asking again" in text) for text in told] == [True] * 4
    misp.faults.down = True
    with pytest.raises(FetchFailed, match="2 times") as raised:
        remote(misp.url, told).org  # noqa: B018
    assert KEY not in str(raised.value) + "".join(told)


def test_what_answers_may_be_something_else(secured: tuple[str, Path]) -> None:
    with pytest.raises(FetchFailed):
        remote(secured[0].replace("https", "http")).org  # noqa: B018
    for url in ("", "misp.example", "ftp://misp.example"):
        with pytest.raises(BadSettings, match=r"misp\.url"):
            remote(url)
    with pytest.raises(BadSettings, match=r"KUATO_MISP_KEY"):
        remote("https://misp.example", **{"misp.key": ""})
