"""What a match is worth, case by case."""

import pytest

from ail_connector.rules import Finding, configured, default_rule, places_of, tag
from matcher.bank import Bank
from matcher.match import Decision, Match, Relation
from matcher.records import Record
from matcher.settings import Settings
from matcher.source import Source

HERE = frozenset({("domain", "shop.onion"), ("ail-item", "crawled/1")})
KIT = Bank(1, "kits", "known-bad", tags=("bank:tag",))
PAGES = Bank(2, "pages", "baseline", domains=("bank.example",))
OTHERS = Bank(3, "others", "observed")


def finding(
    *sources: Source,
    banks: tuple[Bank, ...] = (),
    places: frozenset[tuple[str, str]] = HERE,
    decision: Decision = Decision.YES,
    relation: Relation = Relation.SAME_PICTURE,
    itself: bool = False,
) -> Finding:
    record = Record(7, "ab" * 32, "PNG", (9, 9), 9, 0.0, {}, {}, sources, (), tuple(bank.id for bank in banks))
    return Finding(places, Match(record, decision, relation, 0.1, ()), banks, itself)


def domain(name: str, **metadata: str) -> Source:
    return Source("domain", name, metadata=metadata)


FILE, MISP = Source("file", "/srv/kit.png"), Source("misp-attribute", "66ed8cd2-fa4e-4c08-99bd-6ea5ee06d1d2")


@pytest.mark.parametrize(
    ("sources", "same"),
    [
        ((domain("shop.onion"),), True),
        ((domain("SHOP.onion"), Source("ail-object", "screenshot::ab")), True),
        ((domain("shop.onion"), domain("mirror.onion")), False),
        ((domain("elsewhere.onion", item="crawled/1"),), True),
        ((domain("shop.onion"), FILE), False),
        ((MISP,), False),
        ((Source("url", "http://shop.onion/login"),), True),
        ((), False),
    ],
)
def test_same_source(sources: tuple[Source, ...], same: bool) -> None:
    assert finding(*sources).same_source is same


@pytest.mark.parametrize(
    ("case", "kinds"),
    [
        (finding(FILE, banks=(KIT,)), ["known-bad"]),
        (finding(FILE, banks=(KIT,), relation=Relation.SHARES_CONTENT), ["known-bad"]),
        (finding(FILE, banks=(KIT,), decision=Decision.MAYBE), []),
        (finding(domain("shop.onion"), banks=(KIT,)), []),
        (finding(domain("shop.onion"), banks=(KIT,), itself=True), ["known-bad"]),
        (finding(domain("shop.onion"), itself=True), []),
        (finding(FILE, banks=(PAGES,)), ["baseline"]),
        (finding(FILE, banks=(PAGES,), places=frozenset({("domain", "www.bank.example")})), []),
        (finding(FILE, banks=(PAGES,), places=frozenset({("domain", "bank.example"), ("domain", "x.onion")})), ["baseline"]),
        (finding(FILE, banks=(PAGES,), places=frozenset({("domain", "notbank.example")})), ["baseline"]),
        (finding(FILE, banks=(PAGES,), places=frozenset({("ail-chat", "chat:net:1")})), ["baseline"]),
        (finding(domain("x.onion"), banks=(PAGES,), places=frozenset({("domain", "bank.example")})), []),
        (finding(domain("x.onion")), ["observed"]),
        (finding(domain("x.onion"), banks=(OTHERS,)), ["observed"]),
        (finding(domain("x.onion"), relation=Relation.SHARES_CONTENT), []),
        (finding(domain("x.onion"), decision=Decision.MAYBE), []),
        (finding(domain("x.onion"), places=frozenset({("ail-chat", "chat:net:1")})), []),
        (finding(Source("ail-chat", "chat:net:2"), places=frozenset({("ail-chat", "chat:net:1")})), []),
        (finding(FILE), []),
        (finding(MISP), []),
    ],
)
def test_the_default_rule(case: Finding, kinds: list[str]) -> None:
    tags = default_rule()(case)
    assert [one for one in tags if one.startswith("image-match:kind=")] == [tag("kind", kind) for kind in kinds]
    assert bool(tags) is bool(kinds)
    if kinds:
        assert 'image-match:decision="yes"' in tags
        assert ("bank:tag" in tags) is (KIT in case.banks)


def test_what_can_be_asked_for_beyond_it() -> None:
    chats = finding(Source("ail-chat", "chat:net:2"), places=frozenset({("ail-chat", "chat:net:1")}))
    assert tag("kind", "observed") in default_rule(("domain", "ail-chat"))(chats)
    doubtful = finding(FILE, banks=(KIT,), decision=Decision.MAYBE)
    assert default_rule(maybe=True)(doubtful) == (tag("decision", "maybe"), tag("kind", "known-bad"), tag("bank", "kits"))
    assert default_rule(())(finding(domain("x.onion"))) == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("kits", 'image-match:bank="kits"'),
        ('a "b", c', "image-match:bank=\"a 'b'  c\""),
        ("a\nb\x00\u202e", 'image-match:bank="a b"'),
        ("x" * 300, f'image-match:bank="{"x" * 150}"'),
    ],
)
def test_tags_are_what_ail_can_have(value: str, expected: str) -> None:
    assert tag("bank", value) == expected


def test_places_of_other_sources() -> None:
    lookyloo = Source("url", "https://lookyloo.example/tree/1", metadata={"domain": "Login.example"})
    assert places_of(lookyloo) == {("domain", "lookyloo.example"), ("domain", "login.example")}


def settings(*rules: dict[str, object]) -> Settings:
    return Settings.load(environ={}, overrides={"tagging.rules": rules})


def test_rules_of_the_settings_give_objects_more_tags() -> None:
    rule = configured(settings({"bank": ["k*"], "on": ["object"], "tags": ["phishing:kit"]}, {"on": ["event"], "tags": ["not:here"]}))
    assert rule(finding(FILE, banks=(KIT,))) == (*default_rule()(finding(FILE, banks=(KIT,))), "phishing:kit")
    assert "phishing:kit" not in rule(finding(FILE, banks=(PAGES,)))


def test_a_rule_may_tag_what_is_worth_none_by_itself_but_not_what_comes_from_one_source() -> None:
    rule = configured(settings({"decision": ["MAYBE"], "on": ["object"], "tags": ["look:at"]}))
    assert rule(finding(FILE, decision=Decision.MAYBE)) == ("look:at",)
    assert rule(finding(domain("shop.onion"), decision=Decision.MAYBE)) == ()


def test_a_tag_that_ail_would_split_is_not_given() -> None:
    rule = configured(settings({"on": ["object"], "tags": ["a,b", "ab"]}))
    assert rule(finding(FILE)) == ("ab",)
