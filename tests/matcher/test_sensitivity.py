"""Which pictures are sensitive."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.bank import Bank
from matcher.collection import Collection
from matcher.engine import Matcher
from matcher.fingerprints.registry import available
from matcher.records import Record
from matcher.sensitivity import Sensitivity
from matcher.settings import Settings
from matcher.store import Store
from tests.matcher.making import ALGORITHMS, picture

DEFAULT = Sensitivity(("copine-scale", "dark-web:topic"))


def tagged(*tags: str) -> Record:
    return Record(1, "ab" * 32, "PNG", (640, 480), 1234, 1000.0, {}, {}, tags=tags)


@pytest.mark.parametrize(
    "tag", ["copine-scale", 'copine-scale:level="1"', "COPINE-Scale:level", " copine-scale ", 'dark-web:topic="drugs"', "dark-web:topic"]
)
def test_tags_below_a_name_are_covered(tag: str) -> None:
    assert DEFAULT.covers(tagged("harmless", tag), [])


@pytest.mark.parametrize("tag", ["copine-scaled", "copine", "xcopine-scale", "x:copine-scale", "dark-web", "dark-web:topics", ""])
def test_others_are_not(tag: str) -> None:
    assert not DEFAULT.covers(tagged(tag), [])


@given(st.text("ab:=", max_size=6), st.text("ab:=", max_size=8))
def test_a_name_covers_itself_and_what_goes_on_with_a_colon_or_an_equals_sign(name: str, tag: str) -> None:
    bare = name.rstrip(":=")
    below = bool(bare) and (tag == bare or tag.startswith((f"{bare}:", f"{bare}=")))
    assert Sensitivity([name]).covers(tagged(tag), []) == below


def test_a_sensitive_bank_or_one_that_emits_a_sensitive_tag_covers_its_pictures() -> None:
    assert DEFAULT.covers(tagged(), [Bank(1, "plain"), Bank(2, "raids", sensitive=True)])
    assert DEFAULT.covers(tagged(), [Bank(1, "plain", tags=('copine-scale:level="4"',))])
    assert not DEFAULT.covers(tagged(), [Bank(1, "plain", tags=("phishing",))])


def test_without_names_nothing_is_covered_by_its_tags() -> None:
    assert not Sensitivity(["", " ", ":"]).covers(tagged("", ":", "a"), [])


def test_records_say_it_as_their_banks_are_now(store_url: str) -> None:
    collection = Collection(Store(lambda: store_url, "test:"), ALGORITHMS, sensitivity=DEFAULT)
    bank = collection.banks.create("raids")
    added = collection.add(picture(1), bank_ids=[bank.id]).record
    assert not added.sensitive
    collection.banks.update("raids", sensitive=True)
    assert collection.get(added.sha256).sensitive
    assert next(collection.newest()).sensitive
    assert collection.add(picture(2), tags=["copine-scale:level=1"]).record.sensitive


def test_local_features_texts_and_models_tell_what_is_to_be_seen_and_hashes_do_not() -> None:
    telling = {name for name, algorithm in available().items() if algorithm.shows_pixels}
    assert telling == {"local", "orb-ransac", "text", "caption", "scene", "embedding"}


def test_what_shows_pixels_or_is_unknown_is_not_shown_of_sensitive_pictures(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    record = replace(tagged(), fingerprints={"pdq": b"a" * 32, "tiles": b"b" * 66, "of-another-package": b"c"})
    with Matcher.open(settings) as matcher:
        assert matcher.shown_fingerprints(record) == record.fingerprints
        monkeypatch.setattr(type(matcher.algorithms["tiles"]), "shows_pixels", True)
        assert matcher.shown_fingerprints(replace(record, sensitive=True)).keys() == {"pdq"}
        assert not matcher.sensitive(record) and matcher.sensitive(replace(record, tags=("copine-scale",)))
