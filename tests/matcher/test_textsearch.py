"""Finding pictures by the words on them, with the real program where it is, and with texts alone where that is enough."""

import zlib
from collections.abc import Iterator
from hashlib import sha256
from textwrap import fill

import pytest

from matcher.collection import Collection
from matcher.engine import Matcher
from matcher.errors import BadRequest, BadSettings
from matcher.extraction import Fingerprints
from matcher.fingerprints.text import Text
from matcher.match import Answer, Decision
from matcher.search import Scope
from matcher.sensitivity import Sensitivity
from matcher.settings import Settings
from matcher.store import Store
from matcher.textsearch import LONGEST, TextSearch
from tests.matcher.reading import SENTENCES, needs, written

BANK = "Please confirm your account at Harborline Bank today"


@pytest.fixture
def collection(store_url: str) -> Collection:
    return Collection(Store(lambda: store_url, "test:"), {"text": Text()}, sensitivity=Sensitivity(["secret"]))


def add(collection: Collection, text: str, *tags: str, bank: int | None = None) -> str:
    digest = sha256(text.encode()).hexdigest()
    known = Fingerprints(digest, "PNG", (640, 480), 1000, {"as is": {"text": text.encode()}})
    return collection.add(known, tags=tags, bank_ids=[bank] if bank else []).record.sha256


def asked(collection: Collection, text: str, scope: Scope | None = None) -> Answer:
    return TextSearch(collection, collection.algorithms).answer(text, scope or Scope())


def decisions(answer: Answer) -> list[tuple[str, str]]:
    return [(match.picture.sha256, match.decision.value) for match in answer.matches]


def test_words_are_found_as_they_are(collection: Collection) -> None:
    known = add(collection, f"Welcome\n{BANK}\nSign in")
    add(collection, "A garden with a mountain behind it")
    answer = asked(collection, "CONFIRM your  account")
    assert decisions(answer) == [(known, "YES")] and answer.decision is Decision.YES
    [evidence] = answer.matches[0].evidence
    assert (evidence.algorithm, evidence.family, evidence.distance) == ("text", "text", 0)
    assert evidence.note == "reads: welcome please confirm your account at harborline bank today sign in"


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("harborline bank", "YES"),
        ("harborlime bank", "YES"),
        ("harb0rlime bamk", "MAYBE"),
        ("bank harborline account your", "YES"),
        ("mountain garden", None),
        ("river bank", None),
        ("borlin", "YES"),
        ("harbor line bank", "YES"),
        ("harborline bank asks for a parcel to be sent to the mountains", None),
    ],
)
def test_it_is_fuzzy(collection: Collection, text: str, decision: str | None) -> None:
    add(collection, BANK)
    assert [found for _, found in decisions(asked(collection, text))] == ([decision] if decision else [])


@pytest.mark.parametrize("language", SENTENCES)
def test_every_script(collection: Collection, language: str) -> None:
    known = {name: add(collection, text) for name, text in SENTENCES.items()}
    text = SENTENCES[language]
    assert decisions(asked(collection, text)) == [(known[language], "YES")]
    part = text[2:8] if language == "chi_sim" else " ".join(text.split()[1:3])
    assert decisions(asked(collection, part)) == [(known[language], "YES")]


def test_the_nearest_comes_first_and_limits_hold(collection: Collection) -> None:
    for text in ("harborline bonk", "harborline bank", "harbor lime bank"):
        add(collection, text)
    answer = asked(collection, "harborline bank")
    assert [match.distance for match in answer.matches] == sorted(match.distance for match in answer.matches)
    assert len(answer.matches) == 3 and answer.matches[0].distance == 0
    limited = asked(collection, "harborline bank", Scope(limit=1))
    assert len(limited.matches) == 1 and limited.truncated


def test_among_many_with_common_words_the_right_one_is_found(collection: Collection) -> None:
    for n in range(400):
        add(collection, f"please confirm your account at the bank {zlib.crc32(str(n).encode()):x} today")
    known = add(collection, BANK)
    for n in range(400, 800):
        add(collection, f"please confirm your account at the bank {zlib.crc32(str(n).encode()):x} today")
    assert decisions(asked(collection, BANK))[0] == (known, "YES")
    assert decisions(asked(collection, "at harborline bank"))[0] == (known, "YES")


