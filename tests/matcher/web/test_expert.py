"""Searching by one algorithm over HTTP."""

import pytest

from matcher.source import Source

LOGIN, COPY = "baseline/tinlark-login.png", "queries/tinlark-half.webp"
OTHER = "seen/octopus-drawing.png"


@pytest.fixture
def settings(settings):
    return settings.with_overrides({"fingerprints.enabled": "pdq,tiles,dhash,photodna,goldberg,phash-576"})


@pytest.fixture
def ask(api, upload):
    """Ask about the copy, or another sample."""

    def ask(query, name=COPY):
        return api.post(f"/api/v1/search/expert?{query}", **upload(name))

    return ask


@pytest.fixture
def known(api, upload):
    """The SHA-256 of a page that is known, with metadata; another picture is known, too."""
    details = {"sources": [{"kind": "url", "id": "https://a.example/", "metadata": {"case": "A-1", "open": True}}]}
    api.post("/api/v1/pictures", **upload(OTHER))
    return api.post("/api/v1/pictures", **upload(LOGIN, details=details)).json["picture"]["sha256"]


@pytest.mark.parametrize("algorithm", ["photodna", "goldberg", "phash-576", "pdq", "tiles"])
def test_one_algorithm_gives_all_of_the_evidence(ask, known, algorithm):
    answer = ask(f"algorithm={algorithm}").json
    assert [match["picture"]["sha256"] for match in answer["matches"]] == [known]
    assert [one["algorithm"] for one in answer["matches"][0]["evidence"]] == [algorithm]
    assert set(answer["fingerprints"]) == {algorithm}


def test_whoever_asks_says_how_near(ask, known):
    distance = ask("algorithm=photodna").json["matches"][0]["distance"]
    assert 0 < distance < 0.1
    for query, found in (
        (f"max_distance={distance + 1e-5}", 1),
        (f"max_distance={distance - 1e-5}", 0),
        (f"min_similarity={1 - distance - 1e-5}", 1),
        (f"min_similarity={1 - distance + 1e-5}", 0),
        ("max_distance=0.1&metric=manhattan", 1),
        ("max_distance=0&metric=manhattan", 0),
    ):
        assert len(ask(f"algorithm=photodna&{query}").json["matches"]) == found, query


def test_the_same_hash(ask, known):
    assert [match["picture"]["sha256"] for match in ask("same_hash=dhash", LOGIN).json["matches"]] == [known]
    assert ask("same_hash=dhash", "baseline/ovalquay-login.png").json["matches"] == []


def test_only_of_such_metadata(ask, known):
    for wanted, found in (("case=A-1", 1), ("open=true", 1), ("case=A-1&metadata=open=true", 1), ("case=A-2", 0)):
        assert len(ask(f"algorithm=goldberg&metadata={wanted}").json["matches"]) == found, wanted


def test_metadata_of_others_cannot_be_asked_for(api, services, token, upload, sample):
    theirs = Source("file", "x", 1e9, 1e9, {"case": "secret"}, {"org": "them"})
    ours = Source("file", "y", 1e9, 1e9, {"case": "open"}, {"org": "us"})
    services.matcher.add(sample(LOGIN).read_bytes(), sources=[theirs, ours])
    api.token = token("search", orgs=["us"])

    def found(case):
        return len(api.post(f"/api/v1/search/expert?algorithm=pdq&metadata=case={case}", **upload(COPY)).json["matches"])

    assert (found("open"), found("secret")) == (1, 0)
    api.token = token("search", orgs=["them"])
    assert (found("open"), found("secret")) == (0, 1)


def test_banks_and_limit(api, ask, upload, known):
    api.post("/api/v1/banks", json={"name": "one"})
    api.post("/api/v1/pictures", **upload(COPY, details={"banks": ["one"]}))
    assert len(ask("algorithm=photodna").json["matches"]) == 2
    assert ask("algorithm=photodna&limit=1").json["truncated"]
    assert [match["picture"]["banks"] for match in ask("algorithm=photodna&bank=one").json["matches"]] == [["one"]]
    assert ask("algorithm=photodna&bank=two").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "",
        "max_distance=0.1",
        "algorithm=whash",
        "algorithm=photodna&max_distance=1.5",
        "algorithm=photodna&max_distance=nan",
        "algorithm=photodna&max_distance=0.1&min_similarity=0.9",
        "algorithm=photodna&metric=cosine",
        "algorithm=pdq&metric=manhattan&max_distance=0.1",
        "algorithm=pdq&same_hash=dhash",
        "same_hash=photodna",
        "algorithm=pdq&metadata=case",
    ],
)
def test_questions_that_cannot_be(ask, known, query):
    answer = ask(query)
    assert (answer.status_code, answer.json["code"]) == (400, "bad-request")


def test_the_usual_search_takes_no_algorithm(api, upload):
    assert api.post("/api/v1/search?algorithm=pdq", **upload(COPY)).status_code == 400
