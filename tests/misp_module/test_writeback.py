"""Writing back to MISP, and taking back."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymisp import PyMISP

from matcher.engine import Matcher
from matcher.errors import BadSettings, FetchFailed
from matcher.reviews import Verdict
from matcher.settings import Settings
from misp_module.marking import Marks
from tests.misp_module.fake_misp import FOREIGN, KEY, OWN, FakeMisp, misp_sighting
from tests.misp_module.syncing import NOW, Syncing, large, smaller, tags


@pytest.fixture
def matcher(settings: Settings, misp: FakeMisp) -> Iterator[Matcher]:
    with Matcher.open(settings.with_overrides({"misp.url": misp.url, "misp.key": KEY, "misp.pause": 0.001})) as matcher:
        yield matcher


def pair(misp: FakeMisp, org: str = OWN) -> tuple[dict[str, Any], dict[str, Any]]:
    """A picture in an event of somebody's, and the same, smaller, later in one of ours."""
    older = misp.attach(misp.event(org=org), large(1), timestamp="1772000000")
    newer = misp.attach(misp.event(), large(1, smaller), timestamp="1772100000")
    return older, newer


def test_a_match_is_written_once_and_nothing_foreign_changes(misp: FakeMisp, matcher: Matcher) -> None:
    older, newer = pair(misp, FOREIGN)
    before = misp.of_orgs(FOREIGN)
    sync = Syncing(matcher, misp)
    assert sync.run() > 0
    assert sync.sighted() == [older["uuid"]]
    assert sync.links() == {(newer["uuid"], "similar", older["uuid"])}
    assert {tag for tag in tags(newer) if tag.startswith("image-match:")} >= {'image-match:decision="yes"'}
    assert all(tag["local"] for tag in newer["Tag"])
    assert tags(older) == set()
    (written,) = sync.objects()
    assert misp.events[written["event_id"]]["uuid"] == misp.events[newer["event_id"]]["uuid"]
    assert misp.of_orgs(FOREIGN) == before
    (sighting,) = misp.sightings.values()
    assert (sighting["type"], sighting["date_sighting"]) == ("0", "1772100000")
    assert next(iter(misp.analyst.values()))["distribution"] == "0"
    assert not any("/publish" in request for request in misp.requests)
    asked = len(misp.requests)
    assert sync.run() == 0
    assert not any("/add" in request or "attach" in request for request in misp.requests[asked:])


def test_an_older_one_that_comes_later_takes_the_place(misp: FakeMisp, matcher: Matcher) -> None:
    middle = misp.attach(misp.event(), large(1), timestamp="1772000000")
    newest = misp.attach(misp.event(), large(1), timestamp="1772100000")
    sync = Syncing(matcher, misp)
    sync.run()
    assert sync.links() == {(newest["uuid"], "same-as", middle["uuid"])}
    oldest = misp.attach(misp.event(), large(1, smaller), timestamp="1500000000")
    sync.run()
    expected = {(newest["uuid"], "same-as", middle["uuid"]), (newest["uuid"], "similar", oldest["uuid"])}
    assert sync.links() == expected | {(middle["uuid"], "similar", oldest["uuid"])}
    assert sync.sighted() == sorted([middle["uuid"], oldest["uuid"], oldest["uuid"]])


def test_what_may_not_be_told_is_not_written(misp: FakeMisp, matcher: Matcher) -> None:
    open_event, red = misp.event(), misp.event(Tag=[{"name": "tlp:red", "local": False}])
    group, own = misp.event(distribution="4", sharing_group_id="2"), misp.event(distribution="0")
    for n, event in enumerate((red, group, own)):
        misp.attach(event, large(n), timestamp="1772000000")
        misp.attach(open_event, large(n, smaller), timestamp="1772100000")
        misp.attach(event, large(n), timestamp="1772200000")
    sync = Syncing(matcher, misp)
    assert sync.run() == 0
    assert (sync.sighted(), sync.links(), sync.objects()) == ([], set(), [])


def test_events_of_ours_that_are_locked_are_not_changed(misp: FakeMisp, matcher: Matcher) -> None:
    _, newer = pair(misp)
    misp.events[newer["event_id"]]["locked"] = True
    sync = Syncing(matcher, misp)
    sync.run()
    assert sync.objects() == []
    assert len(sync.links()) == 1


