import logging
import os
import signal
import socket
import ssl
import threading
from base64 import b64encode
from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace

import pytest
import trustme

from matcher.client import Client, Patience
from matcher.client.address import Address, loopback
from matcher.errors import BadRequest, BadSettings, Busy, KuatoError, ServerUnavailable, TooManyRequests, Unauthorized
from matcher.web.app import create_app
from tests.matcher.client.conftest import COPY, LOGIN, Clock
from tests.matcher.in_process import serving
from tests.matcher.proxying import proxying
from tests.matcher.web.serving import serving as kuato_serve
from tests.matcher.web_server import answer, served

SECRET = "kuato_0123456789ab_this-is-secret"
DECISION = answer(b'{"decision": "NO"}', content_type="application/json", connection="close")
BUSY = answer(b'{"code": "busy", "message": "all places are taken"}', "503 Service Unavailable", retry_after="5", connection="close")
AWAY = answer(b'{"code": "store-away", "message": "Redis is away"}', "503 Service Unavailable", retry_after="5", connection="close")
NOT_OURS = [
    answer(b"<html>", status, connection="close") for status in ("502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout")
]
TORN = [b"", b"HTTP/1.1 200 OK\r\nContent", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"HTTP/1.1 200 OK\r\n\r\n"]


class Answers:
    """What a server answers, one after the other; the last one again and again. An empty one ends the connection without any."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)

    def __call__(self, head: bytes) -> bytes:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def ask(client: Client, server: str, what: str):
    return {
        "search": lambda: client.search(b"x"),
        "add": lambda: client.add(b"x"),
        "fingerprints": lambda: client.search_fingerprints({"pdq": "00"}),
        "compare": lambda: client.compare(b"x", b"y"),
        "hash": lambda: client.hash(b"x"),
        "get": lambda: client.get("0" * 64),
        "stats": client.stats,
        "job": lambda: client.jobs.get("1"),
        "search_many": lambda: client.search_many([b"x"]),
        "add_many": lambda: client.add_many([b"x"]),
        "remove": lambda: client.remove("0" * 64),
        "change": lambda: client.change("0" * 64, add_tags=["x"]),
        "cancel": lambda: client.jobs.cancel("1"),
        "bank": lambda: client.banks.create("x"),
        "bank.update": lambda: client.banks.update("x", note="y"),
        "bank.delete": lambda: client.banks.delete("x"),
    }[what]()


SAFE = ["search", "add", "fingerprints", "compare", "hash", "get", "stats", "job"]
ONCE = ["search_many", "add_many", "remove", "change", "cancel", "bank", "bank.update", "bank.delete"]


@pytest.mark.parametrize("what", SAFE)
@pytest.mark.parametrize("first", [*TORN, AWAY, BUSY, *NOT_OURS])
def test_what_changes_nothing_twice_is_asked_again(clock, what, first):
    with served(Answers(first, first, DECISION)) as server, Client(f"http://127.0.0.1:{server.port}", patience=clock.patience()) as client:
        assert ask(client, "", what) == {"decision": "NO"}
        assert (len(server.requests), len(clock.slept)) == (3, 2)


@pytest.mark.parametrize("what", ONCE)
@pytest.mark.parametrize("first", [*TORN, AWAY, *NOT_OURS])
def test_what_may_have_been_done_is_not_asked_again(clock, what, first):
    with served(Answers(first, DECISION)) as server, Client(f"http://127.0.0.1:{server.port}", patience=clock.patience()) as client:
        with pytest.raises(KuatoError):
            ask(client, "", what)
        assert (len(server.requests), clock.slept) == (1, [])


def test_what_is_asked_once_gets_a_connection_of_its_own(clock):
    # This server ends each connection without saying so: one that was kept breaks when it is used again.
    kept, done = answer(b"{}", content_type="application/json"), answer(b"", "204 No Content")
    with served(Answers(kept, done, kept, done)) as server, Client(f"http://127.0.0.1:{server.port}", patience=clock.patience()) as client:
        for _ in range(2):
            client.stats()
            client.remove("0" * 64)
    assert all("connection: close" in head.lower() for head in server.requests if head.startswith("DELETE"))


@pytest.mark.parametrize("what", ["remove", "change", "bank", "cancel"])
@pytest.mark.parametrize("code", ["busy", "too-many-requests"])
def test_what_was_surely_not_begun_is_asked_again(clock, what, code):
    first = answer(f'{{"code": "{code}", "message": "later"}}'.encode(), "503 Later", retry_after="7", connection="close")
    with served(Answers(first, DECISION)) as server, Client(f"http://127.0.0.1:{server.port}", patience=clock.patience()) as client:
        ask(client, "", what)
        assert len(server.requests) == 2
        assert 7 <= clock.slept[0] < 8


@pytest.mark.parametrize("what", ["search", "remove", "search_many"])
def test_a_server_that_is_not_there_yet_is_waited_for(what):
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with ExitStack() as later:
        tried = []

        def begin() -> None:
            tried.append(1)
            if len(tried) == 3:
                bound = socket.create_server(("127.0.0.1", port))
                later.callback(bound.close)
                job = answer(b'{"id": "1", "decision": "NO"}', content_type="application/json")
                thread = threading.Thread(target=partial(answer_once, bound, job))
                thread.start()
                later.callback(thread.join)

        with Client(f"http://127.0.0.1:{port}", patience=Clock(begin).patience()) as client:
            ask(client, "", what)
        assert len(tried) == 3


def answer_once(bound: socket.socket, reply: bytes) -> None:
    line, _ = bound.accept()
    with line:
        line.settimeout(10)
        while b"\r\n\r\n" not in line.recv(1 << 16):
            pass
        line.sendall(reply)


@pytest.mark.parametrize(
    ("code", "status"),
    [("fetch-failed", 502), ("late", 504), ("store-full", 503), ("store-mismatch", 503), ("not-found", 404), ("error", 500)],
)
def test_what_a_moment_will_not_change_is_not_asked_again(clock, code, status):
    first = answer(f'{{"code": "{code}", "message": "no"}}'.encode(), f"{status} X", connection="close")
    with served(Answers(first)) as server, Client(f"http://127.0.0.1:{server.port}", patience=clock.patience()) as client:
        with pytest.raises(KuatoError) as raised:
            client.search(b"x")
        assert (raised.value.code, len(server.requests)) == (code, 1)


def test_patience_ends(clock):
    with served(Answers(BUSY)) as server, Client(f"http://127.0.0.1:{server.port}", patience=clock.patience(seconds=60)) as client:
        with pytest.raises(Busy, match=r"all places are taken \(asked \d+ times\)"):
            client.search(b"x")
        assert 50 < clock.now <= 60
        assert len(server.requests) == len(clock.slept) + 1
        clock.slept.clear()
    with served(Answers(BUSY)) as server, Client(f"http://127.0.0.1:{server.port}", patience=clock.patience(seconds=0)) as client:
        with pytest.raises(Busy):
            client.search(b"x")
        assert clock.slept == []


def test_pauses_grow_and_differ():
    chances = iter([0.0, 0.5, 1.0])
    patience = Patience(seconds=1000, first=1, most=8, chance=lambda: next(chances))
    assert [patience.pause(1, None, 0), patience.pause(2, None, 0), patience.pause(9, None, 0)] == [0.5, 1.5, 8.0]
    always = Patience(seconds=100, first=1, most=8, chance=lambda: 1.0)
    assert [always.pause(1, 30, 0), always.pause(1, 30, 69), always.pause(1, 30, 70)] == [30.5, 30.5, None]
    assert always.pause(10**6, None, 0) == 8


@pytest.mark.parametrize(("after", "least"), [("60", 60), ("-5", 0), ("soon", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("9" * 400, None)])
def test_whatever_the_server_wants_waited_makes_sense_or_is_ignored(clock, after, least):
    first = answer(b"", "429 Too Many Requests", retry_after=after, connection="close")
    with served(Answers(first, DECISION)) as server, Client(f"http://127.0.0.1:{server.port}", patience=clock.patience()) as client:
        if least is None:
            with pytest.raises(TooManyRequests):
                client.search(b"x")
        else:
            client.search(b"x")
            assert least <= clock.slept[0] < least + 1


def test_a_token_s_rate_is_kept_to(services, token, sample, monkeypatch):
    # The server's time stands still, lest a minute of the clock ends meanwhile.
    monkeypatch.setattr("limits.storage.memory.time", SimpleNamespace(time=lambda: 1e9))
    secret = token("search", rate=2)
    with serving(create_app(services)) as server, ExitStack() as next_minute:

        def wait() -> None:
            # What a minute does: the counting begins anew.
            if len(clock.slept) == 1:
                client._transport._address = Address.of(next_minute.enter_context(serving(create_app(services))).url)

        clock = Clock(wait)
        with Client(server.url, secret, patience=clock.patience(seconds=130)) as client:
            assert [client.search(sample(LOGIN))["decision"] for _ in range(3)] == ["NO"] * 3
            assert len(clock.slept) == 1
            assert 60 <= clock.slept[0] < 61
            client.search(sample(LOGIN))
            with pytest.raises(TooManyRequests, match="more than 2 requests a minute"):
                client.search(sample(LOGIN))


@pytest.mark.slow
def test_a_server_that_dies_is_found_again(store_url, tmp_path, sample):
    pictures = [sample(LOGIN).read_bytes(), sample(COPY).read_bytes()]
    problems: list[BaseException] = []
    begun, enough = threading.Event(), threading.Event()

    def work(client: Client) -> None:
        try:
            while not enough.is_set():
                client.add(pictures[0])
                assert client.search(pictures[1])["decision"] == "YES"
                begun.set()
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            problems.append(error)
            begun.set()

    with ExitStack() as stack:
        first = stack.enter_context(kuato_serve(store_url, tmp_path))
        client = stack.enter_context(Client(first.url, patience=Patience(seconds=120, most=1)))
        threads = [threading.Thread(target=work, args=(client,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            begun.clear()
            assert begun.wait(60)
            os.kill(first.pid, signal.SIGKILL)
            first = stack.enter_context(kuato_serve(store_url, tmp_path, web__listen=first.url.removeprefix("http://")))
        begun.clear()
        assert begun.wait(60)
        enough.set()
        for thread in threads:
            thread.join()
    assert problems == []


def test_a_token_goes_to_the_one_server_only(clock, caplog):
    caplog.set_level(logging.DEBUG)
    with served(DECISION) as other:
        for status in (301, 302, 303, 307, 308):
            away = answer(b"", f"{status} Elsewhere", location=f"http://user:pass@localhost:{other.port}/api/v1/stats?x={SECRET}")
            with served(away) as server, Client(f"http://127.0.0.1:{server.port}", SECRET, patience=clock.patience()) as client:
                with pytest.raises(ServerUnavailable, match=f"leads on to localhost:{other.port}") as raised:
                    client.stats()
                assert f"authorization: bearer {SECRET}" in server.requests[0].lower()
                assert SECRET not in str(raised.value)
        assert other.requests == []
    assert SECRET not in caplog.text


def test_a_token_is_never_shown(caplog, clock):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(BadRequest, match="no token") as raised:
        Client("https://127.0.0.1", f"{SECRET}\r\nX-Other: 1")
    assert SECRET not in str(raised.value)
    shown = []
    with served(b"") as server, Client(f"http://127.0.0.1:{server.port}", f" {SECRET}\n", patience=clock.patience()) as client:
        with pytest.raises(ServerUnavailable) as raised:
            client.stats()
        while error := raised.value.__cause__ or raised.value.__context__:
            shown.append(repr(error))
            raised.value = error
        assert server.requests[0].count(SECRET) == 1
    assert all(SECRET not in text for text in (repr(client), str(client), repr(client.banks), repr(client._transport), caplog.text, *shown))


@pytest.mark.parametrize("url", ["http://kuato.example", "http://192.0.2.7:6670", "http://[2001:db8::1]/kuato", "http://127.0.0.1.example"])
def test_a_token_does_not_go_unencrypted_to_other_machines(url):
    with pytest.raises(BadRequest, match="insecure=True"):
        Client(url, SECRET)
    Client(url)
    Client(url, SECRET, insecure=True)
    Client(url.replace("http:", "https:"), SECRET)


def test_a_token_does_not_go_unencrypted_through_another_machine_s_proxy():
    with pytest.raises(BadRequest, match="insecure=True"):
        Client("http://127.0.0.1", SECRET, proxy="http://proxy.example:3128")
    Client("http://127.0.0.1", SECRET, proxy="http://127.0.0.1:3128")


def test_what_stays_on_this_machine():
    assert all(map(loopback, ("127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST")))
    assert not any(map(loopback, ("10.0.0.1", "localhost.example", "::2", "", "0.0.0.0")))


def test_a_server_is_known_by_its_certificate(app, context, ca_file, sample, clock):
    with serving(app, context=context) as server:
        with Client(server.url, ca_file=ca_file) as client:
            assert client.search(sample(LOGIN))["decision"] == "NO"
        with Client(server.url.replace("127.0.0.1", "localhost"), ca_file=ca_file) as client:
            assert client.search(sample(LOGIN))["decision"] == "NO"
        with Client(server.url, patience=clock.patience()) as client, pytest.raises(ServerUnavailable, match="certificate that is refused"):
            client.stats()
    assert clock.slept == []


def test_a_server_with_another_s_certificate_is_refused(app, authority, ca_file, tmp_path, clock):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example").configure_cert(context)
    stranger = trustme.CA()
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    with serving(app, context=context) as server:
        for trusted, said in ((ca_file, "IP address mismatch"), (tmp_path / "stranger.pem", "unable to get local issuer")):
            with (
                Client(server.url, SECRET, ca_file=trusted, patience=clock.patience()) as client,
                pytest.raises(ServerUnavailable, match=said),
            ):
                client.stats()
        with (
            Client(server.url.replace("127.0.0.1", "localhost"), ca_file=ca_file, patience=clock.patience()) as client,
            pytest.raises(ServerUnavailable, match="Hostname mismatch"),
        ):
            client.stats()
    assert clock.slept == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_is_known_by_its_certificate(app, authority, context, ca_file, tmp_path, sample, clock, version):
    context.maximum_version = version
    clients = trustme.CA()
    clients.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    for name, issuer in (("known", clients), ("unknown", trustme.CA())):
        issued = issuer.issue_cert("analyst@kuato.example")
        issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"{name}.pem")
    with serving(app, context=context) as server:
        with Client(server.url, ca_file=ca_file, certificate=tmp_path / "known.pem") as client:
            assert client.search(sample(LOGIN))["decision"] == "NO"
        for shown in (None, tmp_path / "unknown.pem"):
            with (
                Client(server.url, ca_file=ca_file, certificate=shown, patience=clock.patience()) as client,
                pytest.raises(ServerUnavailable, match="certificate"),
            ):
                client.stats()


def test_the_wrong_scheme_is_told(app, context, clock):
    with serving(app, context=context) as server:
        client = Client(server.url.replace("https", "http"), patience=clock.patience(seconds=0))
        with client, pytest.raises(ServerUnavailable, match="begin with https"):
            client.stats()
    with served(DECISION) as plain:
        client = Client(f"https://127.0.0.1:{plain.port}", patience=clock.patience())
        with client, pytest.raises(ServerUnavailable, match=r"begin with http\?"):
            client.stats()
    assert clock.slept == []


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_is_none(timeout):
    with pytest.raises(BadRequest, match="timeout"):
        Client("https://kuato.example", timeout=timeout)


def test_a_server_that_says_nothing_is_not_waited_for_longer(clock):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1, patience=clock.patience())
        with client, pytest.raises(ServerUnavailable, match=r"did not answer in time .* \(asked \d+ times\)"):
            client.stats()
        with client, pytest.raises(ServerUnavailable, match="did not answer in time"):
            client.remove("0" * 64)


def test_files_that_cannot_be_used_are_told(tmp_path, ca_file):
    with pytest.raises(BadSettings, match="ca_file"):
        Client("https://kuato.example", ca_file=tmp_path / "missing.pem")
    with pytest.raises(BadSettings, match="certificate"):
        Client("https://kuato.example", certificate=ca_file)
    with pytest.raises(BadSettings, match="key"):
        Client("https://kuato.example", key=ca_file)


def test_a_proxy_is_gone_through(app, services, token, context, ca_file, sample):
    secret = token("search")
    with serving(app) as server, proxying() as proxy:
        with Client(server.url, secret, proxy=f"http://127.0.0.1:{proxy.port}") as client:
            assert client.search(sample(LOGIN))["decision"] == "NO"
        assert proxy.heads[0].startswith(f"POST {server.url}/api/v1/search HTTP/1.1")
    with serving(app, context=context) as server, proxying() as proxy:
        with Client(server.url, secret, ca_file=ca_file, proxy=f"http://127.0.0.1:{proxy.port}") as client:
            assert client.search(sample(LOGIN))["decision"] == "NO"
        assert [head.partition(" HTTP")[0] for head in proxy.heads] == [f"CONNECT {server.url.removeprefix('https://')}"]
        assert secret not in "".join(proxy.heads)


def test_a_proxy_with_a_password(app, context, ca_file, clock):
    wanted = f"Basic {b64encode(b'analyst:pass word').decode()}"
    with serving(app, context=context) as server, serving(app) as plain, proxying(wanted) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        for url in (server.url, plain.url):
            with Client(url, ca_file=ca_file, proxy=f"http://analyst:pass%20word@{address}") as client:
                assert "pictures" in client.stats()
        with Client(server.url, ca_file=ca_file, proxy=f"http://analyst:wrong@{address}", patience=clock.patience()) as client:
            with pytest.raises(ServerUnavailable, match="proxy: .*407") as raised:
                client.stats()
            assert "wrong" not in str(raised.value) + repr(client)
    assert clock.slept == []


def test_a_proxy_that_is_not_there(clock):
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    for url in ("http://127.0.0.1:9", "https://127.0.0.1:9"):
        client = Client(url, proxy=f"http://127.0.0.1:{port}", patience=clock.patience(seconds=0))
        with client, pytest.raises(ServerUnavailable, match="through the proxy"):
            client.stats()


def test_proxies_of_the_environment_count_when_asked_for_only(app, monkeypatch, sample):
    with serving(app) as server, proxying() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with Client(server.url) as client:
            client.stats()
        assert proxy.heads == []
        with Client(server.url, environment=True) as client:
            client.stats()
        assert len(proxy.heads) == 1
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with Client(server.url, environment=True) as client:
            client.stats()
        assert len(proxy.heads) == 1


def test_a_large_picture_is_refused_with_an_answer(app, context, ca_file):
    with serving(app, context=context, max_body=1 << 20) as server, Client(server.url, ca_file=ca_file) as client:
        with pytest.raises(KuatoError) as raised:
            client.search(bytes(30 << 20))
        assert raised.value.code == "request-too-large"


def test_a_wrong_token_with_a_large_picture_is_told_so(app, context, ca_file, services):
    with (
        serving(app, context=context, admits=lambda text: text == "Bearer of another") as server,
        Client(server.url, SECRET, ca_file=ca_file) as client,
        pytest.raises(Unauthorized),
    ):
        client.search(bytes(30 << 20))


def test_several_threads_share_a_client(client, sample):
    picture, found = sample(LOGIN).read_bytes(), []
    threads = [threading.Thread(target=lambda: found.append(client.search(picture)["decision"])) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["NO"] * 12
