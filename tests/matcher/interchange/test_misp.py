"""Hashes in events and feeds of MISP."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from matcher.engine import Matcher
from matcher.errors import BadFile
from matcher.interchange.export import Selection
from matcher.interchange.hashlists import ListExport, ListImporter
from matcher.interchange.misp import Misp
from matcher.settings import config_dir
from matcher.source import Source
from tests.matcher.interchange.conftest import everything, pdq, remember, write
from tests.matcher.interchange.reading import Found, found

ONE = pdq(1).hex()
EVENT, FIRST, SECOND = (
    "5f0e1a2b-0000-4000-8000-00000000000a",
    "5f0e1a2b-0000-4000-8000-000000000001",
    "5f0e1a2b-0000-4000-8000-000000000002",
)
PERCEPTION = bytes.fromhex("d1c0f0a89c3e5e0b")


def attribute(**changes: Any) -> dict[str, Any]:
    """An attribute as MISP writes it: numbers are texts."""
    return {
        "uuid": FIRST,
        "type": "text",
        "category": "Other",
        "value": f"pdq:{ONE}",
        "timestamp": "1790000000",
        "distribution": "5",
    } | changes


def phishing(**changes: Any) -> dict[str, Any]:
    hashed = attribute(uuid=SECOND, object_relation="phash-dct-base64", value=b64encode(PERCEPTION).decode())
    page = attribute(object_relation="url", type="url", value="https://phish.example/login")
    return {"name": "cert-pl-phishing", "uuid": FIRST, "Attribute": [page, hashed]} | changes


def event(attributes: list[Any] | None = None, objects: list[Any] | None = None, **changes: Any) -> dict[str, Any]:
    whole = {"uuid": EVENT, "info": "Phishing", "timestamp": "1790000001", "Orgc": {"name": "CERT", "uuid": SECOND}, "distribution": "3"}
    return {"Event": whole | {"Attribute": attributes or [], "Object": objects or []} | changes}


def test_a_text_that_is_a_hash_is_taken(tmp_path: Path) -> None:
    read = found(Misp(), tmp_path, json.dumps(event([attribute(), attribute(value="PDQ " + ONE), attribute(value=f"phash={'0f' * 8}")])))
    assert read.prints == [{"pdq": ONE}, {"pdq": ONE}, {"phash": "0f" * 8}]
    visible = {"distribution": "3", "org": SECOND}
    told = {"event_uuid": EVENT, "event_info": "Phishing"}
    assert read.entries[0].sources == (Source("misp-attribute", FIRST, 1790000000, 1790000000, told, visible),)


def test_the_phash_of_cert_pl_is_taken_with_its_page(tmp_path: Path) -> None:
    read = found(Misp(), tmp_path, json.dumps(event(objects=[phishing()])))
    assert read.prints == [{"phash-perception": PERCEPTION.hex()}]
    assert [source.key for source in read.entries[0].sources] == [f"misp-attribute:{SECOND}", "url:https://phish.example/login"]


def test_an_object_of_ours_is_one_picture(tmp_path: Path) -> None:
    rows = [
        ("pdq", ONE),
        ("phash", "0f" * 8),
        ("tiles", "ff" * 66),
        ("method", "pdq 1, phash 1, tiles 3"),
        ("sha256", "ab" * 32),
        ("note", "n"),
    ]
    ours = {"name": "image-fingerprint", "Attribute": [attribute(object_relation=relation, value=value) for relation, value in rows]}
    read = found(Misp(), tmp_path, json.dumps(event(objects=[ours])))
    assert read.prints == [{"pdq": ONE, "phash": "0f" * 8, "tiles": "ff" * 66}]
    [entry] = read.entries
    assert ([one.version for one in entry.prints], entry.sha256, entry.details) == ([1, 1, 3], "ab" * 32, {"note": "n"})


def test_what_is_no_hash_of_a_picture_is_left(tmp_path: Path) -> None:
    others = [
        attribute(value="pdq is a hash by Meta"),
        attribute(type="sha256", value="ab" * 32),
        attribute(type="attachment", value="a.png", data="AAAA"),
        attribute(deleted=True),
        attribute(deleted="1"),
        attribute(value=None),
        "text",
        None,
    ]
    malware = {"name": "file", "Attribute": [attribute(object_relation="tlsh", type="tlsh", value="T1" + "0A" * 35)]}
    read = found(Misp(), tmp_path, json.dumps(event(others, [malware, phishing(deleted=True), None])))
    assert (read.entries, read.flaws) == ([], [])


def test_a_hash_that_is_none_is_told(tmp_path: Path) -> None:
    broken = phishing(Attribute=[attribute(object_relation="phash-dct-base64", value="AAAA")])
    [(place, text)] = found(Misp(), tmp_path, json.dumps(event(objects=[broken]))).flaws
    assert (place, "8 bytes in base64" in text) == (f"attribute {FIRST} of event {EVENT}", True)


def test_tags_of_event_and_attribute_come_along(tmp_path: Path) -> None:
    tagged = attribute(Tag=[{"name": 'copine-scale:level="1"'}, {"name": "both"}])
    [entry] = found(Misp(), tmp_path, json.dumps(event([tagged], Tag=[{"name": "tlp:amber"}, {"name": "both"}]))).entries
    assert entry.tags == ("tlp:amber", "both", 'copine-scale:level="1"')
    assert entry.sources[0].visibility["tlp"] == ["tlp:amber"]


@pytest.mark.parametrize(
    ("of_event", "of_object", "of_attribute", "narrowest"),
    [("3", "5", "5", "3"), ("3", "1", "2", "1"), ("1", "3", "3", "1"), ("3", "0", "3", "0"), ("3", "5", "4", "4"), (None, "5", "5", None)],
)
def test_who_may_know_is_the_narrowest_of_all(
    tmp_path: Path, of_event: str | None, of_object: str, of_attribute: str, narrowest: str | None
) -> None:
    hashed = attribute(object_relation="pdq", value=ONE, distribution=of_attribute, sharing_group_id="7")
    document = event(objects=[{"name": "x", "distribution": of_object, "Attribute": [hashed]}], distribution=of_event)
    [entry] = found(Misp(), tmp_path, json.dumps(document)).entries
    assert entry.sources[0].visibility.get("distribution") == narrowest
    assert entry.sources[0].visibility.get("sharing_group") == ("7" if narrowest == "4" else None)


def test_events_come_in_many_wrappings(tmp_path: Path) -> None:
    one = event([attribute()])
    for document in (one, one["Event"], [one, one], {"response": [one]}, {"response": one}):
        assert {"pdq": ONE} in found(Misp(), tmp_path, json.dumps(document)).prints


def feed(folder: Path, *names: str) -> Path:
    folder.mkdir()
    write(folder / "manifest.json", json.dumps({name: {"info": "x", "Orgc": {}} for name in names}))
    write(folder / "hashes.csv", "d41d8cd98f00b204e9800998ecf8427e,x\n")
    return folder


@pytest.mark.parametrize("named", [".", "manifest.json"])
def test_a_feed_is_read_by_its_manifest(tmp_path: Path, named: str) -> None:
    folder = feed(tmp_path / "feed", EVENT, FIRST)
    write(folder / f"{EVENT}.json", json.dumps(event([attribute()])))
    write(folder / f"{SECOND}.json", json.dumps(event([attribute()])))
    read = Found(Misp(), folder / named)
    assert read.prints == [{"pdq": ONE}]
    assert [place for place, _ in read.flaws] == [f"event {FIRST}"]


def test_a_folder_without_manifest_is_a_feed_of_its_events(tmp_path: Path) -> None:
    write(tmp_path / f"{EVENT}.json", json.dumps(event([attribute()])))
    write(tmp_path / "notes.json", "no event")
    assert Found(Misp(), tmp_path).prints == [{"pdq": ONE}]


@pytest.mark.parametrize("name", ["../secret", "a/b", "..", "x"])
def test_a_manifest_names_nothing_but_events(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadFile, match="no manifest|no MISP event|no events"):
        Found(Misp(), feed(tmp_path / "feed", name))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "5", '"Event"', '{"Event": 5}', '{"response": null}', "[" * 100_000])
def test_what_is_no_event_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadFile, match="nothing was imported"):
        found(Misp(), tmp_path, text)


@pytest.mark.parametrize("value", [None, 5, "text", [], {}, [5], [[]], {"a": 1}, True, 1e400, "\ud800"])
@pytest.mark.parametrize("member", ["uuid", "type", "value", "timestamp", "distribution", "Tag", "object_relation", "deleted"])
def test_any_member_may_be_anything(tmp_path: Path, member: str, value: Any) -> None:
    text = json.dumps(event([attribute(**{member: value})])).replace("Infinity", "1e999")
    found(Misp(), tmp_path, text)
    whole = json.dumps(event([attribute()], **{member: value})).replace("Infinity", "1e999")
    found(Misp(), tmp_path, whole)


def test_what_is_written_is_an_event_that_misp_and_we_read(matcher: Matcher, tmp_path: Path) -> None:
    pymisp = pytest.importorskip("pymisp")
    remember(matcher, 1, tags=["tlp:green"], sources=[Source("file", "secret")])
    text = b"".join(ListExport(matcher, Selection(matcher), "misp").lines())
    assert b"secret" not in text
    read = pymisp.MISPEvent()
    read.from_json(text.decode())
    [ours] = read.objects
    template = json.loads((config_dir() / "misp" / "objects" / "image-fingerprint" / "definition.json").read_text("utf-8"))
    assert (ours.name, ours.template_uuid, ours.template_version) == (template["name"], template["uuid"], str(template["version"]))
    assert {row.object_relation for row in ours.attributes} <= set(template["attributes"])
    assert [tag.name for row in ours.attributes if row.object_relation == "pdq" for tag in row.tags] == ["tlp:green"]
    assert not any(row.to_ids for row in ours.attributes)
    matcher.reset()
    ListImporter(matcher, trust_sha256=True).run(write(tmp_path / "event.json", text))
    assert everything(matcher)[0].tags == ("tlp:green",)


def test_our_template_is_one_that_pymisp_takes() -> None:
    pymisp = pytest.importorskip("pymisp")
    made = pymisp.MISPObject("image-fingerprint", strict=True, misp_objects_path_custom=str(config_dir() / "misp" / "objects"))
    made.add_attribute("pdq", value=ONE)
    assert made.to_dict()["template_version"] == "1"
