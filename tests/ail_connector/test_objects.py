"""Files of AIL's objects: found where AIL puts them, and nowhere else."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ail_connector.database import date_of, domain_of
from ail_connector.errors import FileMissing, OddMessage, WrongFile
from ail_connector.installation import Installation
from ail_connector.message import Message, encoded
from ail_connector.objects import Files
from matcher.errors import TooLarge
from tests.ail_connector.stand_in import Ail

ID = "0123456789ab" + "cd" * 26


@pytest.fixture
def files(ail: Ail, installation: Installation) -> Files:
    return Files(installation, 1000)


def test_are_where_ail_puts_them(ail: Ail, files: Files) -> None:
    assert files.path("image", ID) == ail.home / "IMAGES/01/23/45/67/89/ab" / ID[12:]
    assert files.path("screenshot", ID) == ail.home / "CRAWLED_SCREENSHOT/screenshot/01/23/45/67/89/ab" / f"{ID[12:]}.png"
    assert files.path("favicon", "-1234567890") == ail.home / "FAVICONS/-/1/2/3/4/5/67890"
    for kind, gid in (("image", ail.store_image(b"a")), ("screenshot", ail.store_screenshot(b"a"))):
        assert files.read(kind, gid.partition("::")[2]) == b"a"
    ail.store_favicon(b"icon", "98765432", "x.onion")
    assert files.read("favicon", "98765432") == b"icon"


@pytest.mark.parametrize("kind", ["image", "screenshot", "favicon", "item", "", "../image"])
@pytest.mark.parametrize(
    "id", ["", "..", "../" * 10 + "etc/passwd", "/etc/passwd", ID + "\n", ID.upper(), ID[:-1], "0" * 63 + "/", "\x00" * 64]
)
def test_nothing_else_is_an_object(files: Files, kind: str, id: str) -> None:
    with pytest.raises(OddMessage):
        files.path(kind, id)


@given(kind=st.sampled_from(["image", "screenshot", "favicon"]), id=st.text(max_size=80))
def test_no_id_leads_out(kind: str, id: str) -> None:
    folders = {name: Path("/nonexistent/ail") / name for name in ("image", "screenshot", "favicon")}
    files = Files.__new__(Files)
    files._folders, files._max_bytes = folders, 1
    with suppress(OddMessage):
        assert files.path(kind, id).is_relative_to(folders[kind])


def test_links_that_lead_out_are_not_followed(ail: Ail, files: Files, tmp_path: Path) -> None:
    path = files.path("image", ID)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/etc/passwd")
    with pytest.raises(OddMessage, match="lies outside"):
        files.read("image", ID)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FileMissing, match="is no file"):
        files.read("image", ID)
    path.unlink()
    path.mkdir()
    with pytest.raises(FileMissing):
        files.read("image", ID)
    path.rmdir()


def test_what_is_wrong_with_a_file_is_told(ail: Ail, files: Files) -> None:
    with pytest.raises(FileMissing, match="No such file"):
        files.read("image", "f" * 64)
    large = ail.store_image(b"x" * 1001).partition("::")[2]
    with pytest.raises(TooLarge, match=r"picture\.max_bytes"):
        files.read("image", large)
    path = files.path("image", large)
    path.write_bytes(b"y")
    with pytest.raises(WrongFile, match=hashlib.sha256(b"y").hexdigest()):
        files.read("image", large)
    path.unlink()


@given(st.binary(max_size=200))
def test_any_message_is_one(raw: bytes) -> None:
    message = Message.parse(raw)
    assert len(message.parts) == 3
    if message.gid is not None:
        assert encoded(message.gid, message.text) == raw


@pytest.mark.parametrize(
    ("item", "domain", "date"),
    [
        ("crawled/2026/07/15/abc.onion00000000-0000-4000-8000-000000000000", "abc.onion", "20260715"),
        ("crawled/2026/07/15/ABC.example.org00000000-0000-4000-8000-000000000000", "abc.example.org", "20260715"),
        ("submitted/2026/07/15/x.gz", "", ""),
        ("crawled/", "", ""),
        ("crawled/20/7/1/", "", ""),
    ],
)
def test_items_tell_their_domain_and_date(item: str, domain: str, date: str) -> None:
    assert (domain_of(item), date_of(item)) == (domain, date)
