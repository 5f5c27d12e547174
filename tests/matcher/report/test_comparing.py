"""Other settings beside those in force: a file, rules, or a few words."""

from pathlib import Path

import pytest

from matcher.errors import BadRequest, BadSettings
from matcher.report.comparing import as_settings
from matcher.settings import Settings, config_dir


def test_each_form(sample_settings: Settings, tmp_path: Path) -> None:
    name, words = as_settings("few = fingerprints.enabled=pdq,tiles; search.candidates=3", sample_settings)
    assert (name, list(words["fingerprints.enabled"]), words["search.candidates"]) == ("few", ["pdq", "tiles"], 3)
    (tmp_path / "other.toml").write_text("[search]\ncandidates = 5\n[redis]\nprefix = 'elsewhere:'\n")
    name, file = as_settings(f"other={tmp_path / 'other.toml'}", sample_settings)
    assert (name, file["search.candidates"]) == ("other", 5)
    kept = [key for key in sample_settings if key.startswith(("redis.", "data."))]
    assert [file[key] for key in kept] == [sample_settings[key] for key in kept]
    _, rules = as_settings(f"rules={config_dir() / 'decision.toml'}", sample_settings)
    assert Path(rules["decision.rules"]) == config_dir() / "decision.toml"
    assert rules["search.candidates"] == sample_settings["search.candidates"]


@pytest.mark.parametrize("text", ["", "name", "name=", "=x", "name=neither", "name=search.candidates=1;x"])
def test_what_is_none(text: str, sample_settings: Settings) -> None:
    with pytest.raises(BadRequest, match="--compare"):
        as_settings(text, sample_settings)


@pytest.mark.parametrize("text", ["a=missing.toml", "a=search.candidatez=3", "a=search.candidates=many"])
def test_settings_that_cannot_be(text: str, sample_settings: Settings) -> None:
    with pytest.raises(BadSettings):
        as_settings(text, sample_settings)
