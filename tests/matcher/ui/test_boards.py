"""What the pages of clusters, banks, labels and figures answer, without a browser: to whom, under which policy, with what."""

import json
import re

import pytest

from matcher.accounts import Accounts
from matcher.cluster import Link
from matcher.labelling import Labellings
from matcher.proposals import Reason
from matcher.reviews import Verdict
from matcher.web.app import create_app
from tests.matcher.ui.boards import tied

HTML = {"Accept": "text/html"}
PASSWORD = "correct horse battery"
VIEWER = (
    "/clusters",
    "/clusters?order=growth&from=40",
    "/graph",
    "/graph/data",
    "/graph/visjs.json",
    "/graph/graph.graphml",
    "/banks",
    "/gallery",
)
REVIEWER = (
    "/clusters/waiting",
    "/clusters/waiting?decided=x&undone=settled",
    "/clusters/decided",
    "/labelling",
    "/calibration",
    "/rules?try=1",
)
ADMIN = ("/banks/new", "/banks/set-up")
ALL = ("/dashboard", *VIEWER, *REVIEWER, *ADMIN)


@pytest.fixture
def app(services):
    return create_app(services)


def client_of(app, services, role, **details):
    Accounts(services.matcher.collection.store).create("ana", PASSWORD, role, **details)
    client = app.test_client()
    token = token_on(client.get("/login", headers=HTML))
    assert client.post("/login", data={"token": token, "name": "ana", "password": PASSWORD}, headers=HTML).status_code == 303
    return client


def token_on(answer):
    return re.search(r'name="kuato-token" content="([0-9a-f]{64})"', answer.text)[1]


def test_every_page_keeps_to_the_strict_policy(app, services):
    records = tied(services.matcher, 2, 3)[0]
    services.matcher.banks.create("some", kind="baseline", domains=["a.example"])
    labelling = Labellings(services.matcher.collection.store).begin("x", "ana", undecided=[record.sha256 for record in records])
    cluster = services.matcher.get(records[0].sha256).cluster
    for path in (*ALL, f"/clusters/{cluster}", f"/graph?cluster={cluster}", "/banks/one?name=some", f"/labelling/{labelling.id}"):
        answer = app.test_client().get(path, headers=HTML)
        assert answer.status_code == 200, path
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        if answer.mimetype == "text/html":
            assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", answer.text)
            assert all('src="' in one or 'type="application/json"' in one for one in re.findall(r"<script([^>]*)>", answer.text))


@pytest.mark.parametrize("role, most", [("viewer", VIEWER), ("reviewer", (*VIEWER, *REVIEWER)), ("admin", (*VIEWER, *REVIEWER, *ADMIN))])
def test_who_may_see_which_page(app, services, role, most):
    client = client_of(app, services, role)
    for path in ALL:
        answer = client.get(path, headers=HTML).status_code
        assert answer == (200 if path in most or path == "/dashboard" else 403), path


def test_whoever_is_limited_is_told_of_their_own_alone(app, services):
    records = tied(services.matcher, 1, 3)[0]
    services.matcher.banks.create("theirs")
    services.matcher.banks.create("others")
    services.matcher.set_banks(records[0].sha256, add=["theirs"])
    cluster = services.matcher.get(records[0].sha256).cluster
    client = client_of(app, services, "admin", banks=["theirs"])
    assert client.get("/graph/data").json["nodes"] == []
    assert client.get(f"/clusters/{cluster}", headers=HTML).status_code == 404
    assert "name=others" not in client.get("/banks", headers=HTML).text
    assert client.get(f"/graph/tile/{records[1].sha256}").json == {"tile": None}
    assert client.get(f"/graph/tile/{records[0].sha256}").json["tile"]["banks"] == ["theirs"]
    gallery = client.get("/gallery", headers=HTML).text
    assert gallery.count('class="tile"') == 1
    for path in (
        "/dashboard",
        "/labelling",
        "/calibration",
        "/rules",
        "/clusters/waiting",
        "/clusters/decided",
        "/banks/set-up",
        "/banks/one?name=others",
    ):
        assert client.get(path, headers=HTML).status_code == 403, path


