"""What the module answers, given what the matcher found."""

import time
from pathlib import Path

import pytest

from matcher.errors import StoreUnavailable
from matcher.match import Decision
from misp_module.company import Surroundings
from misp_module.correlation import ImageCorrelation, Limits
from misp_module.disclosure import Policy
from misp_module.objects import ObjectWriter
from tests.misp_module.building import ENRICHED, KNOWN, Shelf, answer, asking, attribute, known, match, rows, seen_in_misp

TEMPLATES = Path(__file__).parents[2] / "config" / "misp" / "objects"


def module(*matches, known=(), **changes):
    return correlation(Shelf(answer(*matches, **changes), list(known)))


def correlation(shelf, limits=None, ledger=None):
    policy, limits = Policy(), limits or Limits(5, 2**20)
    return ImageCorrelation(shelf, ObjectWriter(TEMPLATES, "", {}, policy), policy, Surroundings(shelf, policy, 20), limits, ledger)


def objects(reply):
    return reply["results"].get("Object", [])


def test_one_object_a_match_in_the_order_of_the_answer():
    reply = module(match(known("aa" * 32)), match(known("bb" * 32), Decision.MAYBE)).answer(asking(b"picture"))
    assert [rows(found)["decision"] for found in objects(reply)] == ["YES", "MAYBE"]
    assert reply.keys() == {"results"} and reply["results"].keys() == {"Object"}


def test_five_objects_at_most():
    assert len(objects(module(*(match(known(f"{i:064x}")) for i in range(9))).answer(asking(b"picture")))) == 5


def test_the_attribute_does_not_answer_itself():
    reply = module(match(known(sources=(seen_in_misp(ENRICHED),)))).answer(asking(b"picture"))
    assert reply == {"results": {}, "comment": "No known picture is like shot.png."}


def test_the_same_bytes_known_from_elsewhere_are_an_exact_copy():
    both = known("cd" * 32, sources=(seen_in_misp(ENRICHED), seen_in_misp(KNOWN)))
    [found] = objects(module(match(both)).answer(asking(b"picture")))
    assert (rows(found)["relation"], rows(found)["known-image"]) == ("exact copy", KNOWN)


def test_no_match_and_too_simple_are_told_apart():
    assert module().answer(asking(b"picture")) == {"results": {}, "comment": "No known picture is like shot.png."}
    simple = module(too_simple=True).answer(asking(b"picture"))
    assert simple["results"] == {} and "too simple to match" in simple["error"]


def test_a_match_that_is_to_be_ignored_is_said_to_be():
    reply = module(suppressed=(match(known(banks=("blank pages",))),)).answer(asking(b"picture"))
    assert reply == {"results": {}, "error": "shot.png matches only pictures that are to be ignored (bank blank pages)."}


def test_a_bank_of_a_hidden_picture_is_not_named():
    hidden = known(sources=(seen_in_misp(tlp="tlp:red"),), banks=("operation x",))
    assert "operation x" not in module(suppressed=(match(hidden),)).answer(asking(b"picture"))["error"]


def test_hover_answers_by_the_attribute_s_uuid():
    [found] = objects(module(match(known("aa" * 32)), known=[known("cd" * 32, (seen_in_misp(ENRICHED),))]).answer(asking()))
    assert rows(found)["relation"] == "same picture"


def test_hover_tells_an_exact_copy_too():
    copies = known("cd" * 32, (seen_in_misp(ENRICHED), seen_in_misp(KNOWN)))
    assert [rows(found)["relation"] for found in objects(module(known=[copies]).answer(asking()))] == ["exact copy"]


def test_hovering_over_an_unknown_attribute_gives_nothing_and_no_error():
    reply = module(match(known())).answer(asking())
    assert reply["results"] == {} and "error" not in reply and "without its bytes" in reply["comment"]


@pytest.mark.parametrize("request_", [asking(b""), asking(uuid=None)])
def test_a_file_that_misp_lost_is_an_error_unless_its_attribute_is_known(request_):
    assert "without its bytes" in module(match(known())).answer(request_)["error"]
    remembered = module(match(known("aa" * 32)), known=[known("cd" * 32, (seen_in_misp(ENRICHED),))])
    assert len(objects(remembered.answer(asking(b"")))) == 1


def test_an_object_is_answered_for_each_attachment_and_one_bad_file_does_not_spoil_it():
    bad, good = attribute(b"not a picture", value="notes.txt", uuid=KNOWN), attribute(b"picture")
    reply = module(match(known())).answer({"module": "image_correlation", "object": {"Attribute": [bad, good]}})
    assert reply["error"] == "notes.txt is not a picture"
    assert [found["ObjectReference"][0]["referenced_uuid"] for found in objects(reply)] == [ENRICHED]


def test_of_an_object_with_many_attachments_the_first_are_answered():
    parts = [attribute(b"picture", value=f"{i}.png") for i in range(20)]
    reply = module(match(known())).answer({"module": "image_correlation", "object": {"Attribute": parts}})
    assert len(objects(reply)) == 8 and "first 8 of 20" in reply["error"]


def test_no_search_is_begun_when_nobody_waits_any_more():
    class Slow(Shelf):
        def search(self, data, *, limit, exclude, name):
            searched.append(name)
            time.sleep(0.2)
            return super().search(data, limit=limit, exclude=exclude, name=name)

    searched = []
    slow = correlation(Slow(answer()))
    parts = [attribute(b"picture", value=f"{i}.png") for i in range(5)]
    slow.answer({"module": "image_correlation", "object": {"Attribute": parts}}, time.monotonic() + 0.3)
    assert searched == ["0.png", "1.png"]


def test_other_failures_are_the_application_s_to_report():
    class Away(Shelf):
        def search(self, data, *, limit, exclude, name):
            raise StoreUnavailable("redis://secret@host is away")

    with pytest.raises(StoreUnavailable):
        correlation(Away()).answer(asking(b"picture"))
