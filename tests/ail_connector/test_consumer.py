"""From AIL's queues to AIL's tags: what is worth one, what is not, and what becomes of the rest."""

import hashlib
import threading
from collections import Counter

import pytest

from ail_connector.front import Front
from ail_connector.queue import Queue
from tests.ail_connector.pages import jpeg, long_gif, page, png
from tests.ail_connector.stand_in import Ail

YES = 'image-match:decision="yes"'
BAD = 'image-match:kind="known-bad"'


def consume(front: Front, ail: Ail, workers: int = 1) -> "Counter[tuple[str, str]]":
    """Let the consumer, then AIL's own modules, do all there is to do; return the tags that were given."""
    front.consumer(workers).run(until_empty=True)
    ail.drain("OcrExtractor")
    return ail.run_tags()


def counts(front: Front) -> "Counter[str]":
    """What came of the messages, of all queues."""
    return sum((Counter(queue.counts()) for queue in front.queues), Counter())


@pytest.fixture
def kit(front: Front) -> bytes:
    """A page of a phishing kit, in a bank."""
    front.matcher.banks.create("kits", kind="known-bad", tags=('phishing:state="active"',))
    data = png(page(1))
    front.matcher.add(data, banks=("kits",))
    return data


class TestKnownBad:
    def test_is_tagged_with_decision_kind_bank_and_what_the_bank_says(self, ail: Ail, front: Front, kit: bytes) -> None:
        gid = ail.feed_image(jpeg(page(1)), "chat-of-a-network:-100123")
        tags = {tag for (object, tag), times in consume(front, ail).items() if object == gid and times == 1}
        (cluster,) = [tag for tag in tags if tag.startswith("image-match:cluster=")]
        assert tags == {YES, BAD, 'image-match:bank="kits"', 'phishing:state="active"', cluster}
        record = front.matcher.get(gid.removeprefix("image::"))
        assert cluster == f'image-match:cluster="{record.cluster}"'
        assert {source.key: source.metadata for source in record.sources} == {
            f"ail-object:{gid}": {
                "date": "20260715",
                "seen_in": f"https://ail.example:7000/correlation/show?type=image&id={record.sha256}",
            },
            "ail-chat:chat:chat-of-a-network:-100123": {"object": gid, "date": "20260715"},
        }
        assert ail.account() == {}

    def test_is_found_byte_for_byte_and_mirrored(self, ail: Ail, front: Front, kit: bytes) -> None:
        same = ail.feed_image(kit)
        mirrored = ail.feed_image(jpeg(page(1).transpose(0)))
        given = consume(front, ail)
        assert given[same, YES] == given[mirrored, YES] == 1

    def test_is_tagged_once_however_often_it_comes(self, ail: Ail, front: Front, kit: bytes) -> None:
        gid = ail.feed_image(jpeg(page(1)), "net:1")
        assert consume(front, ail)[gid, YES] == 1
        ail.feed_image(jpeg(page(1)), "net:2", "20260716")
        ail.feed_image(jpeg(page(1)), "net:1", "20260717")
        assert consume(front, ail) == {}

    def test_on_a_crawled_page_that_comes_before_its_screenshot(self, ail: Ail, front: Front, kit: bytes) -> None:
        item = ail.crawl("evil.onion", None)
        queue = front.queues[1]
        taken = queue.take("test")
        assert taken is not None
        queue.later("test", taken, 0)
        gid = ail.store_screenshot(jpeg(page(1)), item)
        assert consume(front, ail)[gid, YES] == 1
        record = front.matcher.get(gid.removeprefix("screenshot::"))
        (domain,) = [source for source in record.sources if source.kind == "domain"]
        assert (domain.id, domain.metadata) == ("evil.onion", {"object": gid, "item": item, "date": "20260715"})

    def test_of_a_page_without_screenshot_nothing_comes(self, ail: Ail, front: Front, kit: bytes) -> None:
        ail.crawl("slow.onion", None)
        ail.module("Global").send_message("item::submitted/2026/07/15/some.gz", "", "Item")
        assert consume(front, ail) == {}
        assert counts(front) == {"no screenshot": 1, "not crawled": 1}
        assert ail.account() == {}


