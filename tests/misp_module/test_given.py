"""What was said of a pair is said again, so that MISP keeps one object, until it may not be said any more."""

import base64
import io
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from matcher.engine import Matcher
from matcher.reviews import Verdict
from matcher.settings import Settings
from misp_module.assembly import served
from misp_module.given import Given, Ledger
from tests.misp_module.building import ENRICHED, KNOWN, asking, jpeg, page, png, rows, seen_in_misp

OTHER = "0badcafe-1111-4222-8333-444455556666"


class Event:
    """An event as MISP holds it: an object is reused where as many of its attributes are equal as the new one has."""

    def __init__(self):
        self.objects = []

    def take(self, reply):
        for found in reply["results"].get("Object", []):
            values = {(row["object_relation"], row["type"], row["value"]) for row in found["Attribute"]}
            if not any(len(values & held) == len(values) for held in self.objects):
                self.objects.append(values)


@pytest.fixture
def matcher(settings):
    with Matcher.open(settings) as matcher:
        matcher.add(png(page(1)), sources=[seen_in_misp(KNOWN, distribution="1")])
        yield matcher


def asked(matcher, request, **changes):
    overrides = {name: matcher.settings[name] for name in ("redis.url", "data.dir", "workers.count")} | {"misp.deadline": 60.0}
    settings = Settings.load(environ={}, overrides=overrides | {name.replace("__", "."): value for name, value in changes.items()})
    return served(matcher, settings).reply(json.dumps(request).encode())


def test_enrich_review_upgrade_enrich_gives_one_object(matcher, monkeypatch):
    event, request = Event(), asking(jpeg(page(1), 40))
    event.take(asked(matcher, request))
    assert len(event.objects) == 1
    # The analyst adds the picture, and says that the two are the same; another version finds it in another way.
    added = matcher.add(jpeg(page(1), 40), sources=[seen_in_misp(ENRICHED, distribution="1")]).record
    [known] = matcher.by_source("misp-attribute", KNOWN)
    matcher.clustering.review(added, known, Verdict.SAME, "an analyst")
    monkeypatch.setattr("misp_module.assembly.versions", lambda: {"pdq": 99, "tiles": 99, "local": 99})
    event.take(asked(matcher, request))
    event.take(asked(matcher, asking(jpeg(page(1), 40), uuid=ENRICHED.upper())))
    assert len(event.objects) == 1


def test_another_attribute_is_told_what_holds_now(matcher, monkeypatch):
    before = rows(asked(matcher, asking(jpeg(page(1), 40)))["results"]["Object"][0])
    monkeypatch.setattr("misp_module.assembly.versions", lambda: {"pdq": 99, "pdq-trimmed": 99, "tiles": 99, "local": 99})
    now = rows(asked(matcher, asking(jpeg(page(1), 40), uuid=OTHER))["results"]["Object"][0])
    assert "99" in now["method"] and before["method"] != now["method"]


def test_a_rejected_pair_is_told_no_more(matcher):
    assert asked(matcher, asking(jpeg(page(1), 40)))["results"]
    added = matcher.add(jpeg(page(1), 40), sources=[seen_in_misp(ENRICHED, distribution="1")]).record
    [known] = matcher.by_source("misp-attribute", KNOWN)
    matcher.clustering.review(added, known, Verdict.DIFFERENT, "an analyst")
    assert asked(matcher, asking(jpeg(page(1), 40)))["results"] == {}


@pytest.mark.parametrize("marking", [{"tlp": "tlp:red"}, {"distribution": "0"}, {"distribution": "4", "sharing_group": "7"}])
def test_what_may_no_longer_be_told_is_not_repeated(matcher, marking):
    assert KNOWN in json.dumps(asked(matcher, asking(jpeg(page(1), 40))))
    [known] = matcher.by_source("misp-attribute", KNOWN)
    later = replace(seen_in_misp(KNOWN, **marking), last_seen=time.time())
    matcher.change(known, sources=[later, seen_in_misp(OTHER, distribution="1")])
    found = rows(asked(matcher, asking(jpeg(page(1), 40)))["results"]["Object"][0])
    assert found["known-image"] == OTHER and KNOWN not in json.dumps(found)


def test_a_bank_that_was_told_is_not_repeated_once_it_is_hidden(matcher):
    matcher.banks.create("operation x")
    [known] = matcher.by_source("misp-attribute", KNOWN)
    matcher.change(known, banks=["operation x"])
    assert "operation x" in json.dumps(asked(matcher, asking(jpeg(page(1), 40))))
    matcher.change(known, sources=[seen_in_misp(OTHER, tlp="tlp:red")])
    again = json.dumps(asked(matcher, asking(jpeg(page(1), 40))))
    assert KNOWN in again and "operation x" not in again


def test_another_file_under_the_same_attribute_is_another_matter(matcher):
    one = rows(asked(matcher, asking(jpeg(page(1), 40)))["results"]["Object"][0])
    other = rows(asked(matcher, asking(jpeg(page(1), 90)))["results"]["Object"][0])
    assert one["sha256"] != other["sha256"]


def test_hovering_keeps_nothing(matcher):
    matcher.add(jpeg(page(1), 40), sources=[seen_in_misp(ENRICHED, distribution="1")])
    request = asking()
    del request["event_id"]
    assert asked(matcher, request)["results"]
    assert Ledger(matcher.collection.store).all(ENRICHED) == {}


def test_the_pictures_asked_about_are_not_remembered_unless_the_operator_wants_it(matcher):
    asked(matcher, asking(png(page(7))))
    assert matcher.collection.known(sha256_of(png(page(7)))) is None


