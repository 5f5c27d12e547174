"""Taking over what a MISP server has."""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from matcher.engine import Matcher
from matcher.errors import BadSettings, Conflict, FetchFailed, Unauthorized
from matcher.settings import Settings
from misp_module.intake import Outcome
from misp_module.memory import source_of
from misp_module.pull import Pull, Tally
from misp_module.remote import Remote
from misp_module.syncstate import SyncState
from tests.matcher.churn import drawing
from tests.misp_module.fake_misp import FOREIGN, KEY, FakeMisp

NOW = 1_772_500_000
THEN = "1772409600"


@pytest.fixture
def matcher(settings: Settings, misp: FakeMisp) -> Iterator[Matcher]:
    asked = {"misp.url": misp.url, "misp.key": KEY, "misp.page": 5, "misp.pause": 0.001}
    with Matcher.open(settings.with_overrides(asked)) as matcher:
        yield matcher


def pulled(matcher: Matcher, now: float = NOW, since: int = 0, sweep: bool = False, **changes: Any) -> Tally:
    settings = matcher.settings.with_overrides(changes)
    remote = Remote(settings, told=lambda text: None)
    state = SyncState(matcher.collection.store, remote.url, lambda: now)
    pull = Pull(matcher, remote, state, settings, clock=lambda: now)
    pull.run(since)
    return pull.sweep() if sweep else pull.tally


def sources(matcher: Matcher) -> dict[str, str]:
    """The attributes that are known, each with its picture."""
    return {source.id: record.sha256 for record in matcher.find(limit=None) for source in record.sources}


def test_pictures_come_with_all_that_is_known_of_them(misp: FakeMisp, matcher: Matcher) -> None:
    tags = [{"name": "tlp:amber", "local": False}, {"name": "phishing:kit", "local": False}, {"name": "ours", "local": True}]
    event = misp.event("a campaign", FOREIGN, distribution="4", sharing_group_id="3", Tag=tags)
    within = misp.object(event, "phishing", distribution="0")
    misp.attribute(event, within, type="url", value="https://evil.example/login")
    row = misp.attach(
        event, drawing(1), "page", within, object_relation="screenshot", timestamp="1772409700", first_seen="2026-02-01T00:00:00Z"
    )
    assert str(pulled(matcher)) == "1 new pictures"
    (record,) = matcher.by_source("misp-attribute", row["uuid"])
    (source,) = record.sources
    assert record.tags == ("phishing:kit",)
    assert source.visibility == {"distribution": "0", "org": misp.orgs[FOREIGN]["uuid"], "tlp": ["tlp:amber"]}
    assert source.metadata == {
        "event_uuid": event["uuid"],
        "event_id": "1",
        "event_info": "a campaign",
        "org": "THEIRS",
        "object": "phishing",
        "relation": "screenshot",
        "filename": "page",
        "url": "https://evil.example/login",
        "server": misp.url,
        "versions": [1772409700, 1772409600],
        "tags": ["phishing:kit"],
    }
    assert (source.first_seen, source.last_seen) == (1769904000, 1772409700)


def test_everything_comes_though_pages_are_small_and_seconds_full(misp: FakeMisp, matcher: Matcher) -> None:
    event = misp.event()
    rows = [misp.attach(event, drawing(n), timestamp=THEN if n < 13 else str(1772000000 + n * 5000)) for n in range(20)]
    assert pulled(matcher).outcomes == {Outcome.NEW: 20}
    assert sorted(sources(matcher)) == sorted(row["uuid"] for row in rows)
    asked = len(misp.requests)
    assert pulled(matcher).outcomes[Outcome.NEW] == 0
    assert not any("/attributes/view" in request for request in misp.requests[asked:]), "nothing is fetched twice"


def test_what_changed_and_what_came_late(misp: FakeMisp, matcher: Matcher) -> None:
    event = misp.event()
    first = misp.attach(event, drawing(1))
    pulled(matcher)
    late = misp.attach(misp.event(timestamp="1500000000"), drawing(2), timestamp="1500000000")
    misp.delete(first, NOW + 50)
    assert pulled(matcher, NOW + 100).outcomes == {Outcome.NEW: 1, Outcome.GONE: 1}
    assert set(sources(matcher)) == {late["uuid"]}


def test_the_first_time_no_further_back_and_later_back_again(misp: FakeMisp, matcher: Matcher) -> None:
    old, new = misp.event(timestamp="1700000000"), misp.event()
    one, other = misp.attach(old, drawing(1)), misp.attach(new, drawing(2))
    pulled(matcher, since=1_772_000_000)
    assert set(sources(matcher)) == {other["uuid"]}
    pulled(matcher, NOW + 100)
    assert set(sources(matcher)) == {other["uuid"]}
    pulled(matcher, NOW + 200, since=1_600_000_000)
    assert set(sources(matcher)) == {one["uuid"], other["uuid"]}


