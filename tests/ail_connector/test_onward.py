"""What is told on reaches a MISP server: all of it, each match once, whatever dies or fails in between."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ail_connector.courier import Courier
from ail_connector.front import Front
from ail_connector.ledger import Reason
from ail_connector.onward import MOST, Onward
from matcher.delivery import delivery
from matcher.engine import Matcher
from matcher.errors import BadSettings, FetchFailed, Refused
from tests.ail_connector.pages import jpeg, page, png
from tests.ail_connector.stand_in import Ail
from tests.ail_connector.test_consumer import counts
from tests.matcher.commands.conftest import Kuato
from tests.misp_module.fake_misp import KEY, FakeMisp, Row

KNOWN = sha256(b"known").hexdigest()
NOON = 1_780_056_000.0


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def misp() -> Iterator[FakeMisp]:
    with FakeMisp().served() as server:
        yield server


@pytest.fixture
def matcher(shared_matcher: Matcher) -> Matcher:
    shared_matcher.reset()
    return shared_matcher


@pytest.fixture
def onward(matcher: Matcher) -> Onward:
    return Onward(matcher.collection.store)


@pytest.fixture
def kuato(matcher: Matcher, misp: FakeMisp, tmp_path: Path) -> Iterator[Kuato]:
    made = Kuato(matcher.settings, tmp_path / "home")
    made.options += [f"--set={name}={value}" for name, value in at(misp).items()]
    yield made
    made.close()


def at(misp: FakeMisp) -> dict[str, Any]:
    return {"misp.url": misp.url, "misp.key": KEY, "misp.retries": 0, "misp.pause": 0.001, "ail.onward": True}


def reason(n: int) -> Reason:
    digest = sha256(b"%d" % n).hexdigest()
    return Reason(f"image::{digest}", digest, KNOWN, ('image-match:decision="yes"',))


def fill(onward: Onward, *numbers: int) -> None:
    for n in numbers:
        onward.put(reason(n))


def courier(matcher: Matcher, misp: FakeMisp, every: float = 0.0, clock: Callable[[], float] = time.time, **more: Any) -> Courier:
    settings = matcher.settings.with_overrides(at(misp) | more)
    return Courier(matcher.collection, delivery(settings, matcher.collection.store), every, clock)


def pictures(misp: FakeMisp) -> list[str]:
    """The SHA-256 of all pictures that MISP was told of, as often as it was."""
    return sorted(row["value"] for row in misp.attributes.values() if row["type"] == "sha256")


def digests(*numbers: int) -> list[str]:
    return sorted(reason(n).sha256 for n in numbers)


def until(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_waits_is_posted_as_one_event_and_forgotten(kuato: Kuato, misp: FakeMisp, onward: Onward) -> None:
    fill(onward, *range(3))
    uuid = onward.batch().uuid
    told = kuato("ail", "onward", "--post")
    assert (told.exit_code, told.stdout) == (0, f"{misp.url}/events/view/{uuid}: 3 pictures\n"), told.stderr
    (event,) = misp.events.values()
    assert (event["uuid"], event["distribution"], event["published"]) == (uuid, "0", False)
    assert pictures(misp) == digests(*range(3))
    assert all(tag["local"] for row in misp.attributes.values() for tag in row["Tag"])
    assert onward.count() == 0 and not onward.batch().rows


def test_of_nothing_nothing_is_posted(kuato: Kuato, misp: FakeMisp, matcher: Matcher) -> None:
    told = kuato("ail", "onward", "--post")
    assert told.exit_code == 0 and "nothing new" in told.stderr
    assert courier(matcher, misp).post() == 0
    assert misp.requests == []


def test_what_is_printed_has_the_same_uuid(kuato: Kuato, misp: FakeMisp, onward: Onward) -> None:
    fill(onward, 1, 2)
    printed = json.loads(kuato("ail", "onward").stdout)["Event"]
    kuato("ail", "onward", "--post")
    assert [event["uuid"] for event in misp.events.values()] == [printed["uuid"]]
    assert kuato("ail", "onward", "--post", "--done").exit_code == 2


def test_a_thousand_are_one_event(matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
    fill(onward, *range(MOST + 200))
    told = list[int]()
    assert courier(matcher, misp).post(lambda address, count: told.append(count)) == MOST + 200
    assert told == [MOST, 200] and len(misp.events) == 2
    assert pictures(misp) == digests(*range(MOST + 200))
    assert onward.count() == 0


class TestKilled:
    def test_when_the_event_is_saved_it_is_posted_once(self, kuato: Kuato, misp: FakeMisp, onward: Onward) -> None:
        fill(onward, 1, 2)
        uuid = onward.batch().uuid
        started = kuato.start("ail", "onward", "--post")
        misp.saved = started.kill
        started.communicate(timeout=60)
        assert started.returncode == -9 and onward.count() == 2
        misp.saved = lambda: None
        fill(onward, 3)
        assert kuato("ail", "onward", "--post").stdout.count("\n") == 2
        assert next(iter(misp.events.values()))["uuid"] == uuid and len(misp.events) == 2
        assert pictures(misp) == digests(1, 2, 3)
        assert onward.count() == 0

    @pytest.mark.parametrize("step", ["run", "replace"])
    def test_while_it_forgets(self, matcher: Matcher, misp: FakeMisp, onward: Onward, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        """step: of the store, at which it dies."""
        fill(onward, 1, 2)
        work, drop = courier(matcher, misp), Onward.drop

        def dying(self: Onward, batch: Any) -> None:
            def die(*_: object) -> None:
                raise KeyboardInterrupt

            with monkeypatch.context() as patch:
                patch.setattr(self._store, step, die)
                drop(self, batch)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Onward, "drop", dying)
            work.post()
        fill(onward, 3)
        work.post()
        assert len(misp.events) == 2 and pictures(misp) == digests(1, 2, 3)
        assert onward.count() == 0 and not onward.batch().rows

    def test_with_misp_halfway_through_the_rest_is_added(self, matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
        fill(onward, *range(5))
        misp.faults.half = 2
        with pytest.raises(FetchFailed):
            courier(matcher, misp).post()
        assert len(misp.objects) == 2 and onward.count() == 5
        assert courier(matcher, misp).post() == 5
        assert len(misp.events) == 1 and pictures(misp) == digests(*range(5))


def test_while_misp_is_down_all_waits(kuato: Kuato, misp: FakeMisp, onward: Onward) -> None:
    fill(onward, 1, 2)
    misp.faults.down = True
    told = kuato("ail", "onward", "--post")
    assert told.exit_code != 0 and "what was not done is done the next time" in told.stderr
    assert onward.count() == 2
    misp.faults.down = False
    assert kuato("ail", "onward", "--post").exit_code == 0
    assert pictures(misp) == digests(1, 2)


def test_a_server_that_fails_at_random_gets_each_once(matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
    fill(onward, *range(30))
    misp.faults.broken = 0.3
    courier(matcher, misp, **{"misp.retries": 50}).post()
    assert len(misp.events) == 1 and pictures(misp) == digests(*range(30))


def test_a_match_that_is_told_twice_is_in_one_event(matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
    fill(onward, 1, 2)
    courier(matcher, misp).post()
    fill(onward, 2, 3)
    assert courier(matcher, misp).post() == 2
    assert pictures(misp) == digests(1, 2, 3) and onward.count() == 0


def test_what_misp_refuses_waits(matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
    fill(onward, 1)
    misp.rights.remove("perm_add")
    with pytest.raises(Refused, match="You do not have permission"):
        courier(matcher, misp).post()
    misp.rights.add("perm_add")
    with pytest.raises(Refused, match=r"misp\.max_writes_day"):
        courier(matcher, misp, **{"misp.max_writes_day": 1}).post()
    assert onward.count() == 1 and misp.events == {}
    assert courier(matcher, misp).post() == 1


def test_what_was_sensitive_by_then_is_left_out(matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
    fill(onward, 1)
    data = png(page(1))
    added = matcher.add(data).record
    onward.put(Reason(f"image::{added.sha256}", added.sha256, KNOWN, ()))
    matcher.tag(added.sha256, ["copine-scale:level=x"])
    assert matcher.get(added.sha256).sensitive
    assert courier(matcher, misp).post() == 1
    assert pictures(misp) == digests(1) and onward.count() == 0


def test_without_a_server_it_says_what_to_set(front: Front) -> None:
    front.matcher.settings = front.matcher.settings.with_overrides({"ail.onward_minutes": 5})
    with pytest.raises(BadSettings, match=r"misp\.url is empty"):
        front.consumer()


class TestTime:
    def test_one_of_several_posts_when_it_is_time(self, matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
        clock = Clock()
        work = [courier(matcher, misp, 600, clock) for _ in range(3)]
        fill(onward, 1)
        for one in work:
            one.care()
        clock.now += 599
        for one in work:
            one.care()
        assert all(one._working is None for one in work)
        clock.now += 1
        for one in work:
            one.care()
        until(lambda: onward.count() == 0)
        assert sum(one._working is not None for one in work) == 1
        assert len(misp.events) == 1

    def test_what_failed_is_tried_again_within_ten_minutes(self, matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
        clock = Clock()
        work = courier(matcher, misp, 86400, clock)
        fill(onward, 1)
        work.care()
        clock.now += 86400
        misp.faults.down = True
        work.care()
        assert work._working is not None
        work._working.join(60)
        misp.faults.down = False
        clock.now += 599
        work.care()
        assert onward.count() == 1
        clock.now += 1
        work.care()
        until(lambda: onward.count() == 0)

    def test_a_shorter_time_counts_at_once(self, matcher: Matcher, misp: FakeMisp, onward: Onward) -> None:
        clock = Clock()
        courier(matcher, misp, 86400, clock).care()
        fill(onward, 1)
        work = courier(matcher, misp, 60, clock)
        work.care()
        clock.now += 60
        work.care()
        until(lambda: onward.count() == 0)


def test_a_consumer_goes_on_while_misp_is_down_and_posts_later(
    ail: Ail, front: Front, misp: FakeMisp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ail_connector.consumer._CARE", 0.05)
    front.matcher.settings = front.matcher.settings.with_overrides(at(misp) | {"ail.onward_minutes": 0.001})
    front.matcher.banks.create("kits", kind="known-bad")
    front.matcher.add(png(page(1)), banks=("kits",))
    misp.faults.down = True
    stop, running = threading.Event(), Front.open(front.matcher)
    consumer = threading.Thread(target=running.consumer(1).run, args=(stop,))
    consumer.start()
    try:
        first = ail.feed_image(jpeg(page(1), 60), "net:1")
        until(lambda: counts(running)["tagged"] == 1 and len(misp.requests) > 3)
        second = ail.feed_image(jpeg(page(1), 70), "net:1")
        until(lambda: counts(running)["tagged"] == 2)
        assert misp.events == {}
        misp.faults.down = False
        until(lambda: len(pictures(misp)) == 2)
        until(lambda: Onward(front.matcher.collection.store).count() == 0)
    finally:
        stop.set()
        consumer.join()
        running.close()
    assert pictures(misp) == sorted(gid.removeprefix("image::") for gid in (first, second))
    row: Row = next(row for row in misp.objects.values())
    assert "of kits" in row["comment"]
