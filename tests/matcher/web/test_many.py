"""Many pictures at once: accepted, done in a job that its caller alone sees, answered as one by one."""

from io import BytesIO

import pytest

LOGIN, COPY = "baseline/tinlark-login.png", "queries/tinlark-half.webp"
MANY, SEARCH_MANY = "/api/v1/pictures/many", "/api/v1/search/many"
FINAL = ("done", "failed", "cancelled")


@pytest.fixture
def ended(api):
    """Wait for a job that was accepted, and return its results."""

    def wait(accepted, **details):
        assert accepted.status_code == 202
        path = f"/api/v1/jobs/{accepted.json['id']}"
        while (job := api.get(f"{path}?wait=10", **details).json)["state"] not in FINAL:
            continue
        return api.get(f"{path}/results", **details).json | {"job": job}

    return wait


@pytest.fixture
def two(sample):
    return [LOGIN, next(f"baseline/{path.name}" for path in sorted(sample(LOGIN).parent.glob("*.png")) if path.name != "tinlark-login.png")]


def test_adding_many(api, upload, ended, two):
    details = {"tags": ["tlp:clear"], "sources": [{"kind": "url", "id": "https://tinlark.example/"}]}
    accepted = api.post(MANY, **upload(*two, details=details))
    assert (accepted.json["kind"], accepted.json["total"], accepted.headers["Location"]) == ("add", 2, f"../jobs/{accepted.json['id']}")
    done = ended(accepted)
    assert (done["job"]["state"], done["job"]["done"], done["job"]["failed"], done["next"]) == ("done", 2, 0, None)
    assert [result["name"] for result in done["results"]] == [name.partition("/")[2] for name in two]
    alone = api.post("/api/v1/pictures", **upload(LOGIN)).json
    assert done["results"][0]["result"] == alone | {"new": True}


def test_searching_many_answers_as_one_by_one(api, upload, ended, two):
    api.post("/api/v1/pictures", **upload(LOGIN))
    done = ended(api.post(SEARCH_MANY, **upload(COPY, two[1], details={"limit": 3})))
    assert [result["result"]["decision"] for result in done["results"]] == ["YES", "NO"]
    alone = api.post("/api/v1/search", **upload(COPY)).json
    assert done["results"][0]["result"]["matches"] == alone["matches"]


def test_searching_before_adding_many(api, upload, ended):
    api.post("/api/v1/pictures", **upload(LOGIN))
    done = ended(api.post(MANY, **upload(COPY, details={"search": True})))
    assert done["results"][0]["result"]["answer"]["decision"] == "YES"


def test_what_is_no_picture_is_told_of_it_alone(api, sample, ended):
    files = [(BytesIO(b"no picture"), "../../etc/passwd"), (BytesIO(sample(LOGIN).read_bytes()), "login.png")]
    done = ended(api.post(MANY, data={"picture": files}, content_type="multipart/form-data"))
    bad, good = done["results"]
    assert (bad["name"], bad["result"], bad["error"]["code"]) == ("passwd", None, "not-a-picture")
    assert (good["error"], good["result"]["new"]) == (None, True)
    assert (done["job"]["done"], done["job"]["failed"]) == (2, 1)