def test_what_the_button_remembered_gains_what_only_the_sync_knows(misp: FakeMisp, matcher: Matcher) -> None:
    row = misp.attach(misp.event("a campaign"), drawing(1))
    matcher.add(drawing(1), sources=[source_of(row["uuid"], {"distribution": "5"}, {}, 1_772_409_000.0)])
    assert pulled(matcher).outcomes == {Outcome.CHANGED: 1}
    ((source,),) = [record.sources for record in matcher.find()]
    assert (source.visibility["distribution"], source.metadata["event_info"]) == ("1", "a campaign")


def test_what_the_button_remembers_takes_nothing_from_what_the_sync_knows(misp: FakeMisp, matcher: Matcher) -> None:
    event = misp.event(Tag=[{"name": "tlp:red", "local": False}], distribution="0")
    row = misp.attach(event, drawing(1), distribution="1")
    pulled(matcher)
    ((before,),) = [record.sources for record in matcher.find()]
    matcher.add(drawing(1), sources=[source_of(row["uuid"], {"distribution": "1"}, {}, 1_772_409_999.0)])
    ((source,),) = [record.sources for record in matcher.find()]
    assert (source.visibility, source.metadata) == (before.visibility, before.metadata)
    assert source.visibility["tlp"] == ["tlp:red"]
    assert source.last_seen == 1_772_409_999.0


def test_who_may_know_is_followed_though_the_attribute_is_as_it_was(misp: FakeMisp, matcher: Matcher) -> None:
    event = misp.event()
    row = misp.attach(event, drawing(1), timestamp=THEN)
    pulled(matcher)
    event |= {"Tag": [{"name": "tlp:red", "local": False}], "timestamp": str(NOW + 50)}
    assert pulled(matcher, NOW + 100).outcomes[Outcome.CHANGED] == 1
    (record,) = matcher.by_source("misp-attribute", row["uuid"])
    assert record.sources[0].visibility["tlp"] == ["tlp:red"]


def test_the_sweep_finds_what_left_no_trace(misp: FakeMisp, matcher: Matcher) -> None:
    event, secret = misp.event(), misp.event(org=FOREIGN)
    kept, deleted, hidden = misp.attach(event, drawing(1)), misp.attach(event, drawing(2)), misp.attach(secret, drawing(3))
    pulled(matcher)
    del misp.attributes[deleted["id"]]
    secret["distribution"] = "0"
    assert pulled(matcher, NOW + 100).outcomes[Outcome.GONE] == 0
    assert len(sources(matcher)) == 3
    assert pulled(matcher, NOW + 200, sweep=True).outcomes[Outcome.GONE] == 2
    assert set(sources(matcher)) == {kept["uuid"]}
    assert hidden["uuid"] not in sources(matcher)


def test_one_picture_of_two_attributes_stays_until_both_are_gone(misp: FakeMisp, matcher: Matcher) -> None:
    rows = [misp.attach(misp.event(), drawing(1)) for _ in range(2)]
    assert pulled(matcher).outcomes == {Outcome.NEW: 1, Outcome.SEEN: 1}
    for left, row in ((1, rows[0]), (0, rows[1])):
        misp.delete(row, NOW + 50)
        pulled(matcher, NOW + 100)
        assert len(list(matcher.find())) == left


def test_banks_by_tag_org_event_object_and_relation(misp: FakeMisp, matcher: Matcher) -> None:
    for name in ("tagged", "theirs", "campaign", "objects", "shots", "both"):
        matcher.banks.create(name)
    rules = [{"bank": "tagged", "tag": "phishing:*"}, {"bank": "theirs", "org": "their*"}, {"bank": "campaign", "event": "*kit x*"}]
    rules += [
        {"bank": "objects", "object": "image"},
        {"bank": "shots", "relation": "screenshot"},
        {"bank": "both", "org": "OURS", "tag": "a"},
    ]
    own, foreign = misp.event("of Kit X"), misp.event(org=FOREIGN, Tag=[{"name": "a", "local": False}])
    one = misp.attach(own, drawing(1), Tag=[{"name": "phishing:x", "local": False}])
    two = misp.attach(foreign, drawing(2), within=misp.object(foreign, "image"))
    three = misp.attach(foreign, drawing(3), within=misp.object(foreign, "phishing"), object_relation="screenshot")
    pulled(matcher, **{"misp.banks": rules})

    def banks(row: dict[str, Any]) -> set[str]:
        return set(matcher.by_source("misp-attribute", row["uuid"])[0].banks)

    assert (banks(one), banks(two), banks(three)) == ({"tagged", "campaign"}, {"theirs", "objects"}, {"theirs", "shots"})
    one |= {"Tag": [], "timestamp": str(NOW + 10)}
    pulled(matcher, NOW + 100, **{"misp.banks": rules})
    assert banks(one) == {"campaign"}
    with pytest.raises(BadSettings, match="'nothing', which is not there"):
        pulled(matcher, **{"misp.banks": [{"bank": "nothing"}]})


