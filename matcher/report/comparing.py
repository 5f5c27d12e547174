"""Other settings that an evaluation sets beside those in force."""

from pathlib import Path

from matcher.decision import Rules
from matcher.errors import BadRequest, BadSettings
from matcher.settings import Settings


def as_settings(text: str, settings: Settings) -> tuple[str, Settings]:
    """Return the name and the settings of one --compare: NAME=FILE, a settings file or a file of rules, or NAME=SETTING=VALUE;...

    What the store and the folders are stays as in `settings`. Raises BadRequest, BadSettings.
    """
    name, given, what = text.partition("=")
    if not (name.strip() and given and what.strip()):
        raise BadRequest(f"--compare {text!r} must be NAME=FILE, or NAME=SETTING=VALUE with more after semicolons")
    path = Path(what)
    if path.suffix == ".toml" or path.is_file():
        return name.strip(), _of_file(path, settings)
    pairs = [one.partition("=") for one in what.split(";")]
    if wrong := [key for key, equals, _ in pairs if not equals]:
        raise BadRequest(f"--compare {text!r}: {wrong[0]!r} is neither a file nor SETTING=VALUE")
    return name.strip(), settings.with_overrides({key.strip(): value.strip() for key, _, value in pairs})


def _of_file(path: Path, settings: Settings) -> Settings:
    if _holds_rules(path):
        return settings.with_overrides({"decision.rules": str(path.absolute())})
    kept = {name: settings[name] for name in settings if name.startswith(("redis.", "data."))}
    return Settings.load(path, environ={}, overrides=kept)


def _holds_rules(path: Path) -> bool:
    """Whether a file holds thresholds rather than settings; one that cannot be read is reported as settings."""
    try:
        return bool(Rules.load(path).bounds_of)
    except BadSettings:
        return False
