import io
import json
import subprocess
import sys
from datetime import datetime, timezone

import pytest

from matcher import errors
from matcher.client import Client
from matcher.errors import (
    BadRequest,
    Conflict,
    KuatoError,
    NotAPicture,
    NotFound,
    Refused,
    ServerUnavailable,
    TooLarge,
    Unauthorized,
)
from tests.matcher.client.conftest import COPY, LOGIN
from tests.matcher.in_process import serving

HEAVY = {"numpy", "cv2", "PIL", "redis", "flask", "pydantic", "dramatiq", "click", "rich"}


def test_importing_it_is_light():
    names = "import sys, matcher.client; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True).stdout.split()
    assert "urllib3" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_a_picture_from_the_first_time_to_the_last(client, sample):
    added = client.add(
        sample(LOGIN),
        sources=["url:https://tinlark.example/", {"kind": "file", "id": "a:b", "last_seen": datetime(2024, 5, 1, tzinfo=timezone.utc)}],
        tags="tlp:clear",
    )
    sha256 = added["picture"]["sha256"]
    assert (added["new"], added["answer"]) == (True, None)
    assert not client.add(sample(LOGIN))["new"]

    known = client.get(sha256)
    assert {(source["kind"], source["id"]) for source in known["sources"]} == {("url", "https://tinlark.example/"), ("file", "a:b")}
    assert known["tags"] == ["tlp:clear"]
    assert "pdq" in known["fingerprints"]

    client.banks.create("login pages", "baseline", domains=["tinlark.example"])
    changed = client.change(
        sha256, add_banks=["login pages"], remove_tags=["tlp:clear"], add_tags=["seen"], add_sources=["misp:1"], remove_sources=["file:a:b"]
    )
    assert (changed["banks"], changed["tags"]) == (["login pages"], ["seen"])
    assert {source["kind"] for source in changed["sources"]} == {"url", "misp"}

    client.remove(sha256)
    with pytest.raises(NotFound):
        client.get(sha256)
    with pytest.raises(NotFound):
        client.remove(sha256)


def test_a_picture_is_given_as_path_bytes_or_file(client, sample):
    path = sample(LOGIN)
    with path.open("rb") as file:
        answers = [
            client.search(path),
            client.search(str(path)),
            client.search(path.read_bytes()),
            client.search(path.read_bytes(), name="of my own.png"),
            client.search(io.BytesIO(path.read_bytes())),
            client.search(file),
        ]
    assert [answer["query"] for answer in answers] == [path.name, path.name, "picture", "of my own.png", "picture", path.name]
    assert len({answer["sha256"] for answer in answers}) == 1


@pytest.mark.parametrize("name", ['a "quoted" name.png', "line\r\nbreak.png", "Übersicht 日本.png", "\udcff.png", "x" * 5000])
def test_any_name_goes_along_as_far_as_it_can_be_shown(client, sample, name):
    shown = client.hash(sample(LOGIN), name=name)["file"]
    assert shown.isprintable()
    assert len(shown) <= 120
    if name.isprintable() and len(name) < 120:
        assert shown == name


def test_searching(client, sample):
    client.banks.create("a")
    client.add(sample(LOGIN), banks="a")
    sha256 = client.search(sample(LOGIN))["sha256"]
    found = client.search(sample(COPY), limit=1, banks=["a"])
    assert (found["decision"], found["matches"][0]["picture"]["sha256"]) == ("YES", sha256)
    assert client.search_fingerprints(client.hash(sample(LOGIN))["fingerprints"], limit=5)["matches"][0]["picture"]["sha256"] == sha256
    added = client.add_and_search(sample(COPY), banks=["a"], limit=3)
    assert (added["new"], added["answer"]["decision"]) == (True, "YES")
    assert [match["picture"]["sha256"] for match in client.search_sha256(added["picture"]["sha256"])["matches"]] == [sha256]


def test_searching_by_one_algorithm(client, sample):
    client.add(sample(LOGIN), sources=[{"kind": "file", "id": "a", "metadata": {"case": "A-1"}}])
    found = client.search_by(sample(COPY), algorithm="pdq", min_similarity=0.8, metadata={"case": "A-1"}, limit=1)["matches"]
    assert [one["algorithm"] for one in found[0]["evidence"]] == ["pdq"]
    assert client.search_by(sample(COPY), algorithm="pdq", max_distance=0, metadata={"case": "A-1"})["matches"] == []
    assert len(client.search_by(sample(LOGIN), same_hash="pdq")["matches"]) == 1


def test_hashing_and_comparing_remember_nothing(client, sample):
    assert set(client.hash(sample(LOGIN), algorithms=["pdq"])["fingerprints"]) == {"pdq"}
    compared = client.compare(sample(LOGIN), sample(COPY))
    assert (compared["decision"], compared["pictures"]) == ("YES", ["tinlark-login.png", "tinlark-half.webp"])
    assert list(client.find()) == []


def test_finding_goes_through_all_pages(client, sample):
    names = [LOGIN, COPY, "baseline/ovalquay-login.png", "baseline/marrowbridge-login.png"]
    added = [client.add(sample(name), tags=["all"], sources=[f"file:{name}"])["picture"]["sha256"] for name in names]
    assert [picture["sha256"] for picture in client.find(tag="all", page=1)] == added[::-1]
    assert [picture["sha256"] for picture in client.find(source=f"file:{COPY}")] == added[1:2]
    assert list(client.find(since=datetime(2090, 1, 1, tzinfo=timezone.utc))) == []
    assert len(list(client.find(until="2090-01-01T00:00:00Z"))) == len(names)


