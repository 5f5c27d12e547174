"""Settings: where a value comes from, what is refused, and that nothing is left undocumented."""

from pathlib import Path

import pytest

from matcher.decode import Limits
from matcher.errors import BadSettings
from matcher.settings import TABLE, Settings, as_markdown, as_toml, config_dir

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kuato.toml"
    path.write_text('[picture]\nmax_pixels = 1_000\nmax_side = 10\n\n[misp]\nallow = ["192.0.2.7", "::1"]\n\n[data]\ndir = "here"\n')
    return path


def test_the_later_source_is_stronger(file: Path) -> None:
    environ = {"KUATO_CONFIG": str(file), "KUATO_PICTURE_MAX_SIDE": "20", "KUATO_SEARCH_LIMIT": "3"}
    settings = Settings.load(environ=environ, overrides={"search.limit": 4, "search.candidates": None})
    assert settings["picture.max_bytes"] == 32 << 20
    assert settings["picture.max_pixels"] == 1000
    assert settings["picture.max_side"] == 20
    assert settings["search.limit"] == 4
    origins = [
        settings.origin(name)
        for name in ("picture.max_bytes", "picture.max_pixels", "picture.max_side", "search.limit", "search.candidates")
    ]
    assert origins == ["default", f"file {file}", "environment KUATO_PICTURE_MAX_SIDE", "command line", "default"]


def test_values_have_their_types(file: Path) -> None:
    settings = Settings.load(file, environ={"KUATO_FINGERPRINTS_ENABLED": "pdq, tiles", "KUATO_MISP_DEADLINE": "3"})
    assert settings["misp.allow"] == ("192.0.2.7", "::1")
    assert settings["fingerprints.enabled"] == ("pdq", "tiles")
    assert settings["misp.deadline"] == 3.0
    assert settings["data.dir"] == file.parent / "here"
    assert settings["decision.rules"] is None


def test_limits_are_those_of_the_decoder() -> None:
    assert Settings.load(environ={}).limits() == Limits()
    assert Settings.load(environ={"KUATO_PICTURE_MAX_SECONDS": "2"}).limits() == Limits(seconds=2.0)


def test_the_data_folder_follows_the_user_s(tmp_path: Path) -> None:
    assert Settings.load(environ={})["data.dir"] == Path.home() / ".local/share/kuato"
    assert Settings.load(environ={"XDG_DATA_HOME": str(tmp_path)})["data.dir"] == tmp_path / "kuato"


def test_the_usual_file_is_read_where_there_is_one(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert Settings.load(environ=environ)["search.limit"] == 10
    (tmp_path / "kuato").mkdir()
    (tmp_path / "kuato" / "kuato.toml").write_text("search.limit = 5")
    assert Settings.load(environ=environ)["search.limit"] == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("search.limt = 3", "there is no setting search.limt; did you mean search.limit"),
        ("[surprise]\nx = 1", "there is no setting surprise.x"),
        ("search = 3", "there is no setting search"),
        ('search.limit = "many"', "search.limit is 'many', but must be a whole number"),
        ("search.limit = 1.5", "must be a whole number"),
        ("search.limit = true", "must be a whole number"),
        ("search.limit = 0", "must be a whole number of at least 1"),
        ("workers.count = 257", "of at most 256"),
        ("picture.max_memory = 1", "of at least 1048576"),
        ("misp.deadline = nan", "must be a number"),
        ("misp.listen = 6667", "must be a text"),
        ("misp.allow = [1]", "must be a list of texts"),
        ('data.dir = ""', "must be a folder's path"),
        ('logging.level = "LOUD"', "must be one of DEBUG, INFO"),
        ("search.limit = ", "is no TOML"),
        ("search.limit = 1\nsearch.limit = 2", "is no TOML"),
    ],
)
def test_a_file_with_a_mistake_is_named_with_what_was_expected(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "kuato.toml"
    path.write_text(text)
    with pytest.raises(BadSettings) as error:
        Settings.load(path, environ={})
    assert str(path) in str(error.value)
    assert reason in str(error.value)


def test_a_file_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read"):
        Settings.load(tmp_path / "none.toml", environ={})
    with pytest.raises(BadSettings, match="cannot be read"):
        Settings.load(environ={"KUATO_CONFIG": str(tmp_path)})


def test_a_variable_with_a_mistake_is_named() -> None:
    with pytest.raises(BadSettings, match="environment KUATO_SEARCH_LIMIT: .*'x'"):
        Settings.load(environ={"KUATO_SEARCH_LIMIT": "x"})
    with pytest.raises(BadSettings, match="KUATO_SEARCH_LIMITS; did you mean KUATO_SEARCH_LIMIT"):
        Settings.load(environ={"KUATO_SEARCH_LIMITS": "3"})


def test_variables_that_kubernetes_sets_are_not_ours() -> None:
    of_a_service = {"PORT": "tcp://10.0.0.1:6667", "SERVICE_HOST": "10.0.0.1", "SERVICE_PORT_HTTP": "80", "PORT_6667_TCP_ADDR": "10.0.0.1"}
    environ = {f"{service}_{name}": value for service in ("KUATO", "KUATO_REDIS") for name, value in of_a_service.items()}
    assert dict(Settings.load(environ=environ)) == dict(Settings.load(environ={}))


def test_an_option_with_a_mistake_is_named() -> None:
    with pytest.raises(BadSettings, match="command line: there is no setting nonsense"):
        Settings.load(environ={}, overrides={"nonsense": 1})


def test_overrides_leave_the_original_as_it_was() -> None:
    settings = Settings.load(environ={})
    changed = settings.with_overrides({"redis.prefix": "other:"})
    assert (settings["redis.prefix"], changed["redis.prefix"]) == ("kuato:", "other:")
    assert changed.origin("redis.prefix") == "command line"
    with pytest.raises(BadSettings):
        settings.with_overrides({"redis.prefixes": "other:"})


def test_the_commented_file_has_every_setting_at_its_default(tmp_path: Path) -> None:
    text = (config_dir() / "kuato.toml").read_text()
    assert text == as_toml(), "run: python docs/generate.py"
    uncommented = "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()
    )
    path = tmp_path / "kuato.toml"
    path.write_text(uncommented)
    settings = Settings.load(path, environ={})
    assert dict(settings) == dict(Settings.load(environ={}))
    assert {settings.origin(row.name) for row in TABLE} == {f"file {path}"}


def test_every_setting_is_documented() -> None:
    assert as_markdown() in (ROOT / "docs" / "settings.md").read_text(), "run: python docs/generate.py"


def test_no_password_of_a_url_is_shown() -> None:
    urls = {"redis.url": "redis://:secret@host/0", "network.proxy": "http://user:secret@proxy.example:3128"}
    settings = Settings.load(environ={}, overrides=urls)
    assert [settings.shown(name) for name in urls] == ["redis://:***@host/0", "http://user:***@proxy.example:3128"]
