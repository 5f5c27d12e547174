"""Texts as fingerprints, whoever read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.fingerprints.text import Text
from matcher.fingerprints.words import ASKED, PAIRS, SHINGLES, WORDS, keys_of, normalised, shingles, words

TEXT = Text()


def between(a: str, b: str) -> float:
    return float(TEXT.distance(a.encode(), [b.encode()])[0])


def test_a_text_is_normalised() -> None:
    assert normalised("  Ｐａｙ\tnow \r\n\n ﬁnal\u200f\x07 ", 100) == "Pay now\nfinal"
    assert normalised("请 立即 确认 now 您 的", 100) == "请立即确认 now 您的"
    assert normalised("abcdef", 3) == "abc"


def test_words_have_neither_case_nor_marks() -> None:
    assert words("Éclair-STRASSE, Ёлка") == ["eclair", "strasse", "елка"]
    assert words("银行ABC账户") == ["银行", "abc", "账户"]
    assert words("حِسَاب") == ["حساب"]


def test_shingles() -> None:
    assert shingles(["bank", "harbour"]) == {"bank": 1, "harb": 1, "arbo": 1, "rbou": 1, "bour": 1}
    assert shingles(["at", "at", "银行账"]) == {"at": 2, "银行": 1, "行账": 1}


def test_the_distance_is_weighted_jaccard() -> None:
    assert between("at at bank", "at bank bank bank") == pytest.approx(1 - 2 / 5)
    assert between("harbour", "mountain") == 1
    assert between("The Harbour", "the harbour!") == 0


def test_one_letter_read_wrongly_is_near() -> None:
    text = "please confirm your account at harborline bank today"
    assert 0 < between(text, text.replace("harborline", "harb0rline")) < 0.3
    assert between("请立即确认您的银行账户信息", "请立即确认您的银行帐户信息") < 0.35


@given(st.text(max_size=60), st.text(max_size=60))
def test_distances_of_any_texts(a: str, b: str) -> None:
    one, other = (normalised(text, 1000) for text in (a, b))
    assert 0 <= between(one, other) <= 1
    assert between(one, other) == pytest.approx(between(other, one))
    assert between(one, one) == 0
    assert normalised(one, 1000) == one


@given(st.text(max_size=80))
def test_keys_fit_and_what_is_asked_for_is_filed(text: str) -> None:
    value = normalised(text, 1000).encode()
    slots, keys = TEXT.keys(value)
    assert ((keys >= 0) & (keys < 1 << 24)).all() and set(slots.tolist()) <= {SHINGLES, WORDS, PAIRS}
    asked = set(zip(*(part.tolist() for part in TEXT.probes(value)[:2]), strict=True))
    assert asked <= set(zip(slots.tolist(), keys.tolist(), strict=True))
    assert bool(asked) == bool(words(value.decode())) == TEXT.valid(value)


def test_long_texts_ask_for_what_both_have() -> None:
    """Of two texts with much in common the shingles asked for by one are those of the other, too."""
    common = " ".join(f"word{n:04}x" for n in range(2000))
    one, other = (TEXT.probes(f"{common} {end}".encode()) for end in ("alpha", "omega"))
    assert len(one[0]) <= 2 * ASKED
    same = set(zip(one[0].tolist(), one[1].tolist(), strict=True)) & set(zip(other[0].tolist(), other[1].tolist(), strict=True))
    assert len(same) > 0.95 * len(one[0])


def test_keys_of_nothing() -> None:
    slots, keys = keys_of([])
    assert slots.dtype == keys.dtype == "int64" and len(slots) == 0
    assert not TEXT.valid(b"\xff\xfe") and not TEXT.valid(b"...")
