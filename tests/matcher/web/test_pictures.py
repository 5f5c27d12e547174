LOGIN = "baseline/tinlark-login.png"
COPY = "queries/tinlark-half.webp"


def test_adding_a_picture(api, upload):
    details = {"sources": [{"kind": "url", "id": "https://tinlark.example/", "metadata": {"title": "Log in"}}], "tags": ["tlp:clear"]}
    first = api.post("/api/v1/pictures", **upload(LOGIN, details=details))
    again = api.post("/api/v1/pictures", **upload(LOGIN))
    assert (first.status_code, first.json["new"]) == (201, True)
    assert (again.status_code, again.json["new"]) == (200, False)
    picture = again.json["picture"]
    assert picture["tags"] == ["tlp:clear"]
    assert picture["sources"][0]["metadata"] == {"title": "Log in"}
    assert picture["sources"][0]["first_seen"] is not None
    assert first.json["answer"] is None


def test_a_picture_can_be_the_body_itself(api, sample):
    data = sample(LOGIN).read_bytes()
    answer = api.post("/api/v1/pictures?tag=a&source=file:x.png", data=data, content_type="image/png")
    assert answer.status_code == 201
    assert (answer.json["picture"]["tags"], answer.json["picture"]["sources"][0]["id"]) == (["a"], "x.png")


def test_searching_before_adding(api, upload):
    api.post("/api/v1/pictures", **upload(LOGIN))
    answer = api.post("/api/v1/pictures?search=true", **upload(COPY))
    assert (answer.json["new"], answer.json["answer"]["decision"]) == (True, "YES")
    assert len(answer.json["answer"]["matches"]) == 1


def test_what_is_no_picture_changes_nothing(api):
    answer = api.post("/api/v1/pictures", data=b"no picture", content_type="image/png")
    assert (answer.status_code, answer.json["code"]) == (415, "not-a-picture")
    assert api.get("/api/v1/pictures").json == {"pictures": [], "next": None}


def test_an_unknown_bank_changes_nothing(api, upload):
    answer = api.post("/api/v1/pictures", **upload(LOGIN, details={"banks": ["nowhere"]}))
    assert (answer.status_code, answer.json["code"]) == (404, "not-found")
    assert api.get("/api/v1/pictures").json["pictures"] == []


def test_getting_and_removing(api, upload):
    sha256 = api.post("/api/v1/pictures", **upload(LOGIN)).json["picture"]["sha256"]
    assert "pdq" in api.get(f"/api/v1/pictures/{sha256}").json["fingerprints"]
    gone = api.delete(f"/api/v1/pictures/{sha256}")
    assert (gone.status_code, gone.data) == (204, b"")
    assert api.get(f"/api/v1/pictures/{sha256}").status_code == 404
    assert api.delete(f"/api/v1/pictures/{sha256}").status_code == 404


def test_a_sha256_that_is_none(api):
    answer = api.get("/api/v1/pictures/xyz")
    assert (answer.status_code, answer.json["code"]) == (400, "bad-request")


def test_listing_in_pages(api, upload):
    names = [LOGIN, COPY, "seen/octopus-drawing.png"]
    added = [api.post("/api/v1/pictures", **upload(name)).json["picture"]["sha256"] for name in names]
    first = api.get("/api/v1/pictures?limit=2").json
    second = api.get(f"/api/v1/pictures?limit=2&after={first['next']}").json
    assert [picture["sha256"] for picture in first["pictures"] + second["pictures"]] == added[::-1]
    assert second["next"] is None


def test_listing_what_is_asked_for(api, upload):
    api.post("/api/v1/pictures", **upload(LOGIN, details={"tags": ["a"], "sources": [{"kind": "url", "id": "https://x.example/"}]}))
    api.post("/api/v1/pictures", **upload("seen/octopus-drawing.png", details={"tags": ["b"]}))

    def count(query):
        return len(api.get(f"/api/v1/pictures?{query}").json["pictures"])

    assert (count("tag=a"), count("tag=c"), count("source=url"), count("source=url:https://x.example/")) == (1, 0, 1, 1)
    assert (count("since=2020-01-01"), count("until=2020-01-01"), count("since=2099-01-01T00:00:00Z")) == (2, 0, 0)


def test_what_cannot_be_asked_is_named(api):
    for query, named in (("limit=0", "limit"), ("limit=5000", "web.max_limit"), ("colour=red", "colour"), ("limit=1&limit=2", "2 times")):
        answer = api.get(f"/api/v1/pictures?{query}")
        assert answer.status_code == 400
        assert named in answer.json["message"]


def test_changing_a_picture(api, upload):
    api.post("/api/v1/banks", json={"name": "login pages", "kind": "baseline"})
    details = {"tags": ["a", "b"], "sources": [{"kind": "file", "id": "a.png"}, {"kind": "file", "id": "b.png"}]}
    sha256 = api.post("/api/v1/pictures", **upload(LOGIN, details=details)).json["picture"]["sha256"]
    change = {"add_tags": ["c"], "remove_tags": ["a"], "add_banks": ["login pages"], "remove_sources": ["file:a.png"]}
    changed = api.patch(f"/api/v1/pictures/{sha256}", json=change).json
    assert (changed["tags"], changed["banks"], [source["id"] for source in changed["sources"]]) == (["b", "c"], ["login pages"], ["b.png"])
    assert api.get("/api/v1/pictures?bank=login+pages").json["pictures"][0]["sha256"] == sha256


def test_stats(api, upload):
    api.post("/api/v1/pictures", **upload(LOGIN))
    assert api.get("/api/v1/stats").json["pictures"] == 1


def test_times_are_written_with_a_date(api, upload):
    assert api.get("/api/v1/pictures?since=2020-01-31T12:00:00%2B02:00").status_code == 200
    for time in ("0", "1700000000", "1700000000000", "yesterday", "1969-12-31", "2100-01-02", "-1", "1e9", "null"):
        assert api.get(f"/api/v1/pictures?since={time}").status_code == 400, time
    for value in (1700000000, "1700000000", True):
        noted = {"sources": [{"kind": "file", "id": "a", "last_seen": value}]}
        assert api.post("/api/v1/pictures", **upload(LOGIN, details=noted)).status_code == 400, value