def test_malware_samples_and_what_is_no_picture(misp: FakeMisp, matcher: Matcher, encrypted: Callable[[bytes], bytes]) -> None:
    event = misp.event()
    sample = misp.attach(event, encrypted(drawing(1)), "shot.png|" + "0" * 32, type="malware-sample")
    misp.attach(event, b"%PDF-1.7", "named.png")
    misp.attach(event, drawing(2), "report.pdf")
    archive = misp.attach(event, b"PK no archive", "x.png|" + "0" * 32, type="malware-sample")
    misp.attach(event, b"", "lost.png")
    broken = misp.attach(event, drawing(3)[:200], "half.png")
    tally = pulled(matcher)
    assert tally.outcomes == {Outcome.NEW: 1, Outcome.PASSED: 3, Outcome.FAILED: 2}
    assert {uuid for uuid, _ in tally.failed} == {broken["uuid"], archive["uuid"]}
    assert set(sources(matcher)) == {sample["uuid"]}
    assert sum("/attributes/view" in request for request in misp.requests) == 5, "what is named like no picture is not fetched"


@pytest.fixture
def encrypted(tmp_path: Any) -> Callable[[bytes], bytes]:
    """Return what packs a file as MISP does: ZIP, password `infected`; Python cannot write that, so the cipher is done here."""
    from tests.misp_module.zipcrypto import encrypted_zip

    return encrypted_zip


def test_a_server_that_fails_is_asked_again(misp: FakeMisp, matcher: Matcher) -> None:
    event = misp.event()
    for n in range(12):
        misp.attach(event, drawing(n))
    misp.faults.broken = 0.25
    assert pulled(matcher).outcomes == {Outcome.NEW: 12}
    misp.faults.broken, misp.faults.down = 0.0, True
    with pytest.raises(FetchFailed, match="2 times"):
        pulled(matcher, **{"misp.retries": 1})
    misp.faults.down = False
    with pytest.raises(Unauthorized, match=r"misp\.key") as raised:
        pulled(matcher, **{"misp.key": "w" * 40})
    assert "wwww" not in str(raised.value)


def test_two_do_not_sync_at_once_and_a_dead_one_does_not_count(matcher: Matcher) -> None:
    store = matcher.collection.store
    one, other = SyncState(store, "https://misp"), SyncState(store, "https://misp")
    other._holder = "elsewhere/1/1"
    one.hold()
    with pytest.raises(Conflict, match="another process"):
        other.hold()
    one.free()
    other.hold()
    other._holder = f"{one._holder.partition('/')[0]}/999999999/1"
    other.free()
    store.set_field(one.key(), b"holder", other._holder.encode())
    one.hold()


def test_only_so_much_a_day(matcher: Matcher) -> None:
    now = [NOW]
    state = SyncState(matcher.collection.store, "https://misp", lambda: now[0])
    assert [state.spend(2) for _ in range(3)] == [True, True, False]
    now[0] += 86_400
    assert state.spend(2)


def test_the_queue_keeps_its_order_and_what_was_put_there_anew(matcher: Matcher) -> None:
    now = [NOW]
    state = SyncState(matcher.collection.store, "https://misp", lambda: now[0])
    state.queue(["b", "a"])
    now[0] += 1
    state.queue(["0"])
    state.echo(["a", "c"])
    marks = dict(state.queued())
    assert list(marks) == ["a", "b", "0", "c"]
    assert [mark < 0 for mark in marks.values()] == [False, False, False, True]
    now[0] += 1
    state.queue(["a"])
    for uuid, mark in marks.items():
        state.unqueue(uuid, mark)
    assert state.queued() == [("a", NOW + 2)]


def test_an_unencrypted_sample_is_read_too(misp: FakeMisp, matcher: Matcher) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("0" * 32, drawing(1))
    misp.attach(misp.event(), file.getvalue(), "shot.png|" + "0" * 32, type="malware-sample")
    assert pulled(matcher).outcomes == {Outcome.NEW: 1}
