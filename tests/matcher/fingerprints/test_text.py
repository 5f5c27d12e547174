"""The text on a picture."""

import pytest

from matcher.errors import BadSettings
from matcher.fingerprints.text import Text
from matcher.fingerprints.words import words
from matcher.models.tesseract import NotRead, Tesseract, words_of
from matcher.settings import Settings
from tests.matcher.fingerprints.contract import FingerprintContract
from tests.matcher.reading import SENTENCES, needs, picture_of, written


@pytest.fixture(autouse=True)
def _english(request: pytest.FixtureRequest) -> None:
    if "no_program" not in request.keywords:
        needs("eng")


class TestText(FingerprintContract):
    fingerprint = Text()
    same = [("letter", "letter:q30"), ("letter", "letter:half"), ("letter2", "letter2:q30")]
    different = [("letter", "letter2"), ("letter", "letter3"), ("letter:q30", "letter2:q30")]
    too_simple = ["white", "black", "grey", "photo"]


@pytest.mark.parametrize("language", SENTENCES)
def test_it_reads(language: str) -> None:
    needs(language)
    found = Text(Tesseract(languages=(language,))).compute(picture_of(written(SENTENCES[language], language)))
    assert found is not None and words(found.decode()) == words(SENTENCES[language])


def test_it_reads_several_languages_on_one_picture() -> None:
    needs("eng", "rus")
    both = f"{SENTENCES['eng']}\n{SENTENCES['rus']}"
    found = Text(Tesseract(languages=("eng", "rus"))).compute(picture_of(written(both)))
    assert found is not None and found.decode().splitlines() == both.splitlines()


def test_it_reads_light_on_dark() -> None:
    found = Text().compute(picture_of(written(SENTENCES["eng"], paper="#202030", ink="#e0e0d0")))
    assert found is not None and found.decode() == SENTENCES["eng"]


def test_a_text_is_kept_up_to_a_length() -> None:
    found = Text(longest=14).compute(picture_of(written(SENTENCES["eng"])))
    assert found == b"Please confirm"


def test_a_language_that_is_missing_is_named() -> None:
    with pytest.raises(BadSettings, match=r"does not know the language 'tlh'; it knows .*eng.*text.languages; .*tesseract-ocr-tlh"):
        Text(Tesseract(languages=("eng", "tlh"))).compute(picture_of(written("words")))


def test_reading_has_a_time_limit() -> None:
    reader = Tesseract(seconds=5)
    assert "words" in reader.read(picture_of(written("some words")).grey())
    reader._seconds = 0.001
    with pytest.raises(NotRead, match=r"longer than 0.001 s \(text.max_seconds\)"):
        reader.read(picture_of(written("some words")).grey())


def test_what_tesseract_says_of_a_failure_is_told(tmp_path: "object") -> None:
    with pytest.raises((NotRead, BadSettings), match="nowhere|does not know"):
        Tesseract(data="/nowhere").read(picture_of(written("some words")).grey())


def test_words_of_little_confidence_are_left_out() -> None:
    head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"
    rows = ["5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t96.1\tPay", "5\t1\t1\t1\t1\t2\t0\t0\t9\t9\t12\tnoise", "5\t1\t1\t1\t2\t1\t0\t0\t9\t9\t80\tnow"]
    assert words_of("\n".join([head, "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t", *rows, "broken"]), 50) == "Pay\nnow"


class TestSettings:
    def with_(self, **values: object) -> Settings:
        return Settings.load(environ={}, overrides={f"text.{name}": value for name, value in values.items()})

    def test_they_are_obeyed(self) -> None:
        needs("rus")
        algorithm = Text.configured(self.with_(languages="rus", max_chars=10))
        found = algorithm.compute(picture_of(written(SENTENCES["rus"])))
        assert found is not None and found.decode() == SENTENCES["rus"][:10]

    def test_no_program(self) -> None:
        with pytest.raises(BadSettings, match=r"needs Tesseract, and there is no nonesuch \(text.program; .*tesseract-ocr"):
            Text.configured(self.with_(program="nonesuch"))

    def test_no_language(self) -> None:
        with pytest.raises(BadSettings, match="needs a language"):
            Text.configured(self.with_(languages=""))

    def test_no_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("matcher.fingerprints.text.find_spec", lambda name: None)
        with pytest.raises(BadSettings, match=r"pip install 'kuato\[ocr\]'"):
            Text.configured(self.with_())
