"""What a command is given: the settings and, on first use, the matcher."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

import click

from matcher.jsonlog import JsonFormatter
from matcher.settings import Settings

if TYPE_CHECKING:
    from matcher.engine import Matcher
    from matcher.store import Store

OURS = ("matcher", "misp_module", "ail_connector")


class Invocation:
    """One call of `kuato`; a context manager that ends what the call started.

    config: the settings file asked for. overrides: settings given on the command line. verbose: log everything.
    Settings are read when first needed, so that help is to be had with a broken settings file.
    """

    def __init__(self, config: str | None = None, overrides: Mapping[str, object] | None = None, verbose: bool = False) -> None:
        self._config = config
        self._overrides = dict(overrides or {})
        self._verbose = verbose
        self._closing = ExitStack()
        if verbose:
            self._log_from(logging.DEBUG)

    @cached_property
    def settings(self) -> Settings:
        """The settings in force. Raises BadSettings."""
        settings = Settings.load(self._config, overrides=self._overrides)
        if not self._verbose:
            self._log_from(settings["logging.level"], settings["logging.format"] == "json")
        return settings

    @cached_property
    def matcher(self) -> "Matcher":
        """The matcher on the store that the settings name; ended with this invocation."""
        # Imported here because OpenCV takes its time, and most calls for help never need it.
        from matcher.engine import Matcher

        return self._closing.enter_context(Matcher.open(self.settings))

    def store(self, oldest: int) -> "Store":
        """Return the store that the settings name by itself, also one with a schema as old as `oldest` (0: whatever it is)."""
        from matcher.storage import store_of

        store = store_of(self.settings, oldest)
        self._closing.callback(store.forget_connection)
        return store

    @property
    def threads(self) -> int:
        """How many threads keep all workers busy: one may wait for Redis while the others' pictures are decoded."""
        return self.settings.workers() + 1

    def override(self, name: str, value: object) -> None:
        """Change a setting before the settings are first read."""
        self._overrides[name] = value

    def __enter__(self) -> "Invocation":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.close()

    def _log_from(self, level: int | str, as_json: bool = False) -> None:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter() if as_json else logging.Formatter("kuato: %(levelname)s %(name)s: %(message)s"))
        for logger in (logging.getLogger(name) for name in OURS):
            before = logger.level
            logger.addHandler(handler)
            logger.setLevel(level)
            self._closing.callback(logger.removeHandler, handler)
            self._closing.callback(logger.setLevel, before)


pass_invocation = click.make_pass_decorator(Invocation)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, one document a line.")
