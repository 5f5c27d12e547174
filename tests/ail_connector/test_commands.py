"""`kuato ail` as people call it."""

import hashlib
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymisp import MISPEvent

from matcher.settings import Settings
from tests.ail_connector.pages import jpeg, page, png
from tests.ail_connector.stand_in import MODULES, Ail
from tests.matcher.commands.conftest import Kuato

YES = 'image-match:decision="yes"'


@pytest.fixture
def kuato(settings: Settings, tmp_path: Path, ail: Ail) -> Iterator[Kuato]:
    made = Kuato(settings, tmp_path / "home")
    made.options += [f"--set=ail.home={ail.home}", "--set=ail.retry_seconds=0", "--set=ail.tries=2", "--set=ail.bank_minutes=0"]
    yield made
    made.close()


@pytest.fixture
def kit(kuato: Kuato, tmp_path: Path) -> None:
    (tmp_path / "kit.png").write_bytes(png(page(1)))
    assert kuato("bank", "create", "kits", "--kind", "known-bad").exit_code == 0
    assert kuato("add", tmp_path / "kit.png", "--bank", "kits").exit_code == 0


@pytest.fixture
def modules(ail: Ail) -> Iterator[Path]:
    """AIL's modules.cfg, to be spoiled."""
    path = ail.home / "configs" / "modules.cfg"
    yield path
    path.write_text(MODULES)


def test_consume_then_status(kuato: Kuato, kit: None, ail: Ail) -> None:
    gid = ail.feed_image(jpeg(page(1)))
    done = kuato("ail", "consume", "--until-empty")
    assert (done.exit_code, "1 tagged" in done.stderr) == (0, True), done.stderr
    (told,) = kuato.json("ail", "status")
    assert told["modules"]["KuatoImages"] == {"waiting": 0, "held": 0, "dead": 0, "counts": {"tagged": 1, "tags": told["tags_waiting"]}}
    assert "tags wait for AIL" in kuato("ail", "status").stdout
    assert ail.run_tags()[gid, YES] == 1


def test_sigterm_finishes_what_is_in_hand(kuato: Kuato, kit: None, ail: Ail) -> None:
    for quality in range(40, 70):
        ail.feed_image(jpeg(page(1), quality))
    process = kuato.start("ail", "consume", "--workers", "1")
    deadline = time.monotonic() + 60
    while ail.queues.llen("queue:KuatoImages:in") == 30:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    left = ail.queues.llen("queue:KuatoImages:in")
    assert not ail.queues.exists("kuato:KuatoImages:held", "kuato:KuatoImages:holders")
    assert len({gid for gid, tag in ail.run_tags() if tag == YES}) == 30 - left
    assert "KuatoImages" not in ail.queues.smembers("modules")


def test_dead_are_shown_and_replayed(kuato: Kuato, kit: None, ail: Ail) -> None:
    gid = "image::" + "0" * 64
    ail.module("Global").send_message(gid, "20260715", "Images")
    kuato("ail", "consume", "--until-empty")
    (told,) = kuato.json("ail", "dead")
    assert (told["object"], told["module"]) == (gid, "KuatoImages") and "No such file" in told["why"]
    assert gid in kuato("ail", "dead").stdout
    assert "0 will be taken again" in kuato("ail", "dead", "--replay", "77").stderr
    assert "1 will be taken again" in kuato("ail", "dead", "--replay", told["ticket"]).stderr
    assert kuato.json("ail", "dead") == []


def test_banks_backfill_withdrawn(kuato: Kuato, ail: Ail, tmp_path: Path) -> None:
    gid = ail.feed_image(jpeg(page(1)))
    kuato("ail", "consume", "--until-empty")
    (tmp_path / "kit.png").write_bytes(png(page(1)))
    kuato("bank", "create", "kits", "--kind", "known-bad")
    kuato("add", tmp_path / "kit.png", "--bank", "kits")
    assert kuato("ail", "banks").stderr.startswith("kuato: 4 tags sent")
    assert ail.run_tags()[gid, YES] == 1
    done = kuato("ail", "backfill", "--kind", "image", "--limit", "3")
    assert done.exit_code == 0 and done.stderr.startswith("kuato: image: 3 done"), done.stderr
    sha256 = kuato.json("list", "--bank", "kits")[0]["sha256"]
    assert kuato.json("ail", "withdrawn") == []
    kuato("remove", sha256)
    (told,) = [one for one in kuato.json("ail", "withdrawn") if one["object"] == gid]
    assert YES in told["tags"] and "was removed" in told["why"] and told["page"].startswith("https://ail.example:7000/")
    assert kuato("ail", "withdrawn", "--done").exit_code == 0
    assert kuato.json("ail", "withdrawn") == []


