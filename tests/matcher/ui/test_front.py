"""What every page is checked for before and sent with after, without a browser."""

import re
from dataclasses import replace

import pytest

from matcher.accounts import Accounts
from matcher.errors import BadSettings
from matcher.ui.words import all_words
from matcher.web.app import create_app
from matcher.web.people import People

PASSWORD = "correct horse battery"


@pytest.fixture
def app_with(services):
    def make(exposed=False, **changed):
        settings = services.settings.with_overrides({name.replace("__", "."): value for name, value in changed.items()})
        return create_app(replace(services, settings=settings), exposed=exposed)

    return make


@pytest.fixture
def app(app_with):
    return app_with()


@pytest.fixture
def accounts(services):
    return Accounts(services.matcher.collection.store)


HTML = {"Accept": "text/html"}


def token_on(answer):
    return re.search(r'name="kuato-token" content="([0-9a-f]{64})"', answer.text)[1]


def log_in(app, name="ana", password=PASSWORD, **details):
    client = app.test_client()
    token = token_on(client.get("/login", headers=HTML, **details))
    answer = client.post("/login", data={"token": token, "name": name, "password": password}, headers=HTML, **details)
    return client, answer


def test_the_policy_is_strict_on_every_page(app):
    for path in ("/search", "/review", "/review/decided", "/me", "/login", "/nowhere"):
        headers = app.test_client().get(path, headers=HTML).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"], headers["Cache-Control"]) == ("nosniff", "DENY", "no-store")


def test_no_script_and_no_style_stands_in_a_page(app):
    for path in ("/search", "/review", "/me", "/login", "/nowhere"):
        text = app.test_client().get(path, headers=HTML).text
        assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", text)
        scripts = re.findall(r"<script([^>]*)>", text)
        assert all('src="' in one or 'type="application/json"' in one for one in scripts)
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text)


def test_scripts_and_styles_are_kept_for_ever_under_their_own_version(app):
    text = app.test_client().get("/search", headers=HTML).text
    for address in re.findall(r'(?:src|href)="(/ui/[^"]+)"', text):
        answer = app.test_client().get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert app.test_client().get(re.sub("/ui/[0-9a-f]+/", "/ui/0/", address)).headers["Cache-Control"] == "no-store"
    assert app.test_client().get("/ui/0/../front.py").status_code == 404


def test_programs_are_told_of_errors_as_before(app):
    answer = app.test_client().get("/nowhere")
    assert answer.json["code"] == "not-found"
    answer = app.test_client().get(f"/api/v1/pictures/{'0' * 64}", headers=HTML)
    assert answer.json["code"] == "not-found"


def test_a_role_is_needed(app, accounts):
    accounts.create("ana", PASSWORD, "viewer")
    client, answer = log_in(app)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert client.get("/search", headers=HTML).status_code == 200
    assert client.get("/review", headers=HTML).status_code == 403
    assert client.get("/api/v1/pictures").status_code == 200  # with the cookie the API is asked, too
    assert client.get("/api/v1/reviews").status_code == 403


def test_nobody_looks_without_logging_in_once_there_is_an_account(app, accounts):
    assert app.test_client().get("/search", headers=HTML).status_code == 200
    accounts.create("ana", PASSWORD, "viewer")
    answer = app.test_client().get("/search?what=x", headers=HTML)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/search?what%3Dx")
    assert app.test_client().get("/api/v1/pictures").status_code == 401


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "search", "/a\nb"])
def test_after_logging_in_one_stays_here(app, accounts, next):
    accounts.create("ana", PASSWORD, "viewer")
    client = app.test_client()
    token = token_on(client.get("/login", headers=HTML))
    answer = client.post("/login", data={"token": token, "name": "ana", "password": PASSWORD, "next": next}, headers=HTML)
    assert answer.headers["Location"] == "/"


def test_a_request_that_changes_something_needs_the_page_s_token(app, accounts, services, sample):
    accounts.create("ana", PASSWORD, "admin")
    client, _ = log_in(app)
    token = token_on(client.get("/search", headers=HTML))
    add = {"data": sample("baseline/ovalquay-login.png").read_bytes(), "content_type": "image/png"}
    assert client.post("/api/v1/pictures", **add).status_code == 403
    assert client.post("/api/v1/pictures", headers={"X-Kuato-Token": "0" * 64}, **add).status_code == 403
    other = token_on(app.test_client().get("/login", headers=HTML))
    assert client.post("/api/v1/pictures", headers={"X-Kuato-Token": other}, **add).status_code == 403
    cross = {"X-Kuato-Token": token, "Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/v1/pictures", headers=cross, **add).status_code == 403
    assert services.matcher.stats()["pictures"] == 0
    assert client.post("/api/v1/pictures", headers={"X-Kuato-Token": token}, **add).status_code == 201
    assert client.post("/login", data={"name": "ana", "password": PASSWORD}, headers=HTML).status_code == 403
    assert client.post("/logout", headers=HTML).status_code == 403


def test_logging_in_makes_a_new_browser_of_it(app, accounts):
    accounts.create("ana", PASSWORD, "viewer")
    client = app.test_client()
    token = token_on(client.get("/login", headers=HTML))
    before = client.get_cookie("kuato_session").value
    client.post("/login", data={"token": token, "name": "ana", "password": PASSWORD}, headers=HTML)
    after = client.get_cookie("kuato_session")
    assert after.value != before
    assert (after.http_only, after.same_site, after.secure) == (True, "Lax", False)