def test_a_rejected_pair_is_taken_back(misp: FakeMisp, matcher: Matcher) -> None:
    older, newer = pair(misp, FOREIGN)
    sync = Syncing(matcher, misp)
    sync.run()
    one, other = (matcher.by_source("misp-attribute", row["uuid"])[0] for row in (older, newer))
    matcher.clustering.review(one, other, Verdict.DIFFERENT, "somebody")
    sync.run()
    assert (sync.sighted(), sync.links(), sync.objects(), tags(newer)) == ([], set(), [], set())
    matcher.clustering.withdraw(one.sha256, other.sha256)
    sync.state.queue([newer["uuid"]])
    sync.run()
    assert sync.sighted() == [older["uuid"]]


def test_what_is_deleted_takes_along_what_was_written(misp: FakeMisp, matcher: Matcher) -> None:
    older, newer = pair(misp)
    sync = Syncing(matcher, misp)
    sync.run()
    misp.delete(older, NOW + 150)
    sync.run()
    assert (sync.links(), tags(newer)) == (set(), set())


@pytest.mark.parametrize("how", ["sighting of the object", "sighting of the attribute", "opinion"])
def test_what_people_say_there_becomes_a_review(misp: FakeMisp, matcher: Matcher, how: str) -> None:
    older, newer = pair(misp, FOREIGN)
    sync = Syncing(matcher, misp)
    sync.run()
    (link,) = misp.analyst.values()
    (written,) = sync.objects()
    decision = next(row for row in misp.attributes.values() if row["object_id"] == written["id"] and row["object_relation"] == "decision")
    if how == "opinion":
        said = {"kind": "Opinion", "object_uuid": link["uuid"], "opinion": "10", "orgc_uuid": misp.orgs[OWN]["uuid"], "uuid": misp.uuid()}
        misp.analyst[said["uuid"]] = said | {"authors": "an analyst", "modified": str(NOW + 120)}
    else:
        misp_sighting(misp, decision if how == "sighting of the object" else older, "1", "", NOW + 120)
    sync.run()
    (review,) = matcher.collection.reviews.all()
    assert (review.verdict, review.who[:5]) == (Verdict.DIFFERENT, "misp:")
    assert (sync.links(), sync.objects(), tags(newer)) == (set(), [], set())
    assert [row["type"] for row in misp.sightings.values()] == ([] if how == "opinion" else ["1"])


def test_who_does_not_say_who_they_are_is_not_heard(misp: FakeMisp, matcher: Matcher) -> None:
    older, _ = pair(misp, FOREIGN)
    misp.orgs[OWN]["uuid"] = ""
    sync = Syncing(matcher, misp)
    sync.run()
    misp_sighting(misp, older, "1", "", NOW + 120, FOREIGN)
    misp.orgs[FOREIGN] |= {"uuid": "", "name": ""}
    sync.run()
    assert list(matcher.collection.reviews.all()) == []


def test_others_are_not_heard_unless_they_are_named(misp: FakeMisp, matcher: Matcher) -> None:
    older, _ = pair(misp, FOREIGN)
    sync = Syncing(matcher, misp)
    sync.run()
    misp_sighting(misp, older, "1", "", NOW + 120, FOREIGN)
    sync.run()
    assert list(matcher.collection.reviews.all()) == []
    named = Syncing(matcher, misp, **{"misp.feedback": "theirs"})
    named.now = sync.now
    named.run()
    assert [review.who for review in matcher.collection.reviews.all()] == ["misp:THEIRS"]


def test_a_dry_run_writes_nothing_and_tells_all(misp: FakeMisp, matcher: Matcher) -> None:
    older, newer = pair(misp)
    sync = Syncing(matcher, misp)
    made = sync.run(dry_run=True)
    assert made == len(sync.told) > 3
    assert (sync.sighted(), sync.links(), sync.objects(), tags(newer)) == ([], set(), [], set())
    assert f"sighting of {older['uuid']}: seen again at {newer['uuid']}" in sync.told
    assert sync.run() == made


