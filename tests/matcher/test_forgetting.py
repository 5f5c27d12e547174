"""Forgetting takes exactly what is named, and leaves nothing of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from matcher.doctor import Doctor
from matcher.engine import Matcher
from matcher.errors import BadRequest
from matcher.forgetting import Forgetting, Selection, checked_domain, host_of, hosts, within
from matcher.pruning import Forgotten, Gone
from matcher.records import Record
from matcher.settings import Settings
from matcher.source import Source
from tests.matcher.making import picture as another

EVENT = "77a5ba10-4773-457d-9d9b-3d18ca41ad64"
NOW = 2_000_000_000.0


def url(address: str, at: float = NOW, **metadata: Any) -> Source:
    return Source("url", address, at, at, metadata)


def attribute(uuid: str, **metadata: Any) -> Source:
    return Source("misp-attribute", uuid, NOW, NOW, metadata)


@pytest.fixture
def matcher(settings: Settings) -> Iterator[Matcher]:
    with Matcher.open(settings) as matcher:
        yield matcher


@pytest.fixture
def known(matcher: Matcher) -> Callable[..., Record]:
    """Remember a picture seen somewhere."""

    def add(seed: int, *sources: Source, banks: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> Record:
        whole = another(seed)
        ids = [matcher.banks.get(name).id for name in banks]
        return matcher.collection.add(replace(whole, views={"as is": {"pdq": whole.values["pdq"]}}), sources, tags, ids).record

    return add


@pytest.fixture
def forget(matcher: Matcher) -> Callable[..., Forgotten]:
    def forget(told: Callable[[Gone], None] = lambda gone: None, dry_run: bool = False, **selection: Any) -> Forgotten:
        return Forgetting(matcher, lambda: NOW).forget(Selection(**selection), dry_run, told)

    return forget


Known = Callable[..., Record]
Forget = Callable[..., Forgotten]


class TestSources:
    def test_one_of_many_goes_and_the_picture_stays(self, matcher: Matcher, known: Known, forget: Forget) -> None:
        record = known(1, url("https://a.example/"), Source("file", "/b.png", NOW, NOW), tags=("kept",))
        assert forget(sources=(("url", "https://a.example/"),)) == Forgotten(0, 1)
        after = matcher.get(record.sha256)
        assert ([source.key for source in after.sources], after.tags) == (["file:/b.png"], ("kept",))

    def test_with_its_last_source_a_picture_goes(self, matcher: Matcher, known: Known, forget: Forget) -> None:
        matcher.banks.create("kits", kind="known-bad")
        known(1, url("https://a.example/"), url("https://b.example/"), banks=("kits",))
        known(2, url("https://b.example/"))
        assert forget(sources=(("url", "https://a.example/"), ("url", "https://b.example/"))) == Forgotten(2, 3, {"kits": 1})
        assert list(matcher.find()) == []

    def test_it_tells_what_is_gone(self, known: Known, forget: Forget) -> None:
        record, gone = known(1, url("https://a.example/")), list[Gone]()
        forget(told=gone.append, sources=(("url", "https://a.example/"),))
        assert [(one.record.sha256, [source.key for source in one.sources], one.removed) for one in gone] == [
            (record.sha256, ["url:https://a.example/"], True)
        ]

    def test_one_that_nobody_knows_changes_nothing(self, matcher: Matcher, known: Known, forget: Forget) -> None:
        known(1, url("https://a.example/"))
        assert forget(sources=(("url", "https://a.example"), ("file", "https://a.example/"))) == Forgotten()

    def test_nothing_of_it_is_left_in_redis(self, matcher: Matcher, known: Known, forget: Forget, store_url: str) -> None:
        removed = known(1, url("https://secret.example/only", page="https://secret.example/page"))
        kept = known(2, url("https://secret.example/too"), url("https://open.example/"))
        for _ in range(3):
            matcher.change(kept, sources=[url("https://secret.example/too", note="secret remark")])
        assert b"secret" in everything(store_url)
        assert forget(domains=("secret.example",)) == Forgotten(1, 2)
        left = everything(store_url)
        assert b"secret" not in left and b"open.example" in left
        assert bytes.fromhex(removed.sha256) not in left
        sources = [url("https://secret.example/only"), url("https://secret.example/too")]
        for key, entry in matcher.collection.lists.source_entries(removed.id, sources) + matcher.collection.lists.source_entries(
            kept.id, sources
        ):
            assert entry not in (matcher.collection.store.read([key])[0] or b"")


def everything(store_url: str) -> bytes:
    """All that Redis holds, in one piece."""
    with redis.Redis.from_url(store_url) as client:
        held = list[bytes]()
        for key in client.scan_iter():
            kind = client.type(key)
            held += [key, client.get(key) or b""] if kind == b"string" else [key, *(b"".join(pair) for pair in client.hgetall(key).items())]
        return b"\n".join(held)


class TestDomains:
    @pytest.mark.parametrize(
        "address",
        [
            "https://evil.example/a.png",
            "http://EVIL.Example:8080/",
            "https://www.evil.example./x?y#z",
            "https://user:word@cdn.evil.example:443/",
            "//evil.example/a",
            "evil.example/login.png",
            "evil.example:8443",
            "hxxps://evil[.]example/a",
            "https:\\\\evil.example\\a",
        ],
    )
    def test_their_addresses_are_understood(self, known: Known, forget: Forget, address: str) -> None:
        known(1, url(address))
        assert forget(domains=("evil.example",)) == Forgotten(1, 1)

    @pytest.mark.parametrize(
        "address",
        [
            "https://notevil.example/",
            "https://evil.example.org/",
            "https://a.org/evil.example",
            "https://a.org/?u=https://evil.example/",
            "https://evil.example@a.org/",
            "https://a.org/#evil.example",
            "file:///evil.example/a.png",
            "https://[broken/",
            "",
        ],
    )
    def test_others_stay(self, known: Known, forget: Forget, address: str) -> None:
        known(1, url(address))
        assert forget(domains=("evil.example",)) == Forgotten()

    @pytest.mark.parametrize(
        "metadata",
        [
            {"url": "https://evil.example/"},
            {"page": "https://evil.example/login"},
            {"domain": "EVIL.example"},
            {"domains": ["a.org", "www.evil.example"]},
            {"page_url": "http://evil.example"},
            {"shot": {"finalUrl": None, "final-url": ["https://evil.example/"]}},
        ],
    )
    def test_metadata_name_them_too(self, known: Known, forget: Forget, metadata: dict[str, Any]) -> None:
        known(1, Source("file", "/a.png", NOW, NOW, metadata), url("https://a.org/"))
        assert forget(domains=("evil.example",)) == Forgotten(0, 1)

    @pytest.mark.parametrize(
        "metadata", [{"title": "https://evil.example/"}, {"url": 7}, {"pages": None}, {"page": "/home/evil.example/x"}]
    )
    def test_other_metadata_do_not(self, known: Known, forget: Forget, metadata: dict[str, Any]) -> None:
        known(1, Source("file", "/a.png", NOW, NOW, metadata))
        assert forget(domains=("evil.example",)) == Forgotten()

    def test_a_domain_of_ail_is_one(self, known: Known, forget: Forget) -> None:
        known(1, Source("ail-object", "domain::abcdef.onion", NOW, NOW))
        assert forget(domains=("abcdef.onion",)) == Forgotten(1, 1)

    @pytest.mark.parametrize(
        ("host", "domain"),
        [
            ("xn--bcher-kva.example", "bücher.example"),
            ("www.BÜCHER.example", "xn--bcher-kva.example"),
            ("bücher。example", "Bücher.example."),
            ("xn--strae-oqa.example", "straße.example"),
            ("[2001:DB8:0:0::1]", "2001:db8::1"),
            ("192.0.2.7", "192.0.2.7"),
        ],
    )
    def test_forms_of_one_name_are_one(self, host: str, domain: str) -> None:
        assert within(host_of(f"https://{host}/"), checked_domain(domain))

    def test_names_that_only_look_alike_are_two(self) -> None:
        assert not within(host_of("https://strasse.example/"), checked_domain("straße.example"))
        assert not within(host_of("https://аpple.example/"), checked_domain("apple.example"))

    @given(st.text(max_size=300))
    @examples(max_examples=300, deadline=None)
    def test_any_text_has_a_host_or_none(self, text: str) -> None:
        host = host_of(text)
        assert host == host.lower() and not host.endswith(".")
        assert within(host, host) == bool(host)

    @given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){1,3}", fullmatch=True), st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True))
    def test_a_host_is_within_its_domain_and_all_above_it_and_no_other(self, domain: str, below: str) -> None:
        assert within(host_of(f"https://{below}.{domain}:1/"), checked_domain(domain))
        assert not within(host_of(f"https://{below}{domain}/"), checked_domain(domain))

    @pytest.mark.parametrize(
        "text", ["", " ", ".", "*", "https://a.example/", "a.example:80", "a.example/x", "me@a.example", "a b", "a..example", "x" * 300]
    )
    def test_what_is_no_domain_is_refused(self, forget: Forget, text: str) -> None:
        with pytest.raises(BadRequest, match="is no domain"):
            forget(domains=(text,))

    def test_a_long_label_takes_no_time(self) -> None:
        hostile = "xn--" + "a" * 1_000_000
        assert list(hosts(url(f"https://{hostile}/", page=hostile))) == ["", ""]


class TestEvents:
    @pytest.mark.parametrize("metadata", [{"event_uuid": EVENT.upper()}, {"event_uuid": EVENT, "event_id": "4"}])
    def test_sources_tell_the_uuid_of_theirs(self, known: Known, forget: Forget, metadata: dict[str, Any]) -> None:
        known(1, attribute("a", **metadata), attribute("b", event_uuid="another"))
        assert forget(events=(EVENT,)) == Forgotten(0, 1)

    @pytest.mark.parametrize(
        "source", [attribute("a", event_id=4), attribute("a", event_id="4"), Source("url", "x", visibility={"event_id": "4"})]
    )
    def test_or_its_number(self, known: Known, forget: Forget, source: Source) -> None:
        known(1, source), known(2, attribute("b", event_id=44))
        assert forget(events=("04",)) == Forgotten(1, 1)

    @pytest.mark.parametrize("text", ["", "-4", "4.0", "an event", "77a5ba10", "٤"])
    def test_what_is_neither_is_refused(self, forget: Forget, text: str) -> None:
        with pytest.raises(BadRequest, match="is no event"):
            forget(events=(text,))


class TestTime:
    def test_what_was_last_seen_before_goes(self, matcher: Matcher, known: Known, forget: Forget) -> None:
        record = known(1, url("https://old.example/", NOW - 10), url("https://young.example/", NOW))
        known(2, url("https://older.example/", NOW - 20))
        assert forget(before=NOW - 5) == Forgotten(1, 2)
        assert [source.id for source in matcher.get(record.sha256).sources] == ["https://young.example/"]

    def test_where_no_time_is_known_that_of_the_adding_counts(self, known: Known, forget: Forget) -> None:
        record = known(1, Source("url", "https://a.example/"))
        assert forget(before=record.added) == Forgotten()
        assert forget(before=record.added + 1) == Forgotten(1, 1)

    def test_a_picture_that_never_had_a_source_goes_by_time_alone(self, matcher: Matcher, known: Known, forget: Forget) -> None:
        record = known(1)
        later = record.added + 1
        assert forget(domains=("a.example",), before=later) == forget(sources=(("url", "x"),)) == forget(before=record.added) == Forgotten()
        assert forget(before=later) == Forgotten(1)


def test_a_source_must_fit_all_that_is_given(matcher: Matcher, known: Known, forget: Forget) -> None:
    known(1, url("https://a.example/old", NOW - 10), url("https://a.example/young", NOW), url("https://b.example/old", NOW - 10))
    assert forget(domains=("a.example", "c.example"), before=NOW - 5) == Forgotten(0, 1)


def test_a_dry_run_tells_the_same_and_changes_nothing(matcher: Matcher, known: Known, forget: Forget) -> None:
    known(1, url("https://a.example/")), known(2, url("https://a.example/"), url("https://b.example/"))
    before = list(matcher.find())
    told = forget(dry_run=True, domains=("a.example",))
    assert list(matcher.find()) == before
    assert told == forget(domains=("a.example",)) == Forgotten(1, 2)


def test_what_is_expired_is_told_by_the_settings(matcher: Matcher, known: Known, forget: Forget) -> None:
    known(1, url("https://a.example/", NOW - 366 * 86400)), known(2, url("https://a.example/", NOW - 364 * 86400))
    assert forget(expired=True) == Forgotten(1, 1)


def test_a_selection_must_say_something_and_no_two_things(forget: Forget) -> None:
    with pytest.raises(BadRequest, match="nothing is named"):
        forget()
    with pytest.raises(BadRequest, match="expired"):
        forget(expired=True, domains=("a.example",))


def test_a_picture_whose_adding_was_interrupted_loses_its_source_too(
    matcher: Matcher, known: Known, forget: Forget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_id: int, _generation: int) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(matcher.collection.records, "publish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            known(1, url("https://a.example/"), url("https://b.example/"))
    assert forget(domains=("a.example",)) == Forgotten(0, 1)
    Doctor(matcher.collection).run()
    assert [source.id for record in matcher.find() for source in record.sources] == ["https://b.example/"]
