"""Taking and finishing: nothing is lost, nothing counts twice, and AIL's own account stays right."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from ail_connector.errors import AilUnavailable
from ail_connector.installation import Installation
from ail_connector.message import Message, digest, encoded
from ail_connector.queue import Queue, Tag, holder_name
from matcher.errors import BadSettings
from tests.ail_connector.stand_in import Ail

MODULE = "KuatoImages"


class Clock:
    def __init__(self) -> None:
        self.now = 1_780_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(installation: Installation, clock: Clock) -> Queue:
    return Queue(installation, MODULE, lease=60, clock=clock)


def ours(ail: Ail) -> set[str]:
    """What is left under our own keys of messages in work."""
    return {key for key in ail.queues.keys("kuato:*") if key.rsplit(":", 1)[-1] in ("held", "due", "holders", "dead")}


class TestTaking:
    def test_follows_ails_account(self, ail: Ail, queue: Queue) -> None:
        gid = ail.feed_image(b"one")
        hash = "KuatoImages:" + digest(encoded(gid, "20260715"))
        assert ail.process.zrange(f"obj:queues:{gid}", 0, -1) == ["KuatoImages:" + hash.split(":")[1], "OcrExtractor:" + hash.split(":")[1]]
        taken = queue.take("a")
        assert taken is not None
        assert (taken.message.gid, taken.message.text, taken.tries) == (gid, "20260715", 1)
        assert ail.process.zrange(f"obj:modules:{gid}", 0, -1) == [hash]
        assert ail.queues.hget("queues", MODULE) == "0"
        assert ail.queues.llen(f"queue:{MODULE}:in") == 0
        assert ail.drain("OcrExtractor") == 1
        assert queue.finish("a", taken, (), "new") == 0
        assert ail.account() == {}
        assert ail.process.smembers("objs:processed") == {gid}
        assert ours(ail) == set()

    def test_is_in_order_and_by_one_alone(self, ail: Ail, queue: Queue) -> None:
        gids = [ail.feed_image(bytes([n])) for n in range(40)]
        found = []
        for n in range(40):
            taken = queue.take(f"holder {n % 3}")
            assert taken is not None
            found.append(taken.message.gid)
            queue.finish(f"holder {n % 3}", taken, (), "new")
        assert found == gids
        assert queue.take("a") is None

    def test_again_gives_a_holder_what_it_has(self, ail: Ail, queue: Queue) -> None:
        """An answer may be lost on its way: the same ticket comes again."""
        ail.feed_image(b"one")
        ail.feed_image(b"two")
        assert queue.take("a") == queue.take("a")
        assert queue.waiting() == 1

    def test_the_same_message_twice_is_two_tickets(self, ail: Ail, queue: Queue) -> None:
        ail.feed_image(b"one")
        ail.feed_image(b"one")
        first, second = queue.take("a"), queue.take("b")
        assert first is not None and second is not None and first.ticket != second.ticket
        queue.finish("a", first, (), "new")
        queue.finish("b", second, (), "again")
        ail.drain("OcrExtractor")
        assert ail.account() == {}

    @pytest.mark.parametrize("raw", ["::;what", "no separator", ";", "a;b;c", "martian::1;x", "\udcff\udcfe;x"])
    def test_odd_messages_are_held_and_ended_like_others(self, ail: Ail, queue: Queue, raw: str) -> None:
        data = raw.encode("utf-8", "surrogateescape")
        queue.server.ask("RPUSH", f"queue:{MODULE}:in", data)
        taken = queue.take("a")
        assert taken is not None
        assert taken.message.raw == data
        assert queue.finish("a", taken, (), "odd") == 0
        assert queue.server.ask("DBSIZE") > 0
        assert (ours(ail), ail.queues.llen(f"queue:{MODULE}:in")) == (set(), 0)


class TestFinishing:
    def test_sends_tags_as_ail_itself_would(self, ail: Ail, queue: Queue) -> None:
        gid, tag = ail.feed_image(b"one"), 'image-match:decision="yes"'
        ail.drain("OcrExtractor")
        taken = queue.take("a")
        assert taken is not None
        assert queue.finish("a", taken, (Tag(gid, tag), Tag(gid, tag)), "tagged") == 1
        ours = (ail.queues.lrange("queue:Tags:in", 0, -1), ail.process.zrange(f"obj:queues:{gid}", 0, -1), ail.process.keys("*"))
        assert ail.run_tags() == {(gid, tag): 1}
        assert ail.account() == {}
        ail.clear()
        ail.module("KuatoImages").send_message(gid, tag, "Tags")
        theirs = (ail.queues.lrange("queue:Tags:in", 0, -1), ail.process.zrange(f"obj:queues:{gid}", 0, -1), ail.process.keys("*"))
        assert ours[:2] == theirs[:2] and sorted(ours[2]) == sorted(theirs[2])

    def test_no_tag_is_sent_twice(self, ail: Ail, queue: Queue) -> None:
        gid = ail.feed_image(b"one")
        ail.feed_image(b"one", date="20260716")
        for expected in (1, 0):
            taken = queue.take("a")
            assert taken is not None
            assert queue.finish("a", taken, (Tag(gid, "t"),), "tagged") == expected
        assert queue.send((Tag(gid, "t"), Tag(gid, "u")), "later") == 1
        assert ail.run_tags() == {(gid, "t"): 1, (gid, "u"): 1}

    def test_whoever_lost_the_lease_changes_nothing(self, ail: Ail, queue: Queue, clock: Clock) -> None:
        gid = ail.feed_image(b"one")
        slow = queue.take("slow")
        assert queue.take("b") is None
        clock.now += 61
        taken = queue.take("b")
        assert slow is not None and taken is not None
        assert (taken.ticket, taken.tries) == (slow.ticket, 2)
        assert queue.finish("slow", slow, (Tag(gid, "t"),), "tagged") == -1
        assert ail.queues.llen("queue:Tags:in") == 0
        assert queue.finish("b", taken, (Tag(gid, "t"),), "tagged") == 1
        assert queue.finish("b", taken, (Tag(gid, "t"),), "tagged") == -1

    def test_counts_what_came_of_it(self, ail: Ail, queue: Queue) -> None:
        for n in range(3):
            ail.feed_image(bytes([n]))
            taken = queue.take("a")
            assert taken is not None
            queue.finish("a", taken, (Tag(str(taken.message.gid), "t"),), "tagged")
        assert queue.counts() == {"tagged": 3, "tags": 3}


class TestTrying:
    def test_again_comes_after_its_time(self, ail: Ail, queue: Queue, clock: Clock) -> None:
        ail.feed_image(b"one")
        taken = queue.take("a")
        assert taken is not None
        queue.later("a", taken, 30)
        assert queue.take("a") is None
        clock.now += 31
        again = queue.take("b")
        assert again is not None and (again.message, again.tries) == (taken.message, 2)

    def test_given_up_it_is_kept_and_taken_up_again(self, ail: Ail, queue: Queue) -> None:
        gid = ail.feed_image(b"one")
        ail.drain("OcrExtractor")
        taken = queue.take("a")
        assert taken is not None
        queue.bury("a", taken, "it is cursed")
        assert ail.account() == {}
        assert queue.take("a") is None
        (dead,) = queue.dead()
        assert (dead.message.gid, dead.why) == (gid, "it is cursed")
        assert queue.replay(dead) and not queue.replay(dead)
        again = queue.take("a")
        assert again is not None and (again.message, again.tries) == (taken.message, 1)
        queue.finish("a", again, (), "new")
        assert (ail.account(), ours(ail)) == ({}, set())

    def test_what_a_dead_process_held_comes_at_once(self, ail: Ail, queue: Queue) -> None:
        ail.feed_image(b"one")
        dead = f"{holder_name(0).rsplit(' ', 3)[0]} 1 0 0"
        assert queue.take(dead) is not None
        ail.feed_image(b"two")
        assert queue.take(holder_name(0)) is not None
        assert queue.release_orphans() == 1
        again = queue.take(holder_name(1))
        assert again is not None and (again.tries, again.deaths) == (2, 1)
        assert queue.release_orphans() == 0

    def test_what_others_died_with_waits_longer_each_time(self, ail: Ail, queue: Queue, clock: Clock) -> None:
        ail.feed_image(b"one")
        host = holder_name(0).rsplit(" ", 3)[0]
        waited = []
        for n in range(4):
            while queue.take(f"{host} 1 0 {n}") is None:
                clock.now += 0.5
            waited.append(clock.now)
            assert queue.release_orphans() == 1
        assert [round(b - a, 1) for a, b in pairwise(waited)] == [0, 1, 4]

    def test_being_put_off_is_no_death(self, ail: Ail, queue: Queue, clock: Clock) -> None:
        ail.feed_image(b"one")
        for n in range(4):
            taken = queue.take("a")
            assert taken is not None and (taken.failures, taken.deaths) == (n, 0)
            queue.later("a", taken, 1)
            clock.now += 2


def test_a_process_is_on_ails_pages_until_it_leaves(ail: Ail, queue: Queue, clock: Clock) -> None:
    queue.join()
    pid = str(os.getpid())
    assert ail.queues.smembers("modules") == {MODULE}
    assert ail.queues.hgetall(f"module:start:{MODULE}") == {pid: str(int(clock.now))}
    assert ail.queues.hgetall(f"module:{MODULE}") == {pid: "-1"}
    queue.take("a")
    assert ail.queues.hgetall(f"module:{MODULE}") == {pid: str(int(clock.now))}
    ail.feed_image(b"one")
    queue.leave()
    assert (ail.queues.smembers("modules") & {MODULE}, ail.queues.exists(f"module:{MODULE}", f"module:start:{MODULE}")) == (set(), 0)
    assert queue.waiting() == 1


def test_messages_are_told_apart_as_ail_does() -> None:
    message = Message.parse(b"image::ab;20260715;x")
    assert (message.gid, message.text, message.parts) == ("image::ab", "20260715;x", ("image", "", "ab"))
    assert Message.parse(b"chat:sub:-1:2;").parts == ("chat", "sub", "-1:2")
    assert Message.parse(b"nothing").gid is None
    assert digest(b"image::ab;20260715;x") == digest(b"image::ab;20260715;x")
    # The seedless vector of the algorithm's own test suite.
    assert digest(b"") == "2d06800538d394c2"


def test_what_is_wrong_with_an_installation_is_named(ail: Ail, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"core\.cfg cannot be read: No such file"):
        Installation.read(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "core.cfg").write_text("[Redis_Queues]\nhost = x\nport = many\n")
    (tmp_path / "configs" / "modules.cfg").write_text("")
    with pytest.raises(BadSettings, match="section Redis_Queues has no usable"):
        Installation.read(tmp_path)


def test_an_absent_queue_is_an_error_of_its_own(ail: Ail, installation: Installation) -> None:
    from dataclasses import replace

    away = replace(installation, queues=replace(installation.queues, port=1), process=replace(installation.process, port=1))
    with pytest.raises(AilUnavailable, match="the queue of AIL at 127"):
        Queue(away, MODULE).take("a")
