"""Nothing is told of a source that not everyone on the server may know."""

from dataclasses import replace

import pytest

from matcher.source import Source
from misp_module.disclosure import Policy, only_known_from
from tests.misp_module.building import ENRICHED, KNOWN, SECOND_OF_MARCH, known, seen_in_misp

POLICY = Policy()
disclose, may_tell = POLICY.disclose, POLICY.may_tell


@pytest.mark.parametrize(
    "visibility",
    [
        {},
        {"distribution": 1},
        {"distribution": "3", "sharing_group": "0", "tlp": "tlp:green", "org": "CIRCL"},
        {"tlp": ["tlp:clear"]},
        {"tlp": "TLP:AMBER", "pap": "pap:amber"},
        {"tlp": None, "distribution": None},
    ],
)
def test_open_sources_are_told(visibility):
    assert may_tell(seen_in_misp(**visibility))


@pytest.mark.parametrize(
    "visibility",
    [
        {"distribution": 0},
        {"distribution": "4"},
        {"distribution": 5},
        {"distribution": "all"},
        {"distribution": {"level": 1}},
        {"sharing_group": "7"},
        {"tlp": "tlp:red"},
        {"tlp": "RED"},
        {"tlp": "tlp:amber+strict"},
        {"tlp": ["tlp:green", "tlp:red"]},
        {"tlp": "tlp:unclear"},
        {"distribution": 3, "tlp": "tlp:red"},
        {"sharing_group_id": "7"},
    ],
)
def test_restricted_and_misunderstood_sources_are_not(visibility):
    assert not may_tell(seen_in_misp(**visibility))


def test_the_attribute_asked_for_is_not_told_to_itself():
    told = disclose(known(sources=(seen_in_misp(ENRICHED), Source("file", "/cases/a.png"))), ENRICHED)
    assert told.source is not None and told.source.kind == "file" and not told.hidden


def test_an_attribute_goes_before_other_places_and_the_first_before_later_ones():
    later = Source("misp-attribute", KNOWN, SECOND_OF_MARCH + 86400)
    told = disclose(known(sources=(Source("file", "a.png", 1.0), later, seen_in_misp(ENRICHED))), "")
    assert told.source is not None and (told.source.id, told.seen) == (ENRICHED, SECOND_OF_MARCH)


@pytest.mark.parametrize(
    "source",
    [
        Source("file", "/cases/what it shows.png", SECOND_OF_MARCH, metadata={"caption": "what it shows"}),
        Source("url", "https://forum.example/what-it-shows.png", SECOND_OF_MARCH),
        Source("ail-object", "item::what it shows", SECOND_OF_MARCH),
        Source("misp-attribute", "what it shows", SECOND_OF_MARCH),
    ],
)
def test_of_a_sensitive_picture_only_the_kind_of_source_is_told(source):
    told = disclose(replace(known(sources=(source,), banks=("raids",)), sensitive=True), "")
    assert told.source is not None and (told.source.kind, told.source.id, told.source.metadata) == (source.kind, "", {})
    assert (told.seen, told.banks, told.sensitive) == (SECOND_OF_MARCH, ("raids",), True)


def test_and_the_uuid_of_an_attribute_without_what_is_said_of_it():
    told = disclose(replace(known(sources=(seen_in_misp(),)), sensitive=True), "")
    assert told.source is not None and (told.source.id, told.source.metadata) == (KNOWN, {})


def test_that_it_is_sensitive_is_not_told_where_a_source_is_hidden():
    record = replace(known(sources=(seen_in_misp(tlp="tlp:red"), Source("url", "https://example.org/"))), sensitive=True)
    assert not disclose(record, "").sensitive


def test_a_hidden_source_hides_the_banks_too():
    red = seen_in_misp(tlp="tlp:red")
    told = disclose(known(sources=(red, Source("url", "https://example.org/")), banks=("operation x",)), ENRICHED)
    assert told.hidden and told.source is not None and told.source.kind == "url"
    assert (told.banks, told.seen) == ((), 0.0)


def test_of_a_picture_with_hidden_sources_only_nothing_is_told():
    told = disclose(known(sources=(seen_in_misp(distribution=0),), banks=("operation x",)), ENRICHED)
    assert told.anonymous and (told.source, told.seen, told.banks) == (None, 0.0, ())


def test_only_known_from():
    assert only_known_from(known(sources=(seen_in_misp(ENRICHED),)), ENRICHED)
    assert not only_known_from(known(sources=(seen_in_misp(ENRICHED), seen_in_misp(KNOWN))), ENRICHED)
    assert not only_known_from(known(sources=(seen_in_misp(ENRICHED),)), "")
    assert not only_known_from(known(), ENRICHED)