def test_banks_and_exclusions(collection: Collection) -> None:
    bank, ignore = collection.banks.create("one"), collection.banks.create("blank", kind="ignore")
    inside, outside = add(collection, f"{BANK} one", bank=bank.id), add(collection, f"{BANK} two")
    suppressed = add(collection, f"{BANK} three", bank=ignore.id)
    answer = asked(collection, BANK)
    assert {sha for sha, _ in decisions(answer)} == {inside, outside}
    assert [match.picture.sha256 for match in answer.suppressed] == [suppressed]
    assert decisions(asked(collection, BANK, Scope(banks=frozenset([bank.id])))) == [(inside, "YES")]
    assert decisions(asked(collection, BANK, Scope(exclude=lambda record: record.sha256 == inside))) == [(outside, "YES")]


def test_of_a_sensitive_picture_nothing_is_told_but_the_match(collection: Collection) -> None:
    add(collection, BANK, "secret")
    [match] = asked(collection, "harborline").matches
    assert match.picture.sensitive and match.evidence[0].note == ""


def test_a_removed_picture_is_not_found(collection: Collection) -> None:
    collection.remove(add(collection, BANK))
    assert asked(collection, BANK).matches == ()


@pytest.mark.parametrize("text", ["", " ", "a", "?!", "a b c", "x" * (LONGEST + 1)])
def test_what_cannot_be_searched_for(collection: Collection, text: str) -> None:
    with pytest.raises(BadRequest, match="at least two letters in a row, and at most 500"):
        asked(collection, text)


def test_where_no_text_is_kept(settings: Settings) -> None:
    with Matcher.open(settings) as matcher, pytest.raises(BadRequest, match=r'fingerprints.enabled = \[.., "text"\]'):
        matcher.search_text("harborline")


def test_without_the_extra(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    add(collection, BANK)
    monkeypatch.setitem(__import__("sys").modules, "rapidfuzz.fuzz", None)
    with pytest.raises(BadSettings, match=r"pip install 'kuato\[ocr\]'"):
        asked(collection, BANK)


class TestFromPixels:
    """All the way, with the program."""

    @pytest.fixture
    def matcher(self, settings: Settings) -> Iterator[Matcher]:
        needs("eng", "rus")
        chosen = {"fingerprints.enabled": "pdq,tiles,local,text", "text.languages": "eng,rus", "picture.max_seconds": 20}
        with Matcher.open(settings.with_overrides(chosen)) as matcher:
            yield matcher

    def test_it_is_read_kept_and_found(self, matcher: Matcher) -> None:
        added = {name: matcher.add(written(SENTENCES[name], size=30)).record for name in ("eng", "rus")}
        assert decisions(matcher.search_text("Harborline Bank")) == [(added["eng"].sha256, "YES")]
        assert decisions(matcher.search_text("подтвердите ваш")) == [(added["rus"].sha256, "YES")]
        assert matcher.text_on(added["eng"]) == {"text": BANK}
        matcher.tag(added["eng"].sha256, add=["copine-scale:level=1"])
        assert matcher.text_on(matcher.get(added["eng"].sha256)) == {}

    def test_a_picture_with_the_same_text_is_a_maybe_by_that_alone(self, matcher: Matcher) -> None:
        text = "\n".join(f"Line {n}: the secretary delivers the parcel number {n * 37}" for n in range(8))
        known = matcher.add(written(text, size=22)).record
        # Broken into other lines, so that nothing but the words is the same.
        answer = matcher.search(written(fill(text, 24), size=34, paper="#e0f0e0", ink="#302010"))
        [match] = [match for match in answer.matches if match.picture.sha256 == known.sha256]
        assert match.decision is Decision.MAYBE
        assert {one.decision for one in match.evidence if one.algorithm == "text"} == {Decision.MAYBE}
        assert "text" not in answer.fingerprints  # it shows what can be seen
