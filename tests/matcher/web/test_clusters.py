"""Clusters and reviews over HTTP."""

import io

import numpy as np
import pytest
from PIL import Image

from matcher.match import Decision, Match, Relation
from tests.matcher.pictures import encoded, photo

PICTURES = "/api/v1/pictures"


def copies(count, seed=7):
    """Files of one picture in several qualities, and of as many sizes."""
    whole = Image.fromarray(np.asarray(photo(480, 360, seed)))
    return [encoded(whole.resize((480 - 40 * n, 360 - 30 * n)), "JPEG", quality=90 - 5 * n) for n in range(count)]


@pytest.fixture
def add(api):
    def run(data, **details):
        answer = api.post(PICTURES, data={"picture": (io.BytesIO(data), "a.jpg"), **details}, content_type="multipart/form-data")
        assert answer.status_code == 201, answer.text
        return answer.json["picture"]

    return run


def test_pictures_tell_their_cluster_wherever_they_are_met(api, add):
    one, other, alone = add(copies(2)[0]), add(copies(2)[1]), add(encoded(photo(seed=3)))
    id = other["cluster"]
    assert id is not None and one["cluster"] is None and alone["cluster"] is None
    assert api.get(f"{PICTURES}/{one['sha256']}").json["cluster"] == id
    assert {each["sha256"]: each["cluster"] for each in api.get(PICTURES).json["pictures"]} == {
        one["sha256"]: id,
        other["sha256"]: id,
        alone["sha256"]: None,
    }
    found = api.get(f"{PICTURES}/{one['sha256']}/matches").json["matches"][0]
    assert (found["picture"]["sha256"], found["picture"]["cluster"]) == (other["sha256"], id)


def test_a_cluster_is_listed_and_shown(api, add):
    shas = [add(data)["sha256"] for data in copies(3)]
    (listed,) = api.get("/api/v1/clusters").json["clusters"]
    shown = api.get(f"/api/v1/clusters/{listed['id']}").json
    assert listed == {name: shown[name] for name in listed}
    assert listed["size"] == 3
    assert listed["representative"] in shas
    assert [picture["sha256"] for picture in shown["pictures"]] == shas
    assert {tuple(sorted((tie["a"], tie["b"]))) for tie in shown["ties"]} <= {tuple(sorted((a, b))) for a in shas for b in shas if a != b}
    assert {tie["how"] for tie in shown["ties"]} == {"found"}


def test_clusters_come_page_by_page(api, add):
    for seed in (1, 2, 3):
        a, b = (add(data)["sha256"] for data in copies(2, seed))
        api.post("/api/v1/clusters", json={"a": a, "b": b})
    first = api.get("/api/v1/clusters?limit=2").json
    second = api.get(f"/api/v1/clusters?limit=2&after={first['next']}").json
    assert len(first["clusters"]) == 2 and len(second["clusters"]) == 1 and second["next"] is None
    assert len({cluster["id"] for cluster in first["clusters"] + second["clusters"]}) == 3


def test_splitting_and_joining(api, add):
    shas = [add(data)["sha256"] for data in copies(4)]
    (listed,) = api.get("/api/v1/clusters").json["clusters"]
    split = api.post(f"/api/v1/clusters/{listed['id']}/split", json={"pictures": shas[:2]}).json
    assert split["cluster"]["id"] == listed["id"]
    assert (split["cluster"]["size"], split["split"]["size"]) == (2, 2)
    joined = api.post("/api/v1/clusters", json={"a": shas[0], "b": shas[3]}).json
    assert joined["size"] == 4
    assert joined["id"] == listed["id"], "the older one"
    assert joined["aliases"] == [split["split"]["id"]]
    assert api.get(f"/api/v1/clusters/{split['split']['id']}").json["id"] == listed["id"]
    refused = api.post(f"/api/v1/clusters/{listed['id']}/split", json={"pictures": shas})
    assert refused.status_code == 400 and "not all" in refused.json["message"]


def test_a_cluster_that_is_not_there(api):
    for id in ("00000000-0000-4000-8000-000000000000", "nothing"):
        assert api.get(f"/api/v1/clusters/{id}").status_code == 404
        assert api.post(f"/api/v1/proposals/{id}/accept").status_code == 404


def test_a_review_is_obeyed_and_withdrawn(api, add):
    one, other = (add(data)["sha256"] for data in copies(2))
    given = api.post("/api/v1/reviews", json={"a": other, "b": one, "verdict": "different"}).json
    assert given == {"a": min(one, other), "b": max(one, other), "verdict": "different", "who": "anonymous", "when": given["when"]}
    assert api.get(f"{PICTURES}/{one}/matches").json["decision"] == "NO"
    query = {"data": copies(2)[0], "content_type": "image/jpeg"}
    assert [match["picture"]["sha256"] for match in api.post("/api/v1/search", **query).json["matches"]] == [one]
    assert api.get(f"{PICTURES}/{one}").json["cluster"] is None
    assert api.get("/api/v1/reviews").json == {"reviews": [given], "next": None}
    assert api.get(f"/api/v1/reviews?picture={other}").json["reviews"] == [given]
    assert api.delete(f"/api/v1/reviews/{one}/{other}").status_code == 204
    assert api.delete(f"/api/v1/reviews/{one}/{other}").status_code == 404
    assert api.get(f"{PICTURES}/{one}/matches").json["decision"] == "YES"


