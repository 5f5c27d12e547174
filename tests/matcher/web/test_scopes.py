"""Tokens limited to banks or organisations: what of others they see, find, change and learn, which is nothing."""

from hashlib import sha256

import pytest

from matcher.source import Source
from matcher.web.app import installed
from matcher.web.openapi import document
from tests.matcher.web.plausible import operations

OURS, SHARED, HIDDEN = "baseline/ovalquay-login.png", "seen/octopus-drawing.png", "baseline/tinlark-login.png"
HIDDEN_COPY = "queries/tinlark-half.webp"
OPERATIONS = list(operations(document(operation for routes in installed() for operation in routes.operations)))
# Words that no answer to us may have: of things in a bank that is not ours, or known from others alone.
OF_THEIR_BANK, OF_THEIR_ORG = "of-their-bank", "of-their-org"


def seen(name, org):
    return Source("file", name, 1e9, 1e9, {"title": name}, {"org": org} if org else {})


@pytest.fixture
def world(services, sample):
    """A bank of ours and one of theirs; a picture of ours, one of theirs, and one that both know. name -> SHA-256."""
    matcher = services.matcher
    matcher.banks.create("ours", tags=["ours:found"])
    matcher.banks.create("theirs", tags=[f"{OF_THEIR_BANK}:emitted"], note=OF_THEIR_BANK)
    of_ours = seen("our file", "us")
    of_theirs = seen(f"{OF_THEIR_ORG} file", OF_THEIR_ORG)
    for name, banks, sources, tags in (
        (OURS, ["ours"], [of_ours], ["common"]),
        (SHARED, ["ours", "theirs"], [of_ours, of_theirs], ["common"]),
        (HIDDEN, ["theirs"], [of_theirs], ["common"]),
    ):
        matcher.add(sample(name).read_bytes(), sources=sources, tags=tags, banks=banks)
    return {name: sha256(sample(name).read_bytes()).hexdigest() for name in (OURS, SHARED, HIDDEN)}


@pytest.fixture(params=["banks", "orgs"])
def limited(request, token, world):
    """A limit, and how to make a token that has it: limited to our bank, or to our organisation."""
    return request.param, lambda role="write": token(role, **{request.param: ["ours" if request.param == "banks" else "us"]})


def names(answer, world):
    by_sha256 = {value: name for name, value in world.items()}
    return {by_sha256[picture["sha256"]] for picture in answer.json["pictures"]}


def found(answer, world):
    by_sha256 = {value: name for name, value in world.items()}
    return {by_sha256[match["picture"]["sha256"]] for match in answer.json["matches"] + answer.json["suppressed"]}


def test_listing(api, limited, world):
    _, make = limited
    api.token = make()
    assert names(api.get("/api/v1/pictures"), world) == {OURS, SHARED}
    assert names(api.get("/api/v1/pictures?tag=common"), world) == {OURS, SHARED}
    assert names(api.get("/api/v1/pictures?source=file"), world) == {OURS, SHARED}


def test_listing_in_pages_tells_nothing_of_what_is_left_out(api, limited, world):
    _, make = limited
    api.token = make()
    pages, after = [], ""
    while after is not None:
        answer = api.get(f"/api/v1/pictures?limit=1{after and f'&after={after}'}")
        pages.append(names(answer, world))
        after = answer.json["next"]
    assert [page for page in pages if page] == [{SHARED}, {OURS}]


def test_what_others_know_of_a_shared_picture_cannot_be_asked_for(api, token, world):
    api.token = token("search", orgs=["us"])
    assert api.get("/api/v1/pictures?source=file:our file").json["pictures"]
    assert api.get(f"/api/v1/pictures?source=file:{OF_THEIR_ORG} file").json["pictures"] == []
    api.token = token("search", banks=["ours"])
    assert api.get("/api/v1/pictures?bank=theirs").status_code == 403


def test_an_unknown_bank_and_one_of_others_are_the_same(api, token, world):
    api.token = token("write", banks=["ours"])
    picture = f"/api/v1/pictures/{world[OURS]}"
    for ask in (
        lambda bank: api.get(f"/api/v1/banks/{bank}"),
        lambda bank: api.get(f"/api/v1/pictures?bank={bank}"),
        lambda bank: api.get(f"{picture}/matches?bank={bank}"),
        lambda bank: api.patch(picture, json={"add_banks": [bank]}),
        lambda bank: api.patch(picture, json={"remove_banks": [bank]}),
        lambda bank: api.post("/api/v1/search/fingerprints", json={"fingerprints": {"pdq": "ab" * 32}, "banks": [bank]}),
    ):
        theirs, nobodys = ask("theirs"), ask("nobody's")
        assert (theirs.status_code, theirs.json) == (403, nobodys.json)
    assert api.get(picture).json["banks"] == ["ours"]


