"""Who did what over HTTP or by an export: one JSON line each, appended to a file that only its owner can read."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matcher.errors import BadSettings
from matcher.settings import Settings
from matcher.shapes import moment

_log = logging.getLogger(__name__)


class Audit:
    """An append-only file. Several processes may write to one; it may be rotated at any time, as each line opens it anew.

    Raises BadSettings when the file cannot be written: a server that could not audit does not start. A line that cannot be
    written later, on a full disk say, is told in the log. failures: how many could not.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self.failures = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(self._open())
        except OSError as error:
            raise BadSettings(f"audit.file: {path} cannot be written ({error.strerror}); choose another place") from None

    @classmethod
    def of(cls, settings: Settings) -> "Audit":
        """Return the audit file that the settings name."""
        return cls(settings["audit.file"] or settings["data.dir"] / "audit.jsonl")

    def note(self, action: str, **details: Any) -> None:
        """Append a line: the time, the action, and the details that are not None."""
        line = {"time": moment(self._clock()), "action": action, **{name: value for name, value in details.items() if value is not None}}
        data = json.dumps(line, default=str).encode() + b"\n"
        try:
            with self._lock:
                file = self._open()
                try:
                    os.write(file, data)
                finally:
                    os.close(file)
        except OSError as error:
            self.failures += 1
            _log.error("the audit file %s cannot be written: %s", self._path, error)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