def test_an_object_brings_a_thumbnail_once_and_stays_one_when_that_is_gone(matcher):
    event, request = Event(), asking(jpeg(page(1), 40))
    [known] = matcher.by_source("misp-attribute", KNOWN)
    matcher.collection.thumbnails.on = True
    matcher.collection.thumbnails.keep(known, np.zeros((60, 80, 3), np.uint8))
    first = asked(matcher, request, misp__thumbnails=True)
    event.take(first)
    [picture] = [row for row in first["results"]["Object"][0]["Attribute"] if row["object_relation"] == "thumbnail"]
    assert picture["type"] == "attachment" and Image.open(io.BytesIO(base64.b64decode(picture["data"]))).size == (80, 60)
    event.take(asked(matcher, request, misp__thumbnails=True))
    matcher.collection.thumbnails.drop([known.sha256])
    event.take(asked(matcher, request, misp__thumbnails=True))
    assert len(event.objects) == 1


def test_a_thumbnail_comes_neither_on_hover_nor_unasked_nor_of_what_has_a_hidden_source(matcher):
    [known] = matcher.by_source("misp-attribute", KNOWN)
    matcher.collection.thumbnails.on = True
    matcher.collection.thumbnails.keep(known, np.zeros((60, 80, 3), np.uint8))
    hover = {key: value for key, value in asking(jpeg(page(1), 40)).items() if key != "event_id"}
    assert "thumbnail" not in json.dumps(asked(matcher, asking(jpeg(page(1), 40), uuid=OTHER)))
    assert "thumbnail" not in json.dumps(asked(matcher, hover, misp__thumbnails=True))
    request = asking(jpeg(page(1), 40))
    assert "thumbnail" in json.dumps(asked(matcher, request, misp__thumbnails=True))
    matcher.change(known, sources=[seen_in_misp(OTHER, tlp="tlp:red")])
    # Neither of the attribute that was given it before, nor of another.
    for each in (request, asking(jpeg(page(1), 40), uuid="0badcafe-2222-4222-8333-444455556666")):
        found = asked(matcher, each, misp__thumbnails=True)
        assert found["results"]["Object"] and "thumbnail" not in json.dumps(found)


def test_of_a_sensitive_picture_there_is_no_thumbnail_nor_one_too_large_for_misp_s_form(matcher):
    [known] = matcher.by_source("misp-attribute", KNOWN)
    matcher.collection.thumbnails.on = True
    noise = np.random.default_rng(1).integers(0, 256, (700, 700, 3), np.uint8)
    matcher.collection.thumbnails.keep(known, noise)
    assert len(matcher.collection.thumbnails.get(known)) > 64 << 10
    assert "thumbnail" not in json.dumps(asked(matcher, asking(jpeg(page(1), 40)), misp__thumbnails=True))
    matcher.collection.thumbnails.keep(known, noise[:60, :80])
    matcher.change(known, tags=['copine-scale="x"'])
    found = asked(matcher, asking(jpeg(page(1), 40), uuid=OTHER), misp__thumbnails=True)
    assert found["results"]["Object"] and "thumbnail" not in json.dumps(found)


def test_what_is_remembered_is_told_of_when_a_sync_knows_for_whom(matcher):
    from misp_module.known import Pictures
    from misp_module.memory import Memory
    from misp_module.query import Subject

    memory = Memory(Pictures(matcher))
    memory.remember(Subject(ENRICHED, "shot.png", None), png(page(7)), asking(png(page(7))))
    memory.remember(Subject("", "nameless.png", None), png(page(8)), asking(png(page(8)), uuid=None))
    memory.remember(Subject(OTHER, "broken.png", None), b"no picture", asking(b"", uuid=OTHER))
    memory.wait()
    [record] = matcher.by_source("misp-attribute", ENRICHED)
    assert record.sources[0].visibility == {"distribution": "5"} and record.sources[0].metadata == {"event_id": "4"}
    assert matcher.collection.known(sha256_of(png(page(8)))) is None
    assert asked(matcher, asking(png(page(7)), uuid=OTHER))["results"] == {}
    matcher.change(record, sources=[seen_in_misp(ENRICHED, distribution="1")])
    assert asked(matcher, asking(png(page(7)), uuid=OTHER))["results"]["Object"]


class TestLedger:
    GIVEN = Given("cd" * 32, (("explanation", "é \ud800"), ("decision", "YES")), ("a",), ("sha256",), "misp-attribute:x", ("b",), True)

    def test_what_was_kept_is_read(self, matcher):
        ledger = Ledger(matcher.collection.store)
        ledger.put(ENRICHED.upper(), "ab" * 32, self.GIVEN)
        ledger.put(ENRICHED, "cd" * 32, replace(self.GIVEN, rows=()))
        assert ledger.all(ENRICHED)["ab" * 32] == self.GIVEN and len(ledger.all(ENRICHED)) == 2
        ledger.drop(ENRICHED, "ab" * 32)
        assert list(ledger.all(ENRICHED)) == ["cd" * 32]
        ledger.drop(ENRICHED)
        assert ledger.all(KNOWN) == {}

    @pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"v": 2}', b'{"v": 1}', b'{"v": 1, "rows": 5}'])
    def test_what_cannot_be_read_counts_as_never_said(self, matcher, value):
        ledger, store = Ledger(matcher.collection.store), matcher.collection.store
        store.set_field(store.key(b"G", ENRICHED.encode()), bytes(32), value)
        assert ledger.all(ENRICHED) == {}

    def test_rows_can_be_replaced(self):
        assert self.GIVEN.replacing({"decision": "MAYBE"}).row("decision") == "MAYBE" and self.GIVEN.row("nothing") == ""


def sha256_of(data):
    import hashlib

    return hashlib.sha256(data).hexdigest()
