"""What AIL had before: banks that came later, files on disk, tags that do not hold any more."""

import hashlib
from threading import Event

import pytest

from ail_connector.backfill import Progress
from ail_connector.front import Front
from ail_connector.ledger import Ledger
from matcher.reviews import Verdict
from tests.ail_connector.pages import jpeg, page, png
from tests.ail_connector.stand_in import Ail
from tests.ail_connector.test_consumer import BAD, YES, consume, counts


def screenshot(data: bytes) -> str:
    return f"screenshot::{hashlib.sha256(data).hexdigest()}"


class TestBanksThatCameLater:
    def test_tag_what_was_seen_before_and_once(self, ail: Ail, front: Front) -> None:
        shots = [png(page(1, mark=mark)) for mark in range(1, 6)]
        for mark, data in enumerate(shots):
            ail.crawl("kit.onion", data, mark, f"2025/07/1{mark}")
        ail.crawl("other.onion", png(page(2)), 9)
        assert consume(front, ail) == {}
        front.matcher.banks.create("kits", kind="known-bad")
        front.matcher.add(jpeg(page(1)), banks=("kits",))
        assert front.retroactive.run() > 0
        given = ail.run_tags()
        assert {gid for gid, tag in given if tag == BAD} == {screenshot(data) for data in shots}
        assert set(given.values()) == {1}
        assert front.retroactive.run() == 0
        front.matcher.add(jpeg(page(1), 50), banks=("kits",))
        front.retroactive.run()
        assert not [tag for _, tag in ail.run_tags() if not tag.startswith("image-match:cluster")]
        assert ail.account() == {}

    def test_a_picture_that_ail_has_itself(self, ail: Ail, front: Front) -> None:
        ail.crawl("kit.onion", data := png(page(1)))
        consume(front, ail)
        front.matcher.banks.create("kits", kind="known-bad")
        front.matcher.set_banks(hashlib.sha256(data).hexdigest(), add=("kits",))
        front.retroactive.run()
        assert ail.run_tags()[screenshot(data), BAD] == 1

    def test_a_baseline_s_own_domains_are_left_alone(self, ail: Ail, front: Front) -> None:
        ail.crawl("www.bank.example", own := png(page(3, mark=1)))
        ail.crawl("bank.onion", other := png(page(3, mark=2)), 1)
        consume(front, ail)
        front.matcher.banks.create("banks", kind="baseline", domains=("bank.example",))
        front.matcher.add(jpeg(page(3)), banks=("banks",))
        front.retroactive.run()
        tagged = {gid for gid, tag in ail.run_tags() if tag == 'image-match:kind="baseline"'}
        assert tagged == {screenshot(other)} and screenshot(own) not in tagged

    def test_of_many_copies_also_those_that_no_search_compares(self, ail: Ail, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("matcher.search.MOST_NEAR", 2)
        shots = [png(page(1, mark=mark)) for mark in range(1, 7)]
        for mark, data in enumerate(shots):
            ail.crawl("kit.onion", data, mark)
        consume(front, ail)
        front.matcher.banks.create("kits", kind="known-bad")
        front.matcher.add(jpeg(page(1)), banks=("kits",))
        front.retroactive.run()
        tagged = {gid for gid, tag in ail.run_tags() if tag == BAD}
        assert len(tagged) > 2

    def test_interrupted_it_goes_on(self, ail: Ail, front: Front) -> None:
        for seed in range(1, 4):
            ail.crawl(f"kit{seed}.onion", png(page(seed)), seed)
        consume(front, ail)
        front.matcher.banks.create("kits", kind="known-bad")
        for seed in range(1, 4):
            front.matcher.add(jpeg(page(seed)), banks=("kits",))
        asked = iter([False, True])
        front.retroactive.run(lambda: next(asked))
        first = ail.run_tags()
        assert len({gid for gid, _ in first}) == 1
        front.retroactive.run()
        second = ail.run_tags()
        assert len({gid for gid, tag in second if tag == BAD}) == 2
        assert not set(first) & set(second)


class TestBackfill:
    @pytest.fixture
    def filled(self, ail: Ail, front: Front) -> Front:
        """An AIL that had collected before Kuato came; other tests' files are there, too."""
        for folder in ("IMAGES", "CRAWLED_SCREENSHOT", "FAVICONS"):
            for path in (ail.home / folder).rglob("*"):
                if path.is_file():
                    path.unlink()
        front.matcher.banks.create("kits", kind="known-bad")
        front.matcher.add(png(page(1)), banks=("kits",))
        for quality in range(60, 66):
            ail.store_image(jpeg(page(1), quality), "net:1")
            ail.store_image(jpeg(page(quality), quality), "net:1")
        ail.store_image(b"no picture")
        for n in range(3):
            ail.store_screenshot(jpeg(page(1), 70 + n), ail.item(f"kit{n}.onion", n, "2025/01/02"))
        ail.store_favicon(png(page(1, (64, 64))), "-1234567890", "kit1.onion")
        return front

    def test_goes_through_all_files_once(self, ail: Ail, filled: Front) -> None:
        done = filled.backfill(False).run("image")
        assert (done.done, done.outcomes["not a picture"], done.outcomes["tagged"]) == (13, 1, 6)
        assert filled.backfill(False).run("image").done == 0
        shots = filled.backfill(False).run("screenshot")
        assert shots.outcomes == {"tagged": 3}
        assert filled.backfill(False).run("favicon").done == 1
        given = ail.run_tags()
        assert len({gid for gid, tag in given if tag == BAD}) == 9
        assert set(given.values()) == {1}
        (record,) = filled.matcher.by_source("domain", "kit2.onion")
        (place,) = [source for source in record.sources if source.kind == "domain"]
        assert place.metadata["date"] == "20250102" or place.metadata["date"].startswith("20")
        assert filled.matcher.by_source("ail-object", "favicon::-1234567890")

    def test_interrupted_it_goes_on_and_repeats_no_tag(self, ail: Ail, filled: Front, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ail_connector.backfill._AT_ONCE", 4)
        stop, seen = Event(), list[Progress]()

        def told(progress: Progress) -> None:
            seen.append(progress)
            stop.set()

        first = filled.backfill(False).run("image", stop=stop, told=told)
        assert first.done == 4
        second = filled.backfill(False).run("image")
        assert second.done == 9 and 0 < seen[0].share < 1
        assert filled.backfill(False).run("image", restart=True).outcomes["again"] > 0
        given = ail.run_tags()
        assert len({gid for gid, tag in given if tag == BAD}) == 6
        assert set(given.values()) == {1}

    def test_waits_as_it_is_told(self, ail: Ail, filled: Front, monkeypatch: pytest.MonkeyPatch) -> None:
        waited = list[float]()

        class Waiting(Event):
            def wait(self, timeout: float | None = None) -> bool:
                waited.append(timeout or 0)
                return False

        filled.backfill(False).run("screenshot", rate=0.01, stop=Waiting())
        assert len(waited) == 1 and 200 < waited[0] <= 300

    def test_what_was_seen_elsewhere_is_tagged_where_that_is_wanted(self, ail: Ail, filled: Front) -> None:
        ail.store_screenshot(png(page(40, mark=1)), ail.item("shop.onion", 7))
        ail.store_screenshot(png(page(40, mark=2)), ail.item("mirror.onion", 8))
        assert filled.backfill(False).run("screenshot").outcomes == {"tagged": 3, "new": 1, "quiet": 1}
        filled.matcher.reset()
        ail.clear()
        ail.correlate("screenshot", "", hashlib.sha256(png(page(40, mark=1))).hexdigest(), "domain", "", "shop.onion")
        ail.correlate("screenshot", "", hashlib.sha256(png(page(40, mark=2))).hexdigest(), "domain", "", "mirror.onion")
        assert filled.backfill(True).run("screenshot").outcomes["tagged"] >= 1


class TestTagsThatDoNotHold:
    @pytest.fixture
    def tagged(self, ail: Ail, front: Front) -> str:
        front.matcher.banks.create("kits", kind="known-bad")
        front.matcher.add(png(page(1)), banks=("kits",))
        gid = ail.feed_image(jpeg(page(1)))
        assert consume(front, ail)[gid, YES] == 1
        return gid

    def known(self, front: Front) -> str:
        return hashlib.sha256(png(page(1))).hexdigest()

    def named(self, front: Front) -> dict[str, str]:
        return {found.gid: found.why for found, _ in Ledger(front.matcher.collection.store).withdrawn(front.matcher.collection)}

    def test_as_long_as_they_do_nothing_is_named(self, front: Front, tagged: str) -> None:
        assert self.named(front) == {}

    def test_somebody_said_that_it_is_another_picture(self, front: Front, tagged: str) -> None:
        matcher = front.matcher
        one, other = matcher.get(tagged.removeprefix("image::")), matcher.get(self.known(front))
        matcher.clustering.review(one, other, Verdict.DIFFERENT, "ada")
        assert self.named(front) == {tagged: f"ada said that it is not {other.sha256}"}

    def test_the_known_picture_left_its_bank_or_was_removed(self, front: Front, tagged: str) -> None:
        front.matcher.set_banks(self.known(front), remove=("kits",))
        assert "is in none of the banks any more" in self.named(front)[tagged]
        front.matcher.remove(self.known(front))
        assert "was removed" in self.named(front)[tagged]

    def test_a_review_that_made_the_match_was_withdrawn(self, ail: Ail, front: Front) -> None:
        matcher = front.matcher
        matcher.banks.create("kits", kind="known-bad")
        known = matcher.add(png(page(1)), banks=("kits",)).record
        gid = ail.feed_image(data := png(page(7)), "net:1")
        assert consume(front, ail) == {}
        unlike = matcher.get(hashlib.sha256(data).hexdigest())
        matcher.clustering.review(unlike, known, Verdict.SAME, "ada")
        ail.feed_image(data, "net:2", "20260716")
        assert consume(front, ail)[gid, YES] == 1
        assert self.named(front) == {}
        matcher.clustering.withdraw(unlike.sha256, known.sha256)
        assert self.named(front) == {gid: f"it was said to be {known.sha256}, and that was withdrawn"}

    def test_another_reason_keeps_a_tag(self, ail: Ail, front: Front, tagged: str) -> None:
        matcher = front.matcher
        second = matcher.add(jpeg(page(1), 90), banks=("kits",)).record
        front.retroactive.run()
        ail.run_tags()
        matcher.remove(self.known(front))
        ((found, _),) = Ledger(matcher.collection.store).withdrawn(matcher.collection)
        assert YES not in found.tags and BAD not in found.tags
        matcher.remove(second.sha256)
        ((found, _),) = Ledger(matcher.collection.store).withdrawn(matcher.collection)
        assert {YES, BAD} <= set(found.tags)


def test_what_comes_again_after_a_bank_is_not_tagged_twice(ail: Ail, front: Front) -> None:
    ail.crawl("kit.onion", data := png(page(1)))
    consume(front, ail)
    front.matcher.banks.create("kits", kind="known-bad")
    front.matcher.add(jpeg(page(1)), banks=("kits",))
    front.retroactive.run()
    assert ail.run_tags()[screenshot(data), YES] == 1
    ail.crawl("kit.onion", data, 1, "2026/07/16")
    assert consume(front, ail) == {}
    assert counts(front)["again"] == 1
