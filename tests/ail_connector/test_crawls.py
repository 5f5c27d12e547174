"""A month of crawls of pages that do not change: nothing is said after the first, until a bank gives a reason."""

import hashlib
import resource
from pathlib import Path

import pytest

from ail_connector.front import Front
from ail_connector.onward import Onward
from tests.ail_connector.pages import jpeg, page, png
from tests.ail_connector.stand_in import Ail
from tests.ail_connector.test_consumer import BAD, consume, counts

DAYS, UNCHANGED, CHANGING = 30, 8, 1


@pytest.mark.slow
def test_a_month_of_crawls_is_silent_and_a_bank_tags_it_once(ail: Ail, front: Front) -> None:
    """Two kinds of page: most come byte for byte as they were, some with another number in a corner each day."""
    front.matcher.settings = front.matcher.settings.with_overrides({"ail.onward": True})
    front, onward = Front.open(front.matcher), Onward(front.matcher.collection.store)
    shots = {f"site{n}.onion": png(page(10 + n)) for n in range(UNCHANGED)}
    number = 0
    for day in range(1, DAYS + 1):
        changing = {f"clock{n}.onion": png(page(50 + n, mark=day)) for n in range(CHANGING)}
        for domain, data in (shots | changing).items():
            number += 1
            ail.crawl(domain, data, number, f"2026/06/{day:02d}")
        assert consume(front, ail) == {}, f"day {day}"
    found = counts(front)
    # Of drawn pages some share content with one another, which is worth no tag either.
    assert found["again"] == (DAYS - 1) * UNCHANGED
    assert found["same source"] + found["quiet"] >= (DAYS - 1) * CHANGING
    assert (found["tags"], found["capped"]) == (0, 0)
    assert (ail.account(), onward.count()) == ({}, 0)

    front.matcher.banks.create("kits", kind="known-bad")
    for seed in (11, 50):
        front.matcher.add(jpeg(page(seed), 90), banks=("kits",))
    front.retroactive.run()
    given = ail.run_tags()
    tagged = {gid for gid, tag in given if tag == BAD}
    clocks = {f"screenshot::{hashlib.sha256(png(page(50, mark=day))).hexdigest()}" for day in range(1, DAYS + 1)}
    assert tagged >= clocks | {f"screenshot::{hashlib.sha256(shots['site1.onion']).hexdigest()}"}
    assert set(given.values()) == {1}
    told = onward.batch()
    assert {reason.gid for reason, _ in told.reasons} == tagged
    front.retroactive.run()
    for domain, data in shots.items():
        number += 1
        ail.crawl(domain, data, number, "2026/07/01")
    assert consume(front, ail) == {}
    assert onward.batch() == told


@pytest.mark.slow
def test_memory_does_not_grow_with_messages(ail: Ail, front: Front) -> None:
    """The short form of benchmarks/ail_memory.py: what comes again and again, and what is odd, leaves nothing behind."""
    gid = ail.feed_image(png(page(1)))
    consume(front, ail)

    def work(count: int) -> int:
        pipeline = ail.queues.pipeline(transaction=False)
        for n in range(count):
            pipeline.rpush("queue:KuatoImages:in", f"{gid};{20260000 + n}" if n % 2 else f"martian::{n};x")
        pipeline.execute()
        front.consumer(2).run(until_empty=True)
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = work(500)
    assert work(2000) - before < 10 << 20
