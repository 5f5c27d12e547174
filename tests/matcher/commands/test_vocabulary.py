"""`kuato vocabulary build`, and what it makes in use."""

from pathlib import Path

import numpy as np
import pytest

from tests.matcher.commands.conftest import Kuato
from tests.matcher.fingerprints.drawn import file


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("page", "page2", "page3"):
        (folder / f"{name}.png").write_bytes(file(name))
    return folder


def test_words_are_made_and_used(kuato: Kuato, pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "words.npy"
    [made] = kuato.json("vocabulary", "build", pages, "--words", "60", "--out", out)
    assert (made["words"], made["pictures"], made["settled"]) == (60, 3, True)
    assert made["features"] > 1000 and 0 < made["bits_from_word"] < 100
    words = np.load(out)
    assert words.shape == (60, 32) and words.dtype == np.uint8
    [hashed] = kuato.json("--set", f"bow.vocabulary={out}", "hash", "--algorithm", "bow", pages / "page.png")
    assert hashed["fingerprints"]["bow"].startswith(made["digest"])
    [default] = kuato.json("hash", "--algorithm", "bow", pages / "page.png")
    assert not default["fingerprints"]["bow"].startswith(made["digest"])


def test_a_store_tells_of_pictures_with_words_of_another_vocabulary(kuato: Kuato, pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "words.npy"
    kuato.json("vocabulary", "build", pages, "--words", "60", "--out", out)
    bow, other = ["--set", "fingerprints.enabled=bow"], ["--set", f"bow.vocabulary={out}"]
    kuato.json(*bow, "add", pages / "page.png")
    query = tmp_path / "query.jpg"
    query.write_bytes(file("page:q30"))
    [found] = kuato.json(*bow, "search", query)
    assert [match["decision"] for match in found["matches"]] == ["MAYBE"]
    [mixed] = kuato.json(*bow, *other, "search", query)
    assert mixed["matches"] == []
    [upgrade] = kuato.json(*bow, *other, "upgrade", "--check")
    assert [(one["algorithm"], one["pictures"]) for one in upgrade["stale"]] == [("bow", 1)]
    kuato.json(*bow, *other, "add", pages / "page.png")
    [renewed] = kuato.json(*bow, *other, "search", query)
    assert len(renewed["matches"]) == 1


def test_an_existing_file_is_kept_unless_forced(kuato: Kuato, pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "words.npy"
    out.write_text("precious")
    refused = kuato("vocabulary", "build", pages, "--words", "30", "--out", out)
    assert (refused.exit_code, "exists already" in refused.stderr, out.read_text()) == (5, True, "precious")
    assert kuato("vocabulary", "build", pages, "--words", "30", "--out", out, "--force").exit_code == 0
    assert np.load(out).shape == (30, 32)


@pytest.mark.parametrize(
    ("words", "code", "says"), [("1", 2, "2<=x<=65535"), ("5000", 2, "too few for 5,000 words; give more pictures or ask for fewer words")]
)
def test_words_that_cannot_be_made(kuato: Kuato, pages: Path, tmp_path: Path, words: str, code: int, says: str) -> None:
    result = kuato("vocabulary", "build", pages, "--words", words, "--out", tmp_path / "words.npy")
    assert (result.exit_code, says in result.stderr) == (code, True), result.stderr
    assert not (tmp_path / "words.npy").exists()


def test_a_folder_without_pictures(kuato: Kuato, tmp_path: Path) -> None:
    result = kuato("vocabulary", "build", tmp_path, "--out", tmp_path / "words.npy")
    assert (result.exit_code, "there are no pictures in" in result.stderr) == (3, True)


def test_pictures_without_features_give_no_words(kuato: Kuato, tmp_path: Path) -> None:
    (tmp_path / "white.png").write_bytes(file("white"))
    result = kuato("vocabulary", "build", tmp_path, "--out", tmp_path / "words.npy")
    assert (result.exit_code, "0 different features, too few" in result.stderr) == (2, True)


def test_a_vocabulary_that_cannot_be_read_is_named(kuato: Kuato, pages: Path, tmp_path: Path) -> None:
    (tmp_path / "words.npy").write_text("no words")
    result = kuato("--set", f"bow.vocabulary={tmp_path / 'words.npy'}", "hash", "--algorithm", "bow", pages / "page.png")
    assert (result.exit_code, "is no NumPy array" in result.stderr) == (2, True)
