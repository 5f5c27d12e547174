import base64
from io import BytesIO

LOGIN = "baseline/tinlark-login.png"
COPY = "queries/tinlark-half.webp"


def test_many_pictures_are_added_in_a_job(api, upload):
    answer = api.post("/api/v1/pictures/many", **upload(LOGIN, COPY, details={"tags": ["kit"]}))
    assert (answer.status_code, answer.json["total"]) == (202, 2)
    ended = api.get(f"/api/v1/jobs/{answer.json['id']}?wait=30").json
    assert (ended["state"], ended["done"], ended["failed"]) == ("done", 2, 0)
    results = api.get(f"/api/v1/jobs/{ended['id']}/results").json
    assert [(one["name"], one["result"]["new"]) for one in results["results"]] == [("tinlark-login.png", True), ("tinlark-half.webp", True)]
    assert results["next"] is None
    assert len(api.get("/api/v1/pictures?tag=kit").json["pictures"]) == 2


def test_one_bad_picture_does_not_hinder_the_others(api, upload, sample):
    body = {"picture": [(BytesIO(b"no picture"), "a.png"), (BytesIO(sample(COPY).read_bytes()), "b.webp")]}
    api.post("/api/v1/pictures", **upload(LOGIN))
    job = api.post("/api/v1/search/many", data=body, content_type="multipart/form-data").json
    ended = api.get(f"/api/v1/jobs/{job['id']}?wait=30").json
    first, second = api.get(f"/api/v1/jobs/{job['id']}/results").json["results"]
    assert (ended["done"], ended["failed"]) == (2, 1)
    assert (first["result"], first["error"]["code"]) == (None, "not-a-picture")
    assert (second["result"]["decision"], second["error"]) == ("YES", None)


def test_a_saved_page_is_taken_apart(api, sample):
    picture = base64.b64encode(sample(LOGIN).read_bytes()).decode()
    page = f'<!doctype html><title>x</title><img src="data:image/png;base64,{picture}"><img src="data:image/png;base64,AAAA">'
    body = {"picture": [(BytesIO(page.encode()), "saved.html")]}
    job = api.post("/api/v1/pictures/many", data=body, content_type="multipart/form-data").json
    api.get(f"/api/v1/jobs/{job['id']}?wait=30")
    found = api.get(f"/api/v1/jobs/{job['id']}/results").json["results"][0]["result"]["pictures"]
    assert [one["result"]["new"] for one in found if one["result"]] == [True]
    assert api.get("/api/v1/pictures?source=page").json["pictures"][0]["sources"][0]["id"] == "saved.html"


def test_jobs_are_listed_and_cancelled(api, upload):
    job = api.post("/api/v1/search/many", **upload(LOGIN)).json
    assert [one["id"] for one in api.get("/api/v1/jobs").json["jobs"]] == [job["id"]]
    assert api.delete(f"/api/v1/jobs/{job['id']}").json["state"] in ("queued", "running", "cancelled", "done")
    assert api.get(f"/api/v1/jobs/{job['id']}?wait=30").json["state"] in ("cancelled", "done")


def test_jobs_of_others_do_not_exist(api, upload, token):
    ours, others, admin = token("search"), token("search"), token("admin")
    job = api.post("/api/v1/search/many", token=ours, **upload(LOGIN)).json
    path = f"/api/v1/jobs/{job['id']}"
    assert [api.get(path, token=each).status_code for each in (ours, others, admin)] == [200, 404, 200]
    assert [api.get(f"{path}/results", token=each).status_code for each in (ours, others, admin)] == [200, 404, 200]
    assert [len(api.get("/api/v1/jobs", token=each).json["jobs"]) for each in (ours, others, admin)] == [1, 0, 1]
    assert api.delete(path, token=others).status_code == 404


def test_what_cannot_be_a_job(api, upload):
    assert api.post("/api/v1/pictures/many", data={}, content_type="multipart/form-data").status_code == 400
    assert api.post("/api/v1/pictures/many", **upload(LOGIN, details={"banks": ["nowhere"]})).status_code == 404
    assert api.post("/api/v1/pictures/many", **upload(LOGIN, details={"colour": "red"})).status_code == 400
    assert api.get("/api/v1/jobs/0").status_code == 404


def test_a_job_ends_with_its_token(api, services, upload, token):
    mine = token("write")
    services.jobs.stop()
    job = api.post("/api/v1/pictures/many", token=mine, **upload(LOGIN)).json
    services.tokens.revoke(mine.split("_")[1])
    services.jobs.start()
    admin = token("admin")
    assert api.get(f"/api/v1/jobs/{job['id']}?wait=30", token=admin).json["failed"] == 1
    [result] = api.get(f"/api/v1/jobs/{job['id']}/results", token=admin).json["results"]
    assert result["error"]["code"] == "unauthorized"
    assert api.get("/api/v1/pictures", token=admin).json["pictures"] == []