@pytest.mark.parametrize("name", ["a", "a/b login", "..", "100 % ünïque?#"])
def test_a_bank_may_have_any_name(client, name):
    made = client.banks.create(name, "known-bad", tags=["phishing"], note="first", keep_days=30)
    assert (made["kind"], made["keep_days"]) == ("known-bad", 30)
    assert client.banks.get(name) == made
    assert client.banks.list() == [made]
    changed = client.banks.update(name, note="second", keep_days=None, name="renamed")
    assert (changed["name"], changed["note"], changed["keep_days"], changed["tags"]) == ("renamed", "second", None, ["phishing"])
    client.banks.delete("renamed")
    assert client.banks.list() == []


def test_what_is_known_can_be_counted_and_taken_along(client, sample):
    sha256 = client.add(sample(LOGIN))["picture"]["sha256"]
    assert client.stats()["pictures"] == 1
    lines = [json.loads(line) for line in b"".join(client.export()).splitlines()]
    assert sha256 in str(lines)


def test_what_goes_wrong_is_the_error_of_that_name(client, server, token, sample, tmp_path):
    with pytest.raises(NotAPicture, match=r"notes\.txt"):
        client.add(b"no picture", name="notes.txt")
    with pytest.raises(NotFound, match="nowhere"):
        client.add(sample(LOGIN), banks=["nowhere"])
    with pytest.raises(BadRequest, match="limit"):
        client.search(sample(LOGIN), limit=10**6)
    client.banks.create("once")
    with pytest.raises(Conflict):
        client.banks.create("once")
    with pytest.raises(errors.FetchRefused):
        client.search_url("https://example.org/x.png")
    with pytest.raises(NotFound, match="does not exist"):
        client.add(tmp_path / "missing.png")
    with pytest.raises(BadRequest, match="is a folder"):
        client.add(tmp_path)
    with pytest.raises(BadRequest, match="binary"):
        client.add(io.StringIO("text"))
    with Client(server.url, max_file=100) as careful, pytest.raises(TooLarge, match="max_file"):
        careful.add(sample(LOGIN))
    with Client(server.url, token("search")) as searching, pytest.raises(Refused, match="role write"):
        searching.add(sample(LOGIN))
    with pytest.raises(Unauthorized, match="token is needed"):
        client.stats()  # from the first token on, nobody asks without one
    with Client(server.url, "kuato_0123_wrong") as wrong, pytest.raises(Unauthorized, match="not valid") as told:
        wrong.stats()
    assert "wrong" not in str(told.value)


def test_every_error_of_the_tree_comes_across(clock):
    def answering(environ, start_response):
        start_response(environ["PATH_INFO"].rpartition("/")[2] + " X", [("Content-Type", "application/json")])
        return [json.dumps({"code": environ["QUERY_STRING"].partition("=")[2], "message": "it\x1b[2J says"}).encode()]

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KuatoError)]
    with serving(answering) as server, Client(server.url, patience=clock.patience()) as client:
        for kind in [*kinds, None]:
            status, code, expected = (kind.status, kind.code, kind) if kind else (418, "of-tomorrow", KuatoError)
            with pytest.raises(KuatoError) as raised:
                client._transport.get(str(status), query={"code": code})
            assert type(raised.value) is expected
            assert str(raised.value).startswith("it\\x1b[2J says")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no URL"),
        ("kuato.example", "no URL"),
        ("ftp://kuato.example", "no URL"),
        ("https://", "no URL"),
        ("https://[::1", "no URL"),
        ("https://kuato.example:port", "no URL"),
        ("https://user:hunter2@kuato.example", "give a token"),
        ("https://kuato.example/?token=hunter2", "query"),
    ],
)
def test_a_url_that_leads_to_no_server(url, said):
    with pytest.raises(BadRequest, match=said) as raised:
        Client(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("url", ["https://kuato.example/k", "https://kuato.example/k/", " https://kuato.example/k/api/v1/\n"])
def test_a_url_may_have_a_prefix(url):
    assert repr(Client(url)) == "Client('https://kuato.example/k')"


def test_behind_a_prefix(app, sample):
    with serving(app, prefix="/tools/kuato") as server, Client(server.url + "/tools/kuato") as client:
        assert client.search(sample(LOGIN))["decision"] == "NO"
        many = client.search_many([sample(LOGIN)])
        assert [result["result"]["decision"] for result in client.wait(many)] == ["NO"]


def test_a_server_that_is_none_of_ours(clock):
    def other(environ, start_response):
        start_response("404 Not Found", [("Content-Type", "text/html")])
        return [b"<html>nothing here</html>"]

    def friendly(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"<html>please log in</html>"]

    for app in (other, friendly):
        with (
            serving(app) as server,
            Client(server.url, patience=clock.patience()) as client,
            pytest.raises(ServerUnavailable, match="not answer as Kuato|not as Kuato does"),
        ):
            client.stats()
    assert clock.slept == []


def test_an_export_that_breaks_off_is_no_export():
    def breaking(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/x-ndjson")])
        yield b"{}\n" * 50_000
        raise RuntimeError("in the middle")

    with serving(breaking) as server, Client(server.url) as client, pytest.raises(ServerUnavailable, match="broke off"):
        for _ in client.export():
            pass


def test_words_are_searched_for_where_that_is_enabled(client):
    with pytest.raises(BadRequest, match="no text is kept of pictures"):
        client.search_text("harborline bank", limit=3, banks=[])
    with pytest.raises(BadRequest, match="pictures have no embeddings"):
        client.search_description("a boat")