def test_a_confirmed_pair_is_a_yes_of_the_same_picture(api, add):
    one, other = add(encoded(photo(seed=1)))["sha256"], add(encoded(photo(seed=2)))["sha256"]
    assert api.get(f"{PICTURES}/{one}/matches").json["decision"] == "NO"
    api.post("/api/v1/reviews", json={"a": one, "b": other, "verdict": "same"})
    (match,) = api.get(f"{PICTURES}/{other}/matches").json["matches"]
    assert (match["decision"], match["relation"], match["picture"]["sha256"]) == ("YES", "same picture", one)
    assert match["picture"]["cluster"] == api.get(f"{PICTURES}/{other}").json["cluster"] is not None
    assert "a person said" in match["evidence"][0]["note"]


def test_reviews_come_page_by_page(api, add):
    shas = [add(encoded(photo(seed=seed)))["sha256"] for seed in range(3)]
    for a, b in ((0, 1), (1, 2), (0, 2)):
        api.post("/api/v1/reviews", json={"a": shas[a], "b": shas[b], "verdict": "different"})
    first = api.get("/api/v1/reviews?limit=2").json
    second = api.get(f"/api/v1/reviews?limit=2&after={first['next']}").json
    assert len(first["reviews"]) == 2 and len(second["reviews"]) == 1 and second["next"] is None


def test_a_proposal_is_listed_accepted_and_rejected(api, add, services):
    clustering, collection = services.matcher.clustering, services.matcher.collection
    shas = [add(encoded(photo(seed=seed)))["sha256"] for seed in range(5)]
    pictures = [collection.get(sha256) for sha256 in shas]
    clustering.join(pictures[0], pictures[1])
    clustering.join(pictures[2], pictures[3])
    same = [Match(collection.get(shas[n]), Decision.YES, Relation.SAME_PICTURE, 0.1, ()) for n in (0, 2)]
    clustering.place(pictures[4], same)
    (proposal,) = api.get("/api/v1/proposals").json["proposals"]
    assert proposal["reason"] == "bridge"
    assert sorted(side["size"] for side in proposal["sides"]) == [2, 3]
    assert [{tie["a"], tie["b"]} for tie in proposal["ties"]] == [{shas[2], shas[4]}]
    assert api.post(f"/api/v1/proposals/{proposal['id']}/accept").json["size"] == 5
    assert api.get("/api/v1/proposals").json == {"proposals": []}
    assert api.post(f"/api/v1/proposals/{proposal['id']}/reject").status_code == 404
    assert api.post(f"/api/v1/proposals/{proposal['id']}/undo").json == {"waits": True}
    (again,) = api.get("/api/v1/proposals").json["proposals"]
    assert sorted(side["size"] for side in again["sides"]) == [2, 3] and again["ties"] == proposal["ties"]
    assert api.post(f"/api/v1/proposals/{proposal['id']}/undo").status_code == 404
    assert api.post(f"/api/v1/proposals/{again['id']}/reject").status_code == 204
    assert api.post(f"/api/v1/proposals/{again['id']}/undo").json == {"waits": True}


def test_who_may_do_what(api, add, token, services):
    shas = [add(data)["sha256"] for data in copies(3)]
    (listed,) = api.get("/api/v1/clusters").json["clusters"]
    services.matcher.banks.create("ours")
    for sha256 in shas[:2]:
        services.matcher.set_banks(sha256, add=["ours"])
    writer, reviewer = token("write"), token("review")
    ours, none = token("review", banks=["ours"]), token("search", banks=["ours"])
    review = {"json": {"a": shas[0], "b": shas[1], "verdict": "same"}}
    assert api.post("/api/v1/reviews", token=writer, **review).status_code == 403
    assert api.get("/api/v1/reviews", token=writer).status_code == 403
    assert api.post("/api/v1/clusters", token=writer, json={"a": shas[0], "b": shas[1]}).status_code == 403
    assert api.post("/api/v1/reviews", token=reviewer, **review).json["who"] == "a test"
    # Of a cluster one sees those pictures that are one's own to see.
    seen = api.get(f"/api/v1/clusters/{listed['id']}", token=ours).json
    assert {picture["sha256"] for picture in seen["pictures"]} == set(shas[:2])
    assert seen["size"] == 2 and all(shas[2] not in (tie["a"], tie["b"]) for tie in seen["ties"])
    assert api.get(f"{PICTURES}/{shas[0]}", token=ours).json["cluster"] is None
    assert api.post("/api/v1/reviews", token=ours, json={"a": shas[0], "b": shas[2], "verdict": "same"}).status_code == 404
    assert api.get("/api/v1/proposals", token=ours).status_code == 403
    assert api.post(f"/api/v1/clusters/{listed['id']}/split", token=ours, json={"pictures": shas[:1]}).status_code == 403
    services.matcher.set_banks(shas[1], remove=["ours"])
    assert api.get(f"/api/v1/clusters/{listed['id']}", token=none).status_code == 404
    assert api.get("/api/v1/clusters", token=none).json["clusters"] == []
    assert api.get("/api/v1/reviews", token=ours).json["reviews"] == []
