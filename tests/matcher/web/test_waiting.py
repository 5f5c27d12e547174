"""What waits for a verdict, over the API."""

import pytest

from matcher.doubts import Doubt

WAITING, CLUSTERS = "/api/v1/reviews/waiting", "/api/v1/reviews/clusters"


@pytest.fixture
def records(services, sample):
    matcher = services.matcher
    matcher.banks.create("brands")
    names = ("baseline/ovalquay-login.png", "baseline/tinlark-login.png", "baseline/marrowbridge-login.png")
    found = [matcher.add(sample(name).read_bytes(), banks=["brands"]).record for name in names[:2]]
    found.append(matcher.add(sample(names[2]).read_bytes()).record)
    one, other, third = found
    matcher.collection.doubts.add([Doubt(one.id, other.id, 2.0), Doubt(one.id, third.id, 1.0)])
    return found


def test_listing(api, records):
    one, other, third = records
    found = api.get(f"{WAITING}?limit=1").json
    assert found["count"] == 2
    assert [(pair["one"]["sha256"], pair["other"]["sha256"]) for pair in found["pairs"]] == [(other.sha256, one.sha256)]
    assert found["pairs"][0]["evidence"]
    assert [pair["one"]["sha256"] for pair in api.get(f"{WAITING}?skip=1").json["pairs"]] == [third.sha256]
    assert api.get(f"{WAITING}?limit=51").status_code == 400


def test_who_is_limited_sees_what_is_theirs(api, records, token):
    one, other, _ = records
    mine = token("review", banks=["brands"])
    found = api.get(WAITING, token=mine).json
    assert [{pair["one"]["sha256"], pair["other"]["sha256"]} for pair in found["pairs"]] == [{one.sha256, other.sha256}]
    assert found["count"] == 1
    assert api.get(WAITING, token=token("write")).status_code == 403


def test_whole_clusters(api, services, records, audited):
    one, other, third = records
    services.matcher.clustering.join(services.matcher.get(other.sha256), services.matcher.get(third.sha256))
    given = api.post(CLUSTERS, json={"a": one.sha256, "b": other.sha256, "verdict": "different"})
    assert {(review["a"], review["b"]) for review in given.json["reviews"]} == {
        tuple(sorted((one.sha256, each.sha256))) for each in (other, third)
    }
    assert api.get(WAITING).json == {"pairs": [], "count": 0}
    assert (audited()[-1]["action"], audited()[-1]["pairs"]) == ("review.clusters", 2)
    assert api.post(CLUSTERS, json={"a": other.sha256, "b": third.sha256, "verdict": "different"}).status_code == 400
    assert api.post(CLUSTERS, json={"a": one.sha256, "b": "0" * 64, "verdict": "same"}).status_code == 404
