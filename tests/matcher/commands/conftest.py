"""The command as people call it, and pictures to call it with."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from matcher.cli import kuato as command
from matcher.settings import Settings
from tests.matcher.pictures import encoded, photo

# click before 8.2 mixes the two streams unless told not to, later ones never do.
_SEPARATE: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


class Kuato:
    """`kuato` on a store and in a folder of its own; called, it runs in this process and returns click's result."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self.options = [f"--set={name}={settings[name]}" for name in ("redis.url", "data.dir", "workers.count")]
        # Nothing of the user's settings gets in.
        self.environ = {"XDG_CONFIG_HOME": str(home), "KUATO_CONFIG": None, "KUATO_DEBUG": None, "COLUMNS": "80"}
        self._started: list[subprocess.Popen[bytes]] = []

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None) -> Result:
        words = [*self.options, *map(str, arguments)]
        return CliRunner(**_SEPARATE).invoke(command, words, input=stdin, env=self.environ, prog_name="kuato")

    def json(self, *arguments: str | Path, stdin: bytes | None = None) -> list[dict[str, Any]]:
        """The documents that a call with --json prints; it must succeed."""
        result = self(*arguments, "--json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return documents(result.stdout)

    def start(self, *arguments: str | Path, **options: Any) -> "subprocess.Popen[bytes]":
        """The same as a process of its own."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("KUATO_")}
        environ |= {name: value for name, value in self.environ.items() if value is not None}
        words = [sys.executable, "-m", "matcher.cli", *self.options, *map(str, arguments)]
        started = subprocess.Popen(words, env=environ, **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options))
        self._started.append(started)
        return started

    def close(self) -> None:
        """End what a test that failed did not: it would spoil those after it."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()


def documents(text: str) -> list[dict[str, Any]]:
    """The JSON documents of an answer, one a line."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def kuato(settings: Settings, tmp_path: Path) -> Iterator[Kuato]:
    made = Kuato(settings, tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """house.png, house-small.jpg (the same at 60 %), boat.png (another), white.png (nothing to see)."""
    folder = tmp_path_factory.mktemp("gallery")
    house = _scene(1)
    (folder / "house.png").write_bytes(encoded(house))
    small = cv2.resize(house, (384, 288), interpolation=cv2.INTER_AREA)
    (folder / "house-small.jpg").write_bytes(encoded(np.asarray(small), "JPEG", quality=70))
    (folder / "boat.png").write_bytes(encoded(_scene(2)))
    (folder / "white.png").write_bytes(encoded(np.full((200, 300, 3), 255, np.uint8)))
    return folder


def _scene(seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A photo-like background with a hundred shapes: enough for every algorithm."""
    random = np.random.default_rng(seed)
    scene = photo(640, 480, seed).copy()
    for _ in range(100):
        left, top, width, height = (int(n) for n in random.integers((0, 0, 10, 10), (600, 440, 90, 70)))
        cv2.rectangle(scene, (left, top), (left + width, top + height), [int(c) for c in random.integers(0, 256, 3)], -1)
    return scene


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Install a package from its entry points and one module, for this test."""

    def install(entry_points: str, module: str = "") -> None:
        site = tmp_path / "site"
        about = site / "kuato_stranger-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kuato-stranger\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(entry_points)
        (site / "kuato_stranger.py").write_text(module)
        monkeypatch.syspath_prepend(site)

    yield install
    sys.modules.pop("kuato_stranger", None)