class TestNoise:
    def test_the_same_domain_again_is_counted_and_not_tagged(self, ail: Ail, front: Front) -> None:
        for day in range(1, 5):
            ail.crawl("shop.onion", png(page(2, mark=day)), day, f"2026/07/0{day}")
        assert consume(front, ail) == {}
        assert counts(front) == {"new": 1, "same source": 3}

    def test_another_domain_is_worth_a_tag_on_both(self, ail: Ail, front: Front) -> None:
        ail.crawl("shop.onion", png(page(2, mark=1)))
        consume(front, ail)
        item = ail.crawl("mirror.onion", data := png(page(2, mark=2)), 1)
        given = consume(front, ail)
        gid = f"screenshot::{hashlib.sha256(data).hexdigest()}"
        assert given[gid, YES] == given[gid, 'image-match:kind="observed"'] == 1
        clusters = [object for object, tag in given if tag.startswith("image-match:cluster=")]
        assert len(clusters) == 2 and gid in clusters
        assert item

    def test_the_same_bytes_on_another_domain_are_one_object_and_tagged(self, ail: Ail, front: Front) -> None:
        data = png(page(2))
        ail.crawl("shop.onion", data)
        ail.crawl("mirror.onion", data, 1)
        given = consume(front, ail)
        assert given[f"screenshot::{hashlib.sha256(data).hexdigest()}", 'image-match:kind="observed"'] == 1

    def test_chats_share_pictures_all_day(self, ail: Ail, front: Front) -> None:
        ail.feed_image(png(page(3)), "net:1")
        ail.feed_image(jpeg(page(3)), "net:2")
        assert consume(front, ail) == {}
        assert counts(front) == {"new": 1, "quiet": 1}

    def test_a_baseline_may_be_shown_by_its_own_domains(self, ail: Ail, front: Front) -> None:
        front.matcher.banks.create("banks", kind="baseline", domains=("bank.example",))
        front.matcher.add(png(page(4)), banks=("banks",))
        ail.crawl("www.bank.example", jpeg(page(4), 90))
        assert consume(front, ail) == {}
        ail.crawl("bank-login.onion", data := jpeg(page(4), 70), 1)
        given = consume(front, ail)
        gid = f"screenshot::{hashlib.sha256(data).hexdigest()}"
        assert given[gid, 'image-match:kind="baseline"'] == given[gid, 'image-match:bank="banks"'] == 1

    def test_ignored_pictures_answer_nothing(self, ail: Ail, front: Front) -> None:
        front.matcher.banks.create("defaults", kind="ignore")
        front.matcher.add(png(page(5)), banks=("defaults",))
        ail.crawl("a.onion", png(page(5, mark=1)))
        assert consume(front, ail) == {}

    def test_of_one_cluster_only_so_many_are_tagged_in_a_day(self, ail: Ail, front: Front, kit: bytes) -> None:
        front.matcher.settings = front.matcher.settings.with_overrides({"ail.daily": 3})
        front = Front.open(front.matcher)
        for mark in range(1, 8):
            ail.crawl(f"kit{mark}.onion", png(page(1, mark=mark)), mark)
        tagged = {gid for gid, tag in consume(front, ail) if tag == YES}
        assert len(tagged) == 3
        assert counts(front) == {"tagged": 3, "capped": 4, "tags": counts(front)["tags"]}

    def test_placeholders_are_passed_over(self, ail: Ail, front: Front) -> None:
        blank = front.matcher.settings["ail.placeholders"][0]
        item = ail.crawl("down.onion", None)
        ail.correlate("item", "", item, "screenshot", "", blank)
        assert consume(front, ail) == {}
        assert counts(front) == {"placeholder": 1}


class TestCorrelations:
    @pytest.fixture
    def pair(self, ail: Ail, front: Front) -> tuple[bytes, bytes]:
        front.matcher.banks.create("kits", kind="known-bad")
        first, second = jpeg(page(1)), jpeg(page(1), 80)
        ail.feed_image(first, "net:1")
        consume(front, ail)
        front.matcher.set_banks(hashlib.sha256(first).hexdigest(), add=("kits",))
        return first, second

    def test_are_off(self, ail: Ail, front: Front, pair: tuple[bytes, bytes]) -> None:
        ail.feed_image(pair[1], "net:2")
        assert consume(front, ail)
        assert not ail.kvrocks.keys("correlation:obj:image::image:*")

    def test_are_between_objects_of_one_type(self, ail: Ail, front: Front, pair: tuple[bytes, bytes]) -> None:
        front.matcher.settings = front.matcher.settings.with_overrides({"ail.correlations": True})
        ail.feed_image(pair[1], "net:2")
        ail.crawl("kit.onion", jpeg(page(1), 70))
        consume(Front.open(front.matcher), ail)
        one, two = (hashlib.sha256(data).hexdigest() for data in pair)
        assert ail.kvrocks.smembers(f"correlation:obj:image::image:{one}") == {f":{two}"}
        assert ail.kvrocks.smembers(f"correlation:obj:image::image:{two}") == {f":{one}"}
        assert not ail.kvrocks.keys("correlation:obj:image::screenshot:*")


