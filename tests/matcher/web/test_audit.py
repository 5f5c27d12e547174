"""What the audit file says of requests: writes, searches and exports, refused ones too; of sensitive pictures not which."""

import json
import stat

import pytest

from matcher.tokens import Role

LOGIN = "baseline/tinlark-login.png"
COPY = "queries/tinlark-half.webp"
OCTOPUS = "seen/octopus-drawing.png"
# What is noted of each route; the others only read, and say nothing of who was searched for.
NOTED = {
    "POST /api/v1/ail/objects": "ail.object",
    "POST /api/v1/banks": "bank.create",
    "PATCH /api/v1/banks/<name>": "bank.change",
    "DELETE /api/v1/banks/<name>": "bank.delete",
    "POST /api/v1/pictures": "add",
    "POST /api/v1/pictures/fetch": "add",
    "POST /api/v1/pictures/many": "add.many",
    "PATCH /api/v1/pictures/<sha256>": "change",
    "DELETE /api/v1/pictures/<sha256>": "remove",
    "POST /api/v1/search": "search",
    "POST /api/v1/search/expert": "search",
    "POST /api/v1/misp/query": "misp.query",
    "POST /api/v1/search/fetch": "search",
    "POST /api/v1/search/fingerprints": "search",
    "POST /api/v1/search/many": "search.many",
    "GET /api/v1/pictures/<sha256>/matches": "search",
    "DELETE /api/v1/jobs/<id>": "job.cancel",
    "GET /api/v1/export": "export",
    "POST /api/v1/search/text": "search",
    "POST /api/v1/quarantine": "quarantine.hold",
    "POST /api/v1/quarantine/release": "quarantine.release",
    "POST /api/v1/reviews": "review",
    "POST /api/v1/reviews/clusters": "review.clusters",
    "POST /api/v1/search/description": "search",
    "DELETE /api/v1/reviews/<sha256>/<other>": "review.withdraw",
    "POST /api/v1/clusters": "cluster.join",
    "POST /api/v1/clusters/<cluster>/split": "cluster.split",
    "POST /api/v1/proposals/<proposal>/accept": "proposal.accept",
    "POST /api/v1/proposals/<proposal>/reject": "proposal.reject",
    "POST /api/v1/proposals/<proposal>/undo": "proposal.undo",
}


@pytest.fixture
def last(audited):
    """The last line of the audit file."""
    return lambda: audited()[-1]


def test_what_is_noted_is_a_list(api, token, audited):
    """Asked by a stranger, so that every route answers alike; what is noted shows in the file."""
    token()
    found = {}
    for rule in (rule for rule in api.app.url_map.iter_rules() if "." not in rule.endpoint):  # pages: tests/matcher/ui
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            path = rule.rule.replace("<path:", "<")
            before = len(audited())
            api.app.test_client().open(path.replace("<", "").replace(">", ""), method=method)
            for line in audited()[before:]:
                found[f"{method} {path}"] = line["action"]
                assert (line["status"], line["caller"]) == (401, "nobody")
    assert found == NOTED


def test_a_line_tells_who_did_what_from_where(api, services, upload, last):
    made, text = services.tokens.create("Ana's notebook", Role.WRITE)
    answer = api.post("/api/v1/pictures", token=text, environ_base={"REMOTE_ADDR": "192.0.2.7"}, **upload(LOGIN))
    line = last()
    assert line.pop("time").endswith("Z")
    assert line == {
        "action": "add",
        "status": 201,
        "caller": "Ana's notebook",
        "token": made.id,
        "address": "192.0.2.7",
        "sha256": answer.json["picture"]["sha256"],
        "new": True,
    }


def test_searches_and_exports(api, upload, last):
    known = api.post("/api/v1/pictures", **upload(LOGIN)).json["picture"]["sha256"]
    searched = api.post("/api/v1/search", **upload(COPY)).json
    assert (last()["action"], last()["sha256"], last()["decision"], last()["matches"]) == ("search", searched["sha256"], "YES", 1)
    api.get(f"/api/v1/pictures/{known}/matches")
    assert (last()["action"], last()["sha256"], last()["decision"]) == ("search", known, "NO")
    api.get("/api/v1/export")
    assert (last()["action"], last()["status"], last()["caller"]) == ("export", 200, "anonymous")


def test_changes_of_banks_name_the_bank(api, last):
    for method, path, body, action in (
        ("POST", "/api/v1/banks", {"name": "login"}, "bank.create"),
        ("PATCH", "/api/v1/banks/login", {"note": "x"}, "bank.change"),
        ("DELETE", "/api/v1/banks/login", None, "bank.delete"),
    ):
        api(method, path, **({"json": body} if body else {}))
        assert (last()["action"], last()["bank"]) == (action, "login")