def test_over_tls_the_cookie_is_secure(app):
    answer = app.test_client().get("/login", headers=HTML, base_url="https://localhost")
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_guesses_are_slowed_down_and_noted(app, accounts, audited):
    accounts.create("ana", PASSWORD, "viewer")
    answers = [log_in(app, password=f"guess number {n}")[1].status_code for n in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert log_in(app, password=PASSWORD)[1].status_code == 429
    lines = [line for line in audited() if line["action"] == "login"]
    assert [line["status"] for line in lines][:10] == [401] * 10
    assert {line["account"] for line in lines} == {"ana"}
    assert "guess number" not in str(lines)


def test_what_is_done_is_noted_with_who_did_it(app, accounts, audited, sample):
    accounts.create("ana", PASSWORD, "reviewer")
    client, _ = log_in(app)
    token = token_on(client.get("/search", headers=HTML))
    data = {"picture": (sample("baseline/ovalquay-login.png").open("rb"), "a.png")}
    client.post("/search/picture", data=data, headers={"X-Kuato-Token": token, **HTML}, content_type="multipart/form-data")
    line = audited()[-1]
    assert (line["action"], line["caller"], line["decision"], line["status"]) == ("search", "ana", "NO", 200)


OPEN = {
    "GET /",
    "GET /login",
    "GET /ui/<version>/<path:file>",
    "POST /login",
    "POST /logout",
    "POST /look",
}


def test_what_is_open_to_all(app, accounts):
    accounts.create("ana", PASSWORD, "viewer")
    found = set()
    for rule in (rule for rule in app.url_map.iter_rules() if "." in rule.endpoint):
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            path = re.sub("<[^>]*>", "0", rule.rule)
            answer = app.test_client().open(path, method=method)
            if answer.status_code != 401:
                found.add(f"{method} {rule.rule}")
                assert method == "GET" or answer.status_code == 403  # without the page's token nothing is changed
    assert found == OPEN


PROXY = {"login.header": "X-Forwarded-User", "login.groups_header": "X-Forwarded-Groups", "login.proxies": ["10.0.0.0/24"]}


@pytest.mark.parametrize(
    ("sender", "headers", "name", "status"),
    [
        ("10.0.0.7", {"X-Forwarded-User": "ana"}, "ana", 403),
        ("10.0.0.7", {"X-Forwarded-User": "ana", "X-Forwarded-Groups": "soc, leads"}, "ana", 200),
        ("10.0.0.7", {}, None, 303),
        ("10.0.1.7", {"X-Forwarded-User": "ana"}, None, 303),
        ("127.0.0.1", {"X-Forwarded-User": "ana"}, None, 303),
        ("not an address", {"X-Forwarded-User": "ana"}, None, 303),
    ],
)
def test_a_proxy_names_people_and_nobody_else_does(app_with, sender, headers, name, status):
    app = app_with(**{**PROXY, "login.roles": ["soc=reviewer", "*=viewer"]})
    client = app.test_client()
    sent = {"headers": {**HTML, **headers}, "environ_base": {"REMOTE_ADDR": sender}}
    assert client.get("/review", **sent).status_code == status
    me = client.get("/me", **sent)
    assert (f"<bdi>{name}</bdi>" in me.text) == (name is not None)


def test_who_has_no_role_is_turned_away(app_with):
    app = app_with(**{**PROXY, "login.roles": ["soc=reviewer"]})
    answer = app.test_client().get("/search", headers={**HTML, "X-Forwarded-User": "bob"}, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.status_code == 403
    assert "bob has no role here" in answer.text


def test_named_by_a_proxy_changing_something_needs_the_token_too(app_with):
    app = app_with(**{**PROXY, "login.roles": ["*=admin"]})
    client = app.test_client()
    sent = {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}}
    headers = {"X-Forwarded-User": "ana"}
    token = token_on(client.get("/search", headers=HTML | headers, **sent))
    body = {"json": {"name": "kits"}}
    assert client.post("/api/v1/banks", headers=headers, **body, **sent).status_code == 403
    assert client.post("/api/v1/banks", headers=headers | {"X-Kuato-Token": token}, **body, **sent).status_code == 201


@pytest.mark.parametrize(
    "changed",
    [
        {"login.header": "X-User"},
        {"login.header": "X-User", "login.proxies": ["proxy.example"]},
        {"login.roles": ["soc"]},
        {"login.roles": ["soc=boss"]},
    ],
)
def test_settings_that_make_no_sense(services, changed):
    with pytest.raises(BadSettings, match="login"):
        People(services.matcher.collection.store, services.settings.with_overrides(changed))


def test_it_works_below_a_prefix(app, accounts):
    accounts.create("ana", PASSWORD, "viewer")
    below = {"environ_overrides": {"SCRIPT_NAME": "/kuato"}}
    client = app.test_client()
    answer = client.get("/search", headers=HTML, **below)
    assert answer.headers["Location"] == "/kuato/login?next=/search"
    page = client.get("/login", headers=HTML, **below)
    assert "Path=/kuato/" in page.headers["Set-Cookie"]
    assert not re.findall(r'(?:src|href|action)="/(?!kuato/)', page.text)


def test_every_language_keeps_what_is_filled_in():
    for tag, words in all_words().items():
        for text, translated in words.messages.items():
            holes = re.compile(r"\{\w+\}|%\(\w+\)s")
            assert sorted(holes.findall(text)) == sorted(holes.findall(translated)), (tag, text)


def test_the_language_of_the_browser_is_taken(app):
    french = app.test_client().get("/search", headers=HTML | {"Accept-Language": "de;q=0.9, fr;q=0.8"})
    assert '<html lang="fr" dir="ltr"' in french.text
    assert "Avons-nous déjà vu cette image" in french.text
