"""What waits in AIL, asked of a real one, and on the dashboard."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ail_connector.errors import AilUnavailable
from ail_connector.installation import Installation
from ail_connector.lengths import lengths
from ail_connector.queue import Queue, Tag
from matcher import queues
from matcher.errors import BadSettings
from matcher.queues import Length
from matcher.settings import Settings
from matcher.ui import dashboard
from matcher.web.app import create_app
from tests.ail_connector.pages import jpeg, page
from tests.ail_connector.stand_in import Ail
from tests.matcher.in_process import services_on

LONG = 60.0


@pytest.fixture
def beside(settings: Settings, ail: Ail) -> Settings:
    """Settings of a Kuato that has an AIL."""
    return settings.with_overrides({"ail.home": ail.home})


@pytest.fixture
def busy(ail: Ail, installation: Installation) -> None:
    """Of eight images two wait, one is held, two were put off, two were given up, and one was given two tags."""
    for quality in range(50, 58):
        ail.feed_image(jpeg(page(1), quality))
    queue = Queue(installation, "KuatoImages")
    for holder in ("a", "b", "c", "d", "e", "f"):
        taken = queue.take(holder)
        assert taken is not None
        if holder in "bc":
            queue.later(holder, taken, 1000)
        elif holder in "de":
            queue.bury(holder, taken, "a test")
        elif holder == "f":
            queue.finish(holder, taken, [Tag("image::1", "x"), Tag("image::1", "y")], "tagged")
    queue.close()


def moved(settings: Settings, ail: Ail, folder: Path, port: int) -> Settings:
    """The settings, with an AIL whose queue is said to be at another port."""
    (folder / "configs").mkdir(parents=True)
    for name in ("core.cfg", "modules.cfg"):
        text = (ail.home / "configs" / name).read_text()
        (folder / "configs" / name).write_text(text.replace(f"port = {ail.queue_server.port}\n", f"port = {port}\n"))
    return settings.with_overrides({"ail.home": folder})


@pytest.fixture
def nobody(beside: Settings, ail: Ail, tmp_path: Path) -> Settings:
    """Settings of a Kuato whose AIL is not running."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return moved(beside, ail, tmp_path / "nobody", port)


@pytest.fixture
def mute(beside: Settings, ail: Ail, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a Kuato whose AIL takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield moved(beside, ail, tmp_path / "mute", server.getsockname()[1])


def shown(settings: Settings) -> str:
    """The words of the dashboard."""
    with services_on(settings) as services:
        answer = create_app(services).test_client().get("/dashboard", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def test_every_message_is_in_one_place(beside: Settings, busy: None) -> None:
    found = lengths(beside, LONG)
    assert found is not None
    assert found.queues == (Length("KuatoImages", 2, 1, 2, 2), Length("KuatoItems", 0, 0, 0, 0))
    assert found.tags == 2


def test_without_ail_nothing_is_told(settings: Settings) -> None:
    assert lengths(settings, LONG) is None
    assert "What waits in AIL" not in shown(settings)


def test_what_is_wrong_is_said(nobody: Settings, mute: Settings, beside: Settings) -> None:
    for settings in (nobody, mute):
        with pytest.raises(AilUnavailable, match="the queue of AIL at 127.0.0.1:"):
            lengths(settings, 0.2)
    with pytest.raises(BadSettings, match="no section Elsewhere"):
        lengths(beside.with_overrides({"ail.items": "Elsewhere"}), LONG)


def test_the_dashboard_shows_it(beside: Settings, busy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "told", lambda settings: queues.told(settings, LONG))  # a busy machine is no reason to fail
    text = shown(beside)
    assert "What waits in AIL queue waiting held by consumers to be tried again given up KuatoImages 2 1 2 2 KuatoItems 0 0 0 0" in text
    assert "2 tags wait to be taken." in text


def test_the_dashboard_says_in_one_line_that_ail_is_away(nobody: Settings, mute: Settings) -> None:
    for settings in (nobody, mute):
        text = shown(settings)
        assert "What waits in AIL It cannot be told:" in text and "The store" in text
        assert "waiting held by consumers" not in text
