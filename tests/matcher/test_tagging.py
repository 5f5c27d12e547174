"""Rules that give tags."""

from typing import Any

import pytest

from matcher.bank import Bank
from matcher.errors import BadSettings
from matcher.match import Decision, Match, Relation
from matcher.settings import Settings
from matcher.tagging import EXACT_COPY, OBJECT, Seen, Tagger, Tagging
from tests.misp_module.building import known

KIT = Seen(Decision.YES, "same picture", (("kit X", "known-bad"), ("mail", "observed")), ('phishing:state="active"', "tlp:red"))


def tagger(*rules: dict[str, Any], propagate: str = "") -> Tagger:
    return Tagger(Settings.load(environ={}, overrides={"tagging.rules": list(rules), "tagging.propagate": propagate}))


def given(found: Tagger, *seen: Seen) -> list[tuple[str, str]]:
    return [(one.on, one.tag) for one in found.taggings(seen)]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"bank": "KIT *"},
        {"bank": ["other", "kit x"]},
        {"kind": "known-bad"},
        {"kind": "known-bad", "bank": "kit*"},
        {"relation": ["same picture", "exact copy"]},
        {"tag": "phishing:*"},
        {"decision": ["YES", "MAYBE"], "kind": "observed"},
    ],
)
def test_what_a_rule_asks_for_holds(asked: dict[str, Any]) -> None:
    assert given(tagger({**asked, "tags": "seen:again"}), KIT) == [("attribute", "seen:again")]


@pytest.mark.parametrize(
    "asked",
    [
        {"decision": "MAYBE"},
        {"bank": "kit"},
        {"kind": "baseline"},
        {"kind": "known-bad", "bank": "mail"},  # of one and the same bank
        {"relation": "shares content"},
        {"tag": "phishing"},
    ],
)
def test_what_a_rule_asks_for_does_not_hold(asked: dict[str, Any]) -> None:
    assert given(tagger({**asked, "tags": "seen:again"}), KIT) == []


def test_each_tag_once_a_target_with_the_first_rule_that_says_so() -> None:
    found = tagger({"on": ["event", "attribute"], "tags": ["a", "b"]}, {"tags": ["b", "c"]})
    assert found.taggings([KIT, KIT]) == [
        *(Tagging("event", "a", 1), Tagging("event", "b", 1), Tagging("attribute", "a", 1), Tagging("attribute", "b", 1)),
        Tagging("attribute", "c", 2),
    ]
    assert found.taggings([KIT], on=[OBJECT]) == []


def test_only_what_is_allowed_is_passed_on() -> None:
    rule = {"propagate": True}
    assert given(tagger(rule), KIT) == []
    assert given(tagger(rule, propagate="phishing:*"), KIT) == [("attribute", 'phishing:state="active"')]
    assert given(tagger(rule | {"tag": "tlp:*"}, propagate="phishing:*"), KIT) == []
    assert given(tagger(rule | {"tag": "phishing:*"}, propagate="*"), KIT) == [("attribute", 'phishing:state="active"')]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "rule 1: it gives nothing"),
        ({"tags": []}, "gives nothing"),
        ({"tag": "a", "tags": 5}, "tags is 5"),
        ({"tags": ["x"], "on": "page"}, "'page'; choose from attribute, event, object"),
        ({"tags": ["x"], "decision": "yes"}, "choose from YES, MAYBE"),
        ({"tags": ["x"], "bnak": "a"}, "there is no 'bnak'"),
        ({"propagate": "yes"}, "true or false"),
        ({"tags": ["x" * 256]}, "cannot be a tag"),
    ],
)
def test_what_cannot_be_a_rule(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings, match=r"tagging\.rules") as raised:
        tagger(rule)
    assert said in str(raised.value)


def test_a_match_as_rules_see_it() -> None:
    banks = [Bank(3, "kit X", "known-bad"), Bank(4, "other")]
    match = Match(known(banks=("kit X",)), Decision.YES, Relation.SAME_PICTURE, 0.1, ())
    object.__setattr__(match.picture, "bank_ids", (3,))
    object.__setattr__(match.picture, "tags", ("a",))
    assert Seen.of(match, "00" * 32, banks) == Seen(Decision.YES, "same picture", (("kit X", "known-bad"),), ("a",))
    assert Seen.of(match, match.picture.sha256, banks).relation == EXACT_COPY
    assert Seen.of(match, "00" * 32, banks, told=False) == Seen(Decision.YES, "same picture")


def test_a_rule_in_a_variable_and_in_a_file(tmp_path: Any) -> None:
    file = tmp_path / "kuato.toml"
    file.write_text('[[tagging.rules]]\nbank = "kit*"\ntags = ["seen:again"]\n')
    in_file = Settings.load(file, environ={})
    assert given(Tagger(in_file), KIT) == [("attribute", "seen:again")]
    environ = {"KUATO_TAGGING_RULES": '[{"bank": "kit*", "tags": ["seen:again"]}]'}
    assert Settings.load(environ=environ)["tagging.rules"] == in_file["tagging.rules"]
    with pytest.raises(BadSettings, match="a list of tables"):
        Settings.load(environ={"KUATO_TAGGING_RULES": "kit"})


def test_a_secret_is_never_shown() -> None:
    settings = Settings.load(environ={"KUATO_MISP_KEY": "not to be seen"})
    assert settings["misp.key"] == "not to be seen"
    assert settings.shown("misp.key") == "***"
    with pytest.raises(BadSettings) as raised:
        Settings.load(environ={}, overrides={"misp.key": ["not to be seen"]})
    assert "not to be seen" not in str(raised.value)
