"""Favicons of crawled pages: on no queue of AIL's, so they are looked up when a page comes; objects of their own."""

import pytest

from ail_connector.database import Database
from ail_connector.front import Front
from matcher.errors import DecodeCrash
from matcher.pool import WorkerPool
from tests.ail_connector.pages import jpeg, page, png
from tests.ail_connector.stand_in import Ail
from tests.ail_connector.test_consumer import BAD, YES, consume, counts

ICON = png(page(7, (64, 64)))
OWN, OTHER = "favicon::-1234567890", "favicon::987654321"


@pytest.fixture
def looking(front: Front) -> Front:
    """A front that looks at favicons; one is in a bank, and a page."""
    front.matcher.settings = front.matcher.settings.with_overrides({"ail.favicons": True})
    front.matcher.banks.create("icons", kind="known-bad")
    front.matcher.add(ICON, banks=("icons",))
    front.matcher.banks.create("kits", kind="known-bad")
    front.matcher.add(png(page(1)), banks=("kits",))
    return front


def store(ail: Ail, gid: str, data: bytes, domain: str, item: str | None = None) -> None:
    ail.store_favicon(data, gid.removeprefix("favicon::"), domain, item)


def test_a_page_s_own_is_tagged_beside_its_screenshot(ail: Ail, looking: Front) -> None:
    item = ail.crawl("evil.onion", jpeg(page(1)))
    store(ail, OWN, ICON, "evil.onion", item)
    store(ail, OTHER, png(page(8, (64, 64))), "evil.onion")
    given = consume(looking, ail)
    assert given[OWN, YES] == given[OWN, BAD] == given[OWN, 'image-match:bank="icons"'] == 1
    assert {gid.partition(":")[0] for gid, tag in given if tag == 'image-match:bank="kits"'} == {"screenshot"}
    assert not {gid for gid, _ in given} & {OTHER}
    (record,) = looking.matcher.by_source("ail-object", OWN)
    (place,) = [source for source in record.sources if source.kind == "domain"]
    assert (place.id, place.metadata) == ("evil.onion", {"object": OWN, "item": item, "date": "20260715"})
    assert not looking.matcher.by_source("ail-object", OTHER)
    assert (counts(looking)["tagged"], ail.account()) == (1, {})


def test_again_it_says_nothing(ail: Ail, looking: Front) -> None:
    for number in range(2):
        store(ail, OWN, ICON, "evil.onion", ail.crawl("evil.onion", png(page(30)), number))
    assert consume(looking, ail)[OWN, YES] == 1
    store(ail, OWN, ICON, "evil.onion", ail.crawl("evil.onion", png(page(30)), 3))
    assert consume(looking, ail) == {}
    assert counts(looking)["again"] == 2


def test_while_a_page_has_none_its_domain_s_are_looked_at(ail: Ail, looking: Front) -> None:
    store(ail, OWN, ICON, "evil.onion")
    store(ail, OTHER, ICON, "other.onion")
    ail.crawl("evil.onion", png(page(30)))
    assert {gid for gid, tag in consume(looking, ail) if tag == YES} == {OWN}


def test_of_a_domain_with_many_some_are(ail: Ail, looking: Front) -> None:
    for number in range(40):
        ail.correlate("favicon", "", str(number), "domain", "", "evil.onion")
    assert len(Database(looking.installation).favicons(ail.item("evil.onion"))) == 10


def test_without_a_screenshot_it_is_looked_at_in_the_end(ail: Ail, looking: Front) -> None:
    store(ail, OWN, ICON, "evil.onion", ail.crawl("evil.onion", None))
    store(ail, OTHER, png(page(8, (64, 64))), "dull.onion", ail.crawl("dull.onion", None))
    given = consume(looking, ail)
    assert given[OWN, YES] == 1
    assert counts(looking) == {"tagged": 1, "no screenshot": 1, "tags": len(given)}


@pytest.mark.parametrize("failing", ["missing", "no picture", "crash"])
def test_what_fails_at_it_keeps_no_screenshot_from_its_tags(
    ail: Ail, looking: Front, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    item = ail.crawl("evil.onion", jpeg(page(1)))
    icon = png(page(9, (64, 64)))
    store(ail, OTHER, b"no picture" if failing == "no picture" else icon, "evil.onion", item)
    if failing == "missing":
        ail.correlate("favicon", "", "5", "item", "", item)
    if failing == "crash":
        fingerprint = WorkerPool.fingerprint

        def crashing(self: WorkerPool, data: bytes, *arguments: object, **options: object) -> object:
            if data == icon:
                raise DecodeCrash("it crashed")
            return fingerprint(self, data, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(WorkerPool, "fingerprint", crashing)
    given = consume(looking, ail)
    assert {gid.partition(":")[0] for gid, tag in given if tag == YES} == {"screenshot"}
    assert (counts(looking)["tagged"], counts(looking)["dead"]) == (1, 0)


def test_off_they_are_not_looked_at(ail: Ail, looking: Front) -> None:
    looking.matcher.settings = looking.matcher.settings.with_overrides({"ail.favicons": False})
    store(ail, OWN, ICON, "evil.onion", ail.crawl("evil.onion", png(page(30))))
    assert consume(looking, ail) == {}
    assert not looking.matcher.by_source("ail-object", OWN)
