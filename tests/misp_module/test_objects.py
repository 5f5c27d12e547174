"""A match becomes one MISP object that PyMISP accepts and that says no more than it may."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pymisp
import pytest
from pymisp import MISPEvent, MISPObject

from matcher.match import Decision, Relation
from matcher.source import Source
from misp_module.objects import TEMPLATE, ObjectWriter
from misp_module.query import Subject, is_uuid
from tests.misp_module.building import ENRICHED, EVENT, KNOWN, known, match, rows, seen_in_misp

TEMPLATES = Path(__file__).parents[2] / "config" / "misp" / "objects"
SUBMITTED = "cd" * 32
# The id of the cluster that the known picture would found.
FOUNDED = "abababab-abab-8bab-abab-abababababab"
SUBJECT = Subject(ENRICHED, "shot.png", b"")


@pytest.fixture
def writer():
    return ObjectWriter(TEMPLATES, "https://misp.example.org/", {"pdq": 1, "tiles": 3}, ail_base="https://ail.example.org")


def test_a_yes_tells_everything(writer):
    written = writer.write(match(known(sources=(seen_in_misp(distribution=3),), banks=("kit X", "all"))), SUBMITTED, SUBJECT)
    found = written["Attribute"]
    assert [(row["object_relation"], row["type"], row["value"]) for row in found] == [
        (
            "explanation",
            "text",
            f"YES: same picture as attribute {KNOWN}, seen 2026-03-02, bank all, kit X (pdq, tiles: YES; mirrored)",
        ),
        ("decision", "text", "YES"),
        ("relation", "text", "same picture"),
        ("image-cluster", "text", "imgcluster:" + FOUNDED),
        ("known-image", "uuid", KNOWN),
        ("known-event", "uuid", EVENT),
        ("link", "link", f"https://misp.example.org/attributes/view/{KNOWN}"),
        ("origin", "text", "MISP"),
        ("bank", "text", "all"),
        ("bank", "text", "kit X"),
        ("distance", "float", "0.03"),
        ("method", "text", "pdq 1, tiles 3"),
        ("sha256", "sha256", SUBMITTED),
    ]


def test_of_a_sensitive_picture_the_match_is_told_and_no_name(writer):
    file = Source("file", "/cases/what it shows.png", 1772409600.0, metadata={"caption": "what it shows"})
    picture = replace(known(sources=(file,), banks=("raids",)), sensitive=True)
    written = writer.write(match(picture), SUBMITTED, SUBJECT)
    assert rows(written)["explanation"].startswith(
        "YES: same picture as a picture known from file, seen 2026-03-02, bank raids, sensitive ("
    )
    assert rows(written)["origin"] == "file" and "shows" not in json.dumps(written)
    attribute = replace(known(sources=(seen_in_misp(),)), sensitive=True)
    found = rows(writer.write(match(attribute), SUBMITTED, SUBJECT))
    assert found["known-image"] == KNOWN and "known-event" not in found


def test_only_the_cluster_of_a_yes_and_the_sha256_correlate(writer):
    for decision in (Decision.YES, Decision.MAYBE):
        written = writer.write(match(known(sources=(seen_in_misp(),)), decision), SUBMITTED, SUBJECT)
        correlating = {row["object_relation"] for row in written["Attribute"] if not row["disable_correlation"]}
        assert correlating == ({"image-cluster", "sha256"} if decision is Decision.YES else {"sha256"})
        assert all(row["to_ids"] is False and row["distribution"] == "5" for row in written["Attribute"])


def test_a_picture_in_a_cluster_tells_that_one(writer):
    cluster = "0198c0de-0000-8000-8000-000000000000"
    for decision, row in ((Decision.YES, "image-cluster"), (Decision.MAYBE, "candidate-cluster")):
        picture = replace(known(sources=(seen_in_misp(),)), cluster=cluster)
        assert rows(writer.write(match(picture, decision), SUBMITTED, SUBJECT))[row] == f"imgcluster:{cluster}"


def test_a_maybe_asks_for_review(writer):
    written = writer.write(match(known(), Decision.MAYBE, Relation.SHARES_CONTENT, 0.4), SUBMITTED, SUBJECT)
    assert rows(written)["explanation"].startswith("MAYBE: shares content with a known picture, seen 2026-03-02")
    assert "image-cluster" not in rows(written)
    assert rows(written)["candidate-cluster"] == "imgcluster:" + FOUNDED
    assert tags(written) == ['image-match:decision="maybe"', 'misp:automation-level="unsupervised"', 'workflow:todo="review"']


def test_tags_of_a_yes_sit_on_the_decision_alone(writer):
    written = writer.write(match(known()), SUBMITTED, SUBJECT)
    assert tags(written) == ['image-match:decision="yes"', 'misp:automation-level="unsupervised"']
    assert [row["object_relation"] for row in written["Attribute"] if row.get("Tag")] == ["decision"]


def test_a_bank_s_tags_are_emitted_unless_a_source_is_hidden(writer):
    emitting = replace(match(known(sources=(seen_in_misp(),))), emits=('phishing:state="active"',))
    assert 'phishing:state="active"' in tags(writer.write(emitting, SUBMITTED, SUBJECT))
    hiding = replace(emitting, picture=known(sources=(seen_in_misp(), Source("url", "x", visibility={"tlp": "red"}))))
    assert 'phishing:state="active"' not in tags(writer.write(hiding, SUBMITTED, SUBJECT))


def test_the_same_bytes_are_an_exact_copy(writer):
    found = rows(writer.write(match(known(SUBMITTED, sources=(seen_in_misp(),)), distance=0.0), SUBMITTED, SUBJECT))
    assert found["explanation"] == f"YES: exact copy of attribute {KNOWN}, seen 2026-03-02"
    assert (found["relation"], found["method"], found["distance"]) == ("exact copy", "SHA-256", "0.00")


@pytest.mark.parametrize(
    ("source", "named", "origin"),
    [
        (Source("file", "/home/analyst/case 7/evidence.png"), "file evidence.png", "file"),
        (Source("file", r"C:\cases\evidence.png"), "file evidence.png", "file"),
        (Source("url", "https://phish.example/login"), "URL https://phish.example/login", "URL"),
        (Source("ail-object", "screenshot::aa11"), "AIL screenshot::aa11", "AIL"),
        (Source("camera", "42"), "camera 42", "camera"),
    ],
)
def test_places_outside_misp_are_named(writer, source, named, origin):
    found = rows(writer.write(match(known(sources=(source,))), SUBMITTED, SUBJECT))
    assert f"same picture as {named}, seen 2026-03-02" in found["explanation"]
    assert found["origin"] == origin
    assert not {"known-image", "known-event"} & found.keys()
    assert found.get("link") == ("https://ail.example.org/correlation/show?type=screenshot&subtype=&id=aa11" if origin == "AIL" else None)


def test_a_hidden_place_leaves_no_trace(writer):
    secret = Source("misp-attribute", KNOWN, 1.0, 2.0, {"event_uuid": EVENT, "value": "agent.png"}, {"tlp": "tlp:red"})
    written = writer.write(match(known(sources=(secret,), banks=("operation x",))), SUBMITTED, SUBJECT)
    found = rows(written)
    assert found["explanation"] == "YES: same picture as one whose source may not be told (pdq, tiles: YES; mirrored)"
    assert found.keys() == {"explanation", "decision", "relation", "distance", "method", "sha256"}
    text = json.dumps(written)
    assert not any(secret in text for secret in (KNOWN, EVENT, "agent.png", "operation x", "ab" * 16, "1970"))


def test_uuids_are_new_each_time_and_values_are_not(writer):
    first, second = (writer.write(match(known(sources=(seen_in_misp(),))), SUBMITTED, SUBJECT) for _ in range(2))
    assert rows(first) == rows(second)
    uuids = [item["uuid"] for found in (first, second) for item in (found, *found["Attribute"], *found["ObjectReference"])]
    assert len(set(uuids)) == len(uuids) and all(map(is_uuid, uuids))


def test_it_refers_to_the_enriched_attribute_and_to_nothing_else(writer):
    written = writer.write(match(known(sources=(seen_in_misp(),))), SUBMITTED, SUBJECT)
    [reference] = written["ObjectReference"]
    said = (reference["object_uuid"], reference["referenced_uuid"], reference["relationship_type"])
    assert said == (written["uuid"], ENRICHED, "annotates")
    assert "ObjectReference" not in writer.write(match(known()), SUBMITTED, Subject("", "shot.png", b""))


def test_values_keep_their_type_in_misp_s_review_page(writer):
    picture = known(sources=(Source("{x}", "[1]"),), banks=("true", "null", "[a]", '{"b": 1}'))
    for relation, value in rows(writer.write(match(picture, distance=0.0), SUBMITTED, SUBJECT)).items():
        assert value == value.strip() and value not in ("true", "false", "null", "0") and value[0] not in "[{", relation


def test_links_are_left_out_without_an_address():
    found = rows(ObjectWriter(TEMPLATES, "", {}).write(match(known(sources=(seen_in_misp(),))), SUBMITTED, SUBJECT))
    assert "link" not in found and found["method"] == "pdq, tiles"


@pytest.mark.parametrize("decision", [Decision.YES, Decision.MAYBE])
def test_pymisp_loads_it_strictly(writer, decision):
    written = writer.write(match(known(sources=(seen_in_misp(),), banks=("a", "b")), decision), SUBMITTED, SUBJECT)
    loaded = MISPObject(TEMPLATE, strict=True, misp_objects_path_custom=str(TEMPLATES))
    loaded.from_dict(**written)
    assert loaded.to_dict()["template_uuid"] == written["template_uuid"]
    assert {row.object_relation for row in loaded.attributes} <= template()["attributes"].keys()
    event = MISPEvent()
    event.info = "pictures"
    event.add_object(written)
    assert json.loads(event.to_json())["Object"][0]["ObjectReference"][0]["referenced_uuid"] == ENRICHED


def test_the_template_is_one_that_misp_objects_would_take():
    described = template()
    schema = json.loads((Path(pymisp.__file__).parent / "data" / "misp-objects" / "schema_objects.json").read_text("utf-8"))
    row = schema["defs"]["attribute"]
    assert set(schema["required"]) <= described.keys() <= schema["properties"].keys()
    assert described["meta-category"] in schema["properties"]["meta-category"]["enum"]
    assert is_uuid(described["uuid"]) and described["version"] >= 1 and described["name"] == TEMPLATE
    assert list(described["attributes"]) == sorted(described["attributes"])
    for relation, rule in described["attributes"].items():
        assert re.fullmatch("[a-z0-9-]+", relation)
        assert set(row["required"]) <= rule.keys() <= row["properties"].keys()
        assert rule["misp-attribute"] in row["properties"]["misp-attribute"]["enum"]


def tags(written):
    return [tag["name"] for row in written["Attribute"] for tag in row.get("Tag", [])]


def template():
    return json.loads((TEMPLATES / TEMPLATE / "definition.json").read_text("utf-8"))


@pytest.mark.parametrize("id", ["screenshot::aa11", "item::what it shows", "screenshot::aa11&x=<script>"])
def test_without_ail_s_address_its_objects_are_not_named(id):
    found = rows(ObjectWriter(TEMPLATES, "", {}).write(match(known(sources=(Source("ail-object", id),))), SUBMITTED, SUBJECT))
    assert "a picture known from AIL" in found["explanation"] and id not in str(found) and "link" not in found


def test_an_ail_object_s_id_cannot_spoil_the_link(writer):
    assert "link" not in rows(writer.write(match(known(sources=(Source("ail-object", "item::a&b=<x>"),))), SUBMITTED, SUBJECT))
