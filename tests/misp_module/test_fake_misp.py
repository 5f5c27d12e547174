"""The stand-in for MISP answers a real PyMISP as MISP does."""

import base64

import pytest
from pymisp import MISPRelationship, PyMISP, PyMISPError
from pymisp.exceptions import MISPServerError

from tests.misp_module.fake_misp import FOREIGN, KEY, FakeMisp


def rows(client: PyMISP, **asked: object) -> list[dict[str, object]]:
    return client.search(controller="attributes", type_attribute=["attachment"], **asked)["Attribute"]  # type: ignore


def test_pages_windows_and_deleted_rows(misp: FakeMisp) -> None:
    event = misp.event()
    attached = [misp.attach(event, b"data", f"{n}.png", timestamp=str(100 + n)) for n in range(10)]
    misp.delete(attached[4], 104)
    client = PyMISP(misp.url, KEY)
    assert [row["value"] for row in rows(client, timestamp=(102, 105), order="Attribute.timestamp asc")] == ["2.png", "3.png", "5.png"]
    assert len(rows(client, timestamp=(102, 105), deleted=[0, 1])) == 4
    pages = [row["id"] for page in (1, 2, 3) for row in rows(client, limit=4, page=page, order="Attribute.id desc")]
    assert pages == ["10", "9", "8", "7", "6", "4", "3", "2", "1"]
    assert all("data" not in row for row in rows(client))
    assert base64.b64decode(client.get_attribute(attached[0]["uuid"])["Attribute"]["data"]) == b"data"  # type: ignore


def test_foreign_events_stay_as_they_are(misp: FakeMisp) -> None:
    event = misp.event(org=FOREIGN, published=True)
    attribute = misp.attach(event, b"data")
    before = misp.of_orgs(FOREIGN)
    client = PyMISP(misp.url, KEY)
    assert client.tag(attribute["uuid"], "a:b", local=False)["errors"][0] == 403  # type: ignore
    assert client.tag(attribute["uuid"], "a:b", local=True)["saved"]  # type: ignore
    client.add_sighting({"type": "0", "source": "x"}, attribute["uuid"])
    link = MISPRelationship()
    link.from_dict(
        object_uuid=attribute["uuid"],
        object_type="Attribute",
        related_object_uuid=event["uuid"],
        related_object_type="Event",
        relationship_type="similar",
        distribution=0,
    )
    assert "errors" not in client.add_relationship(link)
    assert misp.of_orgs(FOREIGN) == before
    assert len(misp.sightings) == len(misp.analyst) == len(attribute["Tag"]) == 1


def test_hidden_events_are_not_there(misp: FakeMisp) -> None:
    attribute = misp.attach(misp.event(org=FOREIGN, distribution="0"), b"data")
    client = PyMISP(misp.url, KEY)
    assert rows(client) == []
    assert client.get_attribute(attribute["uuid"])["errors"][0] == 404  # type: ignore


def test_it_fails_as_told(misp: FakeMisp) -> None:
    client = PyMISP(misp.url, KEY)
    misp.faults.down = True
    with pytest.raises(MISPServerError):
        client.search_index(minimal=True)
    misp.faults.down, misp.faults.busy = False, 3
    answers = [client.search_index(minimal=True) for _ in range(5)]
    assert ["errors" in answer and answer["errors"][0] == 429 for answer in answers] == [True] * 3 + [False] * 2
    with pytest.raises(PyMISPError, match="403"):
        PyMISP(misp.url, "z" * 40)
