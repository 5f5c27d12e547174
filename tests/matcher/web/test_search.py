from matcher.engine import Matcher

LOGIN = "baseline/tinlark-login.png"
COPY = "queries/tinlark-half.webp"


def test_an_answer_says_all_there_is_to_say(api, upload):
    known = api.post("/api/v1/pictures", **upload(LOGIN)).json["picture"]
    answer = api.post("/api/v1/search", **upload(COPY)).json
    match = answer["matches"][0]
    assert (answer["decision"], answer["query"], match["picture"]["sha256"]) == ("YES", "tinlark-half.webp", known["sha256"])
    assert {"tiles", "local"} <= {one["algorithm"] for one in match["evidence"]}
    assert answer["suppressed"] == []
    assert not answer["truncated"]
    assert set(answer["timings"]) >= {"candidates", "evidence"}
    assert "pdq" in answer["fingerprints"]


def test_no_pixels_are_in_an_answer(api, upload):
    assert "local" not in api.post("/api/v1/search", **upload(COPY)).json["fingerprints"]


def test_nothing_is_remembered(api, upload):
    api.post("/api/v1/search", **upload(COPY))
    assert api.post("/api/v1/search", **upload(COPY)).json["matches"] == []


def test_limit_and_banks(api, upload, sample):
    for name in ("one", "two"):
        api.post("/api/v1/banks", json={"name": name})
    api.post("/api/v1/pictures", **upload(LOGIN, details={"banks": ["one"]}))
    api.post("/api/v1/pictures", **upload(COPY, details={"banks": ["two"]}))

    def found(query):
        return [match["picture"]["banks"] for match in api.post(f"/api/v1/search{query}", **upload(LOGIN)).json["matches"]]

    assert found("") == [["one"], ["two"]]
    assert found("?limit=1") == [["one"]]
    assert found("?bank=two") == [["two"]]
    assert api.post("/api/v1/search?bank=three", **upload(LOGIN)).status_code == 404


def test_what_an_ignore_bank_holds_is_suppressed(api, upload):
    api.post("/api/v1/banks", json={"name": "blank", "kind": "ignore"})
    api.post("/api/v1/pictures", **upload(LOGIN, details={"banks": ["blank"]}))
    answer = api.post("/api/v1/search", **upload(COPY)).json
    assert (answer["decision"], answer["matches"], len(answer["suppressed"])) == ("NO", [], 1)


def test_searching_a_known_picture(api, upload):
    known = [api.post("/api/v1/pictures", **upload(name)).json["picture"]["sha256"] for name in (LOGIN, COPY)]
    answer = api.get(f"/api/v1/pictures/{known[0]}/matches").json
    assert [match["picture"]["sha256"] for match in answer["matches"]] == known[1:]
    assert api.get(f"/api/v1/pictures/{'0' * 64}/matches").status_code == 404


def test_searching_by_fingerprints_alone(api, upload):
    api.post("/api/v1/pictures", **upload(LOGIN))
    hashes = api.post("/api/v1/hash", **upload(COPY)).json["fingerprints"]
    answer = api.post("/api/v1/search/fingerprints", json={"fingerprints": hashes}).json
    assert answer["decision"] == "YES"
    only = api.post("/api/v1/search/fingerprints", json={"fingerprints": {"pdq": hashes["pdq"]}}).json
    assert only["decision"] == "MAYBE"


def test_fingerprints_that_cannot_be(api, upload):
    for fingerprints in ({}, {"pdq": "00"}, {"unheard": "00"}, {"pdq": "xy"}, {"tiles": "00" * 66}, {"local": "ff" * 294}):
        answer = api.post("/api/v1/search/fingerprints", json={"fingerprints": fingerprints})
        assert (answer.status_code, answer.json["code"]) == (400, "bad-request")


def test_chosen_algorithms(api, upload):
    assert set(api.post("/api/v1/hash?algorithm=pdq", **upload(LOGIN)).json["fingerprints"]) == {"pdq"}
    assert api.post("/api/v1/hash?algorithm=nothing", **upload(LOGIN)).status_code == 400


def test_comparing_two_pictures(api, upload):
    assert api.post("/api/v1/compare", **upload(LOGIN, COPY)).json["decision"] == "YES"
    assert api.post("/api/v1/compare", **upload(LOGIN)).status_code == 400


def test_fetching_is_off_by_default(api):
    for path in ("/api/v1/search/fetch", "/api/v1/pictures/fetch"):
        answer = api.post(path, json={"url": "https://tinlark.example/logo.png"})
        assert (answer.status_code, answer.json["code"]) == (403, "fetch-refused")


def test_metrics_count_decisions(api, upload):
    api.post("/api/v1/search", **upload(COPY))
    assert 'kuato_decisions_total{decision="NO"} 1.0' in api.get("/metrics").text


def test_the_store_s_whereabouts_are_not_told(api, services, upload):
    away = Matcher.open(services.settings.with_overrides({"redis.url": "redis://127.0.0.1:1/0"}))
    store = services.matcher.collection.store
    store._locate, before = away.collection.store._locate, store._locate
    store.forget_connection()
    try:
        answer = api.post("/api/v1/search", **upload(COPY))
    finally:
        store._locate = before
        away.close()
    assert (answer.status_code, answer.json["code"]) == (503, "store-away")
    assert "127.0.0.1" not in answer.json["message"]
    assert answer.headers["Retry-After"]