def test_nothing_changes_without_the_page_s_own_token(app, services):
    record = tied(services.matcher, 1, 3)[0][0]
    cluster = services.matcher.get(record.sha256).cluster
    client = client_of(app, services, "admin")
    client.get("/clusters", headers=HTML)
    fields = {"picture": record.sha256, "name": "x", "other": record.sha256, "count": "4"}
    for path in (
        f"/clusters/{cluster}/split",
        f"/clusters/{cluster}/merge",
        "/clusters/decided/0123456789abcdef/undo",
        "/banks/new",
        "/banks/delete",
        "/labelling/new",
        "/calibration/rules",
    ):
        assert client.post(path, data=fields, headers=HTML).status_code == 403, path
    assert services.matcher.get(record.sha256).cluster == cluster and services.matcher.banks.list() == []


def test_what_changes_is_audited_with_whom(app, services, settings):
    record = tied(services.matcher, 1, 4)[0][0]
    cluster = services.matcher.get(record.sha256).cluster
    client = client_of(app, services, "reviewer")
    token = token_on(client.get("/clusters", headers=HTML))
    answer = client.post(f"/clusters/{cluster}/split", data={"token": token, "picture": record.sha256}, headers=HTML)
    assert answer.status_code == 303
    lines = [json.loads(line) for line in (settings["data.dir"] / "audit.jsonl").read_text().splitlines()]
    assert {"action": "cluster.split", "caller": "ana", "cluster": cluster}.items() <= lines[-1].items()


def test_who_decided_on_a_proposal_and_who_undid_it_is_told(app, services, settings):
    (one, *_), (other, *_) = tied(services.matcher, 2, 2)
    names = [services.matcher.get(record.sha256).cluster for record in (one, other)]
    services.matcher.collection.proposals.add(*names, Reason.SIZE, [Link.between(one.id, other.id, 0.12)])
    (proposal,) = services.matcher.collection.proposals.all()
    client = client_of(app, services, "reviewer")
    token = token_on(client.get("/clusters/waiting", headers=HTML))
    answer = client.post(f"/clusters/waiting/{proposal.id}/accept", data={"token": token}, headers=HTML)
    assert answer.location.endswith(f"?decided={proposal.id}")
    assert "Brought together" in client.get(answer.location, headers=HTML).text
    decided = client.get("/clusters/decided", headers=HTML).text
    assert "ana" in decided and decided.count("page-0.png") == 2
    services.matcher.banks.create("closed", sensitive=True)
    services.matcher.set_banks(one.sha256, add=["closed"])
    assert client.get("/clusters/decided", headers=HTML).text.count("page-0.png") == 1
    services.matcher.clustering.review(one, other, Verdict.SAME, "bob")
    answer = client.post(f"/clusters/decided/{proposal.id}/undo", data={"token": token}, headers=HTML)
    assert "nothing waits, as other ties hold the two together" in client.get(answer.location, headers=HTML).text
    assert client.post(f"/clusters/decided/{proposal.id}/undo", data={"token": token}, headers=HTML).status_code == 404
    lines = [json.loads(line) for line in (settings["data.dir"] / "audit.jsonl").read_text().splitlines()]
    assert {"action": "proposal.undo", "caller": "ana", "proposal": proposal.id, "status": 303}.items() <= lines[-2].items()


@pytest.mark.parametrize(
    "body", [None, {}, {"version": 1}, {"version": 1, "groups": [["x", ["0"]]]}, {"version": 1, "groups": [], "singles": 3}]
)
def test_odd_sortings_are_refused(app, services, body):
    records = tied(services.matcher, 1, 3)[0]
    made = Labellings(services.matcher.collection.store).begin("x", "ana", undecided=[record.sha256 for record in records])
    client = client_of(app, services, "reviewer")
    token = token_on(client.get("/labelling", headers=HTML))
    answer = client.post(f"/labelling/{made.id}/save", json=body, headers={"X-Kuato-Token": token, "Accept": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (400, "bad-request")
    assert Labellings(services.matcher.collection.store).get(made.id) == made


@pytest.mark.parametrize(
    "path", ["/gallery?since=tomorrow", "/gallery?until=9999-12-31", "/gallery?after=-1", "/clusters?from=1e9", "/clusters?order=x"]
)
def test_odd_addresses_are_answered_in_plain_words(app, path):
    assert app.test_client().get(path, headers=HTML).status_code in (200, 400)
