"""What packages offer through entry points."""

import importlib
import logging
from pathlib import Path

import pytest

from matcher.doors import loaded, offered

POINTS = """[kuato.doors-test]
b = a_stranger_s_module:NUMBER
a = a_stranger_s_module:WORD
c = a_stranger_s_module:NOT_THERE
d = a_stranger_s_other:NUMBER
"""


@pytest.fixture(autouse=True)
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a_stranger_s_module.py").write_text("NUMBER, WORD = 1, 'word'\n")
    (tmp_path / "a_stranger_s_other.py").write_text("import a_library_that_is_not_there\n")
    info = tmp_path / "stranger-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINTS)
    importlib.invalidate_caches()


def test_all_comes_by_name_and_what_is_broken_closes_no_other_door(caplog: pytest.LogCaptureFixture) -> None:
    assert list(loaded("kuato.doors-test")) == [("a", "word"), ("b", 1)]
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "kuato.doors-test c cannot be loaded from a_stranger_s_module:NOT_THERE",
        "kuato.doors-test d cannot be loaded from a_stranger_s_other:NUMBER: a_library_that_is_not_there is not installed",
    ]


def test_what_is_of_another_kind_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert offered("kuato.doors-test", int) == [1]
    assert "kuato.doors-test a is no int" in caplog.text


def test_a_group_that_nobody_knows_is_empty() -> None:
    assert offered("kuato.nobody-s", object) == []
