"""Workflow actions that change something, where the operator allows them; import and export at their limits."""

import base64
import json
import time

import pytest

from matcher.engine import Matcher
from matcher.settings import Settings
from misp_module.actions import Event
from misp_module.assembly import served
from misp_module.memory import source_of
from tests.misp_module.building import ENRICHED, EVENT, KNOWN, attribute, jpeg, page, png, seen_in_misp
from tests.misp_module.fake_misp import KEY

ALLOWED = ["image_tag", "image_sighting", "image_register"]


@pytest.fixture
def matcher(settings):
    with Matcher.open(settings) as matcher:
        yield matcher


def asked(matcher, name, event, misp=None, allowed=ALLOWED, **params):
    overrides = {key: matcher.settings[key] for key in ("redis.url", "data.dir", "workers.count")}
    overrides |= {"misp.deadline": 60.0, "misp.actions": list(allowed)} | ({"misp.url": misp.url, "misp.key": KEY} if misp else {})
    request = {"module": name, "data": {"Event": event}, "params": params}
    answering = served(matcher, Settings.load(environ={}, overrides=overrides))
    return answering.reply(json.dumps(request).encode())


def event(*attributes, **more):
    return {"uuid": EVENT, "id": "4", "distribution": "1", "Attribute": list(attributes), "Object": []} | more


def test_attributes_with_a_known_picture_are_tagged_locally(matcher, misp):
    there = misp.event()
    new, other = (misp.attach(there, data) for data in (jpeg(page(1), 80), png(page(7))))
    matcher.add(png(page(1)), sources=[seen_in_misp(KNOWN)])
    given = event(attribute(jpeg(page(1), 80), uuid=new["uuid"]), attribute(png(page(7)), uuid=other["uuid"]))
    assert asked(matcher, "image_tag", given, misp) == {"data": True, "results": {}}
    [tag] = new["Tag"]
    assert tag["name"] == 'image-match:decision="yes"' and tag["local"] and not other["Tag"]
    assert asked(matcher, "image_tag", given, misp, tag="seen before")["data"] is True
    assert {tag["name"] for tag in new["Tag"]} == {'image-match:decision="yes"', "seen before"}


def test_a_known_attribute_is_sighted_once_for_each_that_shows_it_again(matcher, misp):
    known = misp.attach(misp.event(), png(page(1)))
    matcher.add(png(page(1)), sources=[seen_in_misp(known["uuid"])])
    given = event(attribute(jpeg(page(1), 80), uuid=ENRICHED))
    for _ in range(3):
        assert asked(matcher, "image_sighting", given, misp)["data"] is True
    assert len(misp.sightings) == 1
    asked(matcher, "image_sighting", event(attribute(jpeg(page(1), 80), uuid=EVENT)), misp)
    assert len(misp.sightings) == 2


def test_a_sighting_that_misp_declines_is_tried_again_the_next_time(matcher, misp):
    known = misp.attach(misp.event(), png(page(1)))
    matcher.add(png(page(1)), sources=[seen_in_misp(known["uuid"])])
    given, rights = event(attribute(jpeg(page(1), 80), uuid=ENRICHED)), set(misp.rights)
    misp.rights -= {"perm_sighting"}
    assert "fetch-failed" in asked(matcher, "image_sighting", given, misp)["error"] and not misp.sightings
    misp.rights |= rights
    assert asked(matcher, "image_sighting", given, misp)["data"] is True and len(misp.sightings) == 1


def test_without_a_server_nothing_can_be_marked(matcher):
    for name in ("image_tag", "image_sighting"):
        assert "misp.url" in asked(matcher, name, event(attribute(png(page(1)))))["error"]


def test_a_server_that_is_away_is_an_error(matcher, misp):
    matcher.add(png(page(1)), sources=[seen_in_misp(KNOWN)])
    misp.faults.down = True
    reply = asked(matcher, "image_tag", event(attribute(jpeg(page(1), 80))), misp)
    assert reply["results"] == {} and misp.url not in reply["error"]


def test_pictures_are_registered_with_who_may_know(matcher):
    matcher.banks.create("reported")
    whole = {"name": "image", "distribution": "5", "Attribute": [attribute(png(page(2)), uuid=KNOWN)]}
    attributes = attribute(png(page(1)), uuid=ENRICHED), attribute(b"%PDF", value="a.pdf"), attribute(uuid=EVENT)
    given = event(*attributes, Object=[whole], Tag=[{"name": "tlp:green"}], Orgc={"uuid": EVENT, "name": "X"})
    assert asked(matcher, "image_register", given, bank="reported") == {"data": True, "results": {}}
    for uuid in (ENRICHED, KNOWN):
        [record] = matcher.by_source("misp-attribute", uuid)
        [source] = record.sources
        assert source.visibility == {"distribution": "1", "org": EVENT, "tlp": ["tlp:green"]} and record.banks == ("reported",)
        assert source.metadata == {"event_uuid": EVENT, "event_id": "4"}
    assert len(list(matcher.find())) == 2


@pytest.mark.parametrize("name", ALLOWED)
def test_each_is_off_unless_it_is_named(matcher, misp, name):
    others = [each for each in ALLOWED if each != name]
    assert "misp.actions" in asked(matcher, name, event(attribute(png(page(1)))), misp, allowed=others)["error"]
    assert not list(matcher.find())


def test_a_picture_that_is_not_to_be_enriched_is_left_alone(matcher):
    given = event(attribute(png(page(1))), Tag=[{"name": 'misp:expansion="block"'}])
    assert asked(matcher, "image_register", given)["data"] is True and not list(matcher.find())


@pytest.mark.parametrize(
    ("attribute_", "event_", "whole", "visibility"),
    [
        ({"distribution": "5"}, {}, {}, {"distribution": "5"}),
        ({}, {}, {}, {"distribution": "5"}),
        ({"distribution": "5"}, {"distribution": "3"}, {}, {"distribution": "3"}),
        ({"distribution": "3"}, {"distribution": "1"}, {}, {"distribution": "1"}),
        ({"distribution": "3"}, {"distribution": "3"}, {"distribution": "0"}, {"distribution": "0"}),
        ({"distribution": 4, "sharing_group_id": "7"}, {"distribution": "3"}, {}, {"distribution": "4", "sharing_group": "7"}),
        ({"distribution": "4"}, {}, {}, {"distribution": "4", "sharing_group": "unknown"}),
        ({"AttributeTag": [{"Tag": {"name": "TLP:RED"}}]}, {"distribution": "3"}, {}, {"distribution": "3", "tlp": ["TLP:RED"]}),
    ],
)
def test_the_narrowest_says_who_may_know(attribute_, event_, whole, visibility):
    assert source_of(KNOWN, attribute_, event_, 1.0, whole).visibility == visibility


def test_an_event_may_come_without_its_frame():
    assert Event({"data": event(attribute())}, 1).row["uuid"] == EVENT


def test_an_export_past_its_time_says_that_it_is_not_complete(matcher):
    from misp_module.assembly import modules

    export = next(each for each in modules(*shelf(matcher)) if each.name == "image_export")
    reply = export.answer({"data": [{"Event": event(attribute(png(page(1))))}]}, time.monotonic() - 1)
    assert json.loads(base64.b64decode(reply["data"])) == {"format": "kuato-misp-pictures", "version": 1, "complete": False, "pictures": []}


def shelf(matcher):
    from misp_module.known import Pictures

    return Pictures(matcher), matcher.settings, None, None, None
