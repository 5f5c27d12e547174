"""Who is let in before and after the first token, under which names, and how often."""

import logging
from types import SimpleNamespace

import pytest

from matcher.errors import BadSettings
from matcher.tokens import Role
from matcher.web.access import Door
from matcher.web.app import create_app
from matcher.web.server import Listener

LIST = "/api/v1/pictures"


@pytest.fixture
def api_with(api, services):
    """The same API with other settings; exposed: as if others than this machine's users could ask."""

    def make(exposed=False, **changed):
        settings = services.settings.with_overrides({name.replace("__", "."): value for name, value in changed.items()})
        other = type(services)(**{**vars(services), "settings": settings})
        api.app = create_app(other, exposed=exposed)
        return api

    return make


def test_anybody_on_this_machine_may_ask_until_the_first_token(api, services, token):
    assert api.get(LIST).status_code == 200
    text = token("search")
    assert api.get(LIST).status_code == 401
    services.tokens.revoke(services.tokens.list()[0].id)
    assert api.get(LIST).status_code == 401  # also when nobody has a token any more
    assert api.get(LIST, token=text).status_code == 401


def test_large_bodies_are_taken_while_nobody_can_tell_who_sends_them(services, monkeypatch):
    door = Door(services.tokens, services.settings, exposed=True)
    assert not door.admits("Bearer kuato_0_x")

    def fail(text):
        raise BadSettings("redis.url: no address")

    monkeypatch.setattr(services.tokens, "check", fail)
    assert door.admits("Bearer kuato_0_x")  # and whoever waits for the answer goes on waiting for others


def test_a_wrong_token_is_worse_than_none(api):
    assert api.get(LIST, token="kuato_000000000000_x").status_code == 401


@pytest.mark.parametrize(
    ("role", "read", "write", "govern"),
    [("none", 401, 401, 401), ("search", 200, 403, 403), ("write", 200, 404, 403), ("review", 200, 404, 403), ("admin", 200, 404, 404)],
)
def test_what_those_without_a_token_may_do(api_with, role, read, write, govern):
    api = api_with(web__anonymous=role)
    assert api.get(LIST).status_code == read
    assert api.delete(f"{LIST}/{'0' * 64}").status_code == write
    assert api.delete("/api/v1/banks/nothing").status_code == govern


def test_nobody_asks_an_exposed_server_without_a_token(api_with, token):
    api = api_with(exposed=True)
    assert api.get(LIST).status_code == 401
    assert api.get(LIST, token=token("search")).status_code == 200


@pytest.mark.parametrize("setting", [{"web.listen": "0.0.0.0:0"}, {"web.listen": "[::]:0"}, {"web.proxy": "127.0.0.1"}])
def test_an_exposed_server_does_not_start_without_a_usable_token(services, setting):
    settings = services.settings.with_overrides({"web.listen": "127.0.0.1:0"} | setting)
    with pytest.raises(BadSettings, match="kuato token create"):
        Listener(services.matcher, settings)
    id = services.tokens.create("a leaver", Role.ADMIN)[0].id
    services.tokens.revoke(id)
    services.tokens.create("a guest", Role.ADMIN, days=1e-9)
    with pytest.raises(BadSettings, match="kuato token create"):
        Listener(services.matcher, settings)


def test_the_proxy_is_an_address_not_a_name(services, token):
    token()
    with pytest.raises(BadSettings, match="web.proxy is 'proxy.example'"):
        Listener(services.matcher, services.settings.with_overrides({"web.listen": "127.0.0.1:0", "web.proxy": "proxy.example"}))


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("localhost:6670", 200), ("LOCALHOST", 200), ("127.0.0.1:6670", 200), ("[::1]:6670", 200)]
    + [
        (name, 403)
        for name in (
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:6670",
            "evil.example:80@localhost",
            "0.0.0.0",
            "[::",
            "127.1",
        )
    ],
)
def test_without_a_token_only_the_names_of_this_machine_will_do(api, host, status):
    """A page of evil.example whose name leads here (DNS rebinding) sends that name."""
    assert api.get(LIST, headers={"Host": host}).status_code == status


def test_with_a_token_any_name_will_do(api, token):
    assert api.get(LIST, token=token("search"), headers={"Host": "kuato.example"}).status_code == 200


def test_names_can_be_allowed(api_with, token):
    api = api_with(web__names=["kuato.example"])
    assert api.get(LIST, headers={"Host": "kuato.example:6670"}).status_code == 200
    text = token("search")
    assert api.get(LIST, headers={"Host": "KUATO.example"}, token=text).status_code == 200
    assert api.get(LIST, headers={"Host": "other.example"}, token=text).status_code == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:8080", "null", "http://localhost.evil.example", "", "file://"]
)
def test_pages_of_others_may_not_ask_without_a_token(api, origin):
    """What a browser on this machine is made to send by a page (CSRF), reading or writing."""
    headers = {"Host": "localhost:6670", "Origin": origin}
    for method, path, details in (("GET", LIST, {}), ("POST", LIST, {"data": {"picture": "x"}}), ("DELETE", f"{LIST}/{'0' * 64}", {})):
        assert api(method, path, headers=headers, **details).status_code == 403


