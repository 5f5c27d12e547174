"""Quarantine over HTTP."""


def test_a_picture_is_held_shown_and_released(api, upload, audited):
    sha256 = api.post("/api/v1/pictures", **upload("baseline/tinlark-login.png")).json["picture"]["sha256"]
    held = api.post("/api/v1/quarantine", json={"sha256": sha256})
    assert (held.status_code, held.json["subject"], held.json["kind"], held.json["cause"]) == (200, sha256, "picture", "person")
    assert api.get("/api/v1/quarantine").json["held"] == [held.json]
    assert api.post("/api/v1/search", **upload("baseline/tinlark-login.png")).json["decision"] == "MAYBE"
    released = api.post("/api/v1/quarantine/release", json={"subject": sha256}).json
    assert released["released"] and released["released_by"] == "anonymous"
    assert api.post("/api/v1/search", **upload("baseline/tinlark-login.png")).json["decision"] == "YES"
    assert api.post("/api/v1/quarantine/release", json={"subject": sha256}).status_code == 404
    notes = [(note["action"], note["subject"], note["status"]) for note in audited() if note["action"].startswith("quarantine")]
    assert notes == [("quarantine.hold", sha256, 200), ("quarantine.release", sha256, 200), ("quarantine.release", sha256, 404)]


def test_what_cannot_be_held(api):
    assert api.post("/api/v1/quarantine", json={"sha256": "0" * 64}).status_code == 404
    for body in ({}, {"sha256": "x"}, {"subject": "0" * 64}):
        assert api.post("/api/v1/quarantine", json=body).status_code == 400
    assert api.post("/api/v1/quarantine/release", json={"subject": "pdq:nonsense"}).status_code == 400


def test_it_concerns_all_so_nobody_decides_who_sees_a_part(api, token):
    for details in ({"banks": ["shop"]}, {"orgs": ["us"]}):
        secret = token("admin", **details)
        assert api.get("/api/v1/quarantine", token=secret).status_code == 403
    assert api.get("/api/v1/quarantine", token=token("write")).status_code == 403
