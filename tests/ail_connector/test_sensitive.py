"""Of a sensitive picture AIL is told that it matches; logs, digests and MISP are not told which it is."""

import logging
from pathlib import Path

import pytest

from matcher.settings import Settings
from tests.ail_connector.pages import jpeg, page, png
from tests.ail_connector.stand_in import Ail
from tests.matcher.commands.conftest import Kuato

CAPTION = "the-caption-told"
UNSAFE = 'copine-scale:level="the-level-told"'


@pytest.mark.parametrize("failing", [False, True])
def test_what_the_commands_say(settings: Settings, tmp_path: Path, ail: Ail, caplog: pytest.LogCaptureFixture, failing: bool) -> None:
    for name in ("matcher", "ail_connector"):
        caplog.set_level(logging.DEBUG, logger=name)
    kuato = Kuato(settings, tmp_path / "home")
    kuato.options += [f"--set=ail.home={ail.home}", "--set=ail.retry_seconds=0", "--set=ail.tries=1", "--set=ail.onward=true", "--verbose"]
    (tmp_path / "raid.png").write_bytes(png(page(1)))
    kuato("bank", "create", "raids", "--kind", "known-bad", "--sensitive", "--note", CAPTION)
    known = kuato.json("add", tmp_path / "raid.png", "--bank", "raids")[0]["picture"]["sha256"]
    data = jpeg(page(1))[: 3000 if failing else None]
    gid = ail.store_image(data, "net:1")
    ail.tag(gid, UNSAFE)
    ail.feed_image(data, "net:1")
    missing = "image::" + "0" * 64
    ail.module("Global").send_message(missing, "", "Images")
    quiet = [kuato("ail", *words.split()) for words in ("consume --until-empty", "banks", "status", "digest", "onward")]
    told = "".join(result.stdout + result.stderr for result in quiet) + caplog.text
    assert all(result.exit_code == 0 for result in quiet), told
    sha256 = gid.removeprefix("image::")
    assert [name for name in (CAPTION, "the-level-told", known, sha256, missing) if name in told] == []
    assert ("tagged" in told) is not failing
    assert "nothing new to be told on" in told
    assert missing in kuato("ail", "dead").stdout