def test_jobs_are_noted_when_they_are_handed_in_and_cancelled(api, upload, last):
    job = api.post("/api/v1/pictures/many", **upload(LOGIN, OCTOPUS)).json["id"]
    assert (last()["action"], last()["job"], last()["pictures"]) == ("add.many", job, 2)
    api.get(f"/api/v1/jobs/{job}?wait=30")
    api.delete(f"/api/v1/jobs/{job}")
    assert (last()["action"], last()["status"], last()["job"]) == ("job.cancel", 200, job)


def test_refusals_and_failures_are_noted_too(api, token, upload, last):
    reader = token("search")
    for details, status in (
        ({"token": reader}, 403),
        ({"token": "kuato_000000000000_secret-of-nobody"}, 401),
        ({}, 401),
    ):
        api.post("/api/v1/pictures", **upload(LOGIN), **details)
        assert (last()["action"], last()["status"]) == ("add", status)
    assert last()["caller"] == "nobody"
    api.token = token()
    for data, status in ((b"no picture", 415), (b"\x89PNG\r\n\x1a\nbroken", 422)):
        api.post("/api/v1/pictures", data=data, content_type="image/png")
        assert (last()["action"], last()["status"], "sha256" in last()) == ("add", status, False)


def test_nothing_secret_is_in_it(api, token, upload, settings, audited):
    secrets = [token(role) for role in ("search", "admin")]
    for text in (*secrets, secrets[0] + "x"):
        api.post("/api/v1/pictures", token=text, **upload(LOGIN, details={"sources": [{"kind": "file", "id": "a.png"}]}))
        api.post("/api/v1/search", token=text, **upload(COPY))
        api.get("/api/v1/export", token=text)
    path = settings["data.dir"] / "audit.jsonl"
    assert len(audited()) == 9
    assert not [text for text in secrets if text.split("_", 2)[2] in path.read_text()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("why", ["bank", "tag"])
def test_of_sensitive_pictures_not_which(api, services, sample, upload, settings, caplog, why):
    """Adding, finding, changing and removing one leaves neither its hash nor its name, in the audit file or in the log."""
    caplog.set_level("DEBUG")
    services.matcher.banks.create("evidence", sensitive=True)
    details = {"banks": ["evidence"]} if why == "bank" else {"tags": ['copine-scale:level="1"']}
    details |= {"sources": [{"kind": "file", "id": "a-name.png"}]}
    sha256 = api.post("/api/v1/pictures", **upload(LOGIN, details=details)).json["picture"]["sha256"]
    services.matcher.banks.create("elsewhere")
    data = sample(LOGIN).read_bytes()
    hashes = api.post("/api/v1/hash", **upload(LOGIN)).json["fingerprints"]
    api.post("/api/v1/search", **upload(LOGIN))
    api.post("/api/v1/search?bank=elsewhere", data=data, content_type="image/png")
    api.post("/api/v1/search/fingerprints", json={"fingerprints": hashes, "sha256": sha256})
    api.post("/api/v1/search/fingerprints", json={"fingerprints": hashes, "sha256": sha256, "banks": ["elsewhere"]})
    api.get(f"/api/v1/pictures/{sha256}/matches")
    api.patch(f"/api/v1/pictures/{sha256}", json={"add_tags": ["seen"]})
    job = api.post("/api/v1/search/many", **upload(LOGIN)).json["id"]
    api.get(f"/api/v1/jobs/{job}?wait=30")
    lost = {"remove_banks": ["evidence"]} if why == "bank" else {"remove_tags": ['copine-scale:level="1"']}
    api.patch(f"/api/v1/pictures/{sha256}", json=lost)
    api.patch(f"/api/v1/pictures/{sha256}", json={f"add_{'banks' if why == 'bank' else 'tags'}": next(iter(lost.values()))})
    api.delete(f"/api/v1/pictures/{sha256}")
    text = (settings["data.dir"] / "audit.jsonl").read_text()
    assert len(text.splitlines()) == 11
    assert sha256 not in text + caplog.text
    assert "tinlark-login" not in text + caplog.text
    assert "a-name" not in text + caplog.text
    assert [json.loads(line).get("sensitive") for line in text.splitlines() if json.loads(line)["action"] != "search.many"] == [True] * 10


def test_a_failure_within_says_nothing_of_a_picture(api, services, upload, monkeypatch, caplog):
    sha256 = api.post("/api/v1/pictures", **upload(LOGIN)).json["picture"]["sha256"]
    monkeypatch.setattr(type(services.matcher), "get", lambda self, sha256: 1 // 0)
    answer = api.app.test_client().get(f"/api/v1/pictures/{sha256}")
    assert (answer.status_code, answer.json) == (500, {"code": "error", "message": "Kuato could not answer; its log tells why"})
    assert "ZeroDivisionError" in caplog.text
    assert sha256 not in caplog.text