def test_banks_are_listed_by_their_own(api, token, world):
    assert [bank["name"] for bank in api.get("/api/v1/banks", token=token("search", banks=["ours"])).json["banks"]] == ["ours"]
    assert [bank["name"] for bank in api.get("/api/v1/banks", token=token("search")).json["banks"]] == ["ours", "theirs"]


def test_a_hidden_picture_is_an_unknown_one(api, limited, world):
    _, make = limited
    api.token = make()
    for method, below, details in (
        ("GET", "", {}),
        ("GET", "/matches", {}),
        ("PATCH", "", {"json": {"add_tags": ["x"]}}),
        ("DELETE", "", {}),
    ):
        hidden = api(method, f"/api/v1/pictures/{world[HIDDEN]}{below}", **details)
        unknown = api(method, f"/api/v1/pictures/{'0' * 64}{below}", **details)
        assert (hidden.status_code, unknown.status_code) == (404, 404)
        assert hidden.json["message"].replace(world[HIDDEN], "") == unknown.json["message"].replace("0" * 64, "")


def test_searching_finds_nothing_of_others(api, limited, world, upload):
    _, make = limited
    api.token = make()
    for name in (HIDDEN, HIDDEN_COPY):
        answer = api.post("/api/v1/search", **upload(name))
        assert (answer.json["decision"], found(answer, world)) == ("NO", set())
        hashes = api.post("/api/v1/hash", **upload(name)).json
        answer = api.post("/api/v1/search/fingerprints", json={"fingerprints": hashes["fingerprints"], "sha256": hashes["sha256"]})
        assert (answer.json["decision"], found(answer, world)) == ("NO", set())
    assert found(api.post("/api/v1/search", **upload(SHARED)), world) == {SHARED}


def test_what_is_suppressed_of_others_is_not_told(api, services, limited, world, upload):
    services.matcher.banks.update("theirs", kind="ignore")
    _, make = limited
    api.token = make()
    assert api.post("/api/v1/search", **upload(HIDDEN_COPY)).json["suppressed"] == []


def test_adding_does_not_tell_whether_others_know_a_picture(api, limited, world, upload):
    _, make = limited
    api.token = make()
    noted = {"sources": [{"kind": "file", "id": "a.png"}]}
    hidden = api.post("/api/v1/pictures?search=true", **upload(HIDDEN, details=noted))
    fresh = api.post("/api/v1/pictures?search=true", **upload("queries/skerry-weather.png", details=noted))
    for answer in (hidden, fresh):
        assert (answer.status_code, answer.json["new"], answer.json["answer"]["matches"]) == (201, True, [])
        assert api.get(f"/api/v1/pictures/{answer.json['picture']['sha256']}").status_code == 200
    again = api.post("/api/v1/pictures", **upload(OURS, details=noted))
    assert (again.status_code, again.json["new"]) == (200, False)


def test_adding_goes_into_the_bank_of_the_token(api, services, token, world, upload):
    api.token = token("write", banks=["ours"])
    picture = api.post("/api/v1/pictures", **upload(HIDDEN_COPY)).json["picture"]
    assert picture["banks"] == ["ours"]
    assert api.post("/api/v1/pictures", **upload(HIDDEN_COPY, details={"banks": ["theirs"]})).status_code == 403
    assert services.matcher.get(picture["sha256"]).banks == ("ours",)
    api.token = token("write", banks=["ours", "theirs"])
    vague = api.post("/api/v1/pictures", **upload(HIDDEN_COPY))
    assert (vague.status_code, "name one of ours, theirs" in vague.json["message"]) == (400, True)