@pytest.mark.parametrize(
    ("path", "details", "status"),
    [
        (MANY, {"banks": ["nowhere"]}, 404),
        (SEARCH_MANY, {"banks": ["nowhere"]}, 404),
        (SEARCH_MANY, {"limit": 1_000_000}, 400),
        (MANY, {"nonsense": 1}, 400),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_begun(api, upload, path, details, status):
    assert api.post(path, **upload(LOGIN, details=details)).status_code == status
    assert api.get("/api/v1/jobs").json == {"jobs": [], "next": None}


def test_a_job_is_its_callers_alone(api, upload, token, ended):
    mine, other, admin = token("write"), token("write"), token("admin")
    limited = token("admin", orgs=["ours"])
    accepted = api.post(MANY, token=mine, **upload(LOGIN))
    path = f"/api/v1/jobs/{accepted.json['id']}"
    for stranger in (other, limited):
        for answer in (api.get(path, token=stranger), api.get(f"{path}/results", token=stranger), api.delete(path, token=stranger)):
            assert (answer.status_code, answer.json["code"]) == (404, "not-found")
        assert api.get("/api/v1/jobs", token=stranger).json["jobs"] == []
    for allowed in (mine, admin):
        assert [job["id"] for job in api.get("/api/v1/jobs", token=allowed).json["jobs"]] == [accepted.json["id"]]
        assert ended(accepted, token=allowed)["job"]["state"] == "done"


def test_a_job_does_what_its_caller_may(api, services, upload, token, ended):
    for bank in ("ours", "theirs"):
        services.matcher.banks.create(bank)
    ours, theirs = token("write", banks=["ours"]), token("write", banks=["theirs"])
    ended(api.post(MANY, token=theirs, **upload(LOGIN)), token=theirs)
    done = ended(api.post(SEARCH_MANY, token=ours, **upload(COPY)), token=ours)
    assert done["results"][0]["result"]["matches"] == []
    assert api.post(MANY, token=ours, **upload(LOGIN, details={"banks": ["theirs"]})).status_code == 403


def test_cancelling(api, services, upload, two):
    services.jobs.stop()
    accepted = api.post(MANY, **upload(*two))
    cancelled = api.delete(f"/api/v1/jobs/{accepted.json['id']}")
    assert (cancelled.status_code, cancelled.json["state"], cancelled.json["done"]) == (200, "cancelled", 0)
    assert api.delete(f"/api/v1/jobs/{accepted.json['id']}").json == cancelled.json
    assert api.get(f"/api/v1/jobs/{accepted.json['id']}/results").json["results"] == []
    assert api.get("/api/v1/pictures").json["pictures"] == []


def test_jobs_and_results_come_in_pages(api, services, upload, ended, two):
    services.jobs.stop()
    ids = [api.post(MANY, **upload(*two)).json["id"] for _ in range(3)]
    first = api.get("/api/v1/jobs?limit=2").json
    rest = api.get(f"/api/v1/jobs?limit=2&after={first['next']}").json
    assert sorted(job["id"] for job in first["jobs"] + rest["jobs"]) == sorted(ids)
    services.jobs.start()
    accepted = api.post(MANY, **upload(*two))
    ended(accepted)
    path = f"/api/v1/jobs/{accepted.json['id']}/results"
    one = api.get(f"{path}?limit=1").json
    assert ([result["index"] for result in one["results"]], one["next"]) == ([0], 0)
    other = api.get(f"{path}?limit=1&after=0").json
    assert ([result["index"] for result in other["results"]], other["next"]) == ([1], None)


@pytest.mark.parametrize("id", ["x", "..%2f..%2fid", "%00", "018f0000-0000-7000-8000-000000000000", "a" * 5000, "%f0%9f%92%a5"])
def test_hostile_ids(api, id):
    for ask in (api.get, api.delete):
        answer = ask(f"/api/v1/jobs/{id}")
        assert answer.status_code == 404
        assert len(answer.json["message"]) < 300


@pytest.mark.parametrize("query", ["wait=-1", "wait=nan", "wait=1e9", "wait=x", "wat=1"])
def test_waiting_that_makes_no_sense(api, upload, query):
    id = api.post(MANY, **upload(LOGIN)).json["id"]
    assert api.get(f"/api/v1/jobs/{id}?{query}").status_code == 400


def test_too_many_jobs(api, services, upload, monkeypatch):
    services.jobs.stop()
    monkeypatch.setattr(services.jobs, "_most_waiting", 1)
    assert api.post(MANY, **upload(LOGIN)).status_code == 202
    refused = api.post(MANY, **upload(LOGIN))
    assert (refused.status_code, refused.json["code"]) == (503, "busy")
    assert int(refused.headers["Retry-After"]) > 0


def test_jobs_are_counted_and_audited(api, upload, ended, audited):
    accepted = api.post(MANY, **upload(LOGIN))
    ended(accepted)
    assert 'kuato_jobs{state="done"} 1.0' in api.get("/metrics").text
    line = audited()[0]
    assert (line["action"], line["job"], line["pictures"]) == ("add.many", accepted.json["id"], 1)