def test_new_matches_are_told_on_as_one_event(kuato: Kuato, kit: None, ail: Ail) -> None:
    assert "ail.onward is off" in kuato("ail", "onward").stderr
    kuato.options.append("--set=ail.onward=true")
    shot = jpeg(page(1), 70)
    ail.crawl("kit.onion", shot)
    for quality in range(60, 65):
        ail.feed_image(jpeg(page(1), quality))
    kuato("ail", "consume", "--until-empty")
    event = MISPEvent()
    event.load(json.loads(kuato("ail", "onward").stdout))
    assert len(event.objects) == 6 and not event.published and event.info.startswith("Kuato: 6 pictures")
    (crawled,) = [one for one in event.objects if "kit.onion" in one.comment]
    assert [one.value for one in crawled.attributes] == [hashlib.sha256(shot).hexdigest(), "kit.onion"]
    assert YES in [tag.name for tag in crawled.attributes[0].tags]
    assert json.loads(kuato("ail", "onward", "--done").stdout)["Event"]["Object"][0]["uuid"] == event.objects[0].uuid
    assert "nothing new" in kuato("ail", "onward").stderr


class TestCheck:
    def test_of_a_sound_installation(self, kuato: Kuato, ail: Ail) -> None:
        result = kuato("ail", "check")
        assert result.exit_code == 0, result.stdout
        assert "the tag database answers" in result.stdout
        assert "start `kuato ail consume`" in result.stdout

    @pytest.mark.parametrize(
        ("old", "new", "text"),
        [
            ("[KuatoImages]\nsubscribe = Images", "[KuatoImages]\nsubscribe = Image", "not exactly to Images"),
            ("[KuatoItems]", "[Others]", "has no section KuatoItems"),
            ("[Tags]\nsubscribe = Tags", "[Tags]\nsubscribe = Tagz", "no section subscribes to Tags"),
            ("subscribe = Item\npublish = Tags", "subscribe = Item\npublish = Tag_feed", "write publish = Tags"),
        ],
    )
    def test_names_what_is_wrong_with_sections(self, kuato: Kuato, modules: Path, old: str, new: str, text: str) -> None:
        modules.write_text(MODULES.replace(old, new))
        result = kuato("ail", "check")
        assert result.exit_code == 1
        assert text in result.stdout

    def test_names_a_space_in_a_list_of_queues(self, kuato: Kuato, modules: Path) -> None:
        modules.write_text(MODULES.replace("Item,Image,Images", "Item, Image,Images"))
        assert "a queue with a space before its name is another queue" in kuato("ail", "check").stdout

    def test_names_xxhash_lists_that_nobody_drains_and_publishers_of_before(self, kuato: Kuato, ail: Ail) -> None:
        broken = ail.home / "AILENV" / "lib" / "python3.11" / "site-packages" / "xxhash-4.1.0.dist-info"
        broken.mkdir(parents=True)
        ail.queues.rpush("queue:OcrExtractor:in", *map(str, range(1001)))
        ail.queues.hset("module:start:Global", "7", 1)
        levels = {one["text"]: one["level"] for one in map(json.loads, kuato("ail", "check", "--json").stdout.splitlines())}
        broken.rmdir()
        assert levels["AILENV has xxhash 4.1.0, at which AIL's queue fails; run AILENV/bin/pip install 'xxhash<4'"] == "wrong"
        assert levels["1001 messages wait for OcrExtractor, and nobody takes them; they fill AIL's Redis"] == "wrong"
        assert levels["modules.cfg is newer than the running Global; restart it, or a new section gets no messages"] == "odd"

    def test_without_ail_it_says_what_to_set(self, kuato: Kuato) -> None:
        kuato.options = [option for option in kuato.options if "ail.home" not in option]
        result = kuato("ail", "check")
        assert (result.exit_code, "set it to AIL's folder" in result.stderr) == (2, True)
        result = kuato("--set", "ail.home=/nonexistent", "ail", "consume")
        assert (result.exit_code, "core.cfg cannot be read" in result.stderr) == (2, True)


def test_the_native_file_is_printed(kuato: Kuato) -> None:
    printed = kuato("ail", "module").stdout
    compile(printed, "kuato_ail.py", "exec")
    assert "KuatoItems" in printed


def test_two_consumers_in_two_processes(kuato: Kuato, kit: None, ail: Ail) -> None:
    gids = [ail.feed_image(jpeg(page(1), quality)) for quality in range(60, 72)]
    processes = [kuato.start("ail", "consume", "--until-empty", "--workers", "1") for _ in range(2)]
    for process in processes:
        assert (process.communicate(timeout=120), process.returncode)[1] == 0
    given = ail.run_tags()
    assert all(given[gid, YES] == 1 for gid in gids) and set(given.values()) == {1}