def test_sources_belong_to_the_organisation_of_the_token(api, services, token, world, upload):
    api.token = token("write", orgs=["us"])
    noted = {"sources": [{"kind": "file", "id": "new.png"}]}
    picture = api.post("/api/v1/pictures", **upload(HIDDEN_COPY, details=noted)).json["picture"]
    assert [source["visibility"] for source in picture["sources"]] == [{"org": "us"}]
    forged = {"kind": "file", "id": "forged.png", "visibility": {"org": OF_THEIR_ORG}}
    assert api.post("/api/v1/pictures", **upload(HIDDEN_COPY, details={"sources": [forged]})).status_code == 403
    assert api.patch(f"/api/v1/pictures/{picture['sha256']}", json={"add_sources": [forged]}).status_code == 403
    api.token = token("write", orgs=["us", "you"])
    assert api.post("/api/v1/pictures", **upload(HIDDEN_COPY, details=noted)).status_code == 400
    assert [source.id for source in services.matcher.get(picture["sha256"]).sources] == ["new.png"]


def test_a_picture_without_a_source_would_be_nobody_s(api, services, token, upload):
    api.token = token("write", orgs=["us"])
    answer = api.post("/api/v1/pictures", **upload(HIDDEN))
    assert (answer.status_code, "name a source" in answer.json["message"]) == (400, True)
    assert api.get("/api/v1/pictures").json["pictures"] == []


def test_sources_of_others_cannot_be_taken_away(api, services, token, world):
    api.token = token("write", orgs=["us"])
    changed = api.patch(f"/api/v1/pictures/{world[SHARED]}", json={"remove_sources": [f"file:{OF_THEIR_ORG} file", "file:our file"]})
    assert changed.status_code == 200
    assert [source.id for source in services.matcher.get(world[SHARED]).sources] == [f"{OF_THEIR_ORG} file"]


@pytest.mark.parametrize("name", [SHARED, HIDDEN])
def test_two_organisations_that_saw_a_picture_at_one_place_have_a_source_each(api, services, token, world, upload, name):
    place, path = f"{OF_THEIR_ORG} file", f"/api/v1/pictures/{world[name]}"
    theirs = seen(place, OF_THEIR_ORG)
    api.token = token("write", orgs=["us"])
    added = api.post("/api/v1/pictures", **upload(name, details={"sources": [{"kind": "file", "id": place}]}))
    noted = added.json["picture"]["sources"][-1]
    assert (noted["id"], noted["metadata"], noted["visibility"]) == (place, {}, {"org": "us"})
    assert noted["first_seen"] > "2002"
    [kept] = api.get(path, token=token("search", orgs=[OF_THEIR_ORG])).json["sources"]
    assert (kept["metadata"], kept["first_seen"][:4]) == (theirs.metadata, "2001")
    assert api.patch(path, json={"remove_sources": [f"file:{place}"]}).status_code == 200
    assert [source for source in services.matcher.get(world[name]).sources if source.id == place] == [theirs]


def test_what_is_told_to_all_is_nobody_s_to_take(api, services, token, world, sample, upload):
    public = Source("url", "https://a.example/", 1e9, 1e9, {"title": "told to all"})
    for sources in ([public], []):
        added = services.matcher.add(sample(HIDDEN_COPY).read_bytes(), sources=sources).record
        path = f"/api/v1/pictures/{added.sha256}"
        api.token = token("write", orgs=["us"])
        assert api.delete(path).status_code == 403
        api.post("/api/v1/pictures", **upload(HIDDEN_COPY, details={"sources": [{"kind": public.kind, "id": public.id}]}))
        assert api.delete(path).status_code == (403 if sources else 204)
        api.token = token("search", orgs=[OF_THEIR_ORG])
        if sources:
            assert [source["metadata"] for source in api.get(path).json["sources"]] == [public.metadata]
            services.matcher.remove(added.sha256)


def test_a_picture_that_others_know_is_not_removed(api, services, limited, world):
    _, make = limited
    api.token = make()
    assert api.delete(f"/api/v1/pictures/{world[SHARED]}").status_code == 403
    assert api.delete(f"/api/v1/pictures/{world[OURS]}").status_code == 204
    assert services.matcher.get(world[SHARED]).banks == ("ours", "theirs")


def test_what_concerns_everybody_is_refused(api, limited, world):
    _, make = limited
    api.token = make("admin")
    for method, path, details in (
        ("GET", "/api/v1/stats", {}),
        ("GET", "/api/v1/export", {}),
        ("GET", "/metrics", {}),
        ("POST", "/api/v1/banks", {"json": {"name": "ours too"}}),
        ("PATCH", "/api/v1/banks/ours", {"json": {"note": "x"}}),
        ("PATCH", "/api/v1/banks/theirs", {"json": {"note": "x"}}),
        ("DELETE", "/api/v1/banks/theirs", {}),
    ):
        assert api(method, path, **details).status_code == 403, f"{method} {path}"