def test_our_own_page_may_ask(api):
    assert api.get(LIST, headers={"Host": "localhost:6670", "Origin": "http://localhost:6670"}).status_code == 200


def test_other_pages_may_read_nothing(api):
    answer = api.get(LIST)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert api.app.test_client().options(LIST, headers={"Origin": "https://evil.example"}).status_code == 405


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via"])
def test_what_a_proxy_hands_on_is_not_of_this_machine(api, header):
    """A proxy that the operator did not tell of (web.proxy) must not turn the world into users of this machine."""
    assert api.get(LIST, headers={header: "203.0.113.7"}).status_code == 403


@pytest.fixture
def clock(monkeypatch):
    """What counts requests takes this for the time; it stands still unless moved."""
    stopped = SimpleNamespace(now=1e9)
    monkeypatch.setattr("limits.storage.memory.time", SimpleNamespace(time=lambda: stopped.now))
    return stopped


def test_a_token_asks_so_often(clock, api_with, token):
    api = api_with(web__rate_limit=3)
    first, second = token("search"), token("search")
    assert [api.get(LIST, token=first).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = api.get(LIST, token=first)
    assert (refused.json["code"], int(refused.headers["Retry-After"]) > 0) == ("too-many-requests", True)
    assert api.get(LIST, token=second).status_code == 200
    clock.now += int(refused.headers["Retry-After"]) + 60
    assert api.get(LIST, token=first).status_code == 200


def test_a_token_has_a_rate_of_its_own(clock, api_with, token):
    api = api_with(web__rate_limit=2)
    rare, often, free = token("search", rate=1), token("search", rate=5), token("search", rate=0)
    assert [api.get(LIST, token=rare).status_code for _ in range(2)] == [200, 429]
    assert [api.get(LIST, token=often).status_code for _ in range(6)] == [200] * 5 + [429]
    assert {api.get(LIST, token=free).status_code for _ in range(20)} == {200}


def test_no_limit(clock, api_with, token):
    api = api_with(web__rate_limit=0)
    assert {api.get(LIST).status_code for _ in range(20)} == {200}
    assert [api.get(LIST, token=token("search", rate=1)).status_code for _ in range(2)] == [200, 200]
    limited = token("search", rate=1)
    assert [api.get(LIST, token=limited).status_code for _ in range(2)] == [200, 429]


def test_those_without_a_token_are_counted_by_their_address(clock, api_with):
    api = api_with(web__rate_limit=2)
    assert [api.get(LIST).status_code for _ in range(3)] == [200, 200, 429]
    assert api.get(LIST, environ_base={"REMOTE_ADDR": "127.0.0.2"}).status_code == 200
    assert api.get("/status/live").status_code == 200


def test_guesses_are_counted_by_their_address(clock, api_with, token):
    api = api_with(web__rate_limit=3)
    good = token("search")
    guesses = [api.get(LIST, token=f"kuato_{number:012x}_x").status_code for number in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert api.get(LIST, token=good).status_code == 200  # whoever sits behind the same address is not locked out
    assert api.get(LIST, token="kuato_1_x", environ_base={"REMOTE_ADDR": "127.0.0.2"}).status_code == 401


def test_refusals_count_like_answers(clock, api_with, token):
    api = api_with(web__rate_limit=2)
    reader = token("search")
    assert [api.delete(f"{LIST}/{'0' * 64}", token=reader).status_code for _ in range(3)] == [403, 403, 429]


@pytest.fixture
def behind(services, settings):
    """Ask a server behind a proxy at an address, as if from another; return the address that the server took the client for."""
    from matcher.web.server import _Behind

    def ask(proxy, sender, **headers):
        taken = {}

        def app(environ, start_response):
            taken.update(environ)
            return []

        environ = {"REMOTE_ADDR": sender, "HTTP_HOST": "kuato.example", "wsgi.url_scheme": "http"}
        _Behind(app, proxy)(environ | {f"HTTP_{name}": value for name, value in headers.items()}, lambda *_: None)
        return taken["REMOTE_ADDR"], taken["wsgi.url_scheme"]

    return ask


def test_the_proxy_is_believed_and_nobody_else(behind):
    forwarded = {"X_FORWARDED_FOR": "203.0.113.7", "X_FORWARDED_PROTO": "https"}
    assert behind("10.0.0.1", "10.0.0.1", **forwarded) == ("203.0.113.7", "https")
    assert behind("10.0.0.1", "10.0.0.2", **forwarded) == ("10.0.0.2", "http")


def test_what_a_client_says_to_the_proxy_is_not_believed(behind):
    assert behind("10.0.0.1", "10.0.0.1", X_FORWARDED_FOR="127.0.0.1, 203.0.113.7")[0] == "203.0.113.7"


def test_tokens_are_not_in_the_log(api, token, caplog):
    caplog.set_level(logging.DEBUG)
    text = token("search")
    api.get(LIST, token=text)
    api.delete(f"{LIST}/{'0' * 64}", token=text)
    api.get(LIST, token=text + "x")
    assert text.rpartition("_")[2] not in caplog.text
