"""`kuato add` of saved web pages and of URLs."""

from pathlib import Path

import pytest

from matcher.fetch import Fetcher
from matcher.settings import Settings
from tests.matcher.commands.conftest import Kuato, documents
from tests.matcher.pages.making import PAGE, entry, har, inline, mhtml, picture
from tests.matcher.web_server import Ways, answer, served

LOGO = "https://cdn.example/logo.png"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A saved page with three pictures, one of them damaged."""
    path = tmp_path / "shop.mhtml"
    damaged = ("image/png", picture(3)[:200], "https://cdn.example/damaged.png")
    path.write_bytes(mhtml(f"<html><img src='{inline(2)}'>", [("image/png", picture(1), LOGO), damaged]))
    return path


class TestPages:
    def test_pictures_have_their_page_as_source(self, kuato: Kuato, page: Path) -> None:
        result = kuato("add", page, "--json", "--tag", "seen")
        added = documents(result.stdout)
        assert [one.get("new") for one in added] == [True, True, None]
        assert result.exit_code == 3
        assert added[2]["error"]["message"].startswith(f"{page}, picture 3 is a damaged PNG")
        assert [(one["file"], one["page"], one["url"]) for one in added[:2]] == [(str(page), PAGE, None), (str(page), PAGE, LOGO)]
        found = kuato.json("list", "--source", f"page:{PAGE}", "--tag", "seen")
        assert sorted((one["sources"][0]["metadata"] for one in found), key=len) == [{"file": str(page)}, {"url": LOGO, "file": str(page)}]
        assert all(one["sources"][0]["first_seen"] for one in found)

    def test_each_page_is_reported(self, kuato: Kuato, page: Path, tmp_path: Path) -> None:
        (tmp_path / "plain.html").write_text(f"<html><img src='{inline(1)}'><img src='{inline(4)}'>")
        result = kuato("add", page, tmp_path / "plain.html")
        assert result.stdout.splitlines() == [
            f"{page} ({PAGE}): 2 added, 0 known already, 1 failed",
            f"{tmp_path / 'plain.html'}: 1 added, 1 known already",
            "3 added, 1 known already, 1 failed",
        ]

    def test_a_page_that_does_not_tell_its_address_is_named_by_its_path(self, kuato: Kuato, tmp_path: Path) -> None:
        path = tmp_path / "plain.html"
        path.write_text(f"<html><img src='{inline(1)}'>")
        [added] = kuato.json("add", path)
        [source] = added["picture"]["sources"]
        assert (source["kind"], source["id"], source["metadata"], added["page"]) == ("page", str(path), {}, str(path))

    def test_in_folders_pages_with_pictures_count(self, kuato: Kuato, page: Path, tmp_path: Path) -> None:
        (tmp_path / "capture.har").write_bytes(har([entry(LOGO, picture(5)), entry(PAGE, b"<html>", "text/html")]))
        (tmp_path / "no suffix").write_text(f"<!DOCTYPE html><img src='{inline(6)}'>")
        (tmp_path / "index.html").write_text("<html><img src='logo.png'>")
        (tmp_path / "notes.txt").write_text(f"<img src='{inline(7)}'>")
        (tmp_path / "logo.png").write_bytes(picture(8))
        result = kuato("add", tmp_path)
        assert result.stdout.splitlines()[-1] == "5 added, 0 known already, 1 failed, 2 other files passed over"

    def test_a_page_without_pictures_is_an_error_when_it_is_named(self, kuato: Kuato, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_text("<html><img src='https://elsewhere.example/a.png'>")
        named = kuato("add", tmp_path / "index.html")
        assert (named.exit_code, "without a picture in it; what it links to is not fetched" in named.stderr) == (3, True)
        assert kuato("add", tmp_path).exit_code == 3

    def test_from_standard_input(self, kuato: Kuato, page: Path) -> None:
        added = documents(kuato("add", "-", "--json", stdin=page.read_bytes()).stdout)
        assert added[0]["picture"]["sources"][0]["id"] == PAGE
        [added] = kuato.json("add", "-", stdin=f"<html><img src='{inline(9)}'>".encode())
        assert (added["picture"]["sources"], added["page"]) == ([], "standard input")

    def test_sources_that_are_given_take_the_place_of_the_page(self, kuato: Kuato, page: Path) -> None:
        added = documents(kuato("add", page, "--source", "note:mine", "--json").stdout)
        assert [one["kind"] for one in added[0]["picture"]["sources"]] == ["note"]

    def test_limits_hold_and_are_told(self, kuato: Kuato, page: Path) -> None:
        few = kuato("--set", "pages.max_pictures=1", "add", page)
        assert (few.exit_code, "1 added" in few.stdout, "pages.max_pictures" in few.stderr) == (0, True, True)
        small = kuato("--set", "pages.max_bytes=100", "add", page)
        assert (small.exit_code, "pages.max_bytes" in small.stderr) == (3, True)
        assert kuato("--set", "picture.max_bytes=9000", "add", page).exit_code == 3  # one is damaged; the page is no picture

    def test_a_page_can_be_added_again(self, kuato: Kuato, page: Path) -> None:
        kuato("add", page)
        assert kuato("add", page).stdout.splitlines()[-1] == "0 added, 2 known already, 1 failed"


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    """How URLs are fetched in these tests: by way of nothing, until a test sets its server."""
    made = Ways({"private.example": ["10.0.0.1"]})

    def fetcher(settings: Settings) -> Fetcher:
        return Fetcher(settings, made.resolve, made.connect)

    monkeypatch.setattr("matcher.commands.offers.Fetcher", fetcher)
    return made


ALLOWED = ("--set", "fetch.allow=*.example", "add")


class TestURLs:
    def test_are_not_fetched_unless_that_is_allowed(self, kuato: Kuato, ways: Ways) -> None:
        result = kuato("add", LOGO)
        assert (result.exit_code, "fetch.allow" in result.stderr, ways.resolved) == (6, True, [])

    def test_lead_to_pictures(self, kuato: Kuato, ways: Ways) -> None:
        with served(lambda head: answer(picture(1)) if b"/final" in head else answer(status="302 Found", location="/final.png")) as server:
            ways.server = server
            [added] = kuato.json(*ALLOWED, "http://cdn.example/logo.png")
        [source] = added["picture"]["sources"]
        assert (source["kind"], source["id"], source["metadata"]) == (
            "url",
            "http://cdn.example/logo.png",
            {"fetched": "http://cdn.example/final.png"},
        )

    def test_lead_to_pages_of_which_only_the_inline_pictures_are_taken(self, kuato: Kuato, ways: Ways) -> None:
        body = f"<!-- saved from url=(0020)https://bank.example/ --><p><img src='/logo.png'><img src='{inline(1)}'>".encode()
        with served(answer(body, content_type="text/html; charset=utf-8")) as server:
            ways.server = server
            [added] = kuato.json(*ALLOWED, "http://phish.example/a")
        assert len(server.requests) == 1
        assert [(seen["kind"], seen["id"], seen["metadata"]) for seen in added["picture"]["sources"]] == [
            ("page", "http://phish.example/a", {})
        ]
        assert added["page"] == "http://phish.example/a"

    def test_that_fail_are_reported_and_the_rest_goes_on(self, kuato: Kuato, ways: Ways, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(picture(1))
        result = kuato(*ALLOWED, "http://private.example/a.png", "http://gone.example/", tmp_path / "a.png", "--json")
        refused, failed, added = documents(result.stdout)
        assert (refused["error"]["code"], failed["error"]["code"], added["new"]) == ("fetch-refused", "fetch-failed", True)
        assert (refused["file"], result.exit_code) == ("http://private.example/a.png", 1)
        assert ways.connected == [("93.184.215.14", 80)]

    @pytest.mark.parametrize("command", ["search", "hash"])
    def test_are_only_fetched_to_be_added(self, kuato: Kuato, command: str) -> None:
        result = kuato(command, LOGO)
        assert (result.exit_code, "only `kuato add` fetches" in result.stderr) == (2, True)