class TestSensitive:
    @pytest.mark.parametrize("tag", ['dark-web:topic="pornography-illicit-or-illegal"', 'copine-scale:level-1="indicative"'])
    def test_what_ail_calls_unsafe(self, ail: Ail, front: Front, tag: str) -> None:
        data = png(page(6))
        gid = ail.store_image(data)
        ail.tag(gid, tag)
        ail.tag(gid, 'infoleak:automatic-detection="credit-card"')
        ail.tag(gid, 'dark-web:topic="drugs-narcotics"')
        ail.feed_image(data)
        consume(front, ail)
        record = front.matcher.get(gid.removeprefix("image::"))
        assert record.sensitive and record.tags == (tag,)

    def test_what_is_called_so_later(self, ail: Ail, front: Front) -> None:
        gid = ail.feed_image(png(page(6)))
        consume(front, ail)
        assert not front.matcher.get(gid.removeprefix("image::")).sensitive
        ail.tag(gid, 'dark-web:topic="violence"')
        ail.feed_image(png(page(6)), date="20260716")
        consume(front, ail)
        assert front.matcher.get(gid.removeprefix("image::")).sensitive


class TestOdd:
    def test_messages_are_ended_and_the_loop_goes_on(self, ail: Ail, front: Front, kit: bytes) -> None:
        text = ail.store_image(b"no picture at all")
        gif = ail.store_image(long_gif())
        wrong = ail.store_image(png(page(7)))
        path = front.files.path("image", wrong.removeprefix("image::"))
        path.write_bytes(b"something else")
        outside = "ab" * 6 + "0" * 52
        ail.store_image(png(page(8)))
        (ail.home / "IMAGES" / "ab" / "ab" / "ab" / "ab" / "ab" / "ab").mkdir(parents=True, exist_ok=True)
        link = ail.home / "IMAGES" / "ab" / "ab" / "ab" / "ab" / "ab" / "ab" / ("0" * 52)
        link.symlink_to("/etc/passwd")
        sender = ail.module("Global")
        for gid in (
            "::",
            "martian::1",
            "image::../../../../etc/passwd",
            "image::" + "A" * 64,
            f"image::{outside}",
            "image:sub:" + "0" * 64,
        ):
            sender.send_message(gid, "20260715", "Images")
        for gid in (text, gif, wrong):
            sender.send_message(gid, "", "Images")
        for raw in ("no separator", "", ";", "image;", "\u0000;\u0000"):
            ail.queues.rpush("queue:KuatoImages:in", raw)
        good = ail.feed_image(jpeg(page(1)))
        assert consume(front, ail)[good, YES] == 1
        link.unlink()
        found = counts(front)
        assert (found["not a picture"], found["wrong file"], found["new"]) == (1, 1, 1)
        assert found["odd message"] == 11
        assert ail.account() == {}
        assert [queue.dead() for queue in front.queues] == [[], []]

    def test_a_missing_file_is_tried_again_then_kept_aside_and_replayed(self, ail: Ail, front: Front, kit: bytes) -> None:
        data = jpeg(page(1))
        sha256 = hashlib.sha256(data).hexdigest()
        front.files.path("image", sha256).unlink(missing_ok=True)
        ail.module("Global").send_message(f"image::{sha256}", "20260715", "Images")
        assert consume(front, ail) == {}
        (dead,) = front.queues[0].dead()
        assert "cannot be read: No such file" in dead.why
        assert ail.account() == {}
        ail.store_image(data)
        assert front.queues[0].replay(dead)
        assert consume(front, ail)[f"image::{sha256}", YES] == 1

    def test_what_kills_whoever_takes_it_is_kept_aside(self, ail: Ail, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
        ail.feed_image(png(page(9)))
        monkeypatch.setattr("ail_connector.consumer._DEATHS", 3)
        for n in range(3):
            queue = Queue(front.installation, "KuatoImages", lease=0)
            assert queue.take(f"killed {n}") is not None
            queue.close()
        consume(front, ail)
        (dead,) = front.queues[0].dead()
        assert dead.why.startswith("3 that took it did not come back")


def test_several_workers_share_the_work(ail: Ail, front: Front, kit: bytes) -> None:
    gids = [ail.feed_image(jpeg(page(1), 30 + quality)) for quality in range(10)]
    given = consume(front, ail, workers=4)
    assert all(given[gid, YES] == 1 for gid in gids)
    assert set(given.values()) == {1}


def test_while_ail_does_not_take_its_tags_nothing_is_begun(ail: Ail, front: Front, kit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ail_connector.consumer._CARE", 0.05)
    front.matcher.settings = front.matcher.settings.with_overrides({"ail.max_tags_waiting": 3})
    consumer = front.consumer(1)
    for n in range(3):
        ail.queues.rpush("queue:Tags:in", f"image::{n};x")
    running = threading.Thread(target=consumer.run, kwargs={"until_empty": True})
    consumer._look_after()
    running.start()
    ail.feed_image(jpeg(page(1)))
    assert not threading.Event().wait(1)
    assert front.queues[0].waiting() == 1
    ail.run_tags()
    running.join(60)
    assert not running.is_alive() and front.queues[0].waiting() == 0
