"""What a caller may ask of the matcher, with real pictures, workers and Redis."""

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from matcher.engine import Matcher
from matcher.errors import BadPicture, BadRequest, KuatoError, NotFound, TooLarge
from matcher.match import Decision, Relation
from matcher.settings import Settings
from matcher.source import Source
from matcher.tokens import Role, Tokens

LOGIN, HALF, OTHER = "baseline/tinlark-login.png", "queries/tinlark-half.webp", "queries/skerry-weather.png"
Read = Callable[[str], bytes]


@pytest.fixture(scope="module")
def shared_matcher(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matcher]:
    overrides = {"redis.url": redis_url, "redis.prefix": "engine:", "data.dir": tmp_path_factory.mktemp("data"), "workers.count": 1}
    with Matcher.open(Settings.load(environ={}, overrides=overrides)) as matcher:
        yield matcher


@pytest.fixture
def matcher(shared_matcher: Matcher) -> Matcher:
    """A matcher that knows nothing yet."""
    shared_matcher.reset()
    return shared_matcher


@pytest.fixture(scope="session")
def read(sample: Callable[[str], Path]) -> Read:
    return lambda name: sample(name).read_bytes()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def flat(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


class TestSearch:
    def test_an_edited_copy_is_found_with_reasons(self, matcher: Matcher, read: Read) -> None:
        known = matcher.add(read(LOGIN)).record
        answer = matcher.search(read(HALF))
        assert answer.decision is Decision.YES
        (match,) = answer.matches
        assert match.picture == known
        assert match.relation is Relation.SAME_PICTURE
        assert any(one.decision is Decision.YES for one in match.evidence)
        assert all(0 <= one.distance <= 1 for one in match.evidence)
        assert not answer.truncated

    def test_something_else_is_not(self, matcher: Matcher, read: Read) -> None:
        matcher.add(read(LOGIN))
        answer = matcher.search(read(OTHER))
        assert (answer.decision, answer.matches) == (Decision.NO, ())

    def test_a_query_is_not_remembered(self, matcher: Matcher, read: Read) -> None:
        for _ in range(2):
            assert matcher.search(read(LOGIN)).matches == ()
        assert list(matcher.find()) == []

    def test_the_same_file_says_so(self, matcher: Matcher, read: Read) -> None:
        matcher.add(read(LOGIN))
        (match,) = matcher.search(read(LOGIN)).matches
        assert (match.decision, match.distance, match.evidence[0].algorithm) == (Decision.YES, 0.0, "sha256")

    def test_too_simple_still_finds_the_same_file(self, matcher: Matcher) -> None:
        matcher.add(flat("white"))
        answer = matcher.search(flat("white"))
        assert answer.too_simple
        assert [match.picture.sha256 for match in answer.matches] == [sha(flat("white"))]
        other = matcher.search(flat("red"))
        assert other.too_simple
        assert other.decision is Decision.NO

    def test_by_the_sha256_of_a_known_one_it_is_not_its_own_answer(self, matcher: Matcher, read: Read) -> None:
        login, half = matcher.add(read(LOGIN)).record, matcher.add(read(HALF)).record
        assert [match.picture for match in matcher.search_sha256(login.sha256.upper()).matches] == [half]
        assert matcher.search_sha256(login.sha256, exclude=lambda record: record.id == half.id).matches == ()
        with pytest.raises(NotFound):
            matcher.search_sha256("0" * 64)

    def test_limit_banks_and_exclude(self, matcher: Matcher, read: Read) -> None:
        matcher.banks.create("brands", kind="baseline")
        login = matcher.add(read(LOGIN), banks=["brands"]).record
        half = matcher.add(read(HALF)).record
        assert [match.picture.id for match in matcher.search(read(LOGIN)).matches] == [login.id, half.id]
        cut = matcher.search(read(LOGIN), limit=1)
        assert [match.picture.id for match in cut.matches] == [login.id]
        assert cut.truncated
        assert [match.picture.banks for match in matcher.search(read(LOGIN), banks=["brands"]).matches] == [("brands",)]
        assert [match.picture.id for match in matcher.search(read(LOGIN), exclude=lambda record: bool(record.banks)).matches] == [half.id]
        for wrong in (0, -1):
            with pytest.raises(BadRequest, match=str(wrong)):
                matcher.search(read(LOGIN), limit=wrong)
        with pytest.raises(NotFound, match="shops"):
            matcher.search(read(LOGIN), banks=["brands", "shops"])

    def test_an_ignore_bank_suppresses_and_says_so(self, matcher: Matcher, read: Read) -> None:
        matcher.banks.create("noise", kind="ignore")
        known = matcher.add(read(LOGIN), banks=["noise"]).record
        answer = matcher.search(read(HALF))
        assert (answer.decision, answer.matches) == (Decision.NO, ())
        assert [match.picture.id for match in answer.suppressed] == [known.id]
        matcher.banks.update("noise", kind="observed")
        assert matcher.search(read(HALF)).decision is Decision.YES

    def test_a_bank_can_be_stricter(self, matcher: Matcher, read: Read) -> None:
        strict = {f"{name}.{bound}": 0.0 for name in matcher.algorithms for bound in ("yes", "maybe")}
        matcher.add(read(LOGIN))
        before = matcher.search(read(HALF)).decision
        matcher.banks.create("strict", thresholds=strict)
        matcher.set_banks(sha(read(LOGIN)), add=["strict"])
        assert before is Decision.YES
        assert matcher.search(read(HALF)).decision is Decision.NO
        assert matcher.search(read(LOGIN)).decision is Decision.YES

    def test_another_process_finds_it_and_misses_it_at_once(self, matcher: Matcher, read: Read) -> None:
        with Matcher.open(matcher.settings) as other:
            assert other.search(read(LOGIN)).matches == ()
            matcher.add(read(LOGIN))
            assert len(other.search(read(HALF)).matches) == 1
            matcher.remove(sha(read(LOGIN)))
            assert other.search(read(HALF)).matches == other.search(read(LOGIN)).matches == ()


class TestCompare:
    def test_two_pictures_without_redis(self, read: Read, tmp_path: Path) -> None:
        away = Settings.load(environ={}, overrides={"redis.url": "redis://127.0.0.1:1", "data.dir": tmp_path, "workers.count": 1})
        with Matcher.open(away) as matcher:
            assert matcher.compare(read(HALF), read(LOGIN)).decision is Decision.YES
            assert matcher.compare(read(OTHER), read(LOGIN)).decision is Decision.NO
            same = matcher.compare(read(LOGIN), read(LOGIN))
            assert (same.decision, same.relation, same.distance) == (Decision.YES, Relation.SAME_PICTURE, 0.0)
            simple = matcher.compare(flat("white"), flat("red"))
            assert simple.too_simple
            assert simple.decision is Decision.NO
            with pytest.raises(BadPicture, match="the second"):
                matcher.compare(flat("white"), b"text", names=("the first", "the second"))


class TestRecords:
    def test_find_by_what_they_have(self, matcher: Matcher, read: Read) -> None:
        matcher.banks.create("brands")
        at = Source("url", "https://tinlark.example/login?a:b", 1000, 1000)
        login = matcher.add(read(LOGIN), sources=[at], tags=["phishing", " phishing "], banks=["brands"]).record
        other = matcher.add(read(OTHER), sources=[Source("file", "/x.png")]).record

        def found(**wanted: Any) -> list[int]:
            return [record.id for record in matcher.find(**wanted)]

        assert found() == [other.id, login.id]
        assert found(limit=1) == [other.id]
        assert found(tag="phishing") == found(bank="brands") == found(source="url") == found(source=at.key) == [login.id]
        assert found(tag="phishing", source="file") == found(tag="phish") == found(source="url:x") == []
        assert found(since=login.added - 5) == [other.id, login.id]
        assert found(since=login.added + 1000) == found(until=login.added - 1000) == []
        assert [record.id for record in matcher.by_source("url", at.id)] == [login.id]
        assert matcher.by_source("url:https", at.id.partition(":")[2]) == []
        with pytest.raises(NotFound, match="shops"):
            found(bank="shops")

    def test_tags_and_banks_come_and_go(self, matcher: Matcher, read: Read) -> None:
        for name in ("one", "two"):
            matcher.banks.create(name)
        sha256 = matcher.add(read(LOGIN), tags=["a"], banks=["one"]).record.sha256
        assert matcher.tag(sha256, add=["b", "c"], remove=["a", "never there"]).tags == ("b", "c")
        assert matcher.set_banks(sha256, add=["two"], remove=["one"]).banks == ("two",)
        assert [record.sha256 for record in matcher.find(bank="two")] == [sha256]
        assert list(matcher.find(bank="one")) == list(matcher.find(tag="a")) == []

    def test_removed_nothing_knows_it(self, matcher: Matcher, read: Read) -> None:
        sha256 = matcher.add(read(LOGIN), tags=["a"], sources=[Source("file", "/x")]).record.sha256
        matcher.remove(sha256)
        assert list(matcher.find()) == list(matcher.find(tag="a")) == matcher.by_source("file", "/x") == []
        for ask in (matcher.get, matcher.remove, matcher.tag, matcher.set_banks, matcher.search_sha256):
            with pytest.raises(NotFound, match=sha256):
                ask(sha256)
        assert matcher.add(read(LOGIN)).record.tags == ()

    @pytest.mark.parametrize("text", ["", "abc", "g" * 64, "0" * 63, "٠" * 64, "0" * 65])
    def test_what_is_no_sha256(self, matcher: Matcher, text: str) -> None:
        for ask in (matcher.get, matcher.remove, matcher.tag, matcher.search_sha256):
            with pytest.raises(BadRequest, match="SHA-256"):
                ask(text)

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            ({"banks": ["unknown"]}, NotFound),
            ({"banks": ["\udc80"]}, NotFound),
            ({"tags": ["good", ""]}, BadRequest),
            ({"tags": ["x" * 256]}, BadRequest),
            ({"tags": ["a\nb"]}, BadRequest),
            ({"sources": [Source("file", "/x", metadata={"when": object()})]}, BadRequest),
            ({"sources": [Source("file", "/x", first_seen=float("nan"))]}, BadRequest),
        ],
    )
    def test_bad_words_change_nothing(self, matcher: Matcher, wrong: dict[str, Any], error: type[KuatoError]) -> None:
        with pytest.raises(error) as caught:
            matcher.add(flat("blue"), **wrong)
        assert "\n" not in str(caught.value)
        assert list(matcher.find()) == list(matcher.collection.claims.all()) == []
        sha256 = matcher.add(flat("blue")).record.sha256
        if "tags" in wrong:
            with pytest.raises(error):
                matcher.tag(sha256, add=wrong["tags"])
        if "banks" in wrong:
            with pytest.raises(error):
                matcher.set_banks(sha256, remove=wrong["banks"])
        assert matcher.get(sha256).tags == ()

    def test_bad_pictures_change_nothing(self, matcher: Matcher) -> None:
        with pytest.raises(BadPicture, match=r"notes\.txt"):
            matcher.add(b"just text", name="notes.txt")
        with pytest.raises(TooLarge):
            matcher.add(bytes(matcher.settings["picture.max_bytes"] + 1))
        assert list(matcher.find()) == []

    def test_figures(self, matcher: Matcher, read: Read) -> None:
        assert (matcher.stats()["pictures"], matcher.stats()["redis_bytes_per_picture"]) == (0, 0)
        matcher.banks.create("one")
        matcher.add(read(LOGIN))
        figures = matcher.stats()
        assert (figures["pictures"], figures["banks"]) == (1, 1)
        assert figures["redis_bytes_per_picture"] > 0

    def test_reset_leaves_the_api_to_those_who_have_tokens(self, matcher: Matcher) -> None:
        _, text = Tokens(matcher.collection.store).create("analyst", Role.SEARCH)
        matcher.reset()
        assert Tokens(matcher.collection.store).check(text).name == "analyst"

    def test_reset_forgets_all(self, matcher: Matcher, read: Read) -> None:
        matcher.banks.create("one")
        matcher.add(read(LOGIN), tags=["a"])
        assert matcher.reset() > 10
        assert list(matcher.find()) == matcher.banks.list() == []
        assert matcher.search(read(LOGIN)).matches == ()
