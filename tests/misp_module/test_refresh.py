"""Objects that say that pictures match, brought up to date where they are."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from matcher.engine import Matcher
from matcher.reviews import Verdict
from matcher.settings import Settings
from misp_module.budget import Budget
from misp_module.given import Ledger
from misp_module.refresh import Refresh
from tests.misp_module.fake_misp import FOREIGN, KEY, FakeMisp
from tests.misp_module.syncing import Syncing, large, smaller, tags


@pytest.fixture
def matcher(settings: Settings, misp: FakeMisp) -> Iterator[Matcher]:
    with Matcher.open(settings.with_overrides({"misp.url": misp.url, "misp.key": KEY, "misp.pause": 0.001, "misp.page": 2})) as matcher:
        yield matcher


def values(misp: FakeMisp, written: dict[str, Any]) -> dict[str, str]:
    parts = [row for row in misp.attributes.values() if row["object_id"] == written["id"] and not row["deleted"]]
    return {row["object_relation"]: row["value"] for row in parts}


def refreshed(sync: Syncing, dry_run: bool = False) -> int:
    budget = Budget(sync.state, sync.settings, dry_run)
    return Refresh(sync.matcher, sync.remote, sync.settings, budget, sync.told.append, dry_run).run()


def matched(misp: FakeMisp, matcher: Matcher) -> Syncing:
    misp.attach(misp.event("older", FOREIGN), large(1), timestamp="1772000000")
    misp.attach(misp.event("newer"), large(1, smaller), timestamp="1772100000")
    sync = Syncing(matcher, misp)
    sync.run()
    return sync


def test_what_is_right_is_left_alone(misp: FakeMisp, matcher: Matcher) -> None:
    sync = matched(misp, matcher)
    before = values(misp, sync.objects()[0])
    assert before["decision"] == "YES"
    assert refreshed(sync) == 0
    assert values(misp, sync.objects()[0]) == before


def test_a_merge_is_written_into_the_object_that_is_there(misp: FakeMisp, matcher: Matcher) -> None:
    sync = matched(misp, matcher)
    (written,) = sync.objects()
    before = values(misp, written)
    older = matcher.by_source("misp-attribute", before["known-image"])[0]
    other = matcher.add(large(2)).record
    matcher.add(large(2, smaller))
    cluster = matcher.get(other.sha256).cluster
    matcher.clustering.join(matcher.get(other.sha256), older)
    now = matcher.get(older.sha256).cluster
    assert f"imgcluster:{now}" in {f"imgcluster:{cluster}", before["image-cluster"]}
    part = next(row for row in misp.attributes.values() if row["object_id"] == written["id"] and row["object_relation"] == "image-cluster")
    part["value"] = "imgcluster:of-long-ago"
    assert refreshed(sync, dry_run=True) == 1
    assert values(misp, written)["image-cluster"] == "imgcluster:of-long-ago"
    assert refreshed(sync) == 1
    assert values(misp, written) == before | {"image-cluster": f"imgcluster:{now}"}
    assert part["uuid"] in {row["uuid"] for row in misp.attributes.values() if row["value"] == f"imgcluster:{now}"}
    assert len(sync.objects()) == 1
    newer = next(iter(sync.links()))[0]
    (given,) = Ledger(matcher.collection.store).all(newer).values()
    assert given.row("image-cluster") == f"imgcluster:{now}"
    assert refreshed(sync) == 0


def test_a_thumbnail_that_an_object_has_stays(misp: FakeMisp, matcher: Matcher) -> None:
    sync = matched(misp, matcher)
    (written,) = sync.objects()
    decision = next(row for row in misp.attributes.values() if row["object_id"] == written["id"] and row["object_relation"] == "decision")
    picture = {"object_relation": "thumbnail", "type": "attachment", "value": "known-ab.webp", "uuid": str(uuid4()), "id": "99999"}
    misp.attributes[picture["uuid"]] = decision | picture
    before = values(misp, written)
    assert refreshed(sync) == 0
    mine = [row for row in misp.attributes.values() if row["object_id"] == written["id"]]
    explanation = next(row for row in mine if row["object_relation"] == "explanation")
    explanation["value"] = "of long ago"
    assert refreshed(sync) == 1
    assert values(misp, written) == before and before["thumbnail"] == "known-ab.webp"


def test_a_maybe_becomes_a_yes_with_its_rows_and_tags(misp: FakeMisp, matcher: Matcher) -> None:
    sync = matched(misp, matcher)
    (written,) = sync.objects()
    parts = {row["object_relation"]: row for row in misp.attributes.values() if row["object_id"] == written["id"]}
    right = values(misp, written)
    parts["decision"] |= {
        "value": "MAYBE",
        "Tag": [{"name": 'image-match:decision="maybe"', "local": False}, {"name": "kept", "local": False}],
    }
    parts["image-cluster"]["object_relation"] = "candidate-cluster"
    assert refreshed(sync) == 1
    assert values(misp, written) == right
    assert tags(parts["decision"]) >= {'image-match:decision="yes"', "kept"}
    assert 'image-match:decision="maybe"' not in tags(parts["decision"])


def test_a_rejected_one_goes_and_one_of_others_stays(misp: FakeMisp, matcher: Matcher) -> None:
    sync = matched(misp, matcher)
    (written,) = sync.objects()
    rows = values(misp, written)
    foreign = misp.object(misp.event(org=FOREIGN), "image-similarity")
    for relation in ("known-image", "sha256", "decision"):
        misp.attribute(misp.events[foreign["event_id"]], foreign, object_relation=relation, value=rows[relation])
    before = misp.of_orgs(FOREIGN)
    older = matcher.by_source("misp-attribute", rows["known-image"])[0]
    matcher.clustering.review(older, matcher.get(rows["sha256"]), Verdict.DIFFERENT, "somebody")
    assert refreshed(sync) == 1
    assert sync.objects() == [foreign]
    assert misp.of_orgs(FOREIGN) == before


def test_it_stops_where_enough_was_written(misp: FakeMisp, matcher: Matcher) -> None:
    sync = matched(misp, matcher)
    (written,) = sync.objects()
    for row in misp.attributes.values():
        if row["object_id"] == written["id"] and row["object_relation"] == "explanation":
            row["value"] = "of another version"
    sync.settings = sync.settings.with_overrides({"misp.max_writes_day": 1})
    assert refreshed(sync) == 0
    assert "misp.max_writes_day" in sync.told[-1]