def test_no_more_than_may_be_written_in_a_run_and_a_day(misp: FakeMisp, matcher: Matcher) -> None:
    for n in range(4):
        misp.attach(misp.event(), large(n), timestamp="1772000000")
        misp.attach(misp.event(), large(n), timestamp="1772100000")
    sync = Syncing(matcher, misp, **{"misp.write": "sightings", "misp.max_writes_run": 2, "misp.max_writes_day": 3})
    assert [sync.run(), sync.run(), sync.run()] == [2, 1, 0]
    assert any("misp.max_writes_run" in text for text in sync.told)
    assert "misp.max_writes_day" in sync.told[-1]
    sync.run(86_400)
    assert len(sync.sighted()) == 4


def test_rights_that_are_missing_are_told_and_nothing_is_lost(misp: FakeMisp, matcher: Matcher) -> None:
    _, newer = pair(misp)
    misp.rights -= {"perm_sighting"}
    misp.host_org = FOREIGN  # then local tags are refused
    sync = Syncing(matcher, misp)
    sync.run()
    assert (sync.sighted(), tags(newer), len(sync.links())) == ([], set(), 1)
    assert any("no right perm_sighting" in text for text in sync.told)
    assert any("refuses the tag" in text and "no tags are written" in text for text in sync.told)
    misp.rights |= {"perm_sighting"}
    misp.host_org = OWN
    later = Syncing(matcher, misp)
    later.now = sync.now
    later.run()
    assert (len(later.sighted()), bool(tags(newer)), len(later.links())) == (1, True, 1)


def test_rules_tag_attribute_and_event_and_leave_what_was_there(misp: FakeMisp, matcher: Matcher) -> None:
    matcher.banks.create("kit", kind="known-bad")
    older, newer = pair(misp, FOREIGN)
    misp.events[older["event_id"]]["info"] = "the kit"
    event = misp.events[newer["event_id"]]
    event["Tag"].append({"name": "phishing:kit", "local": False})
    second = misp.attach(event, large(1, smaller), "again.png", timestamp="1772100001")
    rules = [{"kind": "known-bad", "tags": ["seen:again", "phishing:kit"], "on": ["event", "attribute"]}]
    banks = [{"bank": "kit", "event": "the kit"}]
    sync = Syncing(matcher, misp, **{"misp.write": "tags", "tagging.rules": rules, "misp.banks": banks})
    sync.run()
    assert tags(newer) >= {"seen:again", "phishing:kit"}
    assert tags(event) == {"seen:again", "phishing:kit"}
    misp.delete(newer, NOW + 150)
    sync.run()
    assert tags(event) == {"seen:again", "phishing:kit"}, "the other attribute wants it still"
    misp.delete(second, NOW + 250)
    sync.run()
    assert tags(event) == {"phishing:kit"}


def test_a_server_that_fails_in_between_gets_each_thing_once(misp: FakeMisp, matcher: Matcher) -> None:
    pairs = []
    for n in range(5):
        older = misp.attach(misp.event(org=FOREIGN), large(n), timestamp="1772000000")
        newer = misp.attach(misp.event(), large(n), timestamp="1772100000")
        pairs.append((older["uuid"], newer["uuid"]))
    misp.faults.broken = 0.2
    sync = Syncing(matcher, misp, **{"misp.retries": 2})
    for _ in range(30):
        try:
            sync.run()
        except FetchFailed:
            continue
    misp.faults.broken = 0.0
    sync.run()
    assert sync.sighted() == sorted(older for older, _ in pairs)
    assert sync.links() == {(newer, "same-as", older) for older, newer in pairs}
    assert len(sync.objects()) == 5


def test_only_what_there_is_can_be_written(misp: FakeMisp, matcher: Matcher) -> None:
    with pytest.raises(BadSettings, match="'sighting'; choose from sightings"):
        Syncing(matcher, misp, **{"misp.write": "sighting"}).writing()


def test_what_a_workflow_sighted_is_not_sighted_again_and_the_other_way_round(misp: FakeMisp, matcher: Matcher) -> None:
    older, newer = pair(misp)
    client = PyMISP(misp.url, KEY)
    marks = Marks(lambda: client, matcher.collection.store)
    assert marks.sight(older["uuid"], newer["uuid"])
    sync = Syncing(matcher, misp)
    sync.run()
    assert sync.sighted() == [older["uuid"]]
    later = misp.attach(misp.event(), large(1), timestamp="1772200000")
    sync.run()
    assert sync.sighted() == sorted([older["uuid"], older["uuid"], newer["uuid"]])
    assert not marks.sight(older["uuid"], later["uuid"])