def test_a_bank_that_was_deleted_keeps_nobody_from_the_others(api, services, token, world, upload):
    api.token = token("search", banks=["ours", "gone"])
    assert found(api.post("/api/v1/search", **upload(OURS)), world) == {OURS}
    job = api.post("/api/v1/search/many", **upload(OURS)).json["id"]
    assert api.get(f"/api/v1/jobs/{job}?wait=30").json["failed"] == 0
    api.token = token("search", banks=["gone"])
    assert found(api.post("/api/v1/search", **upload(OURS)), world) == set()
    assert api.post("/api/v1/search?bank=gone", **upload(OURS)).status_code == 404


def test_jobs_of_others_do_not_exist(api, services, limited, token, world, upload):
    theirs = api.post("/api/v1/search/many", token=token("search"), **upload(HIDDEN)).json["id"]
    _, make = limited
    for role in ("search", "admin"):
        api.token = make(role)
        ours = api.post("/api/v1/search/many", **upload(OURS)).json["id"]
        assert [job["id"] for job in api.get("/api/v1/jobs").json["jobs"]] == [ours]
        for method, path in (
            ("GET", f"/api/v1/jobs/{theirs}"),
            ("GET", f"/api/v1/jobs/{theirs}/results"),
            ("DELETE", f"/api/v1/jobs/{theirs}"),
        ):
            assert api(method, path).status_code == 404
        assert api.get(f"/api/v1/jobs/{ours}?wait=30").json["state"] == "done"
    api.token = token("search")
    assert api.get("/api/v1/jobs").json["jobs"] == []
    api.token = token("admin")
    assert theirs in [job["id"] for job in api.get("/api/v1/jobs").json["jobs"]]


def test_jobs_keep_to_the_limits_of_who_asked(api, services, limited, world, upload):
    limit, make = limited
    api.token = make()
    searched = api.post("/api/v1/search/many", **upload(HIDDEN, HIDDEN_COPY, SHARED)).json["id"]
    assert api.get(f"/api/v1/jobs/{searched}?wait=30").json["state"] == "done"
    added = api.post("/api/v1/pictures/many", **upload(HIDDEN, SHARED, details={"sources": [{"kind": "file", "id": "x"}]})).json["id"]
    assert api.get(f"/api/v1/jobs/{added}?wait=30").json["state"] == "done"
    results = api.get(f"/api/v1/jobs/{searched}/results").json["results"]
    assert [one["result"]["decision"] for one in results] == ["NO", "NO", "YES"]
    results = api.get(f"/api/v1/jobs/{added}/results")
    assert [one["result"]["new"] for one in results.json["results"]] == [True, False]
    assert {"banks": OF_THEIR_BANK, "orgs": OF_THEIR_ORG}[limit] not in results.text + api.get(f"/api/v1/jobs/{searched}/results").text
    record = services.matcher.get(world[HIDDEN])
    assert record.banks == (("theirs", "ours") if limit == "banks" else ("theirs",))


@pytest.mark.slow
def test_no_answer_says_a_word_of_others(api, limited, world, sample):
    """Asks each route about each picture and bank; what only reads comes first."""
    limit, make = limited
    word = {"banks": OF_THEIR_BANK, "orgs": OF_THEIR_ORG}[limit]
    asked = 0
    for operation in sorted(OPERATIONS, key=lambda one: (one.method == "DELETE", one.method == "PATCH", one.role == "write")):
        for places in ({"sha256": world[SHARED]}, {"sha256": world[OURS]}, {"sha256": world[HIDDEN]}, {"name": "ours"}, {"name": "theirs"}):
            if not all(f"{{{part}}}" in operation.path for part in places) and operation.method == "GET":
                continue
            name = next((name for name in world if world[name] == places.get("sha256")), SHARED)
            change = {"remove_banks": ["ours"]} if limit == "banks" else {"remove_sources": ["file:our file"]}
            address, body = operation.address(places), operation.body(sample(name).read_bytes(), **change)
            answer = api(operation.method, address, token=make("admin"), **body)
            assert word not in answer.text, f"{operation} of {name}"
            assert word not in str(answer.headers)
            asked += 1
    assert asked > len(OPERATIONS)
